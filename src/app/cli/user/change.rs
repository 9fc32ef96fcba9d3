//! `portero user change`.

use crate::app::cli::tool::Tool;
use crate::app::cli::typed_ref::TypedRef;
use crate::base::email::Email;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::base::person::{PersonName, Username};
use crate::identity::people::{self, DocumentNumber, DocumentType, PersonChange, PersonType, RequestedChange};

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
    /// The kind of identity document. Needs its number, unless one is stored.
    #[arg(long, ignore_case = true)]
    document_type: Option<DocumentType>,
    /// Its number.
    #[arg(long)]
    document_number: Option<DocumentNumber>,
    /// A new e-mail address. The old one is notified by mail.
    #[arg(long)]
    email: Option<Email>,
    /// The language of their mails.
    #[arg(long)]
    locale: Option<Locale>,
}

impl From<NewDetails> for PersonChange {
    fn from(new: NewDetails) -> Self {
        let NewDetails { username, name, person_type, document_type, document_number, email, locale } = new;
        let (password, password_hash) = (None, None);
        Self { username, password, password_hash, name, person_type, document_type, document_number, email, locale }
    }
}

pub(super) async fn run(tool: &Tool, named: &TypedRef<PersonId>, new: NewDetails) -> anyhow::Result<()> {
    let change = PersonChange::from(new);
    let mut tx = tool.begin().await?;
    let id = named.find(&mut tx).await?.id;
    let wanted = RequestedChange { change: &change, password_hash: None, if_match: None, language: None };
    people::change(&mut tx, &tool.app, id, &wanted).await?;
    let details = people::store::details(&mut tx, id).await?;
    tx.commit([]).await?;
    tool.output.done(&details, format_args!("Changed {} (id {id}).", details.username))
}
