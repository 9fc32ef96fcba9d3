//! `portero mail`: the letters that could not be delivered.

use clap::Subcommand;
use serde_json::json;

use super::output::{Row, count, or_dash};
use super::tool::Tool;
use super::user::moment;
use crate::identity::mail::store::{self, DeadLetter};

/// Who has more of them looks at the newest first.
const MOST: i64 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List mails that were given up, newest first.
    List,
    /// Queue all of them again; a running server sends them.
    Retry,
}

impl Row for DeadLetter {
    const HEADER: &'static [&'static str] = &["id", "kind", "to", "queued", "tries", "last error"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.kind.clone(),
            or_dash(self.recipient.as_ref()),
            moment(self.created_at),
            self.attempts.to_string(),
            or_dash(self.last_error.as_ref()),
        ]
    }
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<()> {
    match command {
        Command::List => {
            let letters = store::dead_letters(&mut *tool.app.db.read().await?, MOST).await?;
            tool.output.list(&letters)
        }
        Command::Retry => {
            let mut tx = tool.app.db.begin().await?;
            let retried = store::retry(&mut tx, tool.app.clock.now()).await?;
            tx.commit().await?;
            let mails = count(retried, "mail is", "mails are");
            tool.output.done(&json!({ "retried": retried }), format_args!("{mails} tried again."))
        }
    }
}
