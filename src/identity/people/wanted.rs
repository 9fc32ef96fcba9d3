//! People are looked for by their attributes: `?attribute.department=sales`.

use std::fmt::Write;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::Value;

use crate::base::attributes::{AttributeName, AttributeValue, PREFIX};
use crate::base::error::{Error, Result};
use crate::platform::http::Next;

/// What is likely meant for [`PREFIX`].
const UNFINISHED: &str = "attribute";

/// How many attributes one question may name.
const MOST: usize = 20;

/// The longest value that is looked for, in characters.
const LONGEST: usize = 1000;

/// Attributes that people are to have, all of them.
#[derive(Clone, Debug, Default)]
pub struct WantedAttributes {
    wanted: Vec<(AttributeName, String)>,
    path: Option<String>,
}

impl WantedAttributes {
    /// As a query says it.
    ///
    /// # Errors
    /// 400 `invalid_query`.
    fn read(query: &str) -> Result<Self> {
        let mut wanted = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(attribute) = name.strip_prefix(PREFIX) else {
                // Whoever meant one would take everybody for those who have it.
                if name.get(..UNFINISHED.len()).is_some_and(|start| start.eq_ignore_ascii_case(UNFINISHED)) {
                    return Err(refuse(&name, "an attribute is looked for by `attribute.`, its name and its value"));
                }
                continue;
            };
            let attribute = attribute.parse::<AttributeName>().map_err(|fault| refuse(&name, &fault))?;
            wanted.push((attribute, value.into_owned()));
        }
        Self::of(wanted).map_err(|fault| Error::bad_request("invalid_query", fault))
    }

    /// Of these names and values.
    ///
    /// # Errors
    /// What can't be looked for.
    pub fn of(wanted: Vec<(AttributeName, String)>) -> Result<Self, String> {
        for (name, value) in &wanted {
            let fault = match AttributeValue::text(value) {
                Err(fault) => fault,
                Ok(_) if value.chars().count() > LONGEST => format!("too long: at most {LONGEST} characters"),
                Ok(_) => continue,
            };
            return Err(format!("`{PREFIX}{name}`: {fault}"));
        }
        if wanted.len() > MOST {
            return Err(format!("name at most {MOST} attributes"));
        }
        Ok(Self { path: path(&wanted), wanted })
    }

    /// The predicate that attributes must satisfy (SQL/JSON path language), if any is wanted.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The same question, of the next page.
    #[must_use]
    pub(super) fn asked_of(&self, next: Next) -> Next {
        let filtered =
            |next: Next, (name, value): &(AttributeName, String)| next.filter(&format!("{PREFIX}{name}"), Some(value));
        self.wanted.iter().fold(next, filtered)
    }
}

fn refuse(name: &str, fault: &str) -> Error {
    let name: String = name.chars().take(100).collect();
    Error::bad_request("invalid_query", format!("`{}`: {fault}", name.escape_debug()))
}

/// A list has what one of its items is: the language unwraps lists by itself.
fn path(wanted: &[(AttributeName, String)]) -> Option<String> {
    let mut path = String::new();
    for (name, text) in wanted {
        let and = if path.is_empty() { "" } else { " && " };
        // A text in it is written as in JSON; writing to a text does not fail.
        let _ = write!(path, "{and}($.\"{name}\" == {}", Value::from(text.as_str()));
        if let Some(value) = unquoted(text) {
            let _ = write!(path, " || $.\"{name}\" == {value}");
        }
        path.push(')');
    }
    (!path.is_empty()).then_some(path)
}

/// The number or the boolean that looks like this.
fn unquoted(text: &str) -> Option<Value> {
    let value = AttributeValue::read(text).ok().map(Value::from)?;
    (value.is_number() || value.is_boolean()).then_some(value)
}

impl<S: Sync> FromRequestParts<S> for WantedAttributes {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> String {
        WantedAttributes::read(query).expect("a question").path.unwrap_or_default()
    }

    #[test]
    fn values_are_texts_and_what_they_look_like() {
        assert_eq!(asked("q=a&limit=3&ñ=1&attributé=1"), "");
        assert_eq!(asked("attribute.department=sales"), r#"($."department" == "sales")"#);
        assert_eq!(
            asked("attribute.a-b=3.0&x=y&attribute.c=true"),
            r#"($."a-b" == "3.0" || $."a-b" == 3.0) && ($."c" == "true" || $."c" == true)"#
        );
        assert_eq!(asked("attribute.a=%22%20%7C%7C%20true%5C"), r#"($."a" == "\" || true\\")"#);
        assert_eq!(asked("attribute.a="), r#"($."a" == "")"#);
    }

    #[test]
    fn what_is_no_attribute_is_refused() {
        for bad in [
            "attribute.=1",
            "attribute.1=1",
            "attribute.a%22b=1",
            "attribute.a=%00",
            "attributes.a=1",
            "attribute=a",
            "Attribute.a=1",
            &"attribute.a=1&".repeat(21),
        ] {
            assert!(WantedAttributes::read(bad).is_err(), "{bad}");
        }
    }
}
