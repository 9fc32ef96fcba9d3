//! Looking at passwords takes up to some ten milliseconds: one at a time, and where nobody who checks a token waits for it.
//! Strangers have a turn of their own: whoever sets a password never waits for theirs.

use super::{Password, Policy, Presented, Strength};
use crate::base::error::{Error, Result};
use crate::base::network::Network;
use crate::platform::shares::{Asker, Shares, Turns, too_many_at_once};

/// Who waits for a turn waits some second at most.
const PLACES: usize = 32;

/// Of a network that asks how good passwords are, one is looked at and one waits.
const QUESTIONS: usize = 2;

/// Who says what is to be thought of passwords, and in whose turn.
#[derive(Clone, Debug)]
pub struct Judge {
    policy: Policy,
    known: Turns,
    strangers: Turns,
    questions: Shares<Option<Network>>,
}

impl Judge {
    /// What it goes by.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// One who goes by this policy.
    pub fn new(policy: Policy) -> Self {
        let turns = || Turns::new(1, PLACES);
        Self { policy, known: turns(), strangers: turns(), questions: Shares::new(QUESTIONS) }
    }

    /// [`Policy::accept`], for requests.
    ///
    /// # Errors
    /// Those of `accept`; 429 `too_many_at_once` or 503 when too many passwords wait to be looked at.
    pub async fn accept(&self, asker: &Asker, password: &Password, about: &[&str]) -> Result<()> {
        let (policy, password, about) = (self.policy, password.clone(), owned(about));
        self.in_turn(asker, move || policy.accept(&password, &borrowed(&about))).await?
    }

    /// What is to be thought of a password, and why it would be refused, if it would: for anybody who asks.
    ///
    /// # Errors
    /// 429 `too_many_at_once` or 503 when too many passwords wait to be looked at.
    pub async fn look(
        &self,
        asker: &Asker,
        presented: Presented,
        about: &[&str],
    ) -> Result<(Strength, Option<String>)> {
        let share = self.questions.take(asker.network);
        let share = share
            .ok_or_else(|| too_many_at_once("one request at a time; try again once the previous one is answered"))?;
        let (policy, about) = (self.policy, owned(about));
        let looked = self.in_turn(asker, move || {
            let _share = share;
            let strength = Strength::of(&presented.normalised(), &borrowed(&about));
            let refusal = match Password::try_from(presented.raw().to_owned()) {
                Ok(password) => policy.accept(&password, &borrowed(&about)).err().map(reason),
                Err(refusal) => Some(refusal),
            };
            (strength, refusal)
        });
        looked.await
    }

    async fn in_turn<T: Send + 'static>(&self, asker: &Asker, look: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turns = if asker.known { &self.known } else { &self.strangers };
        let turn = turns.take(asker.clone()).await;
        let turn = turn.map_err(|refused| refused.because("too many passwords wait to be looked at"))?;
        // It goes on when the caller has gone away, and so does its turn.
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            look()
        });
        looked.await.map_err(|error| Error::Internal(error.into()))
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
