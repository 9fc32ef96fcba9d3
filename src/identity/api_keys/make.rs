//! Somebody, or a robot, gets a key.

use super::key::end;
use super::{ApiKeyMade, NewApiKey, Scope, ScopeText, store};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::{Through, must_cover_permission};
use crate::gate::{self, Caller};
use crate::identity::Identity;
use crate::identity::attempts::Quota;
use crate::identity::factors::must_be_fresh;
use crate::identity::mail::{self, Content};

/// Whom a key is for.
#[derive(Clone, Copy, Debug)]
pub struct For {
    /// Its owner: it opens no more than they hold.
    pub owner: PersonId,
    /// Who hears of it by mail.
    pub told: PersonId,
}

impl For {
    /// A person, who has the key themselves.
    pub fn oneself(person: PersonId) -> Self {
        Self { owner: person, told: person }
    }
}

/// Makes the caller a key of their own.
///
/// # Errors
/// As [`make`]; 403 `reauthentication_required`.
pub async fn make_own(
    identity: &Identity,
    caller: &Caller,
    new: &NewApiKey,
    language: Option<Locale>,
) -> Result<ApiKeyMade> {
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    let whom = For::oneself(caller.person);
    let made = make(&mut tx, identity, whom, new, language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(made)
}

/// Makes a key, and tells of it: the audit trail, and by mail. Call [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
///
/// # Errors
/// 400 for what no key can be; 403 `insufficient_permissions` for what its owner does not hold, and for Portero's own that whoever makes it
/// does not hold; 404 `user_not_found`; 409 `too_many_keys`; 429 `too_many_changes`.
pub async fn make(
    tx: &mut AuditedTx,
    identity: &Identity,
    whom: For,
    new: &NewApiKey,
    language: Option<Locale>,
) -> Result<ApiKeyMade> {
    new.must_be_possible()?;
    let now = tx.by().now;
    let expires_at = end(new.expires_at, now, identity.settings.api_key_max_age)?;
    gate::store::people::lock(tx, whom.owner).await?;
    let scopes = scopes(tx, &new.scopes).await?;
    must_hold(tx, whom.owner, &new.scopes, &scopes).await?;
    Quota::API_KEYS.take(tx, whom.owner, now).await?;
    let key = identity.generate(now)?;
    let row = store::NewRow {
        owner: whom.owner,
        name: &new.name,
        scopes: &scopes,
        networks: &new.networks,
        key: key.hash(),
        by: tx.by().person(),
        now,
        expires_at,
    };
    let id = store::insert(tx, &row).await?;
    let shown = store::get(tx, whom.owner, id, now).await?;
    let content = Content::ApiKeyMade { name: new.name.as_str().to_owned() };
    mail::queue(tx, identity, whom.told, &content, language).await?;
    tx.tell(Event::new(Action::ApiKeyCreated).about(whom.owner).after(&shown));
    Ok(ApiKeyMade { key, shown })
}

/// What scopes mean, each once.
async fn scopes(tx: &mut AuditedTx, texts: &[ScopeText]) -> Result<Vec<Scope>> {
    let mut scopes = Vec::with_capacity(texts.len());
    for (text, meant) in texts.iter().zip(store::meant(tx, texts).await?) {
        let fault = match meant.as_slice() {
            [scope] => {
                scopes.push(*scope);
                continue;
            }
            [] => "is no permission in a service that there is: write `<service>:<permission>`",
            _ => "may be meant in several services: name the service by its id, as `<id>:<permission>`",
        };
        return Err(Error::invalid_field("scopes", &format!("`{}` {fault}", text.as_str())));
    }
    Ok(scopes)
}

/// Refuses (403) a scope that the owner does not hold, and one of Portero's own that whoever makes the key does not hold.
async fn must_hold(tx: &mut AuditedTx, owner: PersonId, texts: &[ScopeText], scopes: &[Scope]) -> Result<()> {
    let now = tx.by().now;
    if let Some(place) = store::first_beyond(tx, owner, scopes, now).await? {
        let scope = texts.get(place).map(ScopeText::as_str).unwrap_or_default();
        let detail = format!("`scopes`: `{scope}` is not held; an API key opens no more than its owner holds");
        return Err(Error::forbidden("insufficient_permissions", detail).with("permission", scope));
    }
    must_cover_scopes(tx, owner, scopes).await
}

/// Refuses (403) whoever lets a key of another's open something of Portero's own that they do not hold.
pub(super) async fn must_cover_scopes(tx: &mut AuditedTx, owner: PersonId, scopes: &[Scope]) -> Result<()> {
    let now = tx.by().now;
    let Some(actor) = tx.by().person().filter(|actor| *actor != owner) else { return Ok(()) };
    for Scope { service, permission } in scopes {
        must_cover_permission(tx, actor, *service, *permission, Through::Now(now)).await?;
    }
    Ok(())
}
