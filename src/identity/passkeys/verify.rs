//! Whose passkey is this? The one place that takes a signature for a person.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::ceremony::{Answer, Reason, Refused, Use};
use super::passkey::StoredPasskey;
use super::store::{self, Showing, Shown};
use super::{PasskeyId, Purpose, RelyingParty};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::attempts::{Attempt, Quota, name_key};
use crate::identity::devices::Device;
use crate::identity::mail::{self, Content};
use crate::identity::sessions::PasskeyUse;
use crate::identity::sessions::store::logins_until;
use crate::platform::database::BatchQuery;

/// No refusal comes sooner: verifying takes longer than not knowing.
const REFUSAL: Duration = Duration::from_millis(100);

/// Somebody who has shown a passkey, with which they were verified.
#[derive(Clone, Debug)]
pub struct Signed {
    pub person: PersonId,
    /// Whether it is in one device alone, and not in a manager that copies it.
    pub is_hardware: bool,
    /// To be compared with what has failed meanwhile.
    pub attempt: Attempt,
    /// To be noted with what it opens.
    pub used: PasskeyUse,
    no_refusal_before: Instant,
}

impl Signed {
    /// Notes the use of the passkey, in the transaction of what it opens; `false` where it is gone, or has signed more often
    /// meanwhile than it said: then that opens nothing, see [`Self::came_back`].
    pub async fn note(&self, conn: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
        store::note_use(conn, self.used, now).await
    }

    /// Why no session began by it, as late as every refusal: 401 `passkey_refused`, or 429.
    pub async fn refused(&self, identity: &Identity, origin: &Origin) -> Error {
        let overtaken = async { store::is_overtaken(&mut *identity.db.read().await?, self.used).await };
        match overtaken.await {
            Ok(true) => return self.came_back(identity, origin).await,
            Ok(false) => {}
            Err(error) => return error,
        }
        let until = async { logins_until(&mut *identity.db.read().await?, self.person).await };
        let room = until.await.and_then(|until| Quota::LOGINS.must_have_room(until, identity.clock.now()));
        if let Err(too_often) = room {
            return too_often;
        }
        let refusal = self.attempt.must_not_wait(identity).await.err().unwrap_or_else(passkey_refused);
        let event = failed(Some(self.person), Some(self.used.passkey), "too late");
        let told = async { AuditedTx::new(identity.db.begin().await?, by(identity, origin)).commit([event]).await };
        let told = told.await;
        tokio::time::sleep_until(self.no_refusal_before).await;
        told.err().unwrap_or(refusal)
    }

    /// The refusal of a counter that another use has overtaken.
    pub async fn came_back(&self, identity: &Identity, origin: &Origin) -> Error {
        let (person, passkey) = (Some(self.person), Some(self.used.passkey));
        let why = Why { person, passkey, refused: Refused::CounterWentBack };
        refuse(identity, origin, &self.attempt, why, self.no_refusal_before).await
    }
}

/// Passkeys that are shown, many in one statement.
#[derive(Debug)]
pub struct ShownPasskeys;

impl BatchQuery for ShownPasskeys {
    const NAME: &'static str = "passkeys";
    const MAY_BE_ASKED_TWICE: bool = false;
    type Ask = Showing;
    type Answer = Shown;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Showing]) -> Result<Vec<Shown>> {
        store::show_all(conn, asked).await
    }
}

/// Whom a passkey that has signed belongs to. Its challenge is spent, whatever comes of it. Unknown passkeys, those of the disabled,
/// and all that is wrong with a signature take the same way: one failure is counted, and the same answer comes at the same time.
///
/// # Errors
/// 400 `invalid_request_body`; 401 `passkey_refused`; 409 `passkeys_unavailable`; 429 `too_many_attempts`, `too_many_logins`.
pub async fn verify(identity: &Identity, origin: &Origin, purpose: Purpose, credential: &Value) -> Result<Signed> {
    let no_refusal_before = Instant::now() + REFUSAL;
    let party = RelyingParty::here(identity)?;
    let answer = Answer::read(credential).ok_or_else(|| {
        let fault = "it is not what a browser makes of a passkey that has signed: send all of `credential.toJSON()`";
        Error::invalid_field("credential", fault)
    })?;
    let presented = hex::encode(answer.credential_id());
    let showing = Showing {
        challenge: answer.challenge(),
        purpose,
        credential_id: answer.credential_id().to_vec(),
        nobody: name_key(&presented),
        network: origin.network(),
        device: Device::of_origin(origin),
        now: identity.clock.now(),
    };
    let Shown { passkey: stored, question: state, waits } = identity.shown_passkeys.ask(showing).await?;
    // Whoever tries to be somebody fails as they do, with whosever passkey.
    let person = purpose.person().or(stored.as_ref().map(|stored| stored.person));
    let attempt = Attempt::begin(identity, waits, person, origin.network(), identity.clock.now())?;
    let known = stored.as_ref().map(|stored| (stored.person, stored.id)).unzip();
    let compared = compare(party, purpose, &answer, (stored, state), &attempt)?;
    match compared {
        Ok((stored, used)) => {
            // A second step belongs to a login that is counted already.
            if purpose == Purpose::Login {
                attempt.was_right();
            }
            let Use { sign_count, is_backed_up } = used;
            let used = PasskeyUse { passkey: stored.id, sign_count, is_backed_up };
            let (is_hardware, person) = (!stored.is_backup_eligible, stored.person);
            Ok(Signed { person, is_hardware, attempt, used, no_refusal_before })
        }
        Err(refused) => {
            let why = Why { person: purpose.person().or(known.0), passkey: known.1, refused };
            Err(refuse(identity, origin, &attempt, why, no_refusal_before).await)
        }
    }
}

