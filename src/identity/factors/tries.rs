//! Second steps that are tried, many in one statement.

use std::collections::HashSet;

use sqlx::PgConnection;

use super::store::pending::{self, AskedTry, Try};
use crate::base::error::Result;
use crate::platform::database::{BatchQuery, column};

/// See [`AskedTry`].
#[derive(Debug)]
pub struct Tries;

/// What comes of one.
#[derive(Debug)]
pub enum Tried {
    /// What it is decided by.
    Taken(Box<Try>),
    /// There is such a login, but somebody else has it just now: ask alone, and wait for them.
    Held,
    /// No login waits for it, or none any more.
    Over,
}

impl BatchQuery for Tries {
    const NAME: &'static str = "second steps";
    const MAY_BE_ASKED_TWICE: bool = false;
    type Ask = AskedTry;
    type Answer = Tried;

    async fn ask(&self, conn: &mut PgConnection, asked: &[AskedTry]) -> Result<Vec<Tried>> {
        let taken = pending::take_tries(conn, asked).await?;
        let missed: Vec<&AskedTry> =
            asked.iter().zip(&taken).filter(|(_, taken)| taken.is_none()).map(|(asked, _)| asked).collect();
        let held = if let Some(AskedTry { now, .. }) = missed.first() {
            let tokens = column(&missed, |asked| asked.token.as_bytes().to_vec());
            pending::with_tries_left(conn, &tokens, *now).await?
        } else {
            HashSet::new()
        };
        let tried = asked.iter().zip(taken).map(|(asked, taken)| match taken {
            Some(taken) => Tried::Taken(Box::new(taken)),
            None if held.contains(asked.token.as_bytes()) => Tried::Held,
            None => Tried::Over,
        });
        Ok(tried.collect())
    }
}
