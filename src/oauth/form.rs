//! Bodies of endpoints (`application/x-www-form-urlencoded`, RFC 6749 section 3.2).

use std::fmt;

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use zeroize::Zeroizing;

use super::error::{Error, Result};
use crate::platform::http::{MAX_OF_STRANGERS, read};

/// The longest value, in bytes.
const LONGEST: usize = 8 * 1024;

/// What may be said several times (RFC 8707 section 2).
const REPEATED: &str = "resource";

/// The parameters of a request: each once, and none without a value.
#[derive(Default)]
pub struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads parameters. What has no value is as good as left out (RFC 6749 section 3.2).
    ///
    /// # Errors
    /// 400 `invalid_request` for one that is doubled, or can't be read.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut read: Vec<(String, Zeroizing<String>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text) {
            let value = Zeroizing::new(value.into_owned());
            if value.is_empty() {
                continue;
            }
            if value.len() > LONGEST || value.contains('\0') {
                return Err(Error::invalid_request("a parameter is longer than 8 KiB, or no text"));
            }
            if name != REPEATED && read.iter().any(|(known, _)| *known == name) {
                return Err(Error::invalid_request("a parameter was sent twice; send each once"));
            }
            read.push((name.into_owned(), value));
        }
        Ok(Self(read))
    }

    /// A parameter, if it was sent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// 400 `invalid_request`.
    pub fn require(&self, name: &str) -> Result<&str> {
        self.get(name).ok_or_else(|| Error::invalid_request(format!("{name} is missing")))
    }

    /// All of them, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter that may be sent several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let media = request.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
        let is_form = media.split(';').next().is_some_and(|media| {
            media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") || media.is_empty()
        });
        let body = Zeroizing::new(read(request.into_body(), MAX_OF_STRANGERS).await?.to_vec());
        if !is_form && !body.is_empty() {
            return Err(Error::invalid_request("send the body as application/x-www-form-urlencoded"));
        }
        Self::parse(&body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_there_once_and_with_a_value() {
        let form = Form::parse(b"a=1&b=&c=x+y%26&resource=r1&resource=r2").expect("a form");
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("1"), None, Some("x y&")));
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["r1", "r2"]);
        assert!(form.require("b").is_err());
        assert!(!format!("{form:?}").contains("x y"));
        for bad in [&b"a=1&a=1"[..], b"a=%00", format!("a={}", "x".repeat(8193)).as_bytes()] {
            let refusal = Form::parse(bad).expect_err("no form");
            assert_eq!(refusal.code, "invalid_request");
        }
    }
}
