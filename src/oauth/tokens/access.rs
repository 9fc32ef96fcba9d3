use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::NewAccessToken;
use super::store::groups_in;
use crate::base::error::Result;
use crate::base::id::{AuthorizationId, PersonId};
use crate::base::opaque::oauth::{AccessToken, AccessTokenHash};
use crate::base::request_id;
use crate::oauth::OAuth;
use crate::oauth::audience::Audience;
use crate::oauth::clients::{Client, TokenFormat};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::keys::TokenType;
use crate::oauth::scopes::{GROUPS, PERMISSIONS, ROLES, written};

/// The longest JWT that tells roles and permissions: a longer one tells none of them, and whoever wants to know asks.
const LONGEST: usize = 4 * 1024;

/// Whom a token is about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A person who has logged in.
    Person(PersonId),
    /// A client that acts for itself, and what requests call it.
    Client(PersonId, &'a str),
}

impl Subject<'_> {
    /// Their row.
    pub fn person(self) -> PersonId {
        match self {
            Self::Person(person) | Self::Client(person, _) => person,
        }
    }

    /// The claim `sub`.
    pub fn name(self) -> String {
        match self {
            Self::Person(person) => person.to_string(),
            Self::Client(_, client_id) => client_id.to_owned(),
        }
    }

    /// The login of a person: a client has none.
    fn login(self, login: Option<&Login>) -> Option<&Login> {
        login.filter(|_| matches!(self, Self::Person(_)))
    }
}

/// The login that a token comes of.
#[derive(Clone, Debug)]
pub struct Login {
    /// What all of its tokens hang on.
    pub authorization: AuthorizationId,
    /// When that was.
    pub auth_time: OffsetDateTime,
    /// How strong.
    pub acr: String,
    /// By what.
    pub amr: Vec<String>,
    /// Who acts for the subject.
    pub act: Option<Value>,
    /// When it is over, however often it is refreshed: no token outlives it.
    pub expires_at: OffsetDateTime,
}

/// What an access token is to say.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// The client that gets it.
    pub client: &'a Client,
    /// Whom it is about.
    pub subject: Subject<'a>,
    /// What it is for, and what the subject holds there.
    pub audience: &'a Audience,
    /// What is granted of that.
    pub scopes: &'a [String],
    /// The login that it comes of, if it comes of one.
    pub login: Option<&'a Login>,
    /// The key that it is bound to (RFC 9449 section 6), if it is bound to one.
    pub jkt: Option<&'a Thumbprint>,
}

/// An access token that is good once it is stored.
#[derive(Debug)]
pub struct Minted {
    /// Its text.
    pub text: String,
    /// What is to be stored of it.
    pub new: NewAccessToken,
}

impl Minted {
    /// For how many seconds it is good.
    pub fn expires_in(&self) -> i64 {
        self.new.expires_at.unix_timestamp() - self.new.issued_at.unix_timestamp()
    }

    /// What the client is told that it is (`token_type`).
    pub fn token_type(&self) -> &'static str {
        token_type(self.new.jkt.is_some())
    }
}

/// How a token is shown: with a proof, or by itself alone (RFC 9449 section 5, RFC 6750).
pub fn token_type(is_bound: bool) -> &'static str {
    if is_bound { "DPoP" } else { "Bearer" }
}

/// What a JWT says (RFC 9068 section 2.2).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: Value,
    exp: i64,
    iat: i64,
    jti: Arc<str>,
    client_id: &'a str,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    roles: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    permissions: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<String, Vec<String>>,
}

/// The claim `cnf` (RFC 7800 section 3.1, RFC 9449 section 6.1).
#[derive(Serialize)]
struct Confirmation<'a> {
    jkt: &'a str,
}

/// Makes an access token that begins `now`.
pub async fn mint(oauth: &OAuth, grant: &Grant<'_>, now: OffsetDateTime) -> Result<Minted> {
    let end = now + grant.client.token_lifetime;
    let expires_at = whole_second(grant.login.map_or(end, |login| end.min(login.expires_at)));
    let text = match grant.client.token_format {
        TokenFormat::Opaque => {
            let token: AccessToken = oauth.generate(now)?;
            token.reveal().to_owned()
        }
        TokenFormat::Jwt => jwt(oauth, grant, (now, expires_at)).await?,
    };
    let token = AccessTokenHash::of_any(&text).unwrap_or_else(|| AccessTokenHash::of_jwt(&text));
    let new = NewAccessToken {
        token,
        authorization: grant.login.map(|login| login.authorization),
        client: grant.client.id,
        client_version: grant.client.version,
        person: grant.subject.person(),
        scopes: grant.scopes.to_vec(),
        services: grant.audience.services(),
        narrowed: grant.audience.narrowed_by(grant.scopes),
        jkt: grant.jkt.cloned(),
        issued_at: now,
        expires_at,
    };
    Ok(Minted { text, new })
}

async fn jwt(oauth: &OAuth, grant: &Grant<'_>, (now, expires_at): (OffsetDateTime, OffsetDateTime)) -> Result<String> {
    let login = grant.subject.login(grant.login);
    let mut claims = Claims {
        iss: oauth.issuer.as_str(),
        sub: grant.subject.name(),
        aud: grant.audience.claim(&oauth.issuer),
        exp: expires_at.unix_timestamp(),
        iat: now.unix_timestamp(),
        jti: request_id::generate(),
        client_id: &grant.client.client_id,
        scope: written(grant.scopes),
        auth_time: login.map(|login| login.auth_time.unix_timestamp()),
        acr: login.map(|login| login.acr.as_str()),
        amr: login.map(|login| login.amr.as_slice()),
        act: grant.login.and_then(|login| login.act.as_ref()),
        cnf: grant.jkt.map(|jkt| Confirmation { jkt: jkt.as_str() }),
        roles: BTreeMap::new(),
        permissions: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    let by = (grant.client.signing_alg, TokenType::Access);
    let has = |scope: &str| grant.scopes.iter().any(|granted| granted == scope);
    let (roles, permissions, groups) = (has(ROLES), has(PERMISSIONS), has(GROUPS));
    if roles || permissions || groups {
        let usable = grant.audience.usable(grant.scopes);
        if groups {
            let person = grant.subject.person();
            claims.groups = groups_in(&mut *oauth.db.read().await?, person, &grant.audience.services(), now).await?;
            claims
                .groups
                .retain(|name, _| usable.iter().any(|(service, held)| **service == **name && !held.roles.is_empty()));
        }
        for (service, held) in usable {
            if roles && !held.roles.is_empty() {
                claims.roles.insert(Arc::clone(&service), held.roles);
            }
            if permissions && !held.permissions.is_empty() {
                claims.permissions.insert(service, held.permissions);
            }
        }
        let whole = oauth.keys.sign(&oauth.db, by, &claims, now).await?;
        if whole.len() <= LONGEST {
            return Ok(whole);
        }
        claims.roles.clear();
        claims.permissions.clear();
        claims.groups.clear();
    }
    oauth.keys.sign(&oauth.db, by, &claims, now).await
}

/// Claims are in whole seconds: what is stored ends no later than what is said.
fn whole_second(moment: OffsetDateTime) -> OffsetDateTime {
    moment.replace_nanosecond(0).unwrap_or(moment)
}
