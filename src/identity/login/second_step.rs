//! A login is finished by its second step: with a second factor that somebody has, or with the one that they got first.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Entry;
use super::enrol::must_have_none;
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::base::opaque::second_step::{DeviceToken, MfaTokenHash};
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::attempts::{Attempt, Quota};
use crate::identity::factors::store::pending::{self, Waiting};
use crate::identity::factors::{
    self, Code, Confirmation, Given, Method, Proved, ShownCodes, Spent, not_begun, store, trust,
};
use crate::identity::passkeys::{self, MadePasskey, PasskeyName, Purpose, Signed};
use crate::identity::sessions::{self, Entrant, LoggedIn, Proof};
use crate::platform::shares::Asker;

/// The second step of a login.
#[derive(Debug)]
pub struct SecondStep {
    /// Which login waits for it.
    pub token: MfaTokenHash,
    pub given: Given,
    /// The code after that, where an authenticator is confirmed with it.
    pub next_code: Option<Code>,
    /// Whether the password is to be enough on this device from now on.
    pub trust: bool,
}

/// Likewise with a passkey.
#[derive(Debug)]
pub struct PasskeyStep {
    /// Which login waits for it.
    pub token: MfaTokenHash,
    /// What the browser answers.
    pub credential: Value,
    /// What they call it, where it is a new one,
    pub name: Option<PasskeyName>,
    /// and in which language they are written to about it.
    pub language: Option<Locale>,
    /// Whether the password is to be enough on this device from now on.
    pub trust: bool,
}

/// You are logged in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Finished {
    #[serde(flatten)]
    pub began: LoggedIn,
    /// How many recovery codes you have left, after a login by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 9)]
    pub recovery_codes_left: Option<i64>,
    /// With a second factor that this login has set up: codes for when you lose it. Shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, example = json!(["0123-4567-89ab-cdef"]))]
    pub recovery_codes: Option<ShownCodes>,
    /// Send it with later logins on this device: they need no second step. Shown only once, and only if requested and devices are trusted here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<String>,
        nullable = false,
        pattern = "^ptd_[0-9a-f]{72}$",
        example = "ptd_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000"
    )]
    pub device_token: Option<DeviceToken>,
}

/// What was right of a second step.
enum Right {
    Factor(Proved),
    Passkey(Signed),
    Confirmed(Confirmation),
    Made(MadePasskey, Option<Locale>),
}

/// A login that is opened by its second step.
struct Opening {
    waiting: Waiting,
    token: MfaTokenHash,
    trust: bool,
    /// The means of that step.
    amr: Amr,
}

/// What opening it has left behind.
#[derive(Default)]
struct Left {
    recovery_codes_left: Option<i64>,
    recovery_codes: Option<ShownCodes>,
}

/// Finishes a login. Wrong codes count as wrong passwords do.
///
/// # Errors
/// 401 `invalid_mfa_token`, `invalid_code`; 429 `too_many_attempts`, `too_many_logins`; 503 when too many passwords are being hashed.
pub async fn finish(identity: &Identity, step: &SecondStep, entry: &Entry<'_>) -> Result<Finished> {
    let waiting = waiting(identity, step.token).await?;
    let attempt = Attempt::at(identity, waiting.person, entry.origin).await?;
    take_a_try(identity, step.token).await?;
    let right = compare(identity, &waiting, step, entry.origin).await?.filter(|_| !attempt.is_barred());
    let Some(right) = right else { return Err(wrong(identity, &waiting, &attempt, entry.origin).await) };
    let opening = Opening { waiting, token: step.token, trust: step.trust, amr: step.given.method.amr() };
    open(identity, opening, right, &attempt, entry).await
}

/// What a browser asks an authenticator for, so that it takes the second step of a login that waits.
///
/// # Errors
/// 401 `invalid_mfa_token`; 409 `no_second_factor`, `passkeys_unavailable`; 429 `too_many_at_once`.
pub async fn ask_for_passkey(
    identity: &Identity,
    origin: &Origin,
    token: MfaTokenHash,
) -> Result<passkeys::PasskeyOptions> {
    let waiting = waiting(identity, token).await?;
    if waiting.enrols {
        let detail = "you have no second factor yet: set one up at POST /auth/mfa/enrol";
        return Err(Error::conflict("no_second_factor", detail));
    }
    passkeys::ask(identity, origin, Purpose::SecondFactor(waiting.person)).await
}

