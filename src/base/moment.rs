//! Moments that callers send: RFC 3339, or Unix seconds.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use time::OffsetDateTime;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::base::clock;

/// A moment as callers write it, to the second: as in RFC 3339, or in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub OffsetDateTime);

const EXPECTED: &str = "a moment: RFC 3339, such as 2026-12-31T00:00:00Z, or Unix seconds";

impl Moment {
    fn of_seconds(seconds: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp(seconds).ok().filter(clock::is_within_reach).map(Self)
    }

    fn of_text(text: &str) -> Option<Self> {
        // In UTC, and without the fraction of a second: nothing ends later than it was said.
        clock::read_rfc3339(text).and_then(|moment| Self::of_seconds(moment.unix_timestamp()))
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment = text.parse().map_or_else(|_| Self::of_text(text), Self::of_seconds);
        moment.ok_or_else(|| format!("expected {EXPECTED}"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Moment, E> {
                Moment::of_seconds(seconds).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(seconds), &self))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Moment, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            /// `1.0` is an integer to JSON Schema, and to some serializers.
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Moment, E> {
                if seconds.fract() != 0.0 {
                    return Err(E::invalid_type(de::Unexpected::Float(seconds), &self));
                }
                #[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any moment")]
                let seconds = seconds as i64;
                self.visit_i64(seconds)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
                Moment::of_text(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let date_time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let text = ObjectBuilder::new().schema_type(Type::String).format(Some(date_time));
        let seconds =
            ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        OneOfBuilder::new()
            .item(text)
            .item(seconds)
            .description(Some("a moment: RFC 3339, or Unix seconds"))
            .examples(["2030-12-31T00:00:00Z"])
            .into()
    }
}

impl ToSchema for Moment {}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_moment_is_written_in_one_of_two_ways() {
        let read = |json| serde_json::from_str::<Moment>(json).ok().map(|moment| moment.0);
        let expected = Some(datetime!(2026-12-31 00:00 UTC));
        for json in [r#""2026-12-31T00:00:00Z""#, r#""2026-12-31T02:00:00.75+02:00""#, "1798675200", "1798675200.0"] {
            assert_eq!(read(json), expected, "{json}");
        }
        for json in [r#""tomorrow""#, r#""2026-12-31""#, r#""1798675200""#, "1.5", "1e300", "true", "[]", r#""""#] {
            assert_eq!(read(json), None, "{json}");
        }
        for beyond in ["-62167219201", "-300000000000", "253402300800", r#""0000-01-01T00:00:00+01:00""#] {
            assert_eq!(read(beyond), None, "{beyond}");
        }
        assert_eq!("1798675200".parse::<Moment>().ok().map(|moment| moment.0), expected);
        assert!("soon".parse::<Moment>().is_err());
    }
}
