//! Second steps that are tried, many in one statement.

use sqlx::PgConnection;

use super::store::pending::{self, AskedTry, Try};
use crate::base::error::Result;
use crate::platform::database::BatchQuery;

/// What a try is decided by, if a login waits for it.
#[derive(Debug)]
pub struct Tries;

impl BatchQuery for Tries {
    const NAME: &'static str = "second steps";
    const MAY_BE_ASKED_TWICE: bool = false;
    type Ask = AskedTry;
    type Answer = Option<Try>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[AskedTry]) -> Result<Vec<Option<Try>>> {
        pending::take_tries(conn, asked).await
    }
}
