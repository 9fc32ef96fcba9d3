//! What an application hears of a person (OpenID Connect Core section 5.1): by scope, or asked for claim by claim.

pub mod store;

use serde_json::{Map, Value};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::scopes::{EMAIL, PROFILE};
use crate::base::error::Result;
use crate::base::id::PersonId;

/// The claims that there are. Those of the protocol itself are not asked for.
pub const ALL: [&str; 5] = ["name", "preferred_username", "updated_at", "email", "email_verified"];

/// The claims of the scope `profile`, and of `email`.
const OF_PROFILE: [&str; 3] = ["name", "preferred_username", "updated_at"];
const OF_EMAIL: [&str; 2] = ["email", "email_verified"];

/// Where a claim was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the ID token.
    IdToken,
    /// From the userinfo endpoint.
    Userinfo,
}

impl Place {
    fn as_str(self) -> &'static str {
        match self {
            Self::IdToken => "id_token",
            Self::Userinfo => "userinfo",
        }
    }
}

/// Somebody, as applications hear of them.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Their name.
    pub name: String,
    /// Their username, which may change.
    pub username: String,
    /// When any of this was changed last.
    pub updated_at: OffsetDateTime,
    /// Their address.
    pub email: Option<String>,
    /// Whether it is proved that it is theirs.
    pub email_verified: bool,
}

impl Profile {
    /// One claim, if there is something to say: never null, never empty.
    fn claim(&self, name: &str) -> Option<Value> {
        match name {
            "name" => Some(self.name.as_str().into()),
            "preferred_username" => Some(self.username.as_str().into()),
            "updated_at" => Some(self.updated_at.unix_timestamp().into()),
            "email" => self.email.as_deref().map(Value::from),
            "email_verified" => self.email.as_ref().map(|_| self.email_verified.into()),
            _ => None,
        }
    }

    /// The claims of these scopes.
    pub fn of_scopes(&self, scopes: &[String]) -> Map<String, Value> {
        let has = |scope: &str| scopes.iter().any(|granted| granted == scope);
        let (with_profile, with_email) = (has(PROFILE), has(EMAIL));
        let profile = OF_PROFILE.iter().filter(|_| with_profile);
        let email = OF_EMAIL.iter().filter(|_| with_email);
        profile.chain(email).filter_map(|name| Some(((*name).to_owned(), self.claim(name)?))).collect()
    }

    /// Those that were asked for one by one in a place.
    pub fn asked(&self, wanted: &Value, place: Place) -> Map<String, Value> {
        let names = wanted[place.as_str()].as_object().into_iter().flat_map(Map::keys);
        names.filter_map(|name| Some((name.clone(), self.claim(name)?))).collect()
    }
}

/// What was asked for of a person, claim by claim; nothing where nothing was.
pub async fn asked(
    conn: &mut PgConnection,
    person: PersonId,
    wanted: &Value,
    place: Place,
) -> Result<Map<String, Value>> {
    if !wanted[place.as_str()].is_object() {
        return Ok(Map::new());
    }
    let profile = store::find(conn, person).await?;
    Ok(profile.map(|profile| profile.asked(wanted, place)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ada() -> Profile {
        Profile {
            name: "Ada".to_owned(),
            username: "ada".to_owned(),
            updated_at: OffsetDateTime::UNIX_EPOCH,
            email: None,
            email_verified: false,
        }
    }

    fn told(claims: Map<String, Value>) -> Value {
        Value::Object(claims)
    }

    #[test]
    fn a_claim_is_told_by_scope_or_when_it_is_asked_for_and_never_empty() {
        let scopes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(told(ada().of_scopes(&scopes(&["openid"]))), json!({}));
        assert_eq!(
            told(ada().of_scopes(&scopes(&["openid", "profile", "email"]))),
            json!({"name": "Ada", "preferred_username": "ada", "updated_at": 0})
        );
        let with = Profile { email: Some("ada@example.com".to_owned()), ..ada() };
        assert_eq!(
            told(with.of_scopes(&scopes(&["email"]))),
            json!({"email": "ada@example.com", "email_verified": false})
        );
        let wanted =
            json!({"userinfo": {"name": {"essential": true}, "sub": null, "birthdate": null}, "id_token": null});
        assert_eq!(told(ada().asked(&wanted, Place::Userinfo)), json!({"name": "Ada"}));
        assert_eq!(told(ada().asked(&wanted, Place::IdToken)), json!({}));
    }

    #[test]
    fn every_claim_can_be_said() {
        let with = Profile { email: Some("ada@example.com".to_owned()), ..ada() };
        assert!(ALL.iter().all(|name| with.claim(name).is_some()));
    }
}
