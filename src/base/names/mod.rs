//! Text that people type: bounded, NFC, all of it to be seen, never taken for an id.

mod fold;
mod literal;
mod visible;

use unicode_normalization::UnicodeNormalization;

use crate::base::error::Error;

pub use fold::fold;
pub use literal::{ClaimName, literal};

/// The longest name, in characters.
pub const MAX_NAME: usize = 100;

/// Reads a name: 1 to 100 characters after NFC, all of them to be seen, no space at either end, not a number, each word
/// of one script.
pub fn name(text: &str) -> Result<String, String> {
    let text = line(text, MAX_NAME)?;
    visible::one_script_a_word(&text)?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a name can't be a number: numbers are always ids; add a letter".to_owned());
    }
    Ok(text)
}

/// Reads a username: a name in letters, digits and ASCII signs, all of it of one script, so that none passes for another's.
pub fn username(text: &str) -> Result<String, String> {
    let text = name(text)?;
    visible::plain(&text)?;
    visible::one_script(&text)?;
    Ok(text)
}

/// What somebody typed for a name that is there already, as far as one can be it: spaces around it, which phones add, are
/// left out. Names that were made under older rules are found, too.
pub fn typed(text: &str) -> Option<String> {
    let text = text.trim();
    let is_a_name = !text.is_empty() && text.len() <= MAX_NAME * 12 && !text.contains(char::is_control);
    let text: String = text.nfc().collect();
    (is_a_name && text.chars().nth(MAX_NAME).is_none()).then_some(text)
}

/// Reads one line of 1 to `max` characters after NFC, all of them to be seen, and without space at either end.
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
    visible::all_of(&text)?;
    Ok(text)
}

/// Refuses what reads like one of `own`, Portero's own names, whatever the case, the width or the spaces: a name that means
/// two things is given as one and taken away as the other.
pub fn unlike(text: String, own: &[&str]) -> Result<String, String> {
    let as_read = read(&text);
    match own.iter().find(|name| read(name) == as_read) {
        Some(name) => Err(format!("`{name}` is one of Portero's own: choose another name")),
        None => Ok(text),
    }
}

/// Whether a character is one that somebody sees.
pub fn is_seen(c: &char) -> bool {
    !visible::is_invisible(*c)
}

/// Whether a text reads as if it began so, whatever the case, the width or the spaces.
pub fn begins_like(text: &str, beginning: &str) -> bool {
    read(text).starts_with(beginning)
}

/// What is read of a text, whatever the case, the width or the spaces.
fn read(text: &str) -> String {
    let is_read = |c: &char| !c.is_whitespace() && !visible::is_invisible(*c);
    fold(&text.nfkc().filter(is_read).collect::<String>())
}

/// 409: what is to be made or renamed would differ from another of its kind only in case.
pub fn twin(code: &'static str, noun: &str) -> Error {
    let detail = format!(
        "another {noun} has that name in other capital or small letters, which is too little of a difference; choose \
         another name, or use that {noun}"
    );
    Error::conflict(code, detail)
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
        for alike in [
            "Administrator",
            "administrator",
            "ADMINISTRATOR",
            "Ad min",
            "Ｕsers：write",
            "users:\u{200b}write",
            "AdmınİstratoR",
        ] {
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
        assert_eq!(name("-").as_deref(), Ok("-"), "a sign without digits is no number");
        for bad in
            ["", " ", "a ", " a", "12", "-12", "+5", "a\nb", "a\0b", "a\u{7f}", &"x".repeat(101), &"x".repeat(100_000)]
        {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(name(&"é".repeat(100)).is_ok());
        assert!(name("12a").is_ok());
    }

    #[test]
    fn nothing_in_a_text_is_invisible() {
        for invisible in [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1bca0}',
            '\u{1d159}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0061}',
            '\u{e0100}',
        ] {
            for text in [format!("adm{invisible}1"), format!("adm1{invisible}"), format!("{invisible}adm1")] {
                assert!(line(&text, 200).is_err(), "{invisible:?} in {text:?}");
                assert!(name(&text).is_err() && username(&text).is_err(), "{invisible:?} in {text:?}");
            }
        }
    }

    #[test]
    fn what_scripts_and_emoji_are_written_with_stays() {
        for good in [
            "José Ñandú",
            "O’Brien",
            "علی\u{200c}رضا",
            "ශ්\u{200d}රී",
            "क्\u{200d}ष",
            "Ada ❤\u{fe0f}",
            "👩\u{200d}💻",
            "👩🏽\u{200d}💻",
            "🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3}",
            "李雷",
            "Анна",
            "Cajero — turno 1",
        ] {
            assert_eq!(line(good, 200).as_deref(), Ok(good));
        }
        for bad in ["a\u{200d}b", "ада\u{200c}ада", "a\u{fe0f}", "👩\u{200d}", "\u{200d}👩", "علی\u{200c}"]
        {
            assert!(line(bad, 200).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_name_passes_for_another_by_letters_of_another_script() {
        let cyrillic_a = "\u{430}dm1";
        for bad in [cyrillic_a, "paypa\u{4cf}", "\u{3b1}dmin", "Αdmin", "r\u{585}\u{585}t", "admin\u{13a0}"] {
            assert!(name(bad).is_err() && username(bad).is_err(), "{bad}");
        }
        for good in ["ада1", "ñandú_7", "日本語です", "東京Tower", "李-lei", "정호", "αβγ", "o'brien", "a+b@c.d"]
        {
            assert_eq!(username(good).as_deref(), Ok(good));
        }
        assert_eq!(name("Бюро IT").as_deref(), Ok("Бюро IT"), "words of two scripts are no disguise");
        for bad in ["Бюро IT", "ａdmin", "ﬁn", "𝐚dmin", "a\u{a0}b", "ad\u{2024}min", "ada😀", "ª"] {
            assert!(username(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_typed_finds_also_what_would_not_be_made_any_more() {
        assert_eq!(typed(" juan ").as_deref(), Some("juan"));
        assert_eq!(typed("adm1\u{200b}").as_deref(), Some("adm1\u{200b}"));
        for nothing in ["", "  ", "a\nb", "a\0", &"x".repeat(101), &"x".repeat(100_000)] {
            assert_eq!(typed(nothing), None, "{nothing:?}");
        }
    }
}
