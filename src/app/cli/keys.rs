//! `portero keys`: what tokens are signed with.

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;

use super::output::{Row, or_dash};
use super::tool::Tool;
use super::user::moment;
use crate::oauth::keys::{rotate, store};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the signing keys. The private ones are not shown.
    List,
    /// Make new signing keys. They are published now and sign in ten minutes; the old ones stay published until what they
    /// signed has expired.
    Rotate {
        /// Sign with the new keys now and no longer publish the old ones, as when somebody has got hold of them: nobody can
        /// verify what those have signed any more.
        #[arg(long)]
        now: bool,
    },
}

/// A signing key, as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    kid: String,
    alg: String,
    /// `next`, `signing`, `previous`, or `retired`: no longer published.
    status: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    signs_from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    published_until: Option<OffsetDateTime>,
}

impl Row for Shown {
    const HEADER: &'static [&'static str] = &["id", "algorithm", "status", "made", "signs from", "published until"];

    fn cells(&self) -> Vec<String> {
        let (made, signs_from) = (moment(self.created_at), moment(self.signs_from));
        let until = or_dash(self.published_until.map(moment));
        vec![self.kid.clone(), self.alg.clone(), self.status.to_owned(), made, signs_from, until]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::List => list(tool).await,
        Command::Rotate { now } => {
            let made = rotate(&tool.app, tool.begin().await?, now).await?;
            let keys: Vec<_> = made.iter().map(|(alg, kid)| json!({"alg": alg, "kid": kid})).collect();
            let what = if now {
                "They sign from now on, on every instance. The old ones are published no more."
            } else {
                "They are published from now on and sign in ten minutes."
            };
            let all: Vec<String> = made.iter().map(|(alg, kid)| format!("  {alg} {kid}")).collect();
            let sentence = format!("Made {} signing keys:\n{}\n{what}", made.len(), all.join("\n"));
            tool.output.done(&json!({"status": "keys_rotated", "keys": keys, "at_once": now}), sentence)
        }
    }
}

async fn list(tool: &Tool) -> anyhow::Result<()> {
    let now = tool.app.clock.now();
    let keys = store::listed(&mut *tool.app.db.read().await?).await?;
    let signing = |key: &store::Listed| {
        let is_out = |other: &store::Listed| other.published_until.is_some_and(|until| until <= now);
        let mut signs = keys.iter().filter(|other| other.alg == key.alg && other.signs_from <= now && !is_out(other));
        signs.next_back().is_some_and(|last| last.kid == key.kid)
    };
    let shown: Vec<Shown> = keys
        .iter()
        .map(|key| Shown {
            kid: key.kid.clone(),
            alg: key.alg.clone(),
            status: match key.signs_from > now {
                _ if key.published_until.is_some_and(|until| until <= now) => "retired",
                true => "next",
                false if signing(key) => "signing",
                false => "previous",
            },
            created_at: key.created_at,
            signs_from: key.signs_from,
            published_until: key.published_until,
        })
        .collect();
    tool.output.list(&shown)
}
