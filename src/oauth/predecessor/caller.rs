//! Who may see and make clients here: an administrator with a token of the scope `superuser`, and whoever may elsewhere.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::gate::check::check_access;
use crate::gate::effective::store::held_until;
use crate::gate::permission::{BuiltIn, ReadServices, WriteServices};
use crate::gate::store::{is_administrator, people};
use crate::gate::{Can, Holds, LockScope};
use crate::oauth::OAuth;
use crate::oauth::scopes::SUPERUSER;
use crate::oauth::tokens;
use crate::platform::http::credential::{self, Credential};

/// An administrator, by a token of the scope `superuser`, on this machine.
#[derive(Debug)]
pub(super) struct Superuser {
    person: PersonId,
    token: AccessTokenHash,
    origin: Origin,
}

/// Whoever may see clients.
#[derive(Debug)]
pub(super) enum Reader {
    /// All of them.
    Superuser,
    /// Those of their services.
    Person(Holds<ReadServices>),
}

/// Whoever may make clients of Portero itself.
#[derive(Debug)]
pub(super) enum Writer {
    Superuser(Superuser),
    Person(Can<WriteServices>),
}

impl Superuser {
    /// Whose access token a request came with; `None` where it came with something else.
    ///
    /// # Errors
    /// 401 for a token that is not good, not of this scope, or from elsewhere; 403 for somebody who is no administrator any more.
    async fn of(oauth: &OAuth, parts: &mut Parts) -> Result<Option<Self>> {
        let Some(token) = presented(oauth, parts).await? else { return Ok(None) };
        let Ok(origin) = Origin::from_request_parts(parts, oauth).await;
        let access = check_access(oauth, token, None).await?.token;
        if !access.scopes.iter().any(|scope| scope == SUPERUSER) {
            return Err(credential::access_token_not_taken());
        }
        if !origin.is_of_this_machine {
            return Err(credential::invalid());
        }
        if access.jkt.is_some() {
            return Err(credential::bound_to_a_key());
        }
        let person = access.person;
        if !is_administrator(&mut *oauth.db.read().await?, person, oauth.clock.now()).await? {
            return Err(no_administrator());
        }
        Ok(Some(Self { person, token, origin }))
    }

    /// Begins a change, and asks again: whoever lost the token or the role a moment ago changes nothing more.
    async fn begin(&self, oauth: &OAuth) -> Result<AuditedTx> {
        let now = oauth.clock.now();
        let mut tx = oauth.db.begin().await?;
        people::hold(&mut tx, self.person).await?;
        if tokens::store::client_of(&mut tx, self.token).await?.is_none() {
            return Err(credential::invalid());
        }
        if !is_administrator(&mut tx, self.person, now).await? {
            return Err(no_administrator());
        }
        Ok(AuditedTx::new(tx, By { actor: Actor::Person(self.person), origin: self.origin.clone(), now }))
    }
}

/// The access token of a request: in a header as elsewhere, or, as of old, alone in `Authorization`.
async fn presented(oauth: &OAuth, parts: &mut Parts) -> Result<Option<AccessTokenHash>> {
    let alone = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::trim);
    let alone = alone.filter(|_| !parts.headers.contains_key("token")).and_then(AccessTokenHash::of_any);
    if let Some(token) = alone.filter(|_| parts.headers.get_all(AUTHORIZATION).iter().count() == 1) {
        return Ok(Some(token));
    }
    match Credential::from_request_parts(parts, oauth).await? {
        Credential::Access(token) => Ok(Some(token)),
        Credential::Token(_) | Credential::Key(_) | Credential::ApiKey(_) => Ok(None),
    }
}

impl FromRequestParts<OAuth> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, oauth: &OAuth) -> Result<Self> {
        match Superuser::of(oauth, parts).await? {
            Some(_) => Ok(Self::Superuser),
            None => Holds::from_request_parts(parts, oauth).await.map(Self::Person),
        }
    }
}

impl FromRequestParts<OAuth> for Writer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, oauth: &OAuth) -> Result<Self> {
        match Superuser::of(oauth, parts).await? {
            Some(superuser) => Ok(Self::Superuser(superuser)),
            None => Can::from_request_parts(parts, oauth).await.map(Self::Person),
        }
    }
}

impl Writer {
    /// Begins a change; answers also when what is made in it is to end.
    ///
    /// # Errors
    /// 401, 403 where they may no more.
    pub(super) async fn begin(&self, oauth: &OAuth) -> Result<(AuditedTx, Option<OffsetDateTime>)> {
        match self {
            Self::Superuser(superuser) => {
                let mut tx = superuser.begin(oauth).await?;
                let now = tx.by().now;
                let id = WriteServices::ID;
                let until = held_until(&mut tx, superuser.person, id, ServiceId::PORTERO, now).await?;
                Ok((tx, until.ok_or_else(no_administrator)?))
            }
            Self::Person(by) => {
                let mut tx = by.begin(oauth, LockScope::default()).await?;
                let until = by.end_of_what_is_made(&mut tx, None).await?;
                Ok((tx, until))
            }
        }
    }

    /// Refuses (403) whoever is no administrator.
    pub(super) async fn must_be_administrator(tx: &mut AuditedTx) -> Result<()> {
        let now = tx.by().now;
        let is_one = match tx.by().person() {
            Some(person) => is_administrator(tx, person, now).await?,
            None => false,
        };
        if is_one { Ok(()) } else { Err(no_administrator()) }
    }
}

fn no_administrator() -> Error {
    Error::forbidden("insufficient_permissions", "this is for administrators of Portero alone")
}
