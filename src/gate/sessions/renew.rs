//! Renewals that are due, many in one statement.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store;
use crate::base::error::Result;
use crate::base::opaque::token::TokenHash;
use crate::platform::database::BatchQuery;

/// A session to renew.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub token: TokenHash,
    /// When it was last renewed, as its asker read it: who comes with another time comes too late.
    pub seen: OffsetDateTime,
    /// When it is renewed.
    pub now: OffsetDateTime,
}

/// Whether this renewal was made. Of any number of racing ones, on any number of instances, exactly one is.
#[derive(Debug)]
pub struct Renewals;

impl BatchQuery for Renewals {
    const NAME: &'static str = "renewals";
    type Ask = Due;
    type Answer = bool;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Due]) -> Result<Vec<bool>> {
        store::renew_all(conn, asked).await
    }
}
