//! Who is this? The one place that compares a password.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::attempts::{Attempt, Quota};
use crate::identity::factors::{FirstStep, Method};
use crate::identity::people::{self, LoginClaim};
use crate::platform::passwords::{Password, PasswordHash, Presented};

/// Somebody who knew the password.
#[derive(Debug)]
pub struct Verified {
    pub person: PersonId,
    /// The hash that now stands for the password, to be compared again when the session begins.
    pub hash: PasswordHash,
    /// To be compared, too, with what has failed meanwhile.
    pub attempt: Attempt,
    /// By what methods they can take a second step; none for who has no second factor.
    pub methods: Vec<Method>,
    /// Whether they must have one.
    pub must_have_one: bool,
    no_refusal_before: Instant,
}

/// Whose the password is.
struct Known {
    person: PersonId,
    hash: PasswordHash,
    methods: Vec<Method>,
    must_have_one: bool,
}

impl Verified {
    /// Why nothing was opened all the same, as late as every refusal: 401 `invalid_credentials`, or 429
    /// `too_many_attempts`.
    pub async fn refused(&self, identity: &Identity, origin: &Origin) -> Error {
        if let Err(too_often) = self.may_log_in(identity).await {
            // It is not told: what may not be done for ever is not to be written for ever.
            return too_often;
        }
        let refusal = self.attempt.must_not_wait(identity).await.err().unwrap_or_else(invalid_credentials);
        let told = tell(identity, origin, RefusalReason::TooLate(self.person)).await;
        tokio::time::sleep_until(self.no_refusal_before).await;
        told.err().unwrap_or(refusal)
    }
}

impl Verified {
    /// Whether the password alone opens nothing.
    pub fn needs_second_step(&self) -> bool {
        self.must_have_one || !self.methods.is_empty()
    }

    /// The step that was taken.
    pub fn first_step(&self, refresh: bool) -> FirstStep<'_> {
        let Self { person, hash, methods, .. } = self;
        FirstStep { person: *person, verified: Some(hash), amr: Amr::PWD, methods, refresh }
    }

    async fn may_log_in(&self, identity: &Identity) -> Result<()> {
        let until =
            crate::identity::sessions::store::logins_until(&mut *identity.db.read().await?, self.person).await?;
        Quota::LOGINS.must_have_room(until, identity.clock.now())
    }
}

/// No refusal after a comparison comes sooner: hashes from elsewhere take another time to verify than ours, and would
/// tell who has one.
const REFUSAL: Duration = Duration::from_millis(500);

/// bcrypt reads no more of a password.
const BCRYPT_READS: usize = 72;

/// Compares a password with the one stored under `username`, for somebody at `origin`.
///
/// Unknown, disabled, without a password and wrong take the same way: one hash is computed, one failure is counted, and the same answer comes
/// at the same time. While somebody must wait nothing is computed, whoever they say they are. A hash from elsewhere, or
/// one cheaper than today's, is replaced by one of ours.
///
/// # Errors
/// 401 `invalid_credentials`; 429 `too_many_attempts`, `too_many_logins`, `too_many_at_once`; 503 when too many are logging in.
pub async fn verify(identity: &Identity, origin: &Origin, username: &str, presented: Presented) -> Result<Verified> {
    let no_refusal_before = Instant::now() + REFUSAL;
    let claim = LoginClaim::new(username, origin, identity.clock.now());
    let (attempt, compared) = compare(identity, &claim, &presented).await?;
    let refused = match compared {
        Ok(Known { person, hash, methods, must_have_one }) => {
            return Ok(Verified { person, hash, attempt, methods, must_have_one, no_refusal_before });
        }
        Err(refused) => refused,
    };
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: identity.clock.now() };
    let refusal = attempt.failed(identity, by, refused.event()).await.err().unwrap_or_else(invalid_credentials);
    tokio::time::sleep_until(no_refusal_before).await;
    Err(refusal)
}

