use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::faults;
use crate::base::error::Error;

/// The largest request body, in bytes, but for routes that say otherwise.
pub const MAX_BODY: usize = 64 * 1024;

/// The largest that anybody may send who has shown no credential yet: what strangers can make us hold is kept small.
pub const MAX_OF_STRANGERS: usize = 16 * 1024;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most answers are no longer, in bytes.
const USUAL: usize = 512;

/// A JSON body of at most `MAX` bytes. Read whatever its `Content-Type`, since people curl with `-d` alone; a fault
/// names its field.
#[derive(Debug)]
pub struct Json<T, const MAX: usize = MAX_BODY>(pub T);

/// A JSON body that says that it is one, for callers by a standard that asks for that.
#[derive(Debug)]
pub struct DeclaredJson<T, const MAX: usize = MAX_BODY>(pub T);

/// A JSON body that may be left out, and that strangers may send, unless `MAX` says otherwise.
#[derive(Debug)]
pub struct OptionalJson<T, const MAX: usize = MAX_OF_STRANGERS>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for Json<T, MAX> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        parse(&read(request.into_body(), MAX).await?).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for DeclaredJson<T, MAX> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let media = request.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Error::invalid_field("", "the body must be JSON: send `Content-Type: application/json`"));
        }
        parse(&read(request.into_body(), MAX).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync, const MAX: usize> FromRequest<S> for OptionalJson<T, MAX> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        Self::of(&read(request.into_body(), MAX).await?)
    }
}

impl<T: DeserializeOwned + Default, const MAX: usize> OptionalJson<T, MAX> {
    /// What a body says that was read.
    pub fn of(body: &[u8]) -> Result<Self, Error> {
        let value = if body.trim_ascii().is_empty() { None } else { parse::<Option<T>>(body)? };
        Ok(Self(value.unwrap_or_default()))
    }
}

/// A body of at most `max` bytes, which must come in time.
pub async fn read(body: Body, max: usize) -> Result<Bytes, Error> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let mut body = pin!(axum::body::to_bytes(body, max));
    // Most bodies come with their head, and need no timer.
    let body = match body.as_mut().now_or_never() {
        Some(body) => body,
        None => timeout(PATIENCE, body).await.map_err(|_| Error::too_slow())?,
    };
    body.map_err(|error| unreadable(&error, max))
}

/// Why a body that may have `max` bytes could not be read.
pub fn unreadable(error: &axum::Error, max: usize) -> Error {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<http_body_util::LengthLimitError>() {
            return Error::too_large(format!("the body may have at most {max} bytes; split the request"));
        }
        cause = inner.source();
    }
    Error::invalid_field("", "the body could not be read to its end")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    // serde would read a list as the fields in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Error::invalid_field("", "the body is a JSON list; send a JSON object"));
    }
    // Where a fault is costs more to know than the rest, and is looked for once there is one.
    serde_json::from_slice(body).map_err(|error| Error::invalid_fields(&faults::all::<T>(body, &error)))
}

/// What is wrong with a body, or a value in one, without what it says.
pub fn fault(error: &serde_json::Error, body: &[u8]) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => "the body ends before its JSON does; send a JSON object".to_owned(),
        // serde_json calls null in the place of one of several words a fault of syntax.
        Category::Syntax if serde_json::from_slice::<Value>(body).is_ok() => {
            format!("expected {ONE_OF_SEVERAL}; leave the field out to say nothing")
        }
        Category::Syntax | Category::Io => {
            unkept(error).map_or_else(|| format!("the body is not JSON: {error}"), str::to_owned)
        }
        Category::Data => {
            let text = error.to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            if let Some(unknown) = unknown_field(what) {
                return unknown;
            }
            // serde quotes the value, which may be a password of the wrong type: say only what is wanted.
            match what.rsplit_once(", expected ") {
                Some((found, wanted)) if found.starts_with("invalid ") || found.starts_with("unknown variant `") => {
                    format!("must be {}", plainly(wanted))
                }
                _ => what.to_owned(),
            }
        }
    }
}

