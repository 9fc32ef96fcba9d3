//! What a claim may look like.

use time::Month;
use url::Url;

use crate::base::names::{self, text_type};

text_type!(
    /// A name that applications are told.
    GivenName, |text| names::line(text, 100), max: 100,
    except: "", example: "Juan"
);

text_type!(
    /// A word or two.
    Word, |text| names::line(text, 50), max: 50,
    except: "", example: "female"
);

text_type!(
    /// A part of an address.
    AddressLine, |text| names::line(text, 100), max: 100,
    except: "", example: "Lima"
);

/// Defines a text newtype whose readers of the OpenAPI document are told a pattern of its own.
macro_rules! shaped {
    ($(#[$doc:meta])* $name:ident, $rule:expr, max: $max:literal, pattern: $pattern:literal, example: $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let rule: fn(&str) -> Result<String, String> = $rule;
                rule(&text).map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .min_length(Some(1))
                    .max_length(Some($max))
                    .pattern(Some($pattern))
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

shaped!(
    /// Lines of an address.
    AddressLines, lines, max: 500,
    pattern: r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?(\n[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?)*$",
    example: "Av. Larco 101\nMiraflores"
);

shaped!(
    /// An address in the web.
    WebAddress, web_address, max: 500, pattern: r"^https?://[!-~]+$", example: "https://juan.example.com/"
);

shaped!(
    /// A date of birth (ISO 8601-1): a day that there is, of any year or of one, or a year.
    Birthdate, birthdate, max: 10,
    pattern: r"^([0-9]{4}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29|[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)$",
    example: "1980-05-17"
);

shaped!(
    /// The name of a time zone.
    TimeZone, time_zone, max: 64, pattern: r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*$", example: "America/Lima"
);

shaped!(
    /// The tag of a language (BCP 47).
    LanguageTag, language_tag, max: 35, pattern: r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", example: "es-PE"
);

shaped!(
    /// A phone number (E.164).
    PhoneNumber, phone_number, max: 16, pattern: r"^\+[1-9][0-9]{6,14}$", example: "+51987654321"
);

/// Several lines, each as [`names::line`] has it.
fn lines(text: &str) -> Result<String, String> {
    if text.chars().count() > 500 {
        return Err("too long: at most 500 characters".to_owned());
    }
    let lines: Result<Vec<String>, String> =
        text.replace("\r\n", "\n").split('\n').map(|line| names::line(line, 500)).collect();
    Ok(lines?.join("\n"))
}

/// Where a browser may go without running anything: applications make links and pictures of it.
fn web_address(text: &str) -> Result<String, String> {
    let fault = || "must be an address that begins with https:// or http://".to_owned();
    if text.len() > 500 {
        return Err("too long: at most 500 characters".to_owned());
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    let url = Url::parse(text).map_err(|_| fault())?;
    let begins = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    if is_plain && begins && is_anonymous && url.has_host() { Ok(text.to_owned()) } else { Err(fault()) }
}

fn birthdate(text: &str) -> Result<String, String> {
    let fault = || "must be a date: YYYY-MM-DD, 0000-MM-DD without the year, or YYYY alone".to_owned();
    let number = |part: &str, digits: usize| {
        let is_number = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse::<u16>().ok()).flatten().ok_or_else(fault)
    };
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [year] if number(year, 4)? > 0 => {}
        [year, month, day] => {
            // A year that nobody says may be a leap year.
            let year = Some(number(year, 4)?).filter(|year| *year > 0).unwrap_or(2000);
            let month = u8::try_from(number(month, 2)?).ok().and_then(|month| Month::try_from(month).ok());
            let day = number(day, 2)?;
            if !month.is_some_and(|month| (1..=u16::from(month.length(year.into()))).contains(&day)) {
                return Err(fault());
            }
        }
        _ => return Err(fault()),
    }
    Ok(text.to_owned())
}

fn time_zone(text: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    let is_name =
        text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.split('/').all(is_part);
    if is_name { Ok(text.to_owned()) } else { Err("must be a time zone, such as America/Lima".to_owned()) }
}

fn language_tag(text: &str) -> Result<String, String> {
    let mut parts = text.split('-');
    let is_language = |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic());
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_tag = text.len() <= 35 && parts.next().is_some_and(is_language) && parts.all(is_part);
    if is_tag { Ok(text.to_owned()) } else { Err("must be a tag of a language, such as es or es-PE".to_owned()) }
}

fn phone_number(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let is_number =
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number { Ok(text.to_owned()) } else { Err("must be a phone number, such as +51987654321 (E.164)".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_takes_what_it_is_and_nothing_else() {
        type Rule = fn(&str) -> Result<String, String>;
        let cases: [(Rule, &[&str], &[&str]); 6] = [
            (
                web_address,
                &["https://juan.example", "http://juan.example:8080/a?b=c#d", "https://[::1]/x"],
                &[
                    "",
                    "juan.example",
                    "javascript:alert(1)",
                    "data:text/html,x",
                    "ftp://juan.example",
                    "https://",
                    "https:juan.example",
                    " https://juan.example",
                    "https://juan.example/\n",
                    "https://juan.example/\"><script>",
                    "https://me@juan.example",
                    "https://juan.example/\u{202e}",
                ],
            ),
            (
                birthdate,
                &["1980-05-17", "2000-02-29", "0000-02-29", "1980"],
                &[
                    "",
                    "1980-13-01",
                    "1980-02-30",
                    "1981-02-29",
                    "1980-5-17",
                    "0000",
                    "80-05-17",
                    "1980-05",
                    "1980-05-17T00:00",
                    "١٩٨٠",
                ],
            ),
            (
                time_zone,
                &["America/Lima", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5"],
                &["", "/Lima", "America/", "America//Lima", "America/../Lima", "-05:00", "América/Lima", "a b"],
            ),
            (language_tag, &["es", "es-PE", "zh-Hant-TW"], &["", "e", "es_PE", "es-", "12", "es-PE ", "español"]),
            (
                phone_number,
                &["+51987654321", "+12025550123"],
                &["", "51987654321", "+0519876543", "+51 987 654 321", "+123456", "+1234567890123456", "+٥١٩٨٧٦٥٤"],
            ),
            (lines, &["Av. Larco 101\nLima", "Lima"], &["", "a\n\nb", "a\n", " a", "a\tb", "a\u{0}b"]),
        ];
        for (rule, good, bad) in cases {
            for text in good {
                assert_eq!(rule(text).as_deref(), Ok(*text));
            }
            for text in bad {
                assert!(rule(text).is_err(), "{text:?}");
            }
            assert!(rule(&"1".repeat(501)).is_err());
        }
        assert_eq!(lines("a\r\nb").as_deref(), Ok("a\nb"));
    }
}