/// Likewise where they have a passkey, for a page.
///
/// # Errors
/// 401 `invalid_mfa_token`.
pub async fn offer_passkey(
    identity: &Identity,
    origin: &Origin,
    token: MfaTokenHash,
) -> Result<Option<passkeys::PasskeyOptions>> {
    let waiting = waiting(identity, token).await?;
    let methods = store::second_factors(&mut *identity.db.read().await?, waiting.person).await?;
    if identity.settings.relying_party.is_none() || !methods.contains(&Method::Passkey) {
        return Ok(None);
    }
    match passkeys::ask(identity, origin, Purpose::SecondFactor(waiting.person)).await {
        Ok(options) => Ok(Some(options)),
        // There are other ways.
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finishes a login by a passkey: with one that they have, or with the one that they must get first.
///
/// # Errors
/// As [`finish`], but 401 `passkey_refused` for a passkey that is not theirs, or not shown as asked; 400 `invalid_passkey` and 409 `passkey_exists` for a new one.
pub async fn finish_by_passkey(identity: &Identity, step: PasskeyStep, entry: &Entry<'_>) -> Result<Finished> {
    let PasskeyStep { token, credential, name, language, trust } = step;
    let waiting = waiting(identity, token).await?;
    take_a_try(identity, token).await?;
    let person = waiting.person;
    let (right, attempt, amr) = if waiting.enrols {
        let attempt = Attempt::at(identity, person, entry.origin).await?;
        let asker = Asker::person(person, entry.origin.address);
        let purpose = Purpose::Enrolment(person, token);
        let made = MadePasskey::of(identity, &asker, (person, purpose), name, &credential).await?;
        let amr = made.amr();
        (Right::Made(made, language), attempt, amr)
    } else {
        let signed = passkeys::verify(identity, entry.origin, Purpose::SecondFactor(person), &credential).await?;
        let (attempt, amr) = (signed.attempt.clone(), Amr::of_passkey(signed.is_hardware));
        (Right::Passkey(signed), attempt, amr)
    };
    open(identity, Opening { waiting, token, trust, amr }, right, &attempt, entry).await
}

/// A login that waits.
///
/// # Errors
/// 401 `invalid_mfa_token`.
pub(super) async fn waiting(identity: &Identity, token: MfaTokenHash) -> Result<Waiting> {
    let found = pending::find(&mut *identity.db.read().await?, token, identity.clock.now()).await?;
    found.ok_or_else(invalid_mfa_token)
}

/// However the comparison ends: nobody guesses for nothing by not waiting for the answer.
async fn take_a_try(identity: &Identity, token: MfaTokenHash) -> Result<()> {
    let mut conn = identity.db.read().await?;
    let took = pending::try_once(&mut conn, token).await?;
    conn.keep().await?;
    if took { Ok(()) } else { Err(invalid_mfa_token()) }
}

async fn compare(identity: &Identity, waiting: &Waiting, step: &SecondStep, origin: &Origin) -> Result<Option<Right>> {
    let asker = Asker::person(waiting.person, origin.address);
    if !waiting.enrols {
        return Ok(factors::prove(identity, &asker, waiting.person, &step.given).await?.map(Right::Factor));
    }
    let Some(next) = step.next_code.as_ref().filter(|_| step.given.method == Method::Totp) else {
        let detail = "confirm your authenticator by two codes that follow each other: send the second as `next_code`";
        return Err(Error::invalid_field("next_code", detail));
    };
    let codes = [&step.given.code, next];
    let factor = waiting.factor.ok_or_else(not_begun)?;
    Ok(Confirmation::of(identity, &asker, (waiting.person, factor), codes).await?.map(Right::Confirmed))
}

/// Begins the session, and spends what it is begun with: all of it, or nothing.
async fn open(
    identity: &Identity,
    Opening { waiting, token, trust: wants_trust, amr }: Opening,
    right: Right,
    attempt: &Attempt,
    entry: &Entry<'_>,
) -> Result<Finished> {
    let (now, person) = (identity.clock.now(), waiting.person);
    let Entry { origin, user_agent, before, .. } = *entry;
    let by = By { actor: Actor::Person(person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    let whose: Vec<_> = before.iter().map(|(whose, _)| *whose).chain([person]).collect();
    gate::store::people::lock_all(&mut tx, &whose).await?;
    if !pending::spend(&mut tx, token, now).await? {
        return Err(invalid_mfa_token());
    }
    let signed = if let Right::Passkey(signed) = &right { Some(signed.clone()) } else { None };
    let Some(left) = spend(&mut tx, identity, &waiting, right).await? else {
        drop(tx);
        return Err(match signed {
            Some(signed) => signed.came_back(identity, origin).await,
            None => wrong(identity, &waiting, attempt, origin).await,
        });
    };
    if let Some((whose, before)) = before {
        sessions::log_out(&mut tx, whose, before).await?;
    }
    let amr = waiting.amr.with(amr).with(Amr::MFA);
    let proof = Proof::SecondFactor { verified: waiting.verified.as_ref(), attempt, amr };
    let entrant = Entrant { person, proof, origin, user_agent, refresh: waiting.refresh, now };
    let Some(began) = sessions::begin(identity, &mut tx, &entrant).await? else {
        drop(tx);
        return Err(too_late(identity, &waiting, attempt).await);
    };
    // Whatever ends the sessions that began at a provider ends the logins that wait there, too.
    if waiting.is_by_provider()
        && !sessions::store::providers::note_second_step(&mut tx, token, began.token().hash(), now).await?
    {
        return Err(invalid_mfa_token());
    }
    let device_token = if wants_trust { trust(&mut tx, identity, person, user_agent).await? } else { None };
    tx.commit([]).await?;
    identity.mailer.wake();
    let Left { recovery_codes_left, recovery_codes } = left;
    Ok(Finished { began, recovery_codes_left, recovery_codes, device_token })
}

/// `None` where it was spent already.
async fn spend(tx: &mut AuditedTx, identity: &Identity, waiting: &Waiting, right: Right) -> Result<Option<Left>> {
    let now = tx.by().now;
    match right {
        Right::Passkey(signed) => Ok(signed.note(tx, now).await?.then(Left::default)),
        Right::Factor(proved) => Ok(proved.spend(tx, identity, waiting.person).await?.map(|spent| match spent {
            Spent::Factor => Left::default(),
            Spent::RecoveryCode { left } => Left { recovery_codes_left: Some(left), ..Left::default() },
        })),
        Right::Confirmed(confirmation) => {
            must_have_none(tx, waiting).await?;
            let recovery_codes = confirmation.keep(tx, identity, waiting.person).await?;
            Ok(Some(Left { recovery_codes, ..Left::default() }))
        }
        Right::Made(made, language) => {
            must_have_none(tx, waiting).await?;
            let recovery_codes = made.keep(tx, identity, waiting.person, language).await?.recovery_codes;
            Ok(Some(Left { recovery_codes, ..Left::default() }))
        }
    }
}

/// Counts a wrong code, and says so.
async fn wrong(identity: &Identity, waiting: &Waiting, attempt: &Attempt, origin: &Origin) -> Error {
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: identity.clock.now() };
    let told = Event::new(Action::LoginFailed).about(waiting.person).after(json!({"reason": "wrong code"}));
    match attempt.failed(identity, by, told).await {
        Ok(()) => Error::unauthorized("invalid_code", "the code is wrong, too old, or was used already"),
        Err(error) => error,
    }
}

/// Why nothing was opened by the right code: others have begun a wait, there were too many logins, or the person was disabled or has another password.
async fn too_late(identity: &Identity, waiting: &Waiting, attempt: &Attempt) -> Error {
    let refused = async {
        let until = sessions::store::logins_until(&mut *identity.db.read().await?, waiting.person).await?;
        Quota::LOGINS.must_have_room(until, identity.clock.now())?;
        attempt.must_not_wait(identity).await
    };
    refused.await.err().unwrap_or_else(invalid_mfa_token)
}

/// 401 `invalid_mfa_token`.
pub fn invalid_mfa_token() -> Error {
    Error::unauthorized(
        "invalid_mfa_token",
        "this login waits no longer, or its second step was tried too often: log in again",
    )
}
