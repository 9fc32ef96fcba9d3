//! What everybody is answered alike: written out once, and told from others by its tag.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::etag::{ETag, tags, tell_tag};
use super::{Route, operation};
use crate::base::error::{Error, Result};

/// A public JSON document, as it is sent. A clone costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Document {
    json: Bytes,
    etag: ETag,
}

impl Document {
    /// One that says this.
    pub fn of(value: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(value).map_err(|error| Error::Internal(error.into()))?;
        Ok(Self { etag: ETag::of_bytes(&json), json: json.into() })
    }

    /// Its text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.json
    }

    /// The answer to whoever has seen `seen` of it: all of it, or 304 (RFC 9110 section 15.4.5). It may be kept as `kept` says.
    pub fn answer(&self, seen: &IfNoneMatch, kept: &'static str) -> Response {
        let headers = [(CACHE_CONTROL, HeaderValue::from_static(kept)), (ETAG, self.etag.header())];
        if seen.has(&self.etag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(CONTENT_TYPE, "application/json")], self.json.clone()).into_response()
    }
}

/// What a caller has seen of a resource (RFC 9110 section 13.1.2). What is no list of tags is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfNoneMatch {
    /// Any state (`*`).
    Any,
    /// These.
    These(Vec<String>),
}

impl IfNoneMatch {
    fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let text = lines.collect::<Vec<_>>().join(",");
        if text.trim() == "*" { Self::Any } else { Self::These(tags(&text).unwrap_or_default()) }
    }

    /// Whether this is what they have seen. Strong or weak is all the same here.
    fn has(&self, now: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::These(seen) => seen.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == now.as_str()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// Routes whose `GET` answers a [`Document`].
pub fn documented<S>(route: impl Into<Route<S>>) -> Route<S> {
    route.into().described(tell)
}

fn tell(item: &mut PathItem) {
    if let Some(get) = &mut item.get {
        tell_tag(get);
        let text = ObjectBuilder::new().schema_type(Type::String);
        operation::take_header(get, "If-None-Match", "`ETag`s that you have: 304 if one is that of now", text.into());
        operation::answer(get, "304", "as you have seen it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_seen_it_is_not_told_again() {
        let document = Document::of(&"text").expect("JSON");
        let tag = document.etag.as_str().to_owned();
        let status = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(IF_NONE_MATCH, line.parse().expect("a header"));
            }
            document.answer(&IfNoneMatch::of(&headers), "no-cache").status()
        };
        for seen in ["*", &tag, &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            assert_eq!(status(&[seen]), StatusCode::NOT_MODIFIED, "{seen}");
        }
        assert_eq!(status(&["\"other\"", &tag]), StatusCode::NOT_MODIFIED, "two lines are one list");
        for other in ["\"other\"", "", tag.trim_matches('"'), "\"a", "**"] {
            assert_eq!(status(&[other]), StatusCode::OK, "{other}");
        }
        assert_eq!(status(&[]), StatusCode::OK);
        assert_ne!(Document::of(&"texts").expect("JSON").etag, document.etag);
    }
}
