//! Who is this? The one place that compares a password.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::app::App;
use crate::audit::{self, Action, Actor, By, Event, Origin};
use crate::error::{Error, Result};
use crate::passwords::{Password, PasswordHash, Presented};
use crate::users::{self, PersonId, Username};

/// Somebody who knew the password.
#[derive(Debug)]
pub struct Verified {
    /// Who.
    pub person: PersonId,
    /// The hash that now stands for the password, to be compared again when the session begins.
    pub hash: PasswordHash,
}

/// No refusal comes sooner: hashes from elsewhere take another time to verify than ours, and would tell who has one.
const REFUSAL: Duration = Duration::from_millis(500);

/// bcrypt reads no more of a password.
const BCRYPT_READS: usize = 72;

/// Compares a password with the one stored under `username`.
///
/// Unknown, disabled and wrong take the same way: one hash is computed, and the same answer comes at the same time. A
/// hash from elsewhere, or one cheaper than today's, is replaced by one of ours.
///
/// # Errors
/// 401 `invalid_credentials`; 503 when too many are logging in.
pub async fn verify(app: &App, origin: &Origin, username: &str, presented: Presented) -> Result<Verified> {
    let refusal = Instant::now() + REFUSAL;
    let username = username.parse::<Username>().ok();
    let refused = match compare(app, username.as_ref(), &presented).await? {
        Ok(verified) => return Ok(verified),
        Err(refused) => refused,
    };
    tell(app, origin, refused).await?;
    tokio::time::sleep_until(refusal).await;
    Err(invalid_credentials())
}

/// Why somebody is not let in: for the audit trail, never for them.
#[derive(Clone, Copy, Debug)]
enum Refused {
    /// Nobody has that username. What was typed is not kept: it may be a password in the wrong field.
    Unknown,
    /// They are disabled; the password may have been right.
    Disabled(PersonId),
    /// The password was wrong.
    WrongPassword(PersonId),
}

async fn tell(app: &App, origin: &Origin, refused: Refused) -> Result<()> {
    let event = Event::new(Action::LoginFailed);
    let event = match refused {
        Refused::Unknown => event.after(json!({"reason": "unknown username"})),
        Refused::Disabled(person) => event.about(person).after(json!({"reason": "disabled"})),
        Refused::WrongPassword(person) => event.about(person).after(json!({"reason": "wrong password"})),
    };
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: app.clock.now() };
    let mut conn = app.db.read().await?;
    audit::store::insert(&mut conn, &by, &event).await?;
    Ok(conn.keep().await?)
}

/// 401 `invalid_credentials`.
pub fn invalid_credentials() -> Error {
    Error::unauthorized("invalid_credentials", "username or password is wrong")
}

async fn compare(app: &App, username: Option<&Username>, presented: &Presented) -> Result<Result<Verified, Refused>> {
    loop {
        let stored = match username {
            Some(username) => app.credentials.ask(username.clone()).await?,
            None => None,
        };
        let hash = stored.as_ref().map_or_else(PasswordHash::dummy, |stored| stored.password_hash.clone());
        let right = app.hasher.verify(presented.clone(), hash).await?;
        let stored = match stored {
            None => return Ok(Err(Refused::Unknown)),
            Some(stored) if !stored.enabled => return Ok(Err(Refused::Disabled(stored.id))),
            Some(stored) if !right => return Ok(Err(Refused::WrongPassword(stored.id))),
            Some(stored) => stored,
        };
        if let Some(hash) = upgraded(app, stored.id, stored.password_hash, presented).await? {
            return Ok(Ok(Verified { person: stored.id, hash }));
        }
        // Another login has upgraded it meanwhile, or somebody has changed the password: compare with what stands now.
    }
}

/// The hash that stands once it is as strong as today's; `None` when it was replaced meanwhile.
async fn upgraded(
    app: &App,
    person: PersonId,
    old: PasswordHash,
    presented: &Presented,
) -> Result<Option<PasswordHash>> {
    // What bcrypt did not read has not been verified, and must not become part of the password.
    let unread = old.is_bcrypt() && presented.normalised().len() > BCRYPT_READS;
    if old.is_current() || unread {
        return Ok(Some(old));
    }
    let Ok(password) = Password::try_from(presented.raw().to_owned()) else { return Ok(Some(old)) };
    let new = app.hasher.hash(password).await?;
    let mut tx = app.db.begin().await?;
    let replaced = users::store::upgrade_hash(&mut tx, person, &old, &new).await?;
    tx.commit().await?;
    Ok(replaced.then_some(new))
}
