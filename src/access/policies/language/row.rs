//! Rows, attributes and what a request passes: objects of JSON, whose numbers keep all their digits.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::cast::{parse_date, parse_timestamp, parse_uuid};
use super::numeric::Numeric;
use super::types::Type;
use super::value::Value;

/// An object of JSON. Read from a body (`Deserialize`), its numbers are exact; made of a [`Map`], they are what serde_json kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// By name. Shared, since a question looks at the same row many times.
    properties: Arc<[(Box<str>, Datum)]>,
    /// Its column `id`, unless a property is called so.
    id: Option<Datum>,
}

/// A property's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Datum {
    Null,
    Boolean(bool),
    /// As it was written.
    Number(Box<str>),
    Text(Box<str>),
    /// A text that names a resource, and is a number where that is what it is compared as.
    Key(Box<str>),
    List(Box<[Datum]>),
    Object,
}

impl Row {
    pub(super) fn get(&self, name: &str) -> Option<&Datum> {
        match self.properties.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(known) => Some(&self.properties[known].1),
            Err(_) => self.id.as_ref().filter(|_| name == "id"),
        }
    }

    /// The same, with what another one has besides; where both have a name, the other counts.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self::of(self.properties.iter().chain(&*others.properties).cloned().collect())
    }

    /// The same with a column `id`, unless it has one: a number where that is what it is compared as.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(Datum::Key(id.into()));
        self
    }

    /// A text, by its name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }

    fn of(mut properties: Vec<(Box<str>, Datum)>) -> Self {
        // The last of two with one name counts, as elsewhere in JSON.
        properties.reverse();
        properties.sort_by(|(a, _), (b, _)| a.cmp(b));
        properties.dedup_by(|(a, _), (b, _)| a == b);
        Self { properties: properties.into(), id: None }
    }
}

impl From<&Map<String, Json>> for Row {
    fn from(map: &Map<String, Json>) -> Self {
        Self::of(map.iter().map(|(name, value)| (name.as_str().into(), Datum::from(value))).collect())
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Properties;

        impl<'de> Visitor<'de> for Properties {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                let mut properties = Vec::new();
                while let Some((name, raw)) = map.next_entry::<Box<str>, Box<RawValue>>()? {
                    properties.push((name, Datum::of_json(raw.get()).map_err(serde::de::Error::custom)?));
                }
                Ok(Row::of(properties))
            }
        }

        deserializer.deserialize_map(Properties)
    }
}

impl From<&Json> for Datum {
    fn from(value: &Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Boolean(*value),
            Json::Number(number) => Self::Number(number.to_string().into()),
            Json::String(text) => Self::Text(text.as_str().into()),
            Json::Array(list) => Self::List(list.iter().map(Self::element).collect()),
            Json::Object(_) => Self::Object,
        }
    }
}

impl Datum {
    /// Lists in lists are of no type.
    fn element(value: &Json) -> Self {
        if value.is_array() { Self::Object } else { Self::from(value) }
    }

    fn of_json(json: &str) -> Result<Self, serde_json::Error> {
        Ok(match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'"') => Self::Text(serde_json::from_str::<String>(json)?.into()),
            Some(b'{') => Self::Object,
            Some(b'[') => {
                let list: Vec<&RawValue> = serde_json::from_str(json)?;
                let element = |raw: &&RawValue| {
                    if raw.get().starts_with('[') { Ok(Self::Object) } else { Self::of_json(raw.get()) }
                };
                Self::List(list.iter().map(element).collect::<Result<_, _>>()?)
            }
            _ => Self::Number(json.into()),
        })
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) | Self::Key(_) => "a text",
            Self::List(_) => "a list",
            Self::Object => "an object",
        }
    }

    /// As a type has it; otherwise what is wrong with it.
    pub(super) fn read(&self, kind: Type) -> Result<Value<'_>, String> {
        let beyond = |reason: &str| Err(format!("is {}, {reason}", self.kind()));
        match (kind, self) {
            (_, Self::Null) => Ok(Value::Null),
            (kind, Self::Key(text)) if kind.is_number() && is_whole(text) => number(text, kind),
            (kind, Self::Key(text)) => Self::Text(text.clone()).read(kind).map(Value::into_owned),
            (Type::Boolean | Type::Any, Self::Boolean(value)) => Ok(Value::Boolean(*value)),
            (kind, Self::Number(text)) if kind.is_number() || kind == Type::Any => number(text, kind),
            (Type::Text | Type::Any, Self::Text(text)) if text.contains('\0') => beyond("with a NUL character in it"),
            (Type::Text | Type::Any, Self::Text(text)) => Ok(Value::text(text)),
            (Type::Uuid, Self::Text(text)) => match parse_uuid(text) {
                Some(uuid) => Ok(Value::Uuid(uuid)),
                None => beyond("but no uuid"),
            },
            (Type::Date, Self::Text(text)) => match parse_date(text) {
                Some(date) => Ok(Value::Date(date)),
                None => beyond("but no date as 2026-01-31"),
            },
            (Type::Timestamptz | Type::Timestamp, Self::Text(text)) => match parse_timestamp(text) {
                Some(timestamp) => Ok(Value::Timestamp(timestamp)),
                None => beyond("but no time as 2026-01-31T12:00:00Z"),
            },
            (Type::Any, _) => beyond("and only texts, numbers and booleans compare"),
            (kind, _) => Err(format!("is {}, not of type {kind}", self.kind())),
        }
    }
}

/// As JSON has it: without signs and zeros that say nothing.
pub(super) fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits == "0" || !digits.starts_with('0');
    !digits.is_empty() && is_plain && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str, kind: Type) -> Result<Value<'_>, String> {
    let whole: Option<i64> = text.parse().ok();
    let in_range = |number: i64| kind != Type::Integer || i32::try_from(number).is_ok();
    match (kind, whole) {
        (Type::Numeric, _) => {}
        (_, Some(number)) if in_range(number) => return Ok(Value::Integer(number)),
        _ => {}
    }
    let Some(number) = Numeric::parse(text) else { return Err("is a number of more than 1,000 digits".to_owned()) };
    if matches!(kind, Type::Number | Type::Numeric | Type::Any) {
        return Ok(Value::numeric(number));
    }
    match number.to_integer() {
        Some(whole) if !in_range(whole) => Err(format!("is out of range for {kind}")),
        // 1.0 and 1e3 are integers, too.
        Some(whole) if number.compare(&Numeric::from(whole)).is_eq() => Ok(Value::Integer(whole)),
        Some(_) => Err(format!("is a number with a fraction, not of type {kind}")),
        None => Err(format!("is out of range for {kind}")),
    }
}