/// Why somebody is not let in: for the audit trail, never for them.
#[derive(Clone, Copy, Debug)]
enum RefusalReason {
    /// Nobody has that username. What was typed is not kept: it may be a password in the wrong field.
    Unknown,
    /// They are disabled; the password may have been right.
    Disabled(PersonId),
    /// They have not chosen a password yet.
    NoPassword(PersonId),
    WrongPassword(PersonId),
    /// The password was right, but meanwhile it was changed, they were disabled, or others have begun a wait.
    TooLate(PersonId),
    /// Too many were wrong before; this one may have been right.
    Barred(PersonId),
}

impl RefusalReason {
    fn event(self) -> Event {
        let (person, reason) = match self {
            Self::Unknown => (None, "unknown username"),
            Self::Disabled(person) => (Some(person), "disabled"),
            Self::NoPassword(person) => (Some(person), "no password"),
            Self::WrongPassword(person) => (Some(person), "wrong password"),
            Self::TooLate(person) => (Some(person), "too late"),
            Self::Barred(person) => (Some(person), "too many failures in a row"),
        };
        Event { subject: person, ..Event::new(Action::LoginFailed).after(json!({ "reason": reason })) }
    }
}

async fn tell(identity: &Identity, origin: &Origin, refused: RefusalReason) -> Result<()> {
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: identity.clock.now() };
    AuditedTx::new(identity.db.begin().await?, by).commit([refused.event()]).await
}

/// 401 `invalid_credentials`.
pub fn invalid_credentials() -> Error {
    Error::unauthorized("invalid_credentials", "username or password is wrong")
}

/// Whose the password is; or why they are not let in.
type Compared = Result<Known, RefusalReason>;

async fn compare(identity: &Identity, claim: &LoginClaim, presented: &Presented) -> Result<(Attempt, Compared)> {
    loop {
        let found = identity.credentials.ask(claim.clone()).await?;
        let stored = found.credentials;
        let person = stored.as_ref().map(|stored| stored.id);
        let attempt = Attempt::begin(identity, found.waits, person, claim.network, claim.began)?;
        let hash = stored.as_ref().and_then(|stored| stored.password_hash.clone());
        let hash = hash.unwrap_or_else(PasswordHash::dummy);
        let right = identity.hasher.verify(attempt.asker(), presented.clone(), hash).await?;
        let stored = match stored {
            None => return Ok((attempt, Err(RefusalReason::Unknown))),
            Some(stored) if !stored.enabled => return Ok((attempt, Err(RefusalReason::Disabled(stored.id)))),
            Some(stored) if attempt.is_barred() => return Ok((attempt, Err(RefusalReason::Barred(stored.id)))),
            Some(stored) => stored,
        };
        let Some(hash) = stored.password_hash else { return Ok((attempt, Err(RefusalReason::NoPassword(stored.id)))) };
        if !right {
            return Ok((attempt, Err(RefusalReason::WrongPassword(stored.id))));
        }
        attempt.was_right();
        if let Some(hash) = upgraded(identity, &attempt, stored.id, hash, presented).await? {
            let methods = stored.second_factors.iter().filter_map(|method| Method::read(method)).collect();
            let must_have_one = identity.settings.require_mfa.asks(stored.is_administrator);
            return Ok((attempt, Ok(Known { person: stored.id, hash, methods, must_have_one })));
        }
        // Another login has upgraded it meanwhile, or somebody has changed the password: compare with what stands now.
    }
}

/// The hash that stands once it is as strong as today's; `None` when it was replaced meanwhile.
async fn upgraded(
    identity: &Identity,
    attempt: &Attempt,
    person: PersonId,
    old: PasswordHash,
    presented: &Presented,
) -> Result<Option<PasswordHash>> {
    // What bcrypt did not read has not been verified, and must not become part of the password.
    let is_long = presented.normalised().len() > BCRYPT_READS;
    if old.is_current() || is_long && old.reads_72_bytes() {
        return Ok(Some(old));
    }
    let Ok(password) = Password::try_from(presented.raw().to_owned()) else { return Ok(Some(old)) };
    let new = identity.hasher.hash(attempt.asker(), password).await?;
    let mut tx = identity.db.begin().await?;
    let replaced = people::store::upgrade_hash(&mut tx, person, &old, &new).await?;
    tx.commit().await?;
    Ok(replaced.then_some(new))
}
