//! `portero user add`.

use clap::ValueEnum;
use serde_json::json;

use super::attributes::{NamedAttribute, all};
use super::shown_once;
use crate::app::cli::ask::NewPassword;
use crate::app::cli::tool::Tool;
use crate::base::attributes::Attributes;
use crate::base::email::Email;
use crate::base::error::Error;
use crate::base::locale::Locale;
use crate::base::person::{PersonName, Username};
use crate::identity::people::store::NewRow;
use crate::identity::people::{self, DocumentNumber, DocumentType, PersonType, RegisteredBy};
use crate::platform::shares::Asker;

#[derive(Debug, clap::Args)]
pub(in crate::app::cli) struct NewUser {
    /// Their username.
    username: Username,
    /// Their name.
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
    /// Their e-mail address.
    #[arg(long)]
    email: Option<Email>,
    /// The language of their mails.
    #[arg(long)]
    locale: Option<Locale>,
    /// An attribute, as NAME=VALUE; may be given several times. As for `portero user change`.
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<NamedAttribute>,
    /// Set no password: the person chooses one with a reset mail.
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

pub(super) async fn run(tool: &Tool, new: NewUser) -> anyhow::Result<()> {
    let about = [Some(new.username.as_str()), Some(new.name.as_str()), new.email.as_ref().map(Email::as_str)];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let (mut shown, mut hash) = (None, None);
    if !new.no_password {
        let chosen = new.password.get(tool.app.config.passwords, &about)?;
        shown = chosen.to_show();
        hash = Some(tool.app.hasher.hash(&Asker::ourselves("command line"), chosen.password).await?);
    }
    let attributes = Attributes::default().with(all(new.attribute)?);
    let row = NewRow {
        username: &new.username,
        name: &new.name,
        password_hash: hash.as_ref(),
        person_type: new.person_type,
        document: new.document_type.zip(new.document_number.as_ref()),
        email: new.email.as_ref(),
        locale: new.locale,
        attributes: (!attributes.is_empty()).then_some(&attributes),
    };
    let mut tx = tool.begin().await?;
    let person = people::register(&mut tx, &row, RegisteredBy::Another).await?.map_err(Error::from)?;
    tx.commit([]).await?;
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
