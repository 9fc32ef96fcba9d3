//! Intervals as Postgres has them: months, days and time are kept apart.

use std::cmp::Ordering;

use super::moment::{DAY, fraction_of_second, time, time_text};

/// In days.
pub(super) const NEAREST: i64 = -480_000;
pub(super) const FARTHEST: i64 = 11_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) months: i32,
    pub(super) days: i32,
    pub(super) micros: i64,
}

impl Interval {
    /// `1 day`, `2 hours 30 minutes`, `-1 year 2 mons 3 days 04:05:06.7`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace().peekable();
        words.peek()?;
        let mut interval = Self::default();
        while let Some(word) = words.next() {
            let (negative, unsigned) = match word.as_bytes()[0] {
                b'-' => (true, &word[1..]),
                b'+' => (false, &word[1..]),
                _ => (false, word),
            };
            let sign = if negative { -1 } else { 1 };
            if unsigned.contains(':') {
                interval = interval.add(Self { micros: sign * time(unsigned)?, ..Self::default() })?;
                continue;
            }
            let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
            let (number, unit) = unsigned.split_at(end);
            let unit = if unit.is_empty() { words.next()? } else { unit };
            interval = interval.add(Self::of(number, sign, unit)?)?;
        }
        Some(interval)
    }

    /// So many of a unit. Only seconds take a fraction.
    fn of(number: &str, sign: i64, unit: &str) -> Option<Self> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let count = whole.parse::<i64>().ok()?.checked_mul(sign)?;
        let months = |each: i64| count.checked_mul(each).and_then(|months| i32::try_from(months).ok());
        let micros = |each: i64| count.checked_mul(each);
        let unit = unit.to_ascii_lowercase();
        if !fraction.is_empty() && !matches!(unit.as_str(), "s" | "sec" | "secs" | "second" | "seconds") {
            return None;
        }
        let none = Self::default();
        Some(match unit.as_str() {
            "y" | "yr" | "yrs" | "year" | "years" => Self { months: months(12)?, ..none },
            "mon" | "mons" | "month" | "months" => Self { months: months(1)?, ..none },
            "w" | "week" | "weeks" => Self { days: months(7)?, ..none },
            "d" | "day" | "days" => Self { days: months(1)?, ..none },
            "h" | "hr" | "hrs" | "hour" | "hours" => Self { micros: micros(3_600_000_000)?, ..none },
            "m" | "min" | "mins" | "minute" | "minutes" => Self { micros: micros(60_000_000)?, ..none },
            "s" | "sec" | "secs" | "second" | "seconds" => {
                Self { micros: micros(1_000_000)?.checked_add(sign * fraction_of_second(fraction)?)?, ..none }
            }
            _ => return None,
        })
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    pub(super) fn negate(self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
        })
    }

    /// Whether it may be added to a time: some 1,300 years back, 30,000 ahead.
    pub(super) fn is_near(self) -> bool {
        let near = |days: i64| (NEAREST..=FARTHEST).contains(&days);
        let parts = [i64::from(self.months) * 30, i64::from(self.days), self.micros / DAY];
        let days = |days: i64| Self { days: i32::try_from(days).unwrap_or(i32::MAX), ..Self::default() };
        parts.into_iter().all(near) && self.compare(days(NEAREST)).is_ge() && self.compare(days(FARTHEST)).is_le()
    }

    /// Between two timestamps: whole days and the rest.
    pub(super) fn between(micros: i64) -> Option<Self> {
        Some(Self { months: 0, days: i32::try_from(micros / DAY).ok()?, micros: micros % DAY })
    }

    /// A month counts as thirty days.
    pub(super) fn compare(self, other: Self) -> Ordering {
        let span =
            |of: Self| i128::from(of.micros) + (i128::from(of.months) * 30 + i128::from(of.days)) * i128::from(DAY);
        span(self).cmp(&span(other))
    }

    /// `1 year 2 mons -3 days +04:05:06`.
    pub(super) fn text(self) -> String {
        let mut parts = Vec::new();
        let mut negative = false;
        for (count, unit) in [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")] {
            if count != 0 {
                let plus = if negative && count > 0 { "+" } else { "" };
                parts.push(format!("{plus}{count} {unit}{}", if count == 1 { "" } else { "s" }));
                negative = count < 0;
            }
        }
        if self.micros != 0 || parts.is_empty() {
            let sign = if self.micros < 0 {
                "-"
            } else if negative {
                "+"
            } else {
                ""
            };
            let micros = i64::try_from(self.micros.unsigned_abs()).unwrap_or(i64::MAX);
            parts.push(format!("{sign}{}", time_text(micros)));
        }
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        for (text, written) in [
            ("1 day", "1 day"),
            ("2 hours 30 minutes", "02:30:00"),
            ("-1 year 2 mons 3 days 04:05:06.7", "-10 mons +3 days 04:05:06.7"),
            ("-1 day 2 hours", "-1 days +02:00:00"),
            ("1.5 seconds", "00:00:01.5"),
            ("100h", "100:00:00"),
            ("1 week", "7 days"),
            ("0 days", "00:00:00"),
        ] {
            assert_eq!(Interval::parse(text).expect("an interval").text(), written);
        }
        for text in ["", "day", "1", "1.5 days", "1 fortnight", "99999999999999 years", "infinity"] {
            assert!(Interval::parse(text).is_none(), "{text}");
        }
    }
}
