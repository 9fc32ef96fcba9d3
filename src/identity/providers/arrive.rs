//! Whose account is it that a provider has told of, and what comes of that?

use serde_json::json;
use time::OffsetDateTime;

use super::store::{links, sessions};
use super::{Account, BrowserHash, Newcomers, Partner, Refusal, Returned, Told, follow, join, link, newcomer};
use crate::base::amr::Amr;
use crate::base::error::Result;
use crate::base::id::{PersonId, ProviderLinkId};
use crate::base::locale::Locale;
use crate::base::opaque::provider::JoinToken;
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::factors::{self, FirstStep, Pending};
use crate::identity::login::Entered;
use crate::identity::sessions::store::providers as noted;
use crate::identity::sessions::{self as own_sessions, Entrant, Proof};

/// Somebody who is linked with the account that they came by.
#[derive(Clone, Debug)]
pub struct Known {
    pub person: PersonId,
    pub link: ProviderLinkId,
    /// The provider's id of its session.
    pub sid: Option<String>,
    /// How they have proved the account there.
    pub amr: Amr,
    /// When they did, if the provider says so.
    pub authenticated_at: Option<OffsetDateTime>,
}

/// What comes of an account that a provider has told of.
#[derive(Debug)]
pub enum Arrival {
    /// They may log in.
    Known(Known),
    /// The account here with the same address is to be proved, too: the login page carries this.
    Join(JoinToken),
    /// It is linked with whoever was logged in and asked for that.
    Linked,
}

/// Who comes back, where.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    pub browser: BrowserHash,
    /// Who is logged in in the browser.
    pub session: Option<(PersonId, TokenHash)>,
    pub origin: &'a Origin,
    pub locale: Locale,
}

/// Finds out whose account it is: of somebody here, of somebody who is to prove theirs, of whoever wants to link it, or of a
/// newcomer.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn arrive(identity: &Identity, returned: &Returned, at: At<'_>) -> Result<Told<Arrival>> {
    let Returned { partner, login, account } = returned;
    if let Some(person) = login.person {
        return Ok(link_own(identity, returned, person, at).await?.map(|()| Arrival::Linked));
    }
    let found = links::find(&mut *identity.db.read().await?, partner.id, &account.subject).await?;
    if let Some((link, person)) = found {
        return Ok(known(identity, returned, (link, person), at.origin).await?.map(Arrival::Known));
    }
    if let Some(person) = join::candidate(identity, returned).await? {
        return Ok(Ok(Arrival::Join(join::begin(identity, returned, (at.browser, at.origin.address), person).await?)));
    }
    let refusal = match partner.newcomers {
        Newcomers::Off => Refusal::NotLinked,
        Newcomers::Invite if login.invitation.is_none() => Refusal::NotInvited,
        Newcomers::Invite | Newcomers::Open => match newcomer::register(identity, returned, at).await? {
            Ok((link, person)) => return Ok(Ok(Arrival::Known(entrant(account, link, person)))),
            Err(refusal) => refusal,
        },
    };
    refused(identity, partner, (None, refusal), at.origin).await?;
    Ok(Err(refusal))
}

fn entrant(account: &Account, link: ProviderLinkId, person: PersonId) -> Known {
    let (sid, amr, authenticated_at) = (account.sid.clone(), Amr::read(&account.amr), account.authenticated_at);
    Known { person, link, sid, amr, authenticated_at }
}

/// Somebody who is linked: their attributes and groups become what the account says.
async fn known(
    identity: &Identity,
    returned: &Returned,
    (link, person): (ProviderLinkId, PersonId),
    origin: &Origin,
) -> Result<Told<Known>> {
    let Returned { partner, account, .. } = returned;
    let by = By { actor: Actor::System, origin: origin.clone(), now: identity.clock.now() };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::lock(&mut tx, person).await?;
    // Meanwhile it may have been unlinked.
    if links::find(&mut tx, partner.id, &account.subject).await? != Some((link, person)) {
        return Ok(Err(Refusal::NotLinked));
    }
    follow::follow(&mut tx, partner, account, person).await?;
    let now = tx.by().now;
    links::note_use(&mut tx, link, account.shown().as_deref(), now).await?;
    tx.commit([]).await?;
    Ok(Ok(entrant(account, link, person)))
}

