use std::fmt::{Display, Write};

use axum::http::header::LINK;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{Json, Total};

/// Where a list goes on: the same question, from another place.
#[derive(Debug)]
pub struct Next(String);

impl Next {
    /// At `path`, after what `parameter` says.
    pub fn at(path: &str, parameter: &str, place: impl Display) -> Self {
        Self(format!("{path}?{parameter}={place}"))
    }

    /// So many rows.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        let _ = write!(self.0, "&limit={limit}");
        self
    }

    /// With a filter, if it is there.
    #[must_use]
    pub fn filter(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            let _ = write!(self.0, "&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        self
    }

    /// With more of a query, as it came: each parameter after a `&`.
    #[must_use]
    pub fn rest(mut self, rest: &str) -> Self {
        self.0.push_str(rest);
        self
    }

    /// The header `Link` (RFC 8288).
    pub fn header(self) -> Option<(HeaderName, HeaderValue)> {
        let link = format!("<{}>; rel=\"next\"", self.0);
        link.try_into().ok().map(|link| (LINK, link))
    }
}

/// A part of a list as a bare array, with a `Link` to the next one while more rows follow: what has been fetched is then one
/// row more than is shown.
pub fn part_of_list<T: Serialize>(
    mut rows: Vec<T>,
    shown: usize,
    total: &Total,
    next: impl FnOnce(&T) -> Next,
) -> Response {
    let more = rows.len() > shown;
    rows.truncate(shown);
    let link = rows.last().filter(|_| more).and_then(|last| next(last).header());
    let mut response = Json(rows).into_response();
    total.tell(&mut response);
    response.headers_mut().extend(link);
    response
}
