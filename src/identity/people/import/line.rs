//! What a line of a file says, read and checked.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IgnoredAny};
use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization;

use super::file::{KnownField, READ_ONLY};
use crate::base::attributes::{AttributeName, AttributeValue, Attributes, AttributesChange};
use crate::base::clock;
use crate::base::email::Email;
use crate::base::error::Error;
use crate::base::locale::Locale;
use crate::base::names;
use crate::base::person::{PersonName, Username};
use crate::identity::people::{DocumentNumber, DocumentType, PersonType};
use crate::platform::passwords::{NO_FIREBASE_KEY, Password, PasswordHash, Policy, Presented};

/// The fields of a line, unread. Without `Debug`: two of them are secrets.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineFields {
    #[serde(alias = "login")]
    username: Option<String>,
    #[serde(alias = "display_name")]
    name: Option<String>,
    password: Option<Presented>,
    password_hash: Option<String>,
    person_type: Option<String>,
    document_type: Option<String>,
    document_number: Option<String>,
    email: Option<String>,
    locale: Option<String>,
    disabled_at: Option<String>,
    groups: Option<GroupNames>,
    id: Option<IgnoredAny>,
    email_verified_at: Option<IgnoredAny>,
    created_at: Option<IgnoredAny>,
    last_login_at: Option<IgnoredAny>,
    sessions: Option<IgnoredAny>,
    claims: Option<IgnoredAny>,
    #[serde(default)]
    attributes: Option<AttributesChange>,
}

/// Names of groups: in CSV, and in JSON if need be, one text.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a list of names, or one text with `;` between them")]
enum GroupNames {
    /// By `;`.
    Parted(String),
    Listed(Vec<String>),
}

impl GroupNames {
    /// Each once; as names are looked up, without the spaces around them.
    fn read(self) -> Vec<String> {
        let names = match self {
            Self::Parted(text) => text.split(';').map(str::to_owned).collect(),
            Self::Listed(names) => names,
        };
        let names: BTreeSet<String> = names.iter().map(|name| name.trim().nfc().collect()).collect();
        names.into_iter().filter(|name: &String| !name.is_empty()).collect()
    }
}

impl LineFields {
    /// Sets a field.
    pub(super) fn set(&mut self, field: KnownField, value: String) {
        let place = match field.name() {
            "username" => &mut self.username,
            "name" => &mut self.name,
            "password" => return self.password = Some(value.into()),
            "password_hash" => &mut self.password_hash,
            "person_type" => &mut self.person_type,
            "document_type" => &mut self.document_type,
            "document_number" => &mut self.document_number,
            "email" => &mut self.email,
            "locale" => &mut self.locale,
            "disabled_at" => &mut self.disabled_at,
            "groups" => return self.groups = Some(GroupNames::Parted(value)),
            "id" => return self.id = Some(IgnoredAny),
            "email_verified_at" => return self.email_verified_at = Some(IgnoredAny),
            "created_at" => return self.created_at = Some(IgnoredAny),
            "last_login_at" => return self.last_login_at = Some(IgnoredAny),
            "claims" => return self.claims = Some(IgnoredAny),
            _ => return self.sessions = Some(IgnoredAny),
        };
        *place = Some(value);
    }

    /// Sets an attribute.
    pub(super) fn set_attribute(&mut self, name: AttributeName, value: AttributeValue) {
        self.attributes.get_or_insert_default().say(name, Some(value));
    }

    /// What it has of [`READ_ONLY`].
    pub(super) fn left_out(&self) -> impl Iterator<Item = &'static str> {
        let has = [self.id, self.email_verified_at, self.created_at, self.last_login_at, self.sessions, self.claims];
        READ_ONLY.into_iter().zip(has).filter_map(|(field, value)| value.map(|_| field))
    }
}

/// A person to be, as far as their line can be read.
#[derive(Debug, Default)]
pub struct ParsedPerson {
    pub(super) username: Option<Username>,
    pub(super) name: Option<PersonName>,
    pub(super) password: Option<Password>,
    pub(super) password_hash: Option<PasswordHash>,
    pub(super) person_type: Option<PersonType>,
    pub(super) document: Option<(DocumentType, DocumentNumber)>,
    pub(super) email: Option<Email>,
    pub(super) locale: Option<Locale>,
    pub(super) disabled_at: Option<OffsetDateTime>,
    pub(super) attributes: Attributes,
    /// Names of groups.
    pub(super) groups: Vec<String>,
}

/// What passwords, hashes and moments in files must keep to.
#[derive(Clone, Copy, Debug)]
pub struct PasswordRules {
    policy: Policy,
    /// Whether Firebase's hashes can be verified.
    knows_firebase: bool,
    now: OffsetDateTime,
}

impl PasswordRules {
    /// By this policy for passwords; of moments none may be after `now`.
    pub fn new(policy: Policy, knows_firebase: bool, now: OffsetDateTime) -> Self {
        Self { policy, knows_firebase, now }
    }
}

