use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::names;
use crate::platform::http::{Next, Part, Total, part_of_list, query};
use utoipa::IntoParams;

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `Page` reads")]
pub struct PageQuery {
    /// Return rows after the one with this id; the `Link` header has the value for the next page.
    after: Option<i32>,
    /// How many rows to return.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only rows whose name or username starts with this, ignoring case.
    #[param(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    q: Option<String>,
    /// Whether to return the total number of rows in the header `X-Total-Count`.
    #[param(default = false)]
    count: Option<bool>,
}

/// No page has more rows.
pub const MAX_LIMIT: u32 = 1000;
const DEFAULT_LIMIT: u32 = 100;

/// Which part of a list is asked for: keyset pages by id, never an offset.
#[derive(Clone, Debug)]
pub struct Page {
    path: String,
    after: Option<i32>,
    limit: u32,
    q: Option<String>,
    prefix: Option<String>,
    is_whole: bool,
    total: Total,
}

fn refuse(detail: String) -> Error {
    Error::bad_request("invalid_query", detail)
}

/// How many rows a list shows, as its query says.
///
/// # Errors
/// 400 `invalid_query`.
pub fn limit_of(text: Option<String>) -> Result<u32, Error> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| refuse(format!("`limit` is a whole number from 1 to {MAX_LIMIT}")))
}

#[derive(Deserialize)]
struct Query {
    after: Option<String>,
    limit: Option<String>,
    q: Option<String>,
    count: Option<String>,
}

impl Page {
    /// The first page, for a tool that reads them all.
    pub fn first(prefix: Option<String>) -> Self {
        Self::with(None, MAX_LIMIT, prefix)
    }

    fn with(after: Option<i32>, limit: u32, q: Option<String>) -> Self {
        let prefix = q.as_deref().map(names::fold);
        let total = Total::default();
        Self { path: String::new(), after, limit, q, prefix, is_whole: false, total }
    }

    /// A page of a list whose own `after` is not an id, as the query has the rest.
    ///
    /// # Errors
    /// 400 `invalid_query`.
    pub fn of(after: Option<i32>, limit: Option<String>, prefix: Option<String>) -> Result<Self, Error> {
        let limit = limit_of(limit)?;
        let prefix = prefix
            .filter(|q| !q.is_empty())
            .map(|q| {
                let bad = q.chars().count() > names::MAX_NAME || q.contains(char::is_control);
                if bad { Err(refuse("`q` is a name prefix: up to 100 characters".into())) } else { Ok(q) }
            })
            .transpose()?;
        Ok(Self::with(after, limit, prefix))
    }

    /// The page after this one, which was answered with `rows`: takes the surplus row off them. `None` after the last.
    pub fn next<T>(self, rows: &mut Vec<T>, id: impl Fn(&T) -> i32) -> Option<Self> {
        let full = self.limit as usize;
        if rows.len() <= full {
            return None;
        }
        rows.truncate(full);
        let after = rows.last().map(id);
        Some(Self { after, ..self })
    }

    /// Rows with ids above this are asked for; `first` is below the list's first id.
    pub fn after(&self, first: i32) -> i32 {
        self.after.unwrap_or(first)
    }

    /// How many rows to fetch: one more than is shown, to know whether more follow.
    pub fn fetch(&self) -> i64 {
        if self.is_whole { i64::MAX } else { i64::from(self.limit) + 1 }
    }

    /// How many rows to show.
    pub fn shown(&self) -> usize {
        self.limit as usize
    }

    /// The prefix that names must have, folded as they are when they are compared with it.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The page as a bare array, with a `Link` to the next one while more rows follow (RFC 8288).
    pub fn respond<T: Serialize>(self, rows: Vec<T>, id: impl Fn(&T) -> i32) -> Response {
        self.respond_asking(rows, id, |next| next)
    }

    /// Likewise; what else was asked is `asked` of the next page, too.
    pub fn respond_asking<T: Serialize>(
        self,
        rows: Vec<T>,
        id: impl Fn(&T) -> i32,
        asked: impl FnOnce(Next) -> Next,
    ) -> Response {
        let shown = self.shown();
        part_of_list(rows, shown, &self.total, |last| {
            let next = Next::at(&self.path, "after", id(last)).limit(shown);
            asked(next.filter("q", self.q.as_deref())).rest(self.total.in_link())
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query: Query = query(parts)?;
        let after = query
            .after
            .map(|after| after.parse().map_err(|_| refuse("`after` is the id of the last row you have".into())))
            .transpose()?;
        let page = Self::of(after, query.limit, query.q)?;
        let total = Total::of(query.count.as_deref())?;
        Ok(Self { path: parts.uri.path().to_owned(), total, ..page })
    }
}

impl Part for Page {
    fn whole(&self) -> Self {
        Self { after: None, is_whole: true, ..self.clone() }
    }

    fn total(&self) -> &Total {
        &self.total
    }
}
