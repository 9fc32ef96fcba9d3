//! From one type to another, and from texts.

use std::borrow::Cow;

use super::interval::Interval;
use super::moment::{self, day_of, start_of};
pub(super) use super::moment::{parse_date, parse_timestamp};
use super::numeric::Numeric;
use super::types::Type;
use super::value::Value;

/// More digits than these are no number where a text becomes one.
pub(super) const MOST_DIGITS: usize = 255;

/// Whether the language has that cast, as Postgres has it.
pub(super) fn is_known(from: Type, to: Type) -> bool {
    let among = |kinds: &[Type]| kinds.contains(&from) && kinds.contains(&to);
    from == to
        || from == Type::Any
        || from == Type::Text
        || to == Type::Text
        || (from.is_number() && to.is_number())
        || among(&[Type::Boolean, Type::Integer])
        || among(&[Type::Date, Type::Timestamp, Type::Timestamptz])
}

/// Of a value that is not null. What is wrong comes as words.
pub(super) fn cast(value: Value<'_>, from: Type, to: Type) -> Result<Value<'_>, String> {
    let out_of_range = || Err(format!("out of range for {to}"));
    match (value, to) {
        (Value::Text(text), Type::Text) => Ok(Value::Text(text)),
        (Value::Text(text), _) => read(&text, to),
        (value, Type::Text) => Ok(Value::Text(Cow::Owned(text_of(&value, from)))),
        (Value::Boolean(value), Type::Integer) => Ok(Value::Integer(i64::from(value))),
        (Value::Integer(value), Type::Boolean) => Ok(Value::Boolean(value != 0)),
        (Value::Integer(value), Type::Integer) if i32::try_from(value).is_err() => out_of_range(),
        (Value::Integer(value), Type::Numeric) => Ok(Value::numeric(Numeric::from(value))),
        (Value::Numeric(value), Type::Integer | Type::Bigint) => match value.to_integer() {
            Some(whole) if to == Type::Bigint || i32::try_from(whole).is_ok() => Ok(Value::Integer(whole)),
            _ => out_of_range(),
        },
        (Value::Date(date), Type::Timestamp | Type::Timestamptz) => {
            start_of(date).map_or_else(out_of_range, |start| Ok(Value::Timestamp(start)))
        }
        (Value::Timestamp(timestamp), Type::Date) => Ok(Value::Date(day_of(timestamp))),
        (value, _) if has(&value, to) => Ok(value),
        (value, _) => Err(format!("{} is not of type {to}", value.kind())),
    }
}

fn has(value: &Value<'_>, kind: Type) -> bool {
    match value {
        Value::Null => true,
        Value::Boolean(_) => kind == Type::Boolean,
        Value::Integer(_) => matches!(kind, Type::Integer | Type::Bigint | Type::Number),
        Value::Numeric(_) => matches!(kind, Type::Number | Type::Numeric),
        Value::Text(_) => kind == Type::Text,
        Value::Uuid(_) => kind == Type::Uuid,
        Value::Date(_) => kind == Type::Date,
        Value::Timestamp(_) => matches!(kind, Type::Timestamp | Type::Timestamptz),
        Value::Interval(_) => kind == Type::Interval,
    }
}

fn text_of(value: &Value<'_>, from: Type) -> String {
    match (value, from) {
        (Value::Timestamp(timestamp), Type::Timestamp) => moment::timestamp_text(*timestamp, ""),
        (value, _) => value.written().into_owned(),
    }
}

/// A text as a value of a type. The forms are those of `docs/policies.md`, fewer than Postgres takes.
pub(super) fn read(text: &str, to: Type) -> Result<Value<'static>, String> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let value = match to {
        Type::Text | Type::Any => Some(Value::Text(Cow::Owned(text.to_owned()))),
        Type::Boolean => parse_boolean(trimmed).map(Value::Boolean),
        Type::Integer | Type::Bigint => return integer(trimmed, text, to),
        Type::Number | Type::Numeric => numeric(trimmed).map(Value::numeric),
        Type::Uuid => parse_uuid(text).map(Value::Uuid),
        Type::Date => parse_date(text).map(Value::Date),
        Type::Timestamp | Type::Timestamptz => parse_timestamp(text).map(Value::Timestamp),
        Type::Interval => Interval::parse(text).map(Value::Interval),
    };
    value.ok_or_else(|| format!("'{}' is not of type {to}{}", shortened(text), form(to)))
}

fn form(to: Type) -> &'static str {
    match to {
        Type::Date => ": write 2026-01-31",
        Type::Timestamptz | Type::Timestamp => ": write 2026-01-31 12:00:00+00",
        Type::Interval => ": write 1 day, or 2 hours 30 minutes",
        _ => "",
    }
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

fn integer(trimmed: &str, text: &str, to: Type) -> Result<Value<'static>, String> {
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("'{}' is not of type {to}", shortened(text)));
    }
    match trimmed.parse::<i64>() {
        Ok(whole) if to == Type::Bigint || i32::try_from(whole).is_ok() => Ok(Value::Integer(whole)),
        _ => Err(format!("'{}' is out of range for {to}", shortened(text))),
    }
}

/// No more digits and no larger exponent than Postgres' patterns can count.
fn numeric(text: &str) -> Option<Numeric> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, ""));
    let short = |part: &str| part.len() <= MOST_DIGITS;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if short(whole) && short(fraction) && exponent.len() <= 3 { Numeric::parse(text) } else { None }
}

pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Some(true),
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// With braces or without, a hyphen or none after each four digits.
pub(super) fn parse_uuid(text: &str) -> Option<u128> {
    let text = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let (mut uuid, mut digits) = (0_u128, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if digits == 32 {
            return None;
        }
        uuid = uuid << 4 | u128::from(c.to_digit(16)?);
        digits += 1;
        if digits % 4 == 0 && digits < 32 {
            chars.next_if_eq(&'-');
        }
    }
    (digits == 32).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_read_as_postgres_reads_them() {
        for text in [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
            "{a0eebc999c0b4ef8-bb6d6bb9-bd380a11}",
        ] {
            assert_eq!(parse_uuid(text), Some(0xa0ee_bc99_9c0b_4ef8_bb6d_6bb9_bd38_0a11), "{text}");
        }
        for text in
            ["", "{", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-", "a-0eebc99"]
        {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_numbers_are_refused() {
        for text in ["", "NaN", "infinity", "1.5", "0x1f", "1_000", "9223372036854775808", "- 1"] {
            assert!(read(text, Type::Bigint).is_err(), "{text}");
        }
        assert!(read(" -9223372036854775808 ", Type::Bigint).is_ok());
        assert!(read("1e9999", Type::Numeric).is_err());
    }
}
