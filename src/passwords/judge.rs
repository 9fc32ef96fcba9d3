//! Looking at passwords takes up to some ten milliseconds: one at a time, and where nobody who checks a token waits for it.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Password, Policy, Presented, Strength};
use crate::error::{Error, Result};

static TURN: Semaphore = Semaphore::const_new(1);

/// Who has waited so long goes away.
const PATIENCE: Duration = Duration::from_secs(1);

impl Policy {
    /// [`Self::accept`], for requests.
    ///
    /// # Errors
    /// Those of `accept`; 503 when too many passwords wait to be looked at.
    pub async fn accept_in_turn(self, password: &Password, about: &[&str]) -> Result<()> {
        let (password, about) = (password.clone(), owned(about));
        in_turn(move || self.accept(&password, &borrowed(&about))).await?
    }

    /// What is to be thought of a password, and why it would be refused, if it would.
    ///
    /// # Errors
    /// 503 when too many passwords wait to be looked at.
    pub async fn judge(self, presented: Presented, about: &[&str]) -> Result<(Strength, Option<String>)> {
        let about = owned(about);
        in_turn(move || {
            let strength = Strength::of(&presented.normalised(), &borrowed(&about));
            let refusal = match Password::try_from(presented.raw().to_owned()) {
                Ok(password) => self.accept(&password, &borrowed(&about)).err().map(reason),
                Err(refusal) => Some(refusal),
            };
            (strength, refusal)
        })
        .await
    }
}

fn reason(refused: Error) -> String {
    match refused {
        Error::Refused(refusal) => refusal.detail.trim_start_matches("`password`: ").to_owned(),
        error => error.to_string(),
    }
}

fn owned(about: &[&str]) -> Vec<String> {
    about.iter().map(|known| (*known).to_owned()).collect()
}

fn borrowed(about: &[String]) -> Vec<&str> {
    about.iter().map(String::as_str).collect()
}

async fn in_turn<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let turn = tokio::time::timeout(PATIENCE, TURN.acquire()).await;
    let turn = turn.map_err(|_| Error::Busy("too many passwords wait to be looked at"))?;
    let turn = turn.map_err(|error| Error::Internal(error.into()))?;
    // It goes on when the caller has gone away, and so does its turn.
    let looked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        look()
    });
    looked.await.map_err(|error| Error::Internal(error.into()))
}
