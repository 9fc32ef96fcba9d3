use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{AttributeName, AttributeValue, schema};

/// What to change of somebody's attributes (RFC 7396): a value takes the place of the one before, null takes it away, and what
/// is left out stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributesChange(pub(super) BTreeMap<AttributeName, Option<AttributeValue>>);

impl AttributesChange {
    /// Says one more; `None` takes it away. Answers whether nothing was said of it before.
    pub fn say(&mut self, name: AttributeName, value: Option<AttributeValue>) -> bool {
        self.0.insert(name, value).is_none()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for AttributesChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = AttributesChange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributesChange, A::Error> {
                let mut change = AttributesChange::default();
                while let Some((name, value)) = map.next_entry::<AttributeName, _>()? {
                    if !change.say(name.clone(), value) {
                        return Err(A::Error::custom(format_args!("`{name}` stands there twice")));
                    }
                }
                Ok(change)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl PartialSchema for AttributesChange {
    fn schema() -> RefOr<Schema> {
        let gone = ObjectBuilder::new().schema_type(Type::Null);
        schema(OneOfBuilder::new().item(AttributeValue::schema()).item(gone).into()).into()
    }
}

impl ToSchema for AttributesChange {}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Attributes;
    use super::*;

    fn read(change: Value) -> Result<AttributesChange, String> {
        serde_path_to_error::deserialize(change).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_null_goes() {
        let change = |attributes: Attributes, change| attributes.with(read(change).expect("a change"));
        let one = change(Attributes::default(), json!({"department": "sales", "sites": ["Lima"], "level": null}));
        assert_eq!(json!(one), json!({"department": "sales", "sites": ["Lima"]}));
        let other = change(one, json!({"department": null, "sites": [], "level": 3}));
        assert_eq!(json!(other), json!({"sites": [], "level": 3}));
        assert_eq!(json!(other.of(&["level".to_owned(), "name".to_owned()])), json!({"level": 3}));
    }

    #[test]
    fn faults_are_named() {
        for (change, named) in [
            (json!({"": 1}), "`` is no name"),
            (json!({"1a": 1}), "`1a` is no name"),
            (json!({"a b": 1}), "`a b` is no name"),
            (json!({"año": 1}), "`año` is no name"),
            (json!({"x".repeat(65): 1}), "is no name"),
            (json!({"a": {}}), "a: must be a text"),
            (json!([1]), "expected a JSON object"),
            (json!("a"), "expected a JSON object"),
        ] {
            let fault = read(change.clone()).expect_err("a fault");
            assert!(fault.contains(named), "{change}: {fault}");
        }
        for good in ["a", "Z9", "a_b-c", &"x".repeat(64)] {
            assert!(read(json!({good: 1})).is_ok(), "{good}");
        }
        let twice = serde_json::from_str::<AttributesChange>(r#"{"a": 1, "a": 2}"#).expect_err("a fault");
        assert!(twice.to_string().contains("twice"), "{twice}");
    }
}
