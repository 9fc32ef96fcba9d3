//! `portero user`: people.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use serde_json::json;
use time::OffsetDateTime;

use super::admin::keep_an_administrator;
use super::ask::NewPassword;
use super::grant::all_grants;
use super::named::Named;
use super::output::{Output, Row, count, line, or_dash, remark, table};
use super::tool::{Tool, list_all};
use super::{import, invite, send_reset};
use crate::accounts::Note;
use crate::attempts::store::FailedLogins;
use crate::attempts::{self, MOST_IN_A_ROW};
use crate::audit::{Action, Event};
use crate::mail::{self, Content, Locale};
use crate::shares::Asker;
use crate::tokens;
use crate::users::store::{Chosen, Details, NewRow};
use crate::users::{
    self, DocumentNumber, DocumentType, Email, Person, PersonChange, PersonId, PersonName, PersonType, Username,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a person.
    Add(NewUser),
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
}

#[derive(Debug, clap::Args)]
pub(super) struct NewUser {
    /// What they log in with.
    username: Username,
    /// What they are called.
    #[arg(long)]
    name: PersonName,
    /// Natural (N) or juridical (J).
    #[arg(long, ignore_case = true)]
    person_type: Option<PersonType>,
    /// The kind of identity document.
    #[arg(long, ignore_case = true, requires = "document_number")]
    document_type: Option<DocumentType>,
    /// Its number.
    #[arg(long, requires = "document_type")]
    document_number: Option<DocumentNumber>,
    /// Where they can be reached.
    #[arg(long)]
    email: Option<Email>,
    /// The language of their mails.
    #[arg(long)]
    locale: Option<Locale>,
    /// Give them no password: they choose one with a forgotten-password mail.
    #[arg(long, conflicts_with = "random_password")]
    no_password: bool,
    #[command(flatten)]
    password: NewPassword,
}

impl ValueEnum for PersonType {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::N, Self::J]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(self.as_str().into())
    }
}

impl ValueEnum for DocumentType {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Dni, Self::Ce, Self::Ruc]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(self.as_str().into())
    }
}

impl Row for Person {
    const HEADER: &'static [&'static str] = &["id", "username", "name"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.username.clone(), self.name.clone()]
    }
}

impl Row for Details {
    const HEADER: &'static [&'static str] = &["id", "username", "name", "document", "last login", "sessions", "state"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.username.clone(),
            self.name.clone(),
            document(self),
            or_dash(self.last_login_at.map(moment)),
            self.sessions.to_string(),
            if self.disabled_at.is_some() { "disabled" } else { "" }.to_owned(),
        ]
    }
}

fn document(person: &Details) -> String {
    match (person.document_type, &person.document_number) {
        (Some(kind), Some(number)) => format!("{} {number}", kind.as_str()),
        _ => "-".to_owned(),
    }
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
        Command::Add(new) => add(tool, new).await,
        Command::List { beginning } => list(tool, beginning).await,
        Command::Show { person } => show(tool, &person).await,
        Command::Disable { person } => set_disabled(tool, &person, true).await,
        Command::Enable { person } => set_disabled(tool, &person, false).await,
        Command::Remove { person } => remove(tool, &person).await,
        Command::ResetPassword { person, password } => reset_password(tool, &person, &password).await,
        Command::SendReset { person } => send_reset::run(tool, &person).await,
        Command::Invite { note, days } => invite::run(tool, note.as_ref(), days).await,
        Command::Import(args) => return import::run(args, tool).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn add(tool: &Tool, new: NewUser) -> anyhow::Result<()> {
    let about = [Some(new.username.as_str()), Some(new.name.as_str()), new.email.as_ref().map(Email::as_str)];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let (mut shown, mut hash) = (None, None);
    if !new.no_password {
        let chosen = new.password.get(tool.app.config.passwords, &about)?;
        shown = chosen.to_show();
        hash = Some(tool.app.hasher.hash(&Asker::ourselves("command line"), chosen.password).await?);
    }
    let row = NewRow {
        username: &new.username,
        name: &new.name,
        password_hash: hash.as_ref(),
        person_type: new.person_type,
        document: new.document_type.zip(new.document_number.as_ref()),
        email: new.email.as_ref(),
        locale: new.locale,
    };
    let mut tx = tool.begin().await?;
    let person = users::store::insert(&mut tx, &row).await?;
    let record = users::store::record(&mut tx, person.id).await?;
    tx.commit([Event::new(Action::UserCreated).about(person.id).after(record)]).await?;
    let made = json!({
        "id": person.id, "username": person.username, "name": person.name,
        "password": shown.as_ref().map(|password| password.as_str()),
    });
    let mut said = format!("Registered {} (id {}).", person.username, person.id);
    if let Some(password) = shown {
        said.push_str(&shown_once(&password));
    }
    tool.output.done(&made, said)
}

async fn list(tool: &Tool, beginning: Option<String>) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let list = async |page: &_| users::store::list_details(&mut conn, page).await;
    list_all(tool.output, beginning, |person: &Details| person.id.0, list).await
}

