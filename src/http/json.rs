use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The largest request body, in bytes, but for routes that say otherwise.
pub const MAX_BODY: usize = 64 * 1024;

/// A JSON body of at most `MAX` bytes. Read whatever its `Content-Type`, since people curl with `-d` alone; a fault
/// names its field.
#[derive(Debug)]
pub struct Json<T, const MAX: usize = MAX_BODY>(pub T);

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const MAX: usize> FromRequest<S> for Json<T, MAX> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        parse(&read(request.into_body(), MAX).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let body = read(request.into_body(), MAX_BODY).await?;
        let value = if body.trim_ascii().is_empty() { None } else { parse::<Option<T>>(&body)? };
        Ok(Self(value.unwrap_or_default()))
    }
}

async fn read(body: Body, max: usize) -> Result<Bytes, Error> {
    axum::body::to_bytes(body, max).await.map_err(|error| unreadable(&error, max))
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
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Error::invalid_field(&error.path().to_string(), &fault(error.inner())))?;
    reader.end().map_err(|error| Error::invalid_field("", &fault(&error)))?;
    Ok(value)
}

fn fault(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => "the body ends before its JSON does; send a JSON object".to_owned(),
        Category::Syntax | Category::Io => format!("the body is not JSON: {error}"),
        Category::Data => {
            let text = error.to_string();
            let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
            // serde quotes the value, which may be a password of the wrong type: say only what was expected.
            match what.rsplit_once(", expected ") {
                Some((found, expected)) if found.starts_with("invalid ") => {
                    let expected = if expected.starts_with("struct ") { "a JSON object" } else { expected };
                    format!("expected {expected}")
                }
                _ => what.to_owned(),
            }
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response(),
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
    fn a_fault_names_its_field_and_never_its_value() {
        assert_eq!(refusal(r#"{"password": 123456}"#), "invalid_request_body: `password`: expected a string");
        assert!(refusal(r#"{"pass": "x"}"#).contains("unknown field `pass`"));
        assert!(refusal("{}").contains("missing field `password`"));
        assert!(refusal("").contains("ends before"));
        assert!(refusal(r#"{"password": "x"} more"#).contains("not JSON"));
        assert!(refusal("[]").contains("send a JSON object"));
        assert!(refusal("5").contains("expected a JSON object"));
    }
}
