//! A person has been asked whether a device may act for them, and says yes or no.

use serde_json::json;

use super::{Pending, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::oauth::authorizations::{Browser, Grant};
use crate::oauth::clients::Consent;
use crate::oauth::tokens::{NewAuthorization, Tie};
use crate::oauth::{OAuth, consents};

/// What came of an answer.
#[derive(Clone, Debug)]
pub enum Answered {
    /// The device is told at its next poll.
    Done,
    /// The client does not let them in.
    NoAccess,
    /// They are asked anew: they would grant something else by now than they were shown.
    Again(Grant),
    /// The code is over, somebody else was faster, or their session has ended.
    Gone,
}

impl Pending {
    /// What `person` would grant; `None` for whom the client does not let in.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn grant(&self, oauth: &OAuth, browser: &Browser) -> Result<Option<Grant>> {
        Grant::of(oauth, &self.client, (&self.scopes, &self.audience), browser.person).await
    }
}

/// They agree to what they were `shown`, of which this is the digest: the device gets its tokens at its next poll. What it may do ends with their session in
/// this browser, unless it is to outlive that (`offline_access`).
///
/// # Errors
/// When Postgres can't be asked.
pub async fn allow(
    oauth: &OAuth,
    pending: &Pending,
    (browser, shown): (&Browser, &str),
    origin: &Origin,
) -> Result<Answered> {
    let Some(grant) = pending.grant(oauth, browser).await? else { return Ok(Answered::NoAccess) };
    if grant.digest() != shown {
        return Ok(Answered::Again(grant));
    }
    let by = By { actor: Actor::Person(browser.person), origin: origin.clone(), now: oauth.clock.now() };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let (client, person, now) = (&pending.client, browser.person, tx.by().now);
    let services: Vec<_> = grant.services.iter().map(|service| service.id).collect();
    let narrowed: Vec<_> = grant.narrowed_services().map(|service| service.id).collect();
    let new = NewAuthorization {
        client: client.id,
        client_version: client.version,
        person,
        tie: Tie::Session(browser.token),
        scopes: &grant.scopes,
        services: &services,
        narrowed: &narrowed,
        auth_time: browser.logged_in_at,
        acr: browser.amr.acr(),
        amr: &browser.amr.words(),
        act: None,
        // Known when the device comes.
        jkt: None,
        now,
        // Until the device comes for its tokens.
        expires_at: pending.expires_at,
        ends_at: pending.expires_at,
    };
    let Some(authorization) = new.begin(&mut tx).await? else { return Ok(Answered::Gone) };
    if !store::answer(&mut tx, pending.id, Some(authorization), now).await? {
        return Ok(Answered::Gone);
    }
    let granted = json!({"client_id": client.client_id, "scopes": grant.scopes, "services": services});
    tx.tell(Event::new(Action::AuthorizationCreated).about(person).within(client.service).after(granted));
    let (remembers, agreed) = (client.consent == Consent::Remember, grant.agreed());
    if remembers && consents::store::remember(&mut tx, (person, client.id), &agreed, now).await? {
        let agreed = json!({"client_id": client.client_id, "scopes": agreed});
        tx.tell(Event::new(Action::ConsentGranted).about(person).within(client.service).after(agreed));
    }
    tx.commit([]).await?;
    Ok(Answered::Done)
}

/// They do not.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn deny(oauth: &OAuth, pending: &Pending, browser: &Browser, origin: &Origin) -> Result<Answered> {
    let by = By { actor: Actor::Person(browser.person), origin: origin.clone(), now: oauth.clock.now() };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let now = tx.by().now;
    if !store::answer(&mut tx, pending.id, None, now).await? {
        return Ok(Answered::Gone);
    }
    let client = &pending.client;
    let refused = json!({"client_id": client.client_id});
    let event = Event::new(Action::DeviceRefused).about(browser.person).within(client.service).after(refused);
    tx.commit([event]).await?;
    Ok(Answered::Done)
}
