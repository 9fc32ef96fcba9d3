//! `portero user`: people. One file for each thing that is done to them.

mod add;
mod admission;
mod change;
mod export;
mod invite;
mod remove;
mod reset_password;
mod send_reset;
mod sessions;
mod show;

use std::process::ExitCode;

use clap::Subcommand;
use time::OffsetDateTime;

use super::ask::NewPassword;
use super::import;
use super::named::Named;
use super::tool::Tool;
use crate::base::id::{PersonId, SessionId};
use crate::identity::accounts::Note;

pub(super) use reset_password::run as reset_password;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a person.
    Add(add::NewUser),
    /// List people.
    List {
        /// Only those whose username or name begins like this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Show a person and what they hold.
    Show {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// Change a person: what is named, and nothing else.
    #[command(override_usage = "portero user change <PERSON> <OPTIONS>")]
    Change {
        /// Id or username.
        person: Named<PersonId>,
        #[command(flatten)]
        new: change::NewDetails,
    },
    /// Keep a person from logging in, and end their sessions; what they hold is kept for when they are let in again.
    Disable {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// Let a person log in again who is disabled, or who has failed to too often.
    Enable {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// Remove a person: their sessions and grants end; username and document are free again.
    Remove {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// Give a person a new password, and end all their sessions and the waits after failed logins.
    ResetPassword {
        /// Id or username.
        person: Named<PersonId>,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Send a person a mail to set a new password, to the address that they have proved.
    SendReset {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// List where a person is logged in, the newest first.
    Sessions {
        /// Id or username.
        person: Named<PersonId>,
    },
    /// End a person's sessions: all of them, or one.
    EndSessions {
        /// Id or username.
        person: Named<PersonId>,
        /// Only this one: its id, as `portero user sessions` shows it.
        #[arg(long, value_name = "ID", value_parser = sessions::session_id)]
        session: Option<SessionId>,
    },
    /// Make an invitation, with which one person may register, once. It is shown this once.
    Invite {
        /// What it is for: whom it is given to, say.
        #[arg(long)]
        note: Option<Note>,
        /// How many days it is good for.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..=90))]
        days: u8,
    },
    /// Register many people at once, from a file or from the system that Portero succeeds: all or none.
    Import(import::Args),
    /// Write everybody to a file, or to standard output, with all that is kept about them but the hash of their password.
    Export(export::Args),
}

/// To the second, in UTC.
pub(super) fn moment(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    format!("{date} {:02}:{:02}:{:02} UTC", time.hour(), time.minute(), time.second())
}

/// How a random password is told.
pub(super) fn shown_once(password: &str) -> String {
    format!("\nTheir password, which is shown this once: {password}")
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add(new) => add::run(tool, new).await,
        Command::List { beginning } => show::list(tool, beginning).await,
        Command::Show { person } => show::show(tool, &person).await,
        Command::Change { person, new } => change::run(tool, &person, new).await,
        Command::Disable { person } => admission::disable(tool, &person).await,
        Command::Enable { person } => admission::enable(tool, &person).await,
        Command::Remove { person } => remove::run(tool, &person).await,
        Command::ResetPassword { person, password } => reset_password(tool, &person, &password).await,
        Command::SendReset { person } => send_reset::run(tool, &person).await,
        Command::Sessions { person } => sessions::list(tool, &person).await,
        Command::EndSessions { person, session } => sessions::end(tool, &person, session.as_ref()).await,
        Command::Invite { note, days } => invite::run(tool, note.as_ref(), days).await,
        Command::Import(args) => return import::run(args, tool).await,
        Command::Export(args) => export::run(tool, &args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}
