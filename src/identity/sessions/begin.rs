//! A session begins: the one act, whatever proves who it is.

use sqlx::PgConnection;
use time::OffsetDateTime;
use tracing::Instrument;

use super::store::families::{self, Exchange, NewPair};
use super::store::{self, BeginRules, BegunSession, NewSession};
use super::{LoggedIn, Proof, log_out};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::opaque::refresh_token::RefreshToken;
use crate::base::opaque::token::{Token, TokenHash};
use crate::gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::gate::sessions::{PairTimes, Payload};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};
use crate::platform::database::BatchQuery;
use crate::platform::traces;

/// Somebody who is to get a session.
#[derive(Debug)]
pub struct Entrant<'a> {
    pub person: PersonId,
    pub proof: Proof<'a>,
    /// Where they come from. A refresh leaves what its login said.
    pub origin: &'a Origin,
    /// From `User-Agent`; likewise.
    pub user_agent: Option<&'a str>,
    /// Whether they want a refresh token, too. A refresh gives one in any case.
    pub refresh: bool,
    /// Now.
    pub now: OffsetDateTime,
}

/// Sessions to begin, many in one statement. Whoever gets none here may be somebody whom a transaction keeps locked.
#[derive(Debug)]
pub struct Beginnings(pub BeginRules);

impl BatchQuery for Beginnings {
    const NAME: &'static str = "begin session";
    const MAY_BE_ASKED_TWICE: bool = false;
    type Ask = NewSession;
    type Answer = Option<BegunSession>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[NewSession]) -> Result<Vec<Option<BegunSession>>> {
        store::insert_all_at_once(conn, self.0, asked).await
    }
}

/// Begins a session, in a transaction. `None` when they were removed or disabled or got
/// another password since it was verified, or others have begun a wait, or they have a second factor, or must have one, and this is none.
pub async fn begin(identity: &Identity, conn: &mut PgConnection, who: &Entrant<'_>) -> Result<Option<LoggedIn>> {
    let now = who.now;
    if let Proof::Refresh(refreshed) = who.proof {
        let pair = Pair::new(identity, now, refreshed.family.created_at)?;
        let payload = families::exchange(conn, &Exchange { of: refreshed, pair: pair.stored(), now }).await?;
        return Ok(Some(pair.opens(identity, now, payload)));
    }
    if who.refresh {
        let pair = Pair::new(identity, now, now)?;
        let Some(payload) = log_in(identity, conn, who, pair.token.hash()).await? else { return Ok(None) };
        families::begin(conn, &pair.stored()).await?;
        return Ok(Some(pair.opens(identity, now, payload)));
    }
    let token = identity.new_token(now)?;
    let payload = log_in(identity, conn, who, token.hash()).await?;
    Ok(payload.map(|payload| without_refresh_token(identity, now, token, payload)))
}

/// Begins a session on its own, as [`begin`] does. Where there was another in the same browser until now, that of `before`, it ends in the same
/// step, as if it had been logged out of; it stands where none begins.
pub async fn begin_alone(
    identity: &Identity,
    who: &Entrant<'_>,
    before: Option<(PersonId, TokenHash)>,
) -> Result<Option<LoggedIn>> {
    if let Some((whose, before)) = before {
        let by = By { actor: Actor::Person(who.person), origin: who.origin.clone(), now: who.now };
        let mut tx = AuditedTx::new(identity.db.begin().await?, by);
        gate::store::people::lock_all(&mut tx, &[who.person, whose]).await?;
        log_out(&mut tx, whose, before).await?;
        let Some(began) = begin(identity, &mut tx, who).await? else { return Ok(None) };
        tx.commit([]).await?;
        return Ok(Some(began));
    }
    let is_alone = !who.refresh && !matches!(who.proof, Proof::Refresh(_));
    if is_alone && let Some(began) = begin_beside_others(identity, who).await? {
        return Ok(Some(began));
    }
    let mut tx = identity.db.begin().await?;
    let began = begin(identity, &mut tx, who).await?;
    tx.commit().await?;
    Ok(began)
}

