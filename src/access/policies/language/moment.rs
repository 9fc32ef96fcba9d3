//! Dates and timestamps as Postgres has them: days and microseconds since 2000-01-01, UTC.

use super::interval::Interval;

pub(super) const DAY: i64 = 86_400_000_000;
/// From 4714-11-24 BC; the end is past the last.
const FIRST_TIMESTAMP: i64 = -211_813_488_000_000_000;
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// Between these is computed: 0001-01-01 to 200000-01-01. With intervals that are near enough Postgres' limits are never met.
const FIRST_COMPUTED: i64 = -63_082_281_600_000_000;
const LAST_COMPUTED: i64 = 6_248_276_496_000_000_000;
/// Likewise of days added to a date.
const MOST_DAYS: (i64, i64) = (-1_000_000, 1_000_000_000);

fn computes(timestamp: i64) -> bool {
    (FIRST_COMPUTED..=LAST_COMPUTED).contains(&timestamp)
}

/// Days since 2000-01-01 of a day of the Gregorian calendar, year 0 being 1 BC.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 730_425
}

/// Year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 730_425;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date and a time of day as they were written, and how far its clock is from UTC.
struct Written {
    days: i64,
    micros: i64,
    offset: i64,
}

/// `2026-01-31`, `2026-01-31 12:00`, `2026-01-31T12:00:00.5+02:00`; UTC where no offset is written.
fn written(text: &str) -> Option<Written> {
    let text = text.trim_ascii();
    let (date, rest) = text.find([' ', 'T', 't']).map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = parts.next().is_none() && (4..=6).contains(&year.len()) && month.len() <= 2 && day.len() <= 2;
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    if !plain || year == 0 || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let rest = rest.trim_ascii();
    let zone = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let micros = if rest.is_empty() { 0 } else { time(rest[..zone].trim_ascii_end())? };
    Some(Written { days: days(year, month, day), micros, offset: offset(&rest[zone..])? })
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())).then(|| text.parse().ok())?
}

/// `12:00`, `12:00:00.5`, in microseconds.
pub(super) fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    if parts.next().is_some() || hour.len() > 2 || minute.len() > 2 || second.len() > 2 {
        return None;
    }
    let (hour, minute, second) = (digits(hour)?, digits(minute)?, digits(second)?);
    let fraction = fraction_of_second(fraction)?;
    let whole_day = hour == 24 && minute == 0 && second == 0 && fraction == 0;
    if !(hour < 24 || whole_day) || minute > 59 || second > 60 || (second == 60 && fraction > 0) {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction)
}

/// Its digits after the point, in microseconds, rounded as Postgres rounds them.
#[allow(clippy::cast_possible_truncation, reason = "between 0 and a million")]
pub(super) fn fraction_of_second(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    digits(text.get(..18.min(text.len()))?)?;
    let fraction: f64 = format!("0.{text}").parse().ok()?;
    Some((fraction * 1_000_000.0).round_ties_even() as i64)
}

/// Nothing, `Z`, `+02`, `+0230`, `+02:30`, in microseconds.
fn offset(text: &str) -> Option<i64> {
    let Some(sign) = text.chars().next() else { return Some(0) };
    let rest = &text[1..];
    let sign = match sign {
        '+' => 1,
        '-' => -1,
        _ => return rest.is_empty().then_some(0),
    };
    let (hours, minutes) = match (rest.split_once(':'), rest.len()) {
        (Some(parts), _) => parts,
        (None, 4) => rest.split_at(2),
        _ => (rest, "0"),
    };
    let short = hours.len() <= 2 && minutes.len() <= 2;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (short && hours <= 15 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

/// Its day as it was written, whatever its time.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    i32::try_from(written(text)?.days).ok()
}

pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    let Written { days, micros, offset } = written(text)?;
    in_range(i128::from(days) * i128::from(DAY) + i128::from(micros - offset))
}

fn in_range(micros: i128) -> Option<i64> {
    let micros = i64::try_from(micros).ok()?;
    (FIRST_TIMESTAMP..END_TIMESTAMP).contains(&micros).then_some(micros)
}

/// The day's start. A date can be later than any timestamp.
pub(super) fn start_of(date: i32) -> Option<i64> {
    in_range(start_beyond(date))
}

/// The day's start, be there a timestamp for it or not.
pub(super) fn start_beyond(date: i32) -> i128 {
    i128::from(date) * i128::from(DAY)
}