async fn show(tool: &Tool, named: &Named<PersonId>) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let id = named.find(&mut conn).await?.id;
    let person = users::store::details(&mut conn, id).await?;
    let grants = all_grants(&mut conn, id, None, tool.app.clock.now()).await?;
    let failed = attempts::store::of_person(&mut conn, id).await?;
    if tool.output == Output::Json {
        let mut shown = serde_json::to_value(&person)?;
        shown["failed_logins"] = serde_json::to_value(&failed)?;
        shown["grants"] = serde_json::to_value(&grants)?;
        return tool.output.done(&shown, "");
    }
    let rows = [
        ("id", person.id.to_string()),
        ("username", person.username.clone()),
        ("name", person.name.clone()),
        ("person type", or_dash(person.person_type.map(PersonType::as_str))),
        ("document", document(&person)),
        ("e-mail", or_dash(person.email.as_ref())),
        ("verified", or_dash(person.email_verified_at.map(moment))),
        ("language", or_dash(person.locale.as_ref())),
        ("registered", moment(person.created_at)),
        ("last login", or_dash(person.last_login_at.map(moment))),
        ("disabled", or_dash(person.disabled_at.map(moment))),
        ("sessions", person.sessions.to_string()),
    ];
    let now = tool.app.clock.now();
    let failed = failed.iter().map(|failed| ("failed logins", failed_logins(failed, now)));
    let rows = rows.into_iter().chain(failed);
    table(&[], rows.map(|(name, value)| vec![name.to_owned(), value]), &[])?;
    line("")?;
    tool.output.list(&grants)
}

fn failed_logins(failed: &FailedLogins, now: OffsetDateTime) -> String {
    let place = failed.network.as_deref().map_or("where they are not known".to_owned(), |network| {
        let device = if failed.known_device { "on a known device" } else { "on another device" };
        format!("at {network}, {device}")
    });
    let follows = if failed.failures >= MOST_IN_A_ROW && !failed.known_device {
        "they can't get in there before `portero user enable` or a new password".to_owned()
    } else if failed.wait_until > now {
        format!("nobody can try before {}", moment(failed.wait_until))
    } else {
        format!("the last at {}", moment(failed.last_failed_at))
    };
    format!("{} in a row {place}; {follows}", failed.failures)
}

async fn set_disabled(tool: &Tool, named: &Named<PersonId>, disabled: bool) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let changed = if disabled {
        keep_an_administrator(&mut tx, person.id, async |conn| users::disable(conn, person.id).await).await?
    } else {
        users::enable(&mut tx, person.id).await?
    };
    let details = users::store::details(&mut tx, person.id).await?;
    let action = if disabled { Action::UserDisabled } else { Action::UserEnabled };
    tx.commit(changed.then(|| Event::new(action).about(person.id))).await?;
    let can = if disabled { "can't log in any more; their sessions have ended" } else { "can log in" };
    tool.output.done(&details, format_args!("{} (id {}) {can}.", person.username, person.id))
}

async fn remove(tool: &Tool, named: &Named<PersonId>) -> anyhow::Result<()> {
    let mut tx = tool.begin().await?;
    let person = named.find(&mut tx).await?;
    let record = users::store::record(&mut tx, person.id).await?;
    let ended = keep_an_administrator(&mut tx, person.id, async |conn| {
        users::store::lock(&mut *conn, person.id).await?;
        let ended = tokens::store::revoke_all(conn, person.id, None).await?;
        users::store::remove(conn, person.id).await?;
        Ok(ended)
    })
    .await?;
    tx.commit([Event::new(Action::UserDeleted).about(person.id).before(record)]).await?;
    let sessions = count(ended, "session has ended", "sessions have ended");
    tool.output.done(
        &json!({ "id": person.id, "username": person.username, "revoked_tokens": ended }),
        format_args!("Removed {} (id {}); {sessions}.", person.username, person.id),
    )
}

/// `admin reset-password` and `user reset-password`.
pub(super) async fn reset_password(tool: &Tool, named: &Named<PersonId>, password: &NewPassword) -> anyhow::Result<()> {
    let person = named.find(&mut *tool.app.db.read().await?).await?;
    let chosen = password.get(tool.app.config.passwords, &[person.username.as_str(), person.name.as_str()])?;
    let shown = chosen.to_show();
    let hash = tool.app.hasher.hash(&Asker::ourselves("command line"), chosen.password).await?;
    let mut tx = tool.begin().await?;
    users::store::update(&mut tx, person.id, &PersonChange::default(), Some(&hash)).await?;
    users::store::note_giver(&mut tx, person.id, None, Chosen { password: true, email: false }).await?;
    let ended = tokens::store::revoke_all(&mut tx, person.id, None).await?;
    attempts::clear(&mut tx, person.id).await?;
    mail::queue(&mut tx, &tool.app, person.id, &Content::PasswordChanged, None).await?;
    let details = users::store::details(&mut tx, person.id).await?;
    tx.commit([Event::new(Action::PasswordChanged).about(person.id)]).await?;

    if details.disabled_at.is_some() {
        remark(&format!("{0} is disabled and can't log in: `portero user enable {0}`", person.username));
    }
    let done = json!({
        "id": person.id, "username": person.username, "revoked_tokens": ended,
        "password": shown.as_ref().map(|password| password.as_str()),
    });
    let sessions = count(ended, "session has ended", "sessions have ended");
    let mut said = format!("{} (id {}) has a new password; {sessions}.", person.username, person.id);
    if let Some(password) = shown {
        said.push_str(&shown_once(&password));
    }
    tool.output.done(&done, said)
}
