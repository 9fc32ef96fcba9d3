//! Whom everything is about.

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::error::Error;
use crate::base::id::{Id, PersonId, Ref};
use crate::base::names::{self, text_type};

text_type!(
    /// What a person logs in with.
    Username, username, max: 100,
    except: r"(?![-+]?[0-9]+$)(?!person-[0-9]+$)(?![Cc][Ll][Ii][Ee][Nn][Tt]:)", example: "ada"
);

fn username(text: &str) -> Result<String, String> {
    let name = names::username(text)?;
    if digits_after_person(&name).is_some() {
        return Err("`person-<number>` always means the person with that id; choose another username".to_owned());
    }
    if names::begins_like(&name, CLIENT) {
        return Err("`client:…` always means a client that acts for itself; choose another username".to_owned());
    }
    Ok(name)
}

/// How the usernames of clients that act for themselves begin. No person's does.
const CLIENT: &str = "client:";

/// The username of the client that requests call `client_id`, where it acts for itself.
pub fn username_of_client(client_id: &str) -> String {
    format!("{CLIENT}{client_id}")
}

/// What requests call the client that has this username; `None` of a person's.
pub fn client_of_username(username: &str) -> Option<&str> {
    username.strip_prefix(CLIENT)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_person_has_the_username_of_a_client() {
        let own = username_of_client("billing");
        assert_eq!((client_of_username(&own), client_of_username("billing")), (Some("billing"), None));
        for taken in [&own, "client:", "Client:billing", "CLIENT:7", "cl\u{131}ent:billing"] {
            assert!(taken.parse::<Username>().is_err(), "{taken}");
        }
        for free in ["client", "client-billing", "clients:billing", "my-client:billing"] {
            assert!(free.parse::<Username>().is_ok(), "{free}");
        }
    }
}
