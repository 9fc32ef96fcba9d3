use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Number, Value};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// 2^63. Numbers from here on are rounded by readers of JSON, as identifiers must not be.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// The value of an attribute: a text, a number, a boolean, or a list of these.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub struct AttributeValue(Value);

impl AttributeValue {
    /// What a cell of a table or the command line says: a number, a boolean or a list as JSON has it, a text as it is or
    /// between quotes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        match json(text) {
            Some(value) => value.try_into(),
            None => Self::text(text),
        }
    }

    /// This text, whatever it looks like.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn text(text: &str) -> Result<Self, String> {
        Value::from(text).try_into()
    }
}

/// What [`AttributeValue::read`] does not read as a text.
fn json(text: &str) -> Option<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Null | Value::Object(_)) | Err(_) => None,
        Ok(value) => Some(value),
    }
}

/// How [`AttributeValue::read`] reads a value that is stored: as JSON where it is more than a plain text, which is answered
/// with whether it is.
pub fn written(value: &Value) -> (Cow<'_, str>, bool) {
    match value {
        Value::String(text) if json(text).is_none() && is_plain(text) => (Cow::Borrowed(text), true),
        value => (Cow::Owned(value.to_string()), false),
    }
}

/// Whether nothing is lost of it where what stands around a text by accident is cut off.
fn is_plain(text: &str) -> bool {
    let is_cut = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
    !text.is_empty() && !text.starts_with(is_cut) && !text.ends_with(is_cut) && !text.starts_with("=\"")
}

impl TryFrom<Value> for AttributeValue {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match &value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(at, item)| must_be_single(item).map_err(|fault| format!("item {}: {fault}", at + 1)))?,
            single => must_be_single(single)?,
        }
        Ok(Self(value))
    }
}

fn must_be_single(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains(char::is_control) => Err("control characters are not allowed".to_owned()),
        Value::Number(number) if !is_kept(number) => {
            Err("a number lies between -2^63 and 2^63 - 1 (about 9.2e18); send another one as a text".to_owned())
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err("must be a text, a number, a boolean, or a list of these".to_owned())
        }
    }
}

fn is_kept(number: &Number) -> bool {
    number.is_i64() || !number.is_u64() && number.as_f64().is_some_and(|number| number.abs() < BEYOND)
}

impl From<AttributeValue> for Value {
    fn from(value: AttributeValue) -> Self {
        value.0
    }
}

impl PartialSchema for AttributeValue {
    fn schema() -> RefOr<Schema> {
        let single = || {
            let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$"));
            let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(i64::MIN)).maximum(Some(i64::MAX));
            OneOfBuilder::new().item(text).item(number).item(ObjectBuilder::new().schema_type(Type::Boolean))
        };
        let list = ArrayBuilder::new().items(single());
        single().item(list).examples(["sales"]).into()
    }
}

impl ToSchema for AttributeValue {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_a_text_a_number_a_boolean_or_a_list_of_these() {
        for good in [
            json!(""),
            json!("sales"),
            json!("ñandú 🦤"),
            json!(0),
            json!(-1.5),
            json!(i64::MIN),
            json!(i64::MAX),
            json!(9.2e18),
            json!(true),
            json!([]),
            json!(["a", 1, false]),
        ] {
            assert_eq!(AttributeValue::try_from(good.clone()).map(Value::from), Ok(good));
        }
        for bad in [
            json!(null),
            json!({}),
            json!([[]]),
            json!([null]),
            json!([{}]),
            json!("a\nb"),
            json!(["a\0"]),
            json!(u64::MAX),
            json!(1e19),
            json!([-1e300]),
        ] {
            assert!(AttributeValue::try_from(bad.clone()).is_err(), "{bad}");
        }
        let fault = AttributeValue::try_from(json!(["a", {}])).expect_err("a fault");
        assert!(fault.starts_with("item 2: "), "{fault}");
    }

    #[test]
    fn what_is_typed_is_what_it_looks_like() {
        for (text, meant) in [
            ("sales", json!("sales")),
            ("007", json!("007")),
            ("3", json!(3)),
            ("-2.50", json!(-2.5)),
            ("true", json!(true)),
            ("True", json!("True")),
            ("null", json!("null")),
            ("{}", json!("{}")),
            ("[draft]", json!("[draft]")),
            (r#"["a", 1]"#, json!(["a", 1])),
            (r#""3""#, json!("3")),
            (r#""say "hello""#, json!(r#""say "hello""#)),
        ] {
            assert_eq!(AttributeValue::read(text).map(Value::from), Ok(meant), "{text}");
        }
        for bad in ["12345678901234567890", "[null]", "[[1]]"] {
            assert!(AttributeValue::read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in r#"[-\[\]{}"'=+ 0-9a-eñ,.\u{a0}]{0,8}"#, number in any::<i64>(), quarters in any::<i32>()) {
            // serde_json may miss the last digit of others.
            let part = f64::from(quarters) / 4.0;
            for value in [json!(text), json!(number), json!(part), json!([text, number, part, true])] {
                let (written, is_text) = written(&value);
                prop_assert!(!is_text || written.trim() == &*written);
                prop_assert_eq!(AttributeValue::read(&written).map(Value::from), Ok(value.clone()));
            }
        }
    }
}
