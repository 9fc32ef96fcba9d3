//! Text that people type: bounded, NFC, without control characters, never taken for an id.

use unicode_normalization::UnicodeNormalization;

/// The longest name, in characters.
pub const MAX_NAME: usize = 100;

/// Reads a name: 1 to 100 characters after NFC, no control characters, no space at either end, not a number.
pub fn name(text: &str) -> Result<String, String> {
    let text = line(text, MAX_NAME)?;
    if text.strip_prefix(['-', '+']).unwrap_or(&text).bytes().all(|b| b.is_ascii_digit()) {
        return Err("a name can't be a number: numbers are always ids; add a letter".to_owned());
    }
    Ok(text)
}

/// Reads one line of 1 to `max` characters after NFC, without control characters and without space at either end.
pub fn line(text: &str, max: usize) -> Result<String, String> {
    // NFC never shrinks a text to less than a third of its characters: refuse before normalising what is far too long.
    if text.len() > max * 12 {
        return Err(format!("too long: at most {max} characters"));
    }
    let text: String = text.nfc().collect();
    let length = text.chars().count();
    if length == 0 {
        return Err("must not be empty".to_owned());
    }
    if length > max {
        return Err(format!("too long: {length} characters, at most {max} are allowed"));
    }
    if text.chars().any(char::is_control) {
        return Err("control characters are not allowed".to_owned());
    }
    if text.trim() != text {
        return Err("must not begin or end with a space".to_owned());
    }
    Ok(text)
}

/// Refuses what reads like one of `own`, Portero's own names, whatever the case, the width or the spaces: a name that means
/// two things is given as one and taken away as the other.
pub fn unlike(text: String, own: &[&str]) -> Result<String, String> {
    let read = folded(&text);
    match own.iter().find(|name| folded(name) == read) {
        Some(name) => Err(format!("`{name}` is one of Portero's own: choose a name that means one thing")),
        None => Ok(text),
    }
}

fn folded(text: &str) -> String {
    let is_seen = |c: &char| {
        !c.is_whitespace()
            && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.nfkc().flat_map(char::to_lowercase).filter(is_seen).collect()
}

/// Defines a text newtype that can't hold a bad value. `$rule` is `fn(&str) -> Result<String, String>`; `$except` is
/// a look-ahead for what the rule refuses beyond [`line`], for readers of the OpenAPI document (ECMA 262, and no more
/// of it than other dialects know).
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $rule:expr, max: $max:literal, except: $except:literal, example: $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let rule: fn(&str) -> Result<String, String> = $rule;
                rule(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .min_length(Some(1))
                    .max_length(Some($max))
                    .pattern(Some(concat!(
                        "^",
                        $except,
                        r"[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
                    )))
                    .examples([$example])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }
    };
}
pub(crate) use text_type;

text_type!(
    /// What a service, a role or a permission is for, in one line.
    Description, |text| line(text, 500), max: 500,
    except: "", example: "Stock and deliveries"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_like_one_of_porteros_own_names_is_none() {
        let own = ["Administrator", "users:write"];
        for alike in
            ["Administrator", "administrator", "ADMINISTRATOR", "Ad min", "Ｕsers：write", "users:\u{200b}write"]
        {
            let refused = unlike(alike.replace("Ad min", "Admini strator"), &own);
            assert!(refused.is_err(), "{alike:?}");
        }
        for other in ["Administrators", "users:writer", "write"] {
            assert_eq!(unlike(other.to_owned(), &own).as_deref(), Ok(other));
        }
    }

    #[test]
    fn names_are_bounded_and_never_numbers() {
        assert_eq!(name("José").as_deref(), Ok("José"));
        assert_eq!(name("Jose\u{301}").as_deref(), Ok("José"), "NFC");
        for bad in
            ["", " ", "a ", " a", "12", "-12", "+5", "a\nb", "a\0b", "a\u{7f}", &"x".repeat(101), &"x".repeat(100_000)]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(name(&"é".repeat(100)).is_ok());
        assert!(name("12a").is_ok());
    }
}
