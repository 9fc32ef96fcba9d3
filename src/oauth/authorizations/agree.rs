//! A person has been asked, and says yes or no.

use serde_json::json;
use time::Duration;

use super::redirect::Answer;
use super::{Browser, Request, code};
use crate::base::error::Result;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::oauth::clients::Consent;
use crate::oauth::{OAuth, consents};

/// So long somebody who has logged in for a request may take to read what it asks for.
const READING: Duration = Duration::minutes(10);

/// They agree to what they were `shown`, of which this is the digest. `None` where that is no longer what they would grant, where they are to log in first, or where
/// their session has ended or the client has changed: they are to be asked anew.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn agree(
    oauth: &OAuth,
    request: &Request,
    (browser, shown): (&Browser, &str),
    origin: &Origin,
) -> Result<Option<Answer>> {
    if !request.is_content_with(browser, oauth.clock.now(), READING) {
        return Ok(None);
    }
    let is_expected = request.expected.is_not_another(browser.person);
    let grant = request.grant(oauth, browser.person).await?;
    let Some(grant) = grant.filter(|grant| is_expected && grant.digest() == shown) else { return Ok(None) };
    let by = By { actor: Actor::Person(browser.person), origin: origin.clone(), now: oauth.clock.now() };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let Some(code) = code::insert(oauth, &mut tx, request, (browser, &grant, None)).await? else { return Ok(None) };
    let client = &request.client;
    let remembers = client.consent == Consent::Remember;
    let (agreed, now) = (grant.agreed(), tx.by().now);
    if remembers && consents::store::remember(&mut tx, (browser.person, client.id), &agreed, now).await? {
        let agreed = json!({"client_id": client.client_id, "scopes": agreed});
        tx.tell(Event::new(Action::ConsentGranted).about(browser.person).within(client.service).after(agreed));
    }
    tx.commit([]).await?;
    Ok(Some(request.target.answer(vec![("code", code.reveal().to_owned())])))
}

/// They do not.
pub fn deny(request: &Request) -> Answer {
    request.target.error("access_denied", "the person did not agree")
}
