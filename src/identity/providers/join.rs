//! An account at a provider and one here have the same address, verified by both: who proves the one here, too, joins them. Never
//! does an address do it alone.

use std::net::IpAddr;

use super::store::joins::{self, Join};
use super::store::{self, links};
use super::{BrowserHash, Onward, PATIENCE, Partner, Refusal, Returned, Told, link};
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref};
use crate::base::opaque::provider::{JoinToken, JoinTokenHash};
use crate::base::opaque::token::TokenHash;
use crate::base::request_id;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::gate::sessions::store::authentication;
use crate::identity::Identity;

/// What the login page carries, and the browser that it was shown in.
#[derive(Clone, Copy, Debug)]
pub struct Joining {
    pub token: JoinTokenHash,
    pub browser: BrowserHash,
}

impl Joining {
    /// What a form of a browser carries.
    pub fn of(token: &str, browser: &str) -> Option<Self> {
        Some(Self { token: JoinTokenHash::of(token)?, browser: BrowserHash::of(browser) })
    }
}

/// Whose address here it is that the provider says it has verified. They are offered to join both.
pub(super) async fn candidate(identity: &Identity, returned: &Returned) -> Result<Option<PersonId>> {
    let Some(email) = returned.account.verified_email() else { return Ok(None) };
    links::person_at(&mut *identity.db.read().await?, &email).await
}

/// Notes what somebody is offered to join; answers what their login page carries.
pub(super) async fn begin(
    identity: &Identity,
    returned: &Returned,
    (browser, address): (BrowserHash, Option<IpAddr>),
    person: PersonId,
) -> Result<JoinToken> {
    let now = identity.clock.now();
    let token: JoinToken = identity.generate(now)?;
    let join = Join {
        provider: returned.partner.id,
        subject: returned.account.subject.clone(),
        shown: returned.account.shown(),
        person,
        onward: returned.login.onward.clone(),
        address,
    };
    let mut tx = identity.db.begin().await?;
    joins::insert(&mut tx, (token.hash(), browser), &join, (now, now - PATIENCE)).await?;
    tx.commit().await?;
    Ok(token)
}

/// What the login page says of an offer: what the provider is called; `None` where it is over, or of another browser.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn offer(identity: &Identity, joining: Joining) -> Result<Option<String>> {
    let mut conn = identity.db.read().await?;
    let since = identity.clock.now() - PATIENCE;
    let Some(join) = joins::find(&mut conn, (joining.token, joining.browser), since).await? else { return Ok(None) };
    let row = store::find(&mut conn, &Ref::Id(join.provider)).await?;
    Ok(row.map(|row| row.stored.display_name))
}

/// Joins what was offered with whoever has just logged in on that page, in this session; answers what they go on to.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn join(
    identity: &Identity,
    joining: Joining,
    (person, session): (PersonId, TokenHash),
) -> Result<Told<Onward>> {
    let now = identity.clock.now();
    let seen = joins::find(&mut *identity.db.read().await?, (joining.token, joining.browser), now - PATIENCE).await?;
    let Some(join) = seen else { return Ok(Err(Refusal::Over)) };
    let origin = Origin { request_id: request_id::current(), address: join.address, ..Origin::default() };
    let mut tx = AuditedTx::new(identity.db.begin().await?, By { actor: Actor::Person(person), origin, now });
    crate::gate::store::people::lock(&mut tx, person).await?;
    // The proof is of this very login, and of the one whose address it is.
    let is_proof = authentication(&mut tx, session).await?.is_some_and(|proved| proved.at > now - PATIENCE);
    if join.person != person || !is_proof {
        return Ok(Err(Refusal::OfAnother));
    }
    let row = store::find(&mut tx, &Ref::Id(join.provider)).await?;
    let Some(row) = row.filter(|row| row.stored.is_enabled) else { return Ok(Err(Refusal::Unknown)) };
    if !joins::spend(&mut tx, joining.token).await? {
        return Ok(Err(Refusal::Over));
    }
    let partner = Partner::of(identity, row).await?;
    let linked = link(&mut tx, identity, &partner, (&join.subject, join.shown.as_deref()), person).await?;
    if let Err(refusal) = linked {
        return Ok(Err(refusal));
    }
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Ok(join.onward))
}