/// What is wrong with a value that is well formed and can't be kept; none where it is not well formed.
pub fn unkept(error: &serde_json::Error) -> Option<&'static str> {
    let text = error.to_string();
    let is = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if text.starts_with("number out of range") {
        Some("the number is too large to be kept; send it as a text")
    } else if text.starts_with("invalid unicode code point") {
        Some("is not UTF-8: send text encoded as UTF-8")
    } else if is(&["unexpected end of hex escape", "surrogate in hex escape"]) {
        Some(r"has one half of a pair of surrogates: send both, such as `\ud83e\udda4`, or the character itself")
    } else {
        None
    }
}

/// What is wanted in the place of one of several words, where these are not known.
pub(super) const ONE_OF_SEVERAL: &str = "one of the values that the documentation names";

/// What serde wants, in words of JSON.
fn plainly(wanted: &str) -> &str {
    match wanted {
        "a sequence" => "a list",
        "a map" => "a JSON object",
        "a boolean" => "true or false",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "string or map" => ONE_OF_SEVERAL,
        _ if wanted.starts_with("struct ") => "a JSON object",
        _ => wanted,
    }
}

/// What serde says of a field that it does not know, with the known one that is likely meant.
fn unknown_field(fault: &str) -> Option<String> {
    let (unknown, rest) = fault.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Some(match nearest(unknown, &known) {
        Some(meant) => format!("unknown field `{unknown}`; did you mean `{meant}`? Known fields: {all}"),
        None if known.is_empty() => format!("unknown field `{unknown}`; no fields are known here"),
        None => format!("unknown field `{unknown}`; known fields: {all}"),
    })
}

/// The known name that `unknown` is likely to stand for: mistyped, cut short, or written in another style.
fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain =
        |name: &str| name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let sought = plain(unknown);
    let likeness = |name: &&str| {
        let name = plain(name);
        let (short, long) = if sought.len() < name.len() { (&sought, &name) } else { (&name, &sought) };
        let is_part = short.len() > 2 && long.starts_with(short.as_str());
        if is_part { 0.95 } else { strsim::jaro_winkler(&sought, &name) }
    };
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= 0.8).then_some(*best)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut body = Vec::with_capacity(USUAL);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
            Err(error) => Error::Internal(error.into()).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Login {
        #[expect(dead_code, reason = "only ever refused here")]
        password: String,
    }

    fn refusal(body: &str) -> String {
        parse::<Login>(body.as_bytes()).expect_err("a refusal").to_string()
    }

    #[test]
    fn the_field_that_is_likely_meant_is_named() {
        let known = ["expires_at", "person_id", "role_id", "service_id", "reason"];
        for (mistyped, meant) in [
            ("expires", "expires_at"),
            ("expiresAt", "expires_at"),
            ("expire_at", "expires_at"),
            ("expired_at", "expires_at"),
            ("personId", "person_id"),
            ("resaon", "reason"),
            ("service", "service_id"),
            ("rol_id", "role_id"),
        ] {
            assert_eq!(nearest(mistyped, &known), Some(meant), "{mistyped}");
        }
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[derive(Debug, serde::Deserialize)]
    enum Word {
        #[serde(rename = "N")]
        Natural,
    }

    #[test]
    fn null_in_the_place_of_a_word_is_json_all_the_same() {
        #[derive(Debug, serde::Deserialize)]
        struct Kind {
            #[expect(dead_code, reason = "only ever refused here")]
            kind: Word,
        }
        let refused = parse::<Kind>(br#"{"kind": null}"#).expect_err("a refusal").to_string();
        assert!(refused.contains("`kind`") && !refused.contains("not JSON"), "{refused}");
        assert!(parse::<Kind>(br#"{"kind": "N"}"#).is_ok());
    }

    #[test]
    fn a_fault_names_its_field_and_never_its_value() {
        assert_eq!(refusal(r#"{"password": 123456}"#), "invalid_request_body: `password`: must be a string");
        assert!(refusal(r#"{"pass": "x"}"#).contains("unknown field `pass`"));
        assert!(refusal(r#"{"pass": "x"}"#).contains("did you mean `password`?"));
        assert!(refusal(r#"{"zzz": "x"}"#).contains("known fields: `password`"));
        assert!(refusal("{}").contains("missing field `password`"));
        assert!(refusal("").contains("ends before") && refusal(r#"{"password": "#).contains(": the body ends before"));
        assert!(refusal(r#"{"password": "x"} more"#).contains("not JSON"));
        assert!(refusal("[]").contains("send a JSON object"));
        assert!(refusal("5").contains("must be a JSON object"));
    }
}
