//! What an application hears of a person (OpenID Connect Core section 5.1): by scope, or asked for claim by claim.

pub mod store;

use serde_json::{Map, Value};
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::scopes::{ADDRESS, EMAIL, PHONE, PROFILE};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::identity::people::StandardClaims;

/// The claims that there are. Those of the protocol itself are not asked for.
pub const ALL: [&str; 19] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
];

/// Which of them a scope asks for (section 5.4).
fn of_scope(scope: &str) -> &'static [&'static str] {
    match scope {
        PROFILE => &ALL[..14],
        EMAIL => &ALL[14..16],
        PHONE => &ALL[16..18],
        ADDRESS => &ALL[18..],
        _ => &[],
    }
}

/// The scope that a claim is of; `None` of those of the protocol itself, and of unknown ones.
pub fn scope_of(claim: &str) -> Option<&'static str> {
    [PROFILE, EMAIL, PHONE, ADDRESS].into_iter().find(|scope| of_scope(scope).contains(&claim))
}

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
    /// The language of their mails.
    pub language: Option<String>,
    /// All else.
    pub claims: Json<StandardClaims>,
}

impl Profile {
    /// One claim, if there is something to say: never null, never empty.
    fn claim(&self, name: &str) -> Option<Value> {
        let own = &self.claims.0;
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        match name {
            "name" => Some(self.name.as_str().into()),
            "preferred_username" => Some(self.username.as_str().into()),
            "updated_at" => Some(self.updated_at.unix_timestamp().into()),
            "email" => text(&self.email),
            "email_verified" => self.email.as_ref().map(|_| self.email_verified.into()),
            "family_name" => text(&own.family_name),
            "given_name" => text(&own.given_name),
            "middle_name" => text(&own.middle_name),
            "nickname" => text(&own.nickname),
            "profile" => text(&own.profile),
            "picture" => text(&own.picture),
            "website" => text(&own.website),
            "gender" => text(&own.gender),
            "birthdate" => text(&own.birthdate),
            "zoneinfo" => text(&own.zoneinfo),
            "locale" => text(&own.locale).or_else(|| text(&self.language)),
            "phone_number" => text(&own.phone_number),
            "phone_number_verified" => {
                own.phone_number.as_ref().map(|_| own.phone_number_verified.unwrap_or_default().into())
            }
            "address" if !own.address.is_empty() => serde_json::to_value(&own.address).ok(),
            _ => None,
        }
    }

    /// The claims of these scopes.
    pub fn of_scopes(&self, scopes: &[String]) -> Map<String, Value> {
        let names = scopes.iter().flat_map(|scope| of_scope(scope));
        names.filter_map(|name| Some(((*name).to_owned(), self.claim(name)?))).collect()
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
            language: None,
            claims: Json::default(),
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
    fn every_claim_can_be_said_and_is_said_by_one_scope() {
        let claims = json!({
            "family_name": "Byron", "given_name": "Ada", "middle_name": "King", "nickname": "Ada",
            "profile": "https://ada.example/me", "picture": "https://ada.example/me.png",
            "website": "https://ada.example", "gender": "female", "birthdate": "1815-12-10",
            "zoneinfo": "Europe/London", "locale": "en-GB", "phone_number": "+442079460000",
            "address": {"locality": "London"},
        });
        let claims = Json(serde_json::from_value(claims).expect("claims"));
        let with = Profile { email: Some("ada@example.com".to_owned()), claims, ..ada() };
        assert!(ALL.iter().all(|name| with.claim(name).is_some()));
        assert_eq!(with.claim("phone_number_verified"), Some(json!(false)), "until somebody says so");
        let by_scope: Vec<&str> =
            ["profile", "email", "phone", "address"].iter().flat_map(|scope| of_scope(scope)).copied().collect();
        assert_eq!(by_scope, ALL);
        let spanish = Profile { language: Some("es".to_owned()), ..ada() };
        assert_eq!((spanish.claim("locale"), with.claim("locale")), (Some(json!("es")), Some(json!("en-GB"))));
        assert!(ada().claim("address").is_none() && ada().claim("phone_number_verified").is_none());
    }
}
