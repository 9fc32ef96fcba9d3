use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ClaimsChange;
use crate::base::attributes::AttributesChange;
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::{Id, PersonId};
use crate::base::locale::Locale;
use crate::base::names::{self, text_type};
use crate::base::object;
use crate::base::patch::Patch;
use crate::base::person::{PersonName, Username, person_not_found};
use crate::platform::passwords::{ImportedHash, Password};

text_type!(
    /// The number of an identity document.
    DocumentNumber, |text| names::line(text, 64), max: 64,
    except: "", example: "45678912"
);

/// Natural or juridical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "auth.person_type")]
pub enum PersonType {
    /// A natural person.
    N,
    /// A juridical person.
    J,
}

impl PersonType {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::N => "N",
            Self::J => "J",
        }
    }
}

/// The kind of identity document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "auth.document_type")]
pub enum DocumentType {
    /// National identity document.
    #[serde(rename = "DNI")]
    #[sqlx(rename = "DNI")]
    Dni,
    /// Foreigner's card.
    #[serde(rename = "CE")]
    #[sqlx(rename = "CE")]
    Ce,
    /// Taxpayer number.
    #[serde(rename = "RUC")]
    #[sqlx(rename = "RUC")]
    Ruc,
}

impl DocumentType {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dni => "DNI",
            Self::Ce => "CE",
            Self::Ruc => "RUC",
        }
    }
}

/// A person to register. Send at most one of `password` and `password_hash`; with neither, the person chooses one
/// later.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "username": "ada",
    "password": "correct horse battery",
    "name": "Ada Quispe",
    "person_type": "N",
    "document_type": "DNI",
    "document_number": "45678912",
    "email": "ada@example.com",
}))]
pub struct NewPerson {
    /// Their username.
    #[serde(alias = "login")]
    pub username: Username,
    /// Their password.
    #[serde(default)]
    pub password: Option<Password>,
    /// The older name of `password`. A hash from another system (PHC or crypt string, and others listed in
    /// docs/operations.md) is imported as a hash. What looks like an unsupported hash is refused.
    #[serde(default)]
    pub password_hash: Option<ImportedHash>,
    /// Their name.
    pub name: PersonName,
    /// Natural or juridical.
    #[serde(default)]
    pub person_type: Option<PersonType>,
    /// The kind of identity document. Send it with its number.
    #[serde(default)]
    pub document_type: Option<DocumentType>,
    /// Its number.
    #[serde(default)]
    pub document_number: Option<DocumentNumber>,
    /// Their e-mail address.
    #[serde(default)]
    pub email: Option<Email>,
    /// The language of their mails.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// Their attributes. You need `grants:write`, too.
    #[serde(default)]
    pub attributes: Option<AttributesChange>,
}

impl NewPerson {
    /// Their identity document, if they are to have one.
    ///
    /// # Errors
    /// 400 `invalid_request_body` when only a half of it is there.
    pub fn document(&self) -> Result<Option<(DocumentType, &DocumentNumber)>> {
        match (self.document_type, &self.document_number) {
            (Some(kind), Some(number)) => Ok(Some((kind, number))),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(missing("document_type")),
            (Some(_), None) => Err(missing("document_number")),
        }
    }
}

/// 400: a document has a type and a number.
fn missing(field: &str) -> Error {
    Error::invalid_field(field, "missing: send document_type and document_number, or neither")
}

/// What to change of a person; at least one field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"name": "Ada Quispe"}))]
pub struct PersonChange {
    /// A new username.
    #[serde(default, alias = "login")]
    pub username: Option<Username>,
    /// A new password: ends the person's other sessions.
    #[serde(default)]
    pub password: Option<Password>,
    /// The older name of `password`. A hash from another system (PHC or crypt string, and others listed in
    /// docs/operations.md) is imported as a hash. What looks like an unsupported hash is refused.
    #[serde(default)]
    pub password_hash: Option<ImportedHash>,
    /// A new name.
    #[serde(default)]
    pub name: Option<PersonName>,
    /// Natural or juridical; null for neither.
    #[serde(default)]
    #[schema(value_type = Option<PersonType>)]
    pub person_type: Patch<PersonType>,
    /// The kind of identity document. Send it with its number, unless one is stored; null for none, with its number.
    #[serde(default)]
    #[schema(value_type = Option<DocumentType>)]
    pub document_type: Patch<DocumentType>,
    /// Its number; null for none.
    #[serde(default)]
    #[schema(value_type = Option<DocumentNumber>)]
    pub document_number: Patch<DocumentNumber>,
    /// A new e-mail address. The old one is notified.
    #[serde(default)]
    pub email: Option<Email>,
    /// The language of their mails.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// What applications are told of them.
    #[serde(default, deserialize_with = "object::optional")]
    pub claims: Option<ClaimsChange>,
    /// Their attributes: null takes one away, and what is left out stays; null instead of the object takes all away. You need
    /// `grants:write`, too.
    #[serde(default)]
    #[schema(value_type = Option<AttributesChange>)]
    pub attributes: Patch<AttributesChange>,
}

impl PersonChange {
    /// 400: half of a document would be left.
    pub(super) fn half_of_a_document(&self) -> Error {
        let has_no_type = match (&self.document_type, &self.document_number) {
            (Patch::Clear, _) | (Patch::Keep, Patch::Set(_)) => true,
            (Patch::Set(_), _) | (Patch::Keep, Patch::Keep | Patch::Clear) => false,
        };
        missing(if has_no_type { "document_type" } else { "document_number" })
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        let Self {
            username,
            password,
            password_hash,
            name,
            person_type,
            document_type,
            document_number,
            email,
            locale,
            claims,
            attributes,
        } = self;
        username.is_none()
            && password.is_none()
            && password_hash.is_none()
            && name.is_none()
            && person_type.keeps()
            && document_type.keeps()
            && document_number.keeps()
            && email.is_none()
            && locale.is_none()
            && claims.is_none()
            && attributes.keeps()
    }
}

/// What a path under `/people` answers where a body would answer `error`: there an unknown username is 404, too.
pub fn named_in_path(error: Error) -> Error {
    match error {
        Error::Refused(refusal) if refusal.code == PersonId::INVALID => person_not_found(),
        error => error,
    }
}