/// Reads a line: what can be read of it, and all that is wrong with it.
pub(super) fn read(fields: LineFields, rules: PasswordRules) -> (ParsedPerson, Vec<String>) {
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
        let missing = if fields.document_type.is_none() { "document_type" } else { "document_number" };
        faults.push(format!("{missing}: one is missing; give document_type and document_number, or none"));
    }
    let email: Option<Email> = optional("email", fields.email.as_deref(), str::parse, &mut faults);
    let locale = optional("locale", fields.locale.as_deref(), word, &mut faults);
    let disabled_at = optional("disabled_at", fields.disabled_at.as_deref(), |text| past(text, rules.now), &mut faults);
    let about = [
        username.as_ref().map(Username::as_str),
        name.as_ref().map(PersonName::as_str),
        email.as_ref().map(Email::as_str),
    ];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let attributes = Attributes::default().with(fields.attributes.unwrap_or_default());
    let (mut password, mut password_hash) = (None, None);
    match secret(fields.password, fields.password_hash.as_deref(), &about, rules) {
        Ok(Some(LineSecret::Hash(hash))) => password_hash = Some(hash),
        Ok(Some(LineSecret::Password(new))) => password = Some(new),
        Ok(None) => {}
        Err(fault) => faults.push(fault),
    }
    let groups = read_groups(fields.groups, &mut faults);
    let person = ParsedPerson {
        username,
        name,
        password,
        password_hash,
        person_type,
        document,
        email,
        locale,
        disabled_at,
        attributes,
        groups,
    };
    (person, faults)
}

fn read_groups(names: Option<GroupNames>, faults: &mut Vec<String>) -> Vec<String> {
    let names = names.map(GroupNames::read).unwrap_or_default();
    let is_none = |name: &&String| name.contains(char::is_control) || name.chars().nth(names::MAX_NAME).is_some();
    if let Some(name) = names.iter().find(is_none) {
        let name: String = name.escape_debug().take(names::MAX_NAME).collect();
        faults.push(format!("groups: {name} is no group's name"));
        return Vec::new();
    }
    names
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

fn past(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
    let moment = clock::read_rfc3339(text).ok_or_else(|| "is not a time like 2026-01-31T09:00:00Z".to_owned())?;
    if moment <= now { Ok(moment) } else { Err("must not be in the future; this moment is yet to come".to_owned()) }
}

enum LineSecret {
    Hash(PasswordHash),
    Password(Password),
}

/// Whichever the line gives, if any: who has none chooses one later. A text that is no known hash is not taken for a password, nor the other way round: somebody
/// would have a password that nobody knows, or one that everybody with the file does.
fn secret(
    password: Option<Presented>,
    hash: Option<&str>,
    about: &[&str],
    rules: PasswordRules,
) -> Result<Option<LineSecret>, String> {
    match (password, hash) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err("password: given together with password_hash; give one of them".to_owned()),
        (None, Some(hash)) => {
            let hash = PasswordHash::import(hash).and_then(|hash| {
                let is_known = rules.knows_firebase || !hash.is_of_firebase();
                if is_known { Ok(hash) } else { Err(NO_FIREBASE_KEY.to_owned()) }
            });
            hash.map(LineSecret::Hash).map(Some).map_err(|fault| format!("password_hash: {fault}"))
        }
        (Some(password), None) if PasswordHash::is_surely(password.raw()) => {
            Err("password: looks like a hash; a hash belongs into `password_hash`".to_owned())
        }
        (Some(password), None) => {
            let password =
                Password::try_from(password.raw().to_owned()).map_err(|fault| format!("password: {fault}"))?;
            rules.policy.accept(&password, about).map_err(|error| match error {
                Error::Refused(refusal) => refusal.detail.replace('`', ""),
                error => error.to_string(),
            })?;
            Ok(Some(LineSecret::Password(password)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PasswordRules = PasswordRules {
        policy: Policy { min_length: 8, refuse_guessable: true },
        knows_firebase: false,
        now: OffsetDateTime::UNIX_EPOCH,
    };

    fn fields(values: &[(&str, &str)]) -> LineFields {
        let mut fields = LineFields::default();
        for (name, value) in values {
            fields.set(KnownField::of(name).expect("a field"), (*value).to_owned());
        }
        fields
    }

    fn faults(values: &[(&str, &str)]) -> String {
        read(fields(values), RULES).1.join("; ")
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
            RULES,
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
    fn nobody_is_disabled_at_a_moment_that_is_yet_to_come() {
        let at = |moment| faults(&[("username", "ada"), ("name", "Ada"), ("disabled_at", moment)]);
        assert_eq!(at("1970-01-01T00:00:00Z"), "");
        assert_eq!(at("1970-01-01T00:00:01Z"), "disabled_at: must not be in the future; this moment is yet to come");
        assert!(at("tomorrow").contains("is not a time like"));
    }

    #[test]
    fn secrets_are_what_their_field_says() {
        let with = |field: &str, value: &str| faults(&[("username", "ada"), ("name", "Ada"), (field, value)]);
        let bcrypt = "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        assert_eq!(with("password_hash", bcrypt), "");
        assert!(with("password", bcrypt).contains("password_hash"));
        assert!(with("password_hash", "5f4dcc3b5aa765d61d8327deb882cf99").contains("MD5"));
        assert!(with("password_hash", "no hash at all").contains("a kind that Portero does not know"));
        assert!(with("password_hash", "$6$salt$hash").contains("cut short"));
        assert!(with("password_hash", &bcrypt.replace("$10$", "$31$")).contains("costs more"));
        assert!(with("password_hash", "$2y$10$short").contains("can't be read"));
        assert!(with("password", "9cf68f8b5a5f4f6c8f4be5a55e6f2f7d").is_empty(), "at random");
        assert!(with("password", "ADA").contains("too short"));
        let faults = faults(&[("username", "hunter2-hunter2"), ("name", "Ada"), ("password", "hunter2-hunter2")]);
        assert!(faults.contains("must not be the username") && !faults.contains("hunter2"), "{faults}");
    }
}
