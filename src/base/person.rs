//! Whom everything is about.

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::error::Error;
use crate::base::id::{Id, PersonId, Ref};
use crate::base::names::{self, text_type};

text_type!(
    /// What a person logs in with.
    Username, username, max: 100,
    except: r"(?![-+]?[0-9]+$)(?!person-[0-9]+$)", example: "ada"
);

fn username(text: &str) -> Result<String, String> {
    let name = names::username(text)?;
    if digits_after_person(&name).is_some() {
        return Err("`person-<number>` always means the person with that id; choose another username".to_owned());
    }
    Ok(name)
}

fn digits_after_person(text: &str) -> Option<&str> {
    text.strip_prefix("person-").filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The id in `person-<id>`.
pub fn id_in(text: &str) -> Option<PersonId> {
    digits_after_person(text)?.parse().ok().map(PersonId)
}

text_type!(
    /// What a person is called.
    PersonName, |text| names::line(text, 200), max: 200,
    except: "", example: "Ada Quispe"
);

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    /// Their id.
    pub id: PersonId,
    /// Their username.
    #[schema(example = "juan")]
    pub username: String,
    /// Their name.
    #[schema(example = "Juan Demo")]
    pub name: String,
}

impl Person {
    /// Whether this is whom a caller named by id, by username or as `person-<id>`.
    pub fn is(&self, named: &Ref<PersonId>) -> bool {
        match named {
            Ref::Id(id) => *id == self.id,
            Ref::Name(name) => *name == self.username || id_in(name) == Some(self.id),
            Ref::NoSuchId | Ref::NoSuchName => false,
        }
    }
}

impl Ref<PersonId> {
    /// Whether this is neither an id nor `person-<id>`.
    pub fn is_username(&self) -> bool {
        match self {
            Self::Id(_) | Self::NoSuchId => false,
            Self::Name(name) => id_in(name).is_none(),
            Self::NoSuchName => true,
        }
    }
}

/// 404 `person_not_found`: what routes under `/people` and links say.
pub fn person_not_found() -> Error {
    Error::not_found("person_not_found", "no person has that id or username")
}

/// What a body answers whose `person_id` nobody bears: 404 for an id, 400 for a username.
pub fn unknown_person(person: &Ref<PersonId>) -> Error {
    if person.is_name() { PersonId::invalid() } else { person_not_found() }
}
