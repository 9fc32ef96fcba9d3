//! `portero user`: people. One file for each thing that is done to them.

mod add;
mod admission;
mod attributes;
mod change;
mod export;
mod invite;
mod remove;
mod remove_factors;
mod reset_password;
mod send_reset;
mod sessions;
mod show;

use std::process::ExitCode;

use clap::Subcommand;
use time::OffsetDateTime;

use super::ask::NewPassword;
use super::import;
use super::tool::Tool;
use super::typed_ref::TypedRef;
use crate::base::id::{PersonId, SessionId};
use crate::identity::accounts::Note;
use attributes::WantedAttribute;

pub(super) use reset_password::run as reset_password;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a person.
    Add(add::NewUser),
    /// List people.
    List {
        /// Only usernames or names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
        /// Only those who have this attribute, or a list that contains it. May be repeated: then all must hold.
        #[arg(long = "attribute", value_name = "NAME=VALUE")]
        attributes: Vec<WantedAttribute>,
    },
    /// Show a person and what they hold.
    Show {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// Change a person. Only the given options change.
    #[command(override_usage = "portero user change <PERSON> <OPTIONS>")]
    Change {
        /// Id or username.
        person: TypedRef<PersonId>,
        #[command(flatten)]
        new: change::NewDetails,
    },
    /// Disable a person: end their sessions and refuse their logins. Grants are kept.
    Disable {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// Enable a disabled person, and clear failed logins.
    Enable {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// Remove a person. Sessions and grants end; username and document become free.
    Remove {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// Set a person's password, end all their sessions, and clear the waits after failed logins.
    ResetPassword {
        /// Id or username.
        person: TypedRef<PersonId>,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Send a password reset mail to a person's verified address.
    SendReset {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// Remove all second factors of a person who has lost them, with their recovery codes and trusted devices. Their password is enough
    /// from then on.
    RemoveFactors {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// List a person's sessions, newest first.
    Sessions {
        /// Id or username.
        person: TypedRef<PersonId>,
    },
    /// End a person's sessions: all of them, or one.
    EndSessions {
        /// Id or username.
        person: TypedRef<PersonId>,
        /// End only this one: its id, as `portero user sessions` shows it.
        #[arg(long, value_name = "ID", value_parser = sessions::session_id)]
        session: Option<SessionId>,
    },
    /// Create an invitation for one person. It is shown only once.
    Invite {
        /// A note, such as who it is for.
        #[arg(long)]
        note: Option<Note>,
        /// How many days it is valid.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(1..=90))]
        days: u8,
    },
    /// Register many people from a file, or from the predecessor's database; all or none.
    Import(import::Args),
    /// Export all people to a file or standard output, with everything stored except password hashes.
    Export(export::Args),
}

/// To the second, in UTC.
pub(super) fn moment(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    format!("{date} {:02}:{:02}:{:02} UTC", time.hour(), time.minute(), time.second())
}

/// How a random password is told.
pub(super) fn shown_once(password: &str) -> String {
    format!("\nTheir password, shown only once: {password}")
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    match command {
        Command::Add(new) => add::run(tool, new).await,
        Command::List { beginning, attributes } => show::list(tool, beginning, attributes::wanted(attributes)?).await,
        Command::Show { person } => show::show(tool, &person).await,
        Command::Change { person, new } => change::run(tool, &person, new).await,
        Command::Disable { person } => admission::disable(tool, &person).await,
        Command::Enable { person } => admission::enable(tool, &person).await,
        Command::Remove { person } => remove::run(tool, &person).await,
        Command::ResetPassword { person, password } => reset_password(tool, &person, &password).await,
        Command::SendReset { person } => send_reset::run(tool, &person).await,
        Command::RemoveFactors { person } => remove_factors::run(tool, &person).await,
        Command::Sessions { person } => sessions::list(tool, &person).await,
        Command::EndSessions { person, session } => sessions::end(tool, &person, session.as_ref()).await,
        Command::Invite { note, days } => invite::run(tool, note.as_ref(), days).await,
        Command::Import(args) => return import::run(args, tool).await,
        Command::Export(args) => export::run(tool, &args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}