/// Links an account with whoever has asked for that, in the session in which they did.
async fn link_own(identity: &Identity, returned: &Returned, person: PersonId, at: At<'_>) -> Result<Told<()>> {
    let Some((_, session)) = at.session.filter(|(whose, _)| *whose == person) else { return Ok(Err(Refusal::Over)) };
    let Returned { partner, account, .. } = returned;
    let by = By { actor: Actor::Person(person), origin: at.origin.clone(), now: identity.clock.now() };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::lock(&mut tx, person).await?;
    if !gate::sessions::store::stands(&mut tx, session).await? {
        return Ok(Err(Refusal::Over));
    }
    let linked = link(&mut tx, identity, partner, (&account.subject, account.shown().as_deref()), person).await?;
    if let Err(refusal) = linked {
        return Ok(Err(refusal));
    }
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Ok(()))
}

/// Begins the session of somebody who came by an account that is theirs, in the place of the one that this browser has had; or lets
/// their login wait for its second step, which no provider takes for them.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn enter(
    identity: &Identity,
    (known, partner): (&Known, &Partner),
    (origin, user_agent): (&Origin, Option<&str>),
    before: Option<(PersonId, TokenHash)>,
) -> Result<Told<Entered>> {
    let (now, person) = (identity.clock.now(), known.person);
    let by = By { actor: Actor::Person(person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    let people: Vec<PersonId> = [Some(person), before.map(|(whose, _)| whose)].into_iter().flatten().collect();
    gate::store::people::lock_all(&mut tx, &people).await?;
    let standing = links::standing(&mut tx, person, now).await?;
    let may = standing.filter(|standing| standing.is_enabled);
    let Some(standing) = may else {
        drop(tx);
        refused(identity, partner, (Some(person), Refusal::Disabled), origin).await?;
        return Ok(Err(Refusal::Disabled));
    };
    // Meanwhile it may have been unlinked.
    if links::get(&mut tx, person, known.link).await?.is_none() {
        return Ok(Err(Refusal::NotLinked));
    }
    let methods = factors::store::second_factors(&mut tx, person).await?;
    if !methods.is_empty() || identity.settings.require_mfa.asks(standing.is_administrator) {
        let first = FirstStep { person, verified: None, amr: known.amr, methods: &methods, refresh: false };
        let pending = Pending::begin(identity, &mut tx, &first, now).await?;
        let by = (known.link, known.sid.as_deref());
        noted::note_pending(&mut tx, pending.token().hash(), by, (now, now - Pending::LIFETIME)).await?;
        tx.commit([]).await?;
        return Ok(Ok(Entered::SecondFactor(pending)));
    }
    if let Some((whose, token)) = before {
        own_sessions::log_out(&mut tx, whose, token).await?;
    }
    let proof = Proof::Provider { amr: known.amr };
    let entrant = Entrant { person, proof, origin, user_agent, refresh: false, now };
    let Some(began) = own_sessions::begin(identity, &mut tx, &entrant).await? else {
        return Ok(Err(Refusal::TooOften));
    };
    let session = began.token().hash();
    noted::note(&mut tx, session, (known.link, known.sid.as_deref()), now).await?;
    if let Some(at) = known.authenticated_at.filter(|at| *at < now) {
        sessions::note_authentication(&mut tx, session, at).await?;
    }
    tx.commit([]).await?;
    Ok(Ok(Entered::In(began)))
}

/// Tells the audit trail whom a provider knows and we don't let in.
async fn refused(
    identity: &Identity,
    partner: &Partner,
    (person, refusal): (Option<PersonId>, Refusal),
    origin: &Origin,
) -> Result<()> {
    let reason = match refusal {
        Refusal::Disabled => "disabled",
        Refusal::NotInvited => "not invited",
        _ => "not linked",
    };
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: identity.clock.now() };
    let told = json!({"reason": reason, "provider": partner.name});
    let event = Event { subject: person, ..Event::new(Action::LoginFailed).after(told) };
    AuditedTx::new(identity.db.begin().await?, by).commit([event]).await
}
