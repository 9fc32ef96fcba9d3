//! What a line of a file says, read and checked.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::file::FIELDS;
use crate::error::Error;
use crate::passwords::{Password, PasswordHash, Policy, Presented};
use crate::users::{DocumentNumber, DocumentType, Email, PersonName, PersonType, Username};

/// The fields of a line, unread. Without `Debug`: two of them are secrets.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    username: Option<String>,
    name: Option<String>,
    password: Option<Presented>,
    password_hash: Option<String>,
    person_type: Option<String>,
    document_type: Option<String>,
    document_number: Option<String>,
    email: Option<String>,
}

impl Fields {
    /// Sets the field that is at this place in [`FIELDS`].
    pub(super) fn set(&mut self, field: usize, value: String) {
        let place = match FIELDS[field] {
            "username" => &mut self.username,
            "name" => &mut self.name,
            "password_hash" => &mut self.password_hash,
            "person_type" => &mut self.person_type,
            "document_type" => &mut self.document_type,
            "document_number" => &mut self.document_number,
            "email" => &mut self.email,
            _ => return self.password = Some(value.into()),
        };
        *place = Some(value);
    }
}

/// A person to be, as far as their line can be read.
#[derive(Debug, Default)]
pub struct Candidate {
    pub(super) username: Option<Username>,
    pub(super) name: Option<PersonName>,
    pub(super) password: Option<Password>,
    pub(super) password_hash: Option<PasswordHash>,
    pub(super) person_type: Option<PersonType>,
    pub(super) document: Option<(DocumentType, DocumentNumber)>,
    pub(super) email: Option<Email>,
}

/// Reads a line: what can be read of it, and all that is wrong with it.
pub(super) fn read(fields: Fields, policy: Policy) -> (Candidate, Vec<String>) {
    let mut faults = Vec::new();
    let username = needed("username", fields.username.as_deref(), &mut faults);
    let name = needed("name", fields.name.as_deref(), &mut faults);
    let person_type = optional("person_type", fields.person_type.as_deref(), word, &mut faults);
    let kind = optional("document_type", fields.document_type.as_deref(), word, &mut faults);
    let number = optional("document_number", fields.document_number.as_deref(), str::parse, &mut faults);
    let document = match (kind, number) {
        (Some(kind), Some(number)) => Some((kind, number)),
        _ => None,
    };
    if fields.document_type.is_some() != fields.document_number.is_some() {
        faults.push("document_type and document_number: one is missing; give both or none".to_owned());
    }
    let email: Option<Email> = optional("email", fields.email.as_deref(), str::parse, &mut faults);
    let about = [
        username.as_ref().map(Username::as_str),
        name.as_ref().map(PersonName::as_str),
        email.as_ref().map(Email::as_str),
    ];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let (mut password, mut password_hash) = (None, None);
    match secret(fields.password, fields.password_hash.as_deref(), &about, policy) {
        Ok(Secret::Hash(hash)) => password_hash = Some(hash),
        Ok(Secret::Password(new)) => password = Some(new),
        Err(fault) => faults.push(fault),
    }
    (Candidate { username, name, password, password_hash, person_type, document, email }, faults)
}

fn needed<T: FromStr<Err = String>>(field: &str, text: Option<&str>, faults: &mut Vec<String>) -> Option<T> {
    if text.is_none() {
        faults.push(format!("{field}: missing"));
    }
    optional(field, text, str::parse, faults)
}

fn optional<T>(
    field: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
    faults: &mut Vec<String>,
) -> Option<T> {
    read(text?).map_err(|fault| faults.push(format!("{field}: {fault}"))).ok()
}

/// One of a few words.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<ValueError>::new(text))
        .map_err(|error| error.to_string().escape_debug().to_string().replace("unknown variant", "unknown word"))
}

enum Secret {
    Hash(PasswordHash),
    Password(Password),
}

/// Whichever the line gives. A text that is no known hash is not taken for a password, nor the other way round: somebody
/// would have a password that nobody knows, or one that everybody with the file does.
fn secret(password: Option<Presented>, hash: Option<&str>, about: &[&str], policy: Policy) -> Result<Secret, String> {
    match (password, hash) {
        (None, None) => Err("password: missing; give password or password_hash".to_owned()),
        (Some(_), Some(_)) => Err("password: given together with password_hash; give one of them".to_owned()),
        (None, Some(hash)) if PasswordHash::is_claimed_by(hash.trim()) => {
            PasswordHash::import(hash).map(Secret::Hash).map_err(|fault| format!("password_hash: {fault}"))
        }
        (None, Some(_)) => Err("password_hash: is not a hash that Portero knows (Argon2, scrypt and PBKDF2 as PHC \
                                strings, bcrypt); a password belongs into `password`"
            .to_owned()),
        (Some(password), None) if PasswordHash::is_claimed_by(password.raw()) => {
            Err("password: looks like a hash; a hash belongs into `password_hash`".to_owned())
        }
        (Some(password), None) => {
            let password =
                Password::try_from(password.raw().to_owned()).map_err(|fault| format!("password: {fault}"))?;
            policy.accept(&password, about).map_err(|error| match error {
                Error::Refused(refusal) => refusal.detail.replace('`', ""),
                error => error.to_string(),
            })?;
            Ok(Secret::Password(password))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(values: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in values {
            let place = FIELDS.iter().position(|field| field == name).expect("a field");
            fields.set(place, (*value).to_owned());
        }
        fields
    }

    fn faults(values: &[(&str, &str)]) -> String {
        read(fields(values), Policy::at_least(8)).1.join("; ")
    }

    #[test]
    fn a_whole_line_is_a_person() {
        let (ada, faults) = read(
            fields(&[
                ("username", "ada"),
                ("name", "Ada Quispe"),
                ("password", "correct horse"),
                ("person_type", "N"),
                ("document_type", "DNI"),
                ("document_number", "1"),
            ]),
            Policy::at_least(8),
        );
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(ada.person_type, Some(PersonType::N));
        assert_eq!(ada.document.map(|(kind, _)| kind), Some(DocumentType::Dni));
        assert!(ada.password.is_some() && ada.password_hash.is_none());
    }

    #[test]
    fn all_faults_of_a_line_are_named() {
        let faults = faults(&[("username", "12"), ("document_type", "PASSPORT"), ("password", "short")]);
        for fault in ["username: a name can't be a number", "name: missing", "PASSPORT", "one is missing", "too short"]
        {
            assert!(faults.contains(fault), "{fault} in {faults}");
        }
    }

    #[test]
    fn secrets_are_what_their_field_says() {
        let with = |field: &str, value: &str| faults(&[("username", "ada"), ("name", "Ada"), (field, value)]);
        let bcrypt = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        assert_eq!(with("password_hash", bcrypt), "");
        assert!(with("password", bcrypt).contains("password_hash"));
        assert!(with("password_hash", "5f4dcc3b5aa765d61d8327deb882cf99").contains("not a hash"));
        assert!(with("password_hash", "$6$salt$hash").contains("not a hash"));
        assert!(with("password_hash", &bcrypt.replace("$10$", "$31$")).contains("costs more"));
        assert!(with("password_hash", "$2y$10$short").contains("can't be read"));
        assert!(with("password", "ADA").contains("too short"));
        let faults = faults(&[("username", "hunter2-hunter2"), ("name", "Ada"), ("password", "hunter2-hunter2")]);
        assert!(faults.contains("must not be the username") && !faults.contains("hunter2"), "{faults}");
    }
}
