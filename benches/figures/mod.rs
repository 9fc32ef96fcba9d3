//! The figures, one file a group.

mod api_keys;
mod audit;
pub mod beside;
mod checks;
mod decisions;
mod equal;
mod factors;
mod logins;
mod oauth;
mod purge;
mod renewals;
mod rest;
mod scale;
mod storm;
mod stream;

use anyhow::Context;
use clap::ValueEnum;
use tokio::sync::OnceCell;

use crate::load::{Ask, By};
use crate::stage::Stage;
use crate::table::Row;
use crate::world::World;

/// 20,000 people have 100,000 tokens.
const PEOPLE: i32 = 20_000;
const DATABASE: &str = "usual";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Checks a second, what they cost and how long they take.
    Checks,
    /// Checks of API keys, against those of sessions.
    ApiKeys,
    /// Checks that come on a connection each.
    Connections,
    /// One connection, nothing else going on.
    Alone,
    /// Logins a second.
    Logins,
    /// Logins a second while others keep every core busy.
    Beside,
    /// Logins by code and by passkey, against those by password.
    Factors,
    /// What the audit trail costs a login.
    Audit,
    /// Whether the time of an answer tells who exists.
    Equal,
    /// Checks and memory while 64 clients log in.
    Storm,
    /// From a logout to its event at 200 backends.
    Stream,
    /// Memory and start.
    Rest,
    /// Checks while expired tokens are purged.
    Purge,
    /// What renewals do to the table of tokens.
    Renewals,
    /// Access tokens, introspection, logins for a client.
    Oauth,
    /// Decisions by policies, and checks of people in groups.
    Decisions,
    /// Every request at 1,000 people and at 1,000,000.
    Scale,
}

impl Figure {
    pub const USUAL: [Self; 14] = [
        Self::Checks,
        Self::ApiKeys,
        Self::Connections,
        Self::Alone,
        Self::Logins,
        Self::Factors,
        Self::Beside,
        Self::Audit,
        Self::Equal,
        Self::Storm,
        Self::Stream,
        Self::Oauth,
        Self::Decisions,
        Self::Rest,
    ];
    pub const ALL: [Self; 17] = [
        Self::Checks,
        Self::ApiKeys,
        Self::Connections,
        Self::Alone,
        Self::Logins,
        Self::Factors,
        Self::Beside,
        Self::Audit,
        Self::Equal,
        Self::Storm,
        Self::Stream,
        Self::Oauth,
        Self::Decisions,
        Self::Rest,
        Self::Purge,
        Self::Renewals,
        Self::Scale,
    ];
}

pub struct Bench {
    stage: Stage,
    rounds: u32,
    seconds: f64,
    people: i32,
    usual: OnceCell<World>,
}

impl Bench {
    pub fn new(stage: Stage, rounds: u32, seconds: f64, people: i32) -> Self {
        Self { stage, rounds, seconds, people, usual: OnceCell::new() }
    }

    pub async fn measure(&self, figure: Figure) -> anyhow::Result<Vec<Row>> {
        match figure {
            Figure::Checks => checks::checks(self).await,
            Figure::ApiKeys => api_keys::api_keys(self).await,
            Figure::Connections => checks::connections(self).await,
            Figure::Alone => checks::alone(self).await,
            Figure::Logins => logins::logins(self).await,
            Figure::Factors => factors::factors(self).await,
            Figure::Beside => beside::beside(self).await,
            Figure::Audit => audit::audit(self).await,
            Figure::Equal => equal::equal(self).await,
            Figure::Storm => storm::storm(self).await,
            Figure::Stream => stream::stream(self).await,
            Figure::Oauth => oauth::oauth(self).await,
            Figure::Decisions => decisions::decisions(self).await,
            Figure::Rest => rest::rest(self).await,
            Figure::Purge => purge::purge(self).await,
            Figure::Renewals => renewals::renewals(self).await,
            Figure::Scale => scale::scale(self).await,
        }
        .with_context(|| format!("{figure:?}"))
    }

    pub async fn end(self) {
        self.stage.strike().await;
    }

    /// The world of the usual figures, in the database [`DATABASE`], filled by whoever comes first.
    async fn usual(&self) -> anyhow::Result<World> {
        self.usual.get_or_try_init(|| self.stage.populate(DATABASE, PEOPLE)).await.copied()
    }

    fn rounds(&self) -> impl Iterator<Item = u32> {
        1..=self.rounds
    }
}

/// The main question of a backend.
fn check() -> Ask {
    Ask::new("POST", "/check-token", By::Themselves).proof("{\"user_id\":{person},")
}

fn login() -> Ask {
    let body = format!(r#"{{"username":"{{username}}","password":"{}"}}"#, crate::world::PASSWORD);
    Ask::new("POST", "/auth/login", By::Nobody).body(&body).proof("{\"user_id\":{person},")
}

#[expect(clippy::cast_precision_loss, reason = "few enough")]
fn share(part: u64, of: u64) -> f64 {
    part as f64 / of as f64
}
