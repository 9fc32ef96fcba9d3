//! What logins compare with, many in one statement.

use sqlx::PgConnection;

use super::Username;
use super::store::{self, Credentials};
use crate::database::Question;
use crate::error::Result;

/// The credentials stored under a username, if somebody has it.
#[derive(Debug)]
pub struct StoredCredentials;

impl Question for StoredCredentials {
    const NAME: &'static str = "credentials";
    type Ask = Username;
    type Answer = Option<Credentials>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Username]) -> Result<Vec<Option<Credentials>>> {
        store::credentials(conn, asked).await
    }
}