/// Begins a session in one statement with others that begin. `None` also where it would have to wait.
async fn begin_beside_others(identity: &Identity, who: &Entrant<'_>) -> Result<Option<LoggedIn>> {
    let token = identity.new_token(who.now)?;
    let beginning = begin_and_tell(identity.clone(), who.session(token.hash())).in_current_span();
    // Also when the caller has gone away meanwhile: whoever logs in elsewhere by a stolen password does not keep its owner from hearing of it.
    let began = tokio::spawn(beginning).await.map_err(|error| Error::Internal(error.into()))??;
    Ok(began.map(|began| without_refresh_token(identity, who.now, token, began.payload)))
}

async fn begin_and_tell(identity: Identity, new: NewSession) -> Result<Option<BegunSession>> {
    let (person, origin, user_agent) = (new.person, new.origin.clone(), new.user_agent.clone());
    let began = identity.beginnings.ask(new).await?;
    if began.as_ref().is_some_and(|began| began.on_new_device) {
        let told = async {
            let mut conn = identity.db.read().await?;
            tell_of_new_device(&identity, &mut conn, person, (&origin, user_agent.as_deref())).await?;
            conn.keep().await?;
            Ok::<_, Error>(())
        };
        // The session has begun.
        if let Err(error) = told.await {
            tracing::error!(%person, %error, "can't queue the mail about a login on a new device");
        }
    }
    Ok(began)
}

/// Lets somebody in, and tells of it: the audit trail, and, on a new device, them by mail.
async fn log_in(
    identity: &Identity,
    conn: &mut PgConnection,
    who: &Entrant<'_>,
    token: TokenHash,
) -> Result<Option<Payload>> {
    gate::store::people::lock(conn, who.person).await?;
    let session = [who.session(token)];
    let began = store::insert_all(&mut *conn, BeginRules::of(&identity.settings, identity.sessions), &session);
    let began = began.instrument(traces::query(Beginnings::NAME)).await?.pop().flatten();
    let Some(BegunSession { payload, on_new_device }) = began else { return Ok(None) };
    if on_new_device {
        tell_of_new_device(identity, conn, who.person, (who.origin, who.user_agent)).await?;
    }
    Ok(Some(payload))
}

async fn tell_of_new_device(
    identity: &Identity,
    conn: &mut PgConnection,
    person: PersonId,
    (origin, user_agent): (&Origin, Option<&str>),
) -> Result<()> {
    let address = origin.address.map(|address| address.to_string()).unwrap_or_default();
    let content = Content::NewDevice { address, user_agent: user_agent.map(str::to_owned) };
    mail::queue(conn, identity, person, &content, None).await?;
    identity.mailer.wake();
    Ok(())
}

fn without_refresh_token(identity: &Identity, now: OffsetDateTime, token: Token, payload: Payload) -> LoggedIn {
    LoggedIn::alone(token, identity.sessions.lifetime.expires_at(now, now), payload)
}

impl Entrant<'_> {
    /// What is to be stored of their session.
    pub fn session(&self, token: TokenHash) -> NewSession {
        NewSession {
            token,
            person: self.person,
            verified: self.proof.verified().cloned(),
            attempt: self.proof.attempt().cloned(),
            spends: self.proof.spends(),
            amr: self.proof.amr(),
            is_whole: self.proof.is_whole(),
            trusted: self.proof.device(),
            now: self.now,
            origin: self.origin.clone(),
            user_agent: self.user_agent.map(str::to_owned),
        }
    }
}

/// An access token and the refresh token that goes with it.
struct Pair {
    token: Token,
    refresh_token: RefreshToken,
    times: PairTimes,
}

impl Pair {
    /// One of a login of `logged_in_at`.
    fn new(identity: &Identity, now: OffsetDateTime, logged_in_at: OffsetDateTime) -> Result<Self> {
        let end = identity.sessions.families.expires_at(logged_in_at, now);
        let times = PairTimes::new(&identity.sessions.lifetime, now, end);
        Ok(Self { token: identity.new_token(now)?, refresh_token: identity.new_refresh_token(now)?, times })
    }

    fn stored(&self) -> NewPair {
        NewPair { token: self.token.hash(), refresh_token: self.refresh_token.hash(), times: self.times }
    }

    fn opens(self, identity: &Identity, now: OffsetDateTime, payload: Payload) -> LoggedIn {
        let expires_at = identity.sessions.lifetime.expires_at(self.times.created_at, now);
        LoggedIn::pair((self.token, self.refresh_token), now, expires_at, payload)
    }
}
