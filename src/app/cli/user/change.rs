//! `portero user change`.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::attributes::{NamedAttribute, all};
use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::email::Email;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::base::patch::Patch;
use crate::base::person::{PersonName, Username};
use crate::identity::people::{
    self, ClaimsChange, DocumentNumber, DocumentType, PersonChange, PersonType, RequestedChange,
};

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(in crate::app::cli) struct NewDetails {
    /// A new username. Sessions continue.
    #[arg(long)]
    username: Option<Username>,
    /// Their name.
    #[arg(long)]
    name: Option<PersonName>,
    /// Natural (N) or juridical (J).
    #[arg(long, ignore_case = true)]
    person_type: Option<PersonType>,
    /// Neither natural nor juridical any more.
    #[arg(long, conflicts_with = "person_type")]
    no_person_type: bool,
    /// The kind of identity document. Needs its number, unless one is stored.
    #[arg(long, ignore_case = true)]
    document_type: Option<DocumentType>,
    /// Its number.
    #[arg(long)]
    document_number: Option<DocumentNumber>,
    /// No identity document any more.
    #[arg(long, conflicts_with_all = ["document_type", "document_number"])]
    no_document: bool,
    /// A new e-mail address. The old one is notified by mail.
    #[arg(long)]
    email: Option<Email>,
    /// The language of their mails.
    #[arg(long)]
    locale: Option<Locale>,
    /// What applications are told of them, as NAME=VALUE; may be given several times. Nothing behind the sign empties it.
    /// family_name, given_name, middle_name, nickname, profile, picture, website, gender, birthdate, zoneinfo, locale,
    /// phone_number, phone_number_verified (true or false), address.formatted, address.street_address, address.locality,
    /// address.region, address.postal_code, address.country.
    #[arg(long, value_name = "NAME=VALUE")]
    claim: Vec<String>,
    /// An attribute, as NAME=VALUE; may be given several times. A number, true or false, and a list in JSON are what they look
    /// like, all else is text; so is what stands between quotes. Nothing behind the sign takes it away.
    #[arg(long, value_name = "NAME=VALUE")]
    attribute: Vec<NamedAttribute>,
}

impl NewDetails {
    fn change(self) -> anyhow::Result<PersonChange> {
        let claims = if self.claim.is_empty() { None } else { Some(said(&self.claim)?) };
        let attributes = if self.attribute.is_empty() { Patch::Keep } else { Patch::Set(all(self.attribute)?) };
        let change = PersonChange {
            username: self.username,
            name: self.name,
            person_type: set(self.person_type, self.no_person_type),
            document_type: set(self.document_type, self.no_document),
            document_number: set(self.document_number, self.no_document),
            email: self.email,
            locale: self.locale,
            claims,
            attributes,
            ..PersonChange::default()
        };
        Ok(change)
    }
}

fn set<T>(value: Option<T>, none: bool) -> Patch<T> {
    value.map_or(if none { Patch::Clear } else { Patch::Keep }, Patch::Set)
}

/// What is said of the claims, as a request would say it.
fn said(claims: &[String]) -> anyhow::Result<ClaimsChange> {
    let mut said = Map::new();
    for claim in claims {
        let (name, value) = claim.split_once('=').with_context(|| format!("--claim {claim}: expected NAME=VALUE"))?;
        let value = match (name, value) {
            (_, "") => Value::Null,
            ("phone_number_verified", "true" | "false") => (value == "true").into(),
            _ => value.into(),
        };
        match name.split_once('.') {
            Some(("address", part)) => said.entry("address").or_insert_with(|| json!({}))[part] = value,
            Some(_) => bail!("--claim {name}: there is no such claim"),
            None => drop(said.insert(name.to_owned(), value)),
        }
    }
    serde_path_to_error::deserialize(Value::Object(said)).context("--claim")
}

pub(super) async fn run(tool: &Tool, named: &TypedRef<PersonId>, new: NewDetails) -> anyhow::Result<()> {
    let change = new.change()?;
    let mut tx = tool.begin().await?;
    let id = named.find(&mut tx).await?.id;
    let wanted = RequestedChange { change: &change, password_hash: None, if_match: None, language: None };
    people::change(&mut tx, &tool.app, id, &wanted).await?;
    let details = people::store::details(&mut tx, id).await?;
    tx.commit([]).await?;
    tool.output.done(&details, format_args!("Changed {} (id {id}).", details.username))
}
