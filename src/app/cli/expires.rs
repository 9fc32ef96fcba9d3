//! When a grant is to end, as people type it.

use std::str::FromStr;

use time::format_description::well_known::Iso8601;
use time::{Date, Duration, OffsetDateTime};

use crate::access::grants::RequestedEnd;
use crate::base::moment::Moment;

/// How a day is typed: ISO 8601 has more ways, some of which look like numbers.
const DAY: &str = "2030-12-31";

/// A day, a moment, a time from now, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expires {
    Never,
    At(OffsetDateTime),
    In(Duration),
}

impl Expires {
    /// What it means when it is typed at `now`.
    pub(super) fn end(self, now: OffsetDateTime) -> RequestedEnd {
        let whole = |moment: OffsetDateTime| moment.replace_nanosecond(0).unwrap_or(moment);
        match self {
            Self::Never => RequestedEnd::Never,
            Self::At(moment) => RequestedEnd::At(moment),
            Self::In(after) => RequestedEnd::At(whole(now.saturating_add(after))),
        }
    }
}

impl FromStr for Expires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        if text.len() == DAY.len()
            && let Ok(day) = Date::parse(text, &Iso8601::DATE)
        {
            return Ok(Self::At(day.midnight().assume_utc()));
        }
        if let Some(after) = after(text) {
            return Ok(Self::In(after));
        }
        // A bare number is rather a forgotten unit than Unix seconds.
        let moment = text.parse::<i64>().is_err().then(|| text.parse::<Moment>().ok()).flatten();
        moment.map(|Moment(moment)| Self::At(moment)).ok_or_else(|| {
            "expected a day (2030-12-31), a moment (2030-12-31T18:00:00Z), a time from now (30d, 12h, 45m), or never".to_owned()
        })
    }
}

/// A time from now, such as 30d, 12h or 45m.
pub(super) fn after(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        _ => return None,
    };
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    Some(Duration::seconds(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_end_is_typed_in_one_of_four_ways() {
        let now = datetime!(2026-11-22 12:00:00.5 UTC);
        let end = |text: &str| text.parse::<Expires>().ok().map(|expires| expires.end(now));
        assert_eq!(end("never"), Some(RequestedEnd::Never));
        for (text, moment) in [
            ("2030-12-31", datetime!(2030-12-31 00:00 UTC)),
            ("2030-12-31T18:00:00+01:00", datetime!(2030-12-31 17:00 UTC)),
            ("30d", datetime!(2026-12-22 12:00 UTC)),
            ("12h", datetime!(2026-11-23 00:00 UTC)),
            ("45m", datetime!(2026-11-22 12:45 UTC)),
        ] {
            assert_eq!(end(text), Some(RequestedEnd::At(moment)), "{text}");
        }
        for bad in ["", "d", "-1d", "30", "1798675200", "soon", "30 d", "99999999999h", "2030-13-01", "é"] {
            assert_eq!(end(bad), None, "{bad}");
        }
    }
}
