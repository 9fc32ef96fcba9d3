//! Entity tags (RFC 9110 section 8.8.3): what a caller has seen, so that nobody overwrites what they have not.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::openapi::RefOr;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::base::error::{Error, Result};
use crate::platform::http::{Json, Route, operation};

/// The strong tag of one state of a resource, with its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Of a state: all that makes it another one, shown or not.
    pub fn of(state: &impl Serialize) -> Result<Self> {
        let state = serde_json::to_vec(state).map_err(|error| Error::Internal(error.into()))?;
        Ok(Self::of_bytes(&state))
    }

    /// Of what is sent as it is.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self(format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..16])))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the header has it.
    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::try_from(&self.0).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}

/// What is shown of a resource, and the tag of its state.
#[derive(Debug)]
pub struct Tagged<T> {
    /// The body.
    pub shown: T,
    /// The header.
    pub etag: ETag,
}

impl<T: Serialize> Tagged<T> {
    /// A resource that has no state but what is shown.
    pub fn whole(shown: T) -> Result<Self> {
        Ok(Self { etag: ETag::of(&shown)?, shown })
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.shown).into_response();
        response.headers_mut().insert(ETAG, self.etag.header());
        response
    }
}

/// The state that a change is meant for (RFC 9110 section 13.1.1), as the header `If-Match` says.
#[derive(Debug)]
pub enum IfMatch {
    /// Nothing is said: any state, or none.
    Unsaid,
    /// `*`: any state.
    Any,
    /// Those with these tags.
    These(Vec<String>),
}

impl IfMatch {
    /// Refuses (412 `precondition_failed`) to change what is not as the caller has seen it. To be asked under the lock
    /// of the row, after all that would refuse the change anyway (section 13.2.1).
    pub fn allows(&self, now: &ETag) -> Result<()> {
        self.allows_to_put(Some(now))
    }

    /// The same of what is made where there is none: of what is not there, nobody has seen a state.
    pub fn allows_to_put(&self, now: Option<&ETag>) -> Result<()> {
        let is_met = match self {
            Self::Unsaid => true,
            Self::Any => now.is_some(),
            Self::These(seen) => now.is_some_and(|now| seen.contains(&now.0)),
        };
        if is_met { Ok(()) } else { Err(Error::precondition_failed()) }
    }

    fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(IF_MATCH).iter().map(HeaderValue::to_str);
        let lines = lines.collect::<std::result::Result<Vec<_>, _>>().ok()?;
        let text = lines.join(",");
        if lines.is_empty() {
            return Some(Self::Unsaid);
        }
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let tags = tags(&text)?;
        (!tags.is_empty()).then_some(Self::These(tags))
    }
}

/// The tags of a list; `None` when it is not one. Weak ones stay what they are, and so equal none of ours.
pub(super) fn tags(list: &str) -> Option<Vec<String>> {
    let (mut tags, mut rest) = (Vec::new(), list);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (tag, after) = opaque.split_once('"')?;
        if tag.contains([' ', '\t']) {
            return None;
        }
        tags.push(rest[..rest.len() - after.len()].to_owned());
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::of(&parts.headers).ok_or_else(|| {
            let detail = "`If-Match` is `*` or a list of entity tags between quotes, such as an `ETag` header has";
            Error::bad_request("invalid_header", detail)
        })
    }
}

/// Routes of a resource whose states have tags: its `GET` and `PATCH` answer them, and whatever changes it heeds
/// [`IfMatch`].
pub fn tagged<S>(route: impl Into<Route<S>>) -> Route<S> {
    route.into().described(tell)
}

/// Says that an operation answers a tag.
pub(super) fn tell_tag(operation: &mut Operation) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let etag = HeaderBuilder::new().schema(Some(text)).description(Some("the tag of the state shown"));
        response.headers.insert("ETag".to_owned(), etag.build().into());
    }
}

fn tell(item: &mut PathItem) {
    let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    for operation in [&mut item.get, &mut item.patch].into_iter().flatten() {
        tell_tag(operation);
    }
    for change in [&mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
        let description = "`ETag`s of which the resource must match one, or `*`; otherwise 412";
        operation::take_header(change, "If-Match", description, text().into());
        operation::answer(change, "400", "`invalid_header`");
        operation::answer(change, "412", "`precondition_failed`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<IfMatch> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_str(line).expect("a header"));
        }
        IfMatch::of(&headers)
    }

    fn allows(lines: &[&str]) -> bool {
        read(lines).expect("tags").allows(&ETag("\"a,b\"".to_owned())).is_ok()
    }

    #[test]
    fn a_change_is_allowed_in_the_state_that_was_seen() {
        assert!(allows(&[]), "nobody asked");
        assert!(allows(&["*"]));
        assert!(allows(&["\"a,b\""]));
        assert!(allows(&["\"x\" ,, \"a,b\",\"y\""]));
        assert!(allows(&["\"x\"", "\"a,b\""]), "two lines are one list");
        assert!(!allows(&["\"x\", \"\""]));
        assert!(!allows(&["W/\"a,b\""]), "weak ones never match (section 8.8.3.2)");
    }

    #[test]
    fn what_is_not_there_is_made_only_by_who_has_seen_nothing() {
        let allows_new = |lines: &[&str]| read(lines).expect("tags").allows_to_put(None).is_ok();
        assert!(allows_new(&[]));
        assert!(!allows_new(&["*"]));
        assert!(!allows_new(&["\"a,b\""]));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for bad in ["", ",", "abc", "\"a", "a\"", "\"a\" \"b\"", "\"a\"b", "w/\"a\"", "*, \"a\"", "\"a b\"", "**"] {
            assert!(read(&[bad]).is_none(), "{bad}");
        }
    }
}