pub(super) fn day_of(timestamp: i64) -> i32 {
    i32::try_from(timestamp.div_euclid(DAY)).unwrap_or(i32::MAX)
}

pub(super) fn add_days(date: i32, more: i64) -> Option<i32> {
    let (fewest, most) = MOST_DAYS;
    let is_near = (fewest..=most).contains(&more) && start_of(date).is_some_and(computes);
    is_near.then(|| i32::try_from(i64::from(date) + more).ok())?
}

pub(super) fn between(later: i64, earlier: i64) -> Option<Interval> {
    (computes(later) && computes(earlier)).then(|| Interval::between(later - earlier))?
}

/// Months first (no later than the month's last day), then days, then time, as Postgres does.
pub(super) fn add(timestamp: i64, interval: Interval) -> Option<i64> {
    if !computes(timestamp) || !interval.is_near() {
        return None;
    }
    let (mut date, time) = (timestamp.div_euclid(DAY), timestamp.rem_euclid(DAY));
    let checked = |date: i64| in_range(i128::from(date) * i128::from(DAY) + i128::from(time));
    if interval.months != 0 {
        let (year, month, day) = civil(date);
        let months = year * 12 + month - 1 + i64::from(interval.months);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        date = days(year, month, day.min(days_in(year, month)));
        checked(date)?;
    }
    if interval.days != 0 {
        date += i64::from(interval.days);
        checked(date)?;
    }
    in_range(i128::from(date) * i128::from(DAY) + i128::from(time) + i128::from(interval.micros))
}

/// `2026-01-31`.
pub(super) fn date_text(date: i32) -> String {
    let (year, month, day) = civil(i64::from(date));
    let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    format!("{shown:04}-{month:02}-{day:02}{era}")
}

/// `2026-01-31 12:00:00.5`, with what stands for the zone after it.
pub(super) fn timestamp_text(timestamp: i64, zone: &str) -> String {
    let date = date_text(day_of(timestamp));
    let (date, era) = date.split_once(' ').map_or((date.as_str(), ""), |(date, _)| (date, " BC"));
    format!("{date} {}{zone}{era}", time_text(timestamp.rem_euclid(DAY)))
}

/// Of a time of day: `12:00:00.5`.
pub(super) fn time_text(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let fraction = format!("{:06}", micros % 1_000_000);
    let fraction = fraction.trim_end_matches('0');
    format!("{hours:02}:{minutes:02}:{seconds:02}{}{fraction}", if fraction.is_empty() { "" } else { "." })
}

/// `2026-01-31T12:00:00.500000Z`: of one length, so that it sorts as text. Of the years 1 to 9999 alone.
pub(super) fn sortable(timestamp: i64) -> Option<String> {
    let (year, month, day) = civil(timestamp.div_euclid(DAY));
    let micros = timestamp.rem_euclid(DAY);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let text = format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:06}Z");
    (1..=9999).contains(&year).then_some(text)
}

/// Of the years 1 to 9999 alone.
pub(super) fn sortable_date(date: i32) -> Option<String> {
    let (year, ..) = civil(i64::from(date));
    (1..=9999).contains(&year).then(|| date_text(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written() {
        for (text, written) in [
            ("2000-01-01", "2000-01-01 00:00:00+00"),
            ("1999-12-31T23:59:59.999999Z", "1999-12-31 23:59:59.999999+00"),
            ("2026-02-28 24:00", "2026-03-01 00:00:00+00"),
            ("2026-01-31 12:00:00.5+02:30", "2026-01-31 09:30:00.5+00"),
            ("2026-01-31 12:00:60 -0230", "2026-01-31 14:31:00+00"),
        ] {
            assert_eq!(timestamp_text(parse_timestamp(text).expect("a timestamp"), "+00"), written);
        }
        let refused =
            ["", "infinity", "2026-02-29", "0000-01-01", "2026-1", "2026-01-01 25:00", "2026-01-01 +16", "now"];
        for text in refused {
            assert!(parse_timestamp(text).is_none(), "{text}");
        }
    }

    #[test]
    fn limits_are_what_they_are_called() {
        assert_eq!(parse_timestamp("0001-01-01"), Some(FIRST_COMPUTED));
        assert_eq!(parse_timestamp("200000-01-01"), Some(LAST_COMPUTED));
    }

    #[test]
    fn days_and_dates_agree() {
        for day in (-2_451_545..2_000_000).step_by(97) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), day);
        }
        assert_eq!(date_text(-730_791), "0002-03-01 BC");
    }
}
