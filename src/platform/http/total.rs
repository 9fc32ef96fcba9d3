//! How many rows a list has, for callers who show people that.

use std::sync::OnceLock;

use axum::http::HeaderName;
use axum::response::Response;
use sqlx::postgres::PgArguments;
use sqlx::query::Map;
use sqlx::{PgConnection, Postgres};

use crate::base::error::{Error, Result};
use crate::platform::database;

/// Says how many rows a list has on all its pages.
pub const HEADER: HeaderName = HeaderName::from_static("x-total-count");

/// Which rows of a list are asked for.
pub trait Part: Sized {
    /// All of them, by the same filter: from the first on, however many.
    #[must_use]
    fn whole(&self) -> Self;

    /// Whether to count them all.
    fn total(&self) -> &Total;
}

/// How many rows a list has on all its pages, where `?count=true` asks for that.
#[derive(Clone, Debug, Default)]
pub struct Total {
    asked: bool,
    rows: OnceLock<i64>,
}

impl Total {
    /// As a query says it.
    ///
    /// # Errors
    /// 400 `invalid_query`.
    pub fn of(count: Option<&str>) -> Result<Self> {
        let asked = match count {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::bad_request("invalid_query", "`count` is `true` or `false`")),
        };
        Ok(Self { asked, rows: OnceLock::new() })
    }

    /// The rows of `part`. Where it is asked for, those of the whole list are counted by the same query.
    pub async fn rows<'q, P, F, T>(
        conn: &mut PgConnection,
        part: &P,
        query: impl Fn(&P) -> Map<'q, Postgres, F, PgArguments>,
    ) -> Result<Vec<T>>
    where
        P: Part,
        F: FnMut(sqlx::postgres::PgRow) -> Result<T, sqlx::Error> + Send,
        T: Send + Unpin,
    {
        let total = part.total();
        if total.asked {
            let rows = database::count(&mut *conn, query(&part.whole())).await?;
            total.note(rows);
        }
        Ok(query(part).fetch_all(conn).await?)
    }

    /// Keeps how many there are.
    pub fn note(&self, rows: i64) {
        // Counted once a request: there is nothing to overwrite.
        let _ = self.rows.set(rows);
    }

    /// Whether the next page is to say it, too: in its `Link`.
    pub fn in_link(&self) -> &'static str {
        if self.asked { "&count=true" } else { "" }
    }

    /// Says it, where it is asked for.
    pub fn tell(&self, response: &mut Response) {
        if let (true, Some(rows)) = (self.asked, self.rows.get()) {
            response.headers_mut().insert(HEADER, (*rows).into());
        }
    }
}
