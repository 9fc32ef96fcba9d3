use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::IntoParams;

use crate::base::error::Error;
use crate::base::id::SessionId;
use crate::platform::http::{MAX_LIMIT, Next, Part, Total, limit_of, part_of_list, query};

/// Which part of a list that begins with the newest is asked for: keyset pages by time and id.
#[derive(Clone, Debug)]
pub struct Older {
    path: String,
    before: Option<(OffsetDateTime, SessionId)>,
    limit: u32,
    is_whole: bool,
    total: Total,
}

/// What [`Older`] reads.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OlderQuery {
    /// Return rows before this one; the `Link` header has the value for the next page.
    #[param(pattern = "^[0-9]{1,17}[.][0-9a-f]{32}$", example = "1795305600000000.9c2e4d8fe97d881430de4e754b4205b9")]
    before: Option<String>,
    /// How many rows to return.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// Whether to return the total number of rows in the header `X-Total-Count`.
    #[param(value_type = Option<bool>, default = false)]
    count: Option<String>,
}

impl Older {
    /// The newest, for a tool that reads them all.
    pub fn newest() -> Self {
        Self { path: String::new(), before: None, limit: MAX_LIMIT, is_whole: false, total: Total::default() }
    }

    /// The part after this one, which was answered with `rows`: takes the surplus row off them. `None` after the last.
    pub fn next<T>(self, rows: &mut Vec<T>, key: impl Fn(&T) -> (OffsetDateTime, &str)) -> Option<Self> {
        let shown = self.limit as usize;
        if rows.len() <= shown {
            return None;
        }
        rows.truncate(shown);
        let (at, id) = rows.last().map(key)?;
        Some(Self { before: Some((at, SessionId::parse(id)?)), ..self })
    }

    /// When the row was made that this part comes after.
    pub fn created_at(&self) -> Option<OffsetDateTime> {
        self.before.as_ref().map(|(at, _)| *at)
    }

    pub fn id(&self) -> Option<&str> {
        self.before.as_ref().map(|(_, id)| id.as_str())
    }

    /// What a link to this part says of it; `None` of the first.
    pub fn cursor(&self) -> Option<String> {
        self.before.as_ref().map(|(at, id)| cursor(*at, id.as_str()))
    }

    /// How many rows to fetch: one more than is shown, to know whether more follow.
    pub fn fetch(&self) -> i64 {
        if self.is_whole { i64::MAX } else { i64::from(self.limit) + 1 }
    }

    /// The part as a bare array, with a `Link` to the next one while more rows follow (RFC 8288).
    pub fn respond<T: Serialize>(self, rows: Vec<T>, key: impl Fn(&T) -> (OffsetDateTime, &str)) -> Response {
        let shown = self.limit as usize;
        part_of_list(rows, shown, &self.total, |last| {
            let (at, id) = key(last);
            let next = Next::at(&self.path, "before", cursor(at, id)).limit(shown);
            next.rest(self.total.in_link())
        })
    }
}

fn cursor(at: OffsetDateTime, id: &str) -> String {
    let micros = at.unix_timestamp_nanos() / 1000;
    format!("{micros}.{id}")
}

fn before(text: &str) -> Option<(OffsetDateTime, SessionId)> {
    let (micros, id) = text.split_once('.')?;
    let id = SessionId::parse(id)?;
    let is_time = micros.len() <= 17 && micros.bytes().all(|b| b.is_ascii_digit());
    let at = OffsetDateTime::UNIX_EPOCH.checked_add(Duration::microseconds(micros.parse().ok()?))?;
    is_time.then_some((at, id))
}

impl<S: Send + Sync> FromRequestParts<S> for Older {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let refuse = |detail: String| Error::bad_request("invalid_query", detail);
        let query: OlderQuery = query(parts)?;
        let before = query
            .before
            .map(|text| before(&text).ok_or_else(|| refuse("`before` is for the link to the next page to say".into())))
            .transpose()?;
        let total = Total::of(query.count.as_deref())?;
        let path = parts.uri.path().to_owned();
        Ok(Self { path, before, limit: limit_of(query.limit)?, is_whole: false, total })
    }
}

impl Part for Older {
    fn whole(&self) -> Self {
        Self { before: None, is_whole: true, ..self.clone() }
    }

    fn total(&self) -> &Total {
        &self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_time_and_an_id_and_nothing_else() {
        let id = "9c2e4d8fe97d881430de4e754b4205b9";
        assert!(before(&format!("1795305600000000.{id}")).is_some());
        for forged in ["", ".", id, "1.x", "99999999999999999999.", "-1.", "1e9.", "999999999999999999."] {
            assert!(before(&format!("{forged}{id}")).is_none() || forged.is_empty(), "{forged}");
            assert!(before(forged).is_none(), "{forged}");
        }
        assert!(before(&format!("99999999999999999.{}", id.to_uppercase())).is_none());
    }
}