fn compare(
    party: &RelyingParty,
    purpose: Purpose,
    answer: &Answer,
    (stored, state): (Option<StoredPasskey>, Option<Vec<u8>>),
    attempt: &Attempt,
) -> Result<Result<(StoredPasskey, Use), Refused>> {
    let Some(stored) = stored else { return Ok(Err(Refused::Because("unknown passkey"))) };
    let Some(state) = state else { return Ok(Err(Refused::Because("challenge is unknown or over"))) };
    let used = match answer.verify(party, &state, &stored)? {
        Ok(used) => used,
        Err(refused) => return Ok(Err(refused)),
    };
    Ok(if purpose.person().is_some_and(|person| person != stored.person) {
        Err(Refused::Because("passkey of another person"))
    } else if !stored.enabled {
        Err(Refused::Because("disabled"))
    } else if attempt.is_barred() {
        Err(Refused::Because("too many failures in a row"))
    } else {
        Ok((stored, used))
    })
}

/// Why somebody is not let in: for the audit trail, never for them.
#[derive(Clone, Copy, Debug)]
struct Why {
    person: Option<PersonId>,
    passkey: Option<PasskeyId>,
    refused: Refused,
}

async fn refuse(identity: &Identity, origin: &Origin, attempt: &Attempt, why: Why, not_before: Instant) -> Error {
    let Why { person, passkey, refused } = why;
    let reason = match refused {
        Refused::CounterWentBack => "passkey has signed more often than it says",
        Refused::Because(reason) => reason,
    };
    let failed = attempt.failed(identity, by(identity, origin), failed(person, passkey, reason)).await;
    let mut refusal = failed.err().unwrap_or_else(passkey_refused);
    if let (Refused::CounterWentBack, Some(person), Some(passkey)) = (refused, person, passkey)
        && let Err(error) = warn(identity, origin, person, passkey).await
    {
        refusal = error;
    }
    tokio::time::sleep_until(not_before).await;
    refusal
}

/// Tells the owner, and whoever reads the audit trail, that there may be a copy of a passkey.
async fn warn(identity: &Identity, origin: &Origin, person: PersonId, passkey: PasskeyId) -> Result<()> {
    let mut tx = AuditedTx::new(identity.db.begin().await?, by(identity, origin));
    let name = store::list(&mut tx, person).await?.into_iter().find(|own| own.id == passkey).map(|own| own.name);
    let Some(name) = name else { return Ok(()) };
    let told = json!({"passkey": passkey, "name": name});
    mail::queue(&mut tx, identity, person, &Content::PasskeyCopied { name }, None).await?;
    tx.commit([Event::new(Action::PasskeyCopied).about(person).after(told)]).await?;
    identity.mailer.wake();
    Ok(())
}

fn failed(person: Option<PersonId>, passkey: Option<PasskeyId>, reason: Reason) -> Event {
    let told = match passkey {
        Some(passkey) => json!({"reason": reason, "passkey": passkey}),
        None => json!({"reason": reason}),
    };
    Event { subject: person, ..Event::new(Action::LoginFailed).after(told) }
}

fn by(identity: &Identity, origin: &Origin) -> By {
    By { actor: Actor::Anonymous, origin: origin.clone(), now: identity.clock.now() }
}

/// The same refusal for who is logged in: clients take a 401 for a dead token.
pub fn not_a_dead_token(error: Error) -> Error {
    match error {
        Error::Refused(refusal) if refusal.code == "passkey_refused" => Error::bad_request("passkey_refused", REFUSED),
        other => other,
    }
}

const REFUSED: &str = "this passkey opens nothing here, or was shown too late; ask for a new challenge, or prove who you are in another way";

/// 401 `passkey_refused`.
fn passkey_refused() -> Error {
    Error::unauthorized("passkey_refused", REFUSED)
}
