//! Values, and how two of them compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value as Json};

use super::interval::Interval;
use super::moment;
use super::numeric::Numeric;

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    /// An `integer` or a `bigint`: the expression knows which.
    Integer(i64),
    Numeric(Cow<'a, Numeric>),
    Text(Cow<'a, str>),
    Uuid(u128),
    Date(i32),
    /// With time zone or without.
    Timestamp(i64),
    Interval(Interval),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(super) fn numeric(number: Numeric) -> Self {
        Self::Numeric(Cow::Owned(number))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Numeric(value) => Value::Numeric(Cow::Owned(value.into_owned())),
            Self::Text(value) => Value::Text(Cow::Owned(value.into_owned())),
            Self::Uuid(value) => Value::Uuid(value),
            Self::Date(value) => Value::Date(value),
            Self::Timestamp(value) => Value::Timestamp(value),
            Self::Interval(value) => Value::Interval(value),
        }
    }

    /// The same value, not copied.
    pub(super) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Numeric(value) => Value::Numeric(Cow::Borrowed(value)),
            Self::Text(value) => Value::Text(Cow::Borrowed(value)),
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Uuid(value) => Value::Uuid(*value),
            Self::Date(value) => Value::Date(*value),
            Self::Timestamp(value) => Value::Timestamp(*value),
            Self::Interval(value) => Value::Interval(*value),
        }
    }

    /// Of two that are not null; none where JSON's kinds differ. Texts compare as in collation "C".
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Self::Integer(b)) | (Self::Timestamp(a), Self::Timestamp(b)) => a.cmp(b),
            (Self::Numeric(a), Self::Numeric(b)) => a.compare(b),
            (Self::Integer(a), Self::Numeric(b)) => Numeric::from(*a).compare(b),
            (Self::Numeric(a), Self::Integer(b)) => a.compare(&Numeric::from(*b)),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Date(a), Self::Date(b)) => a.cmp(b),
            (Self::Date(a), Self::Timestamp(b)) => moment::start_beyond(*a).cmp(&i128::from(*b)),
            (Self::Timestamp(a), Self::Date(b)) => i128::from(*a).cmp(&moment::start_beyond(*b)),
            (Self::Interval(a), Self::Interval(b)) => a.compare(*b),
            _ => return None,
        })
    }

    /// What it is in JSON's words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) | Self::Numeric(_) => "a number",
            Self::Text(_) => "a text",
            Self::Uuid(_) => "a uuid",
            Self::Date(_) => "a date",
            Self::Timestamp(_) => "a timestamp",
            Self::Interval(_) => "an interval",
        }
    }

    /// As Postgres writes it, UTC.
    pub(super) fn written(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "null".into(),
            Self::Boolean(value) => if *value { "true" } else { "false" }.into(),
            Self::Integer(value) => value.to_string().into(),
            Self::Numeric(value) => value.to_string().into(),
            Self::Text(value) => Cow::Borrowed(value),
            Self::Uuid(value) => uuid_text(*value).into(),
            Self::Date(value) => moment::date_text(*value).into(),
            Self::Timestamp(value) => moment::timestamp_text(*value, "+00").into(),
            Self::Interval(value) => value.text().into(),
        }
    }

    /// Numbers of type `numeric` are texts in JSON, so that no reader rounds them.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(value) => Json::Bool(*value),
            Self::Integer(value) => Json::Number(Number::from(*value)),
            other => Json::String(other.written().into_owned()),
        }
    }
}

fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
