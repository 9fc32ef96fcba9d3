//! A login is finished by its second step: with a second factor that somebody has, or with the one that they got first.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Entry;
use super::open::{Left, Opening, Right, open, wrong};
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::base::opaque::second_step::{DeviceToken, MfaTokenHash};
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::identity::attempts::{Attempt, Waits};
use crate::identity::devices::Device;
use crate::identity::factors::store::pending::{self, AskedTry, Try, Waiting};
use crate::identity::factors::store::totp::SealedTotp;
use crate::identity::factors::{self, Code, Confirmation, Given, Method, ShownCodes, Tried, not_begun, store};
use crate::identity::passkeys::{self, MadePasskey, PasskeyName, Purpose};
use crate::identity::sessions::LoggedIn;
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

impl Finished {
    pub(super) fn of(began: LoggedIn, left: Left, device_token: Option<DeviceToken>) -> Self {
        let Left { recovery_codes_left, recovery_codes } = left;
        Self { began, recovery_codes_left, recovery_codes, device_token }
    }
}

/// Finishes a login. Wrong codes count as wrong passwords do.
///
/// # Errors
/// 401 `invalid_mfa_token`, `invalid_code`; 429 `too_many_attempts`, `too_many_logins`; 503 when too many passwords are being hashed.
pub async fn finish(identity: &Identity, step: &SecondStep, entry: &Entry<'_>) -> Result<Finished> {
    let Try { waiting, waits, authenticators } = take_try(identity, step.token, entry.origin).await?;
    let attempt = attempt(identity, &waiting, waits, entry.origin)?;
    let right = compare(identity, (&waiting, &authenticators), step, entry.origin).await?;
    let right = right.filter(|_| !attempt.is_barred());
    let Some(right) = right else { return Err(wrong(identity, &waiting, &attempt, entry.origin).await) };
    let opening = Opening { waiting, token: step.token, trust: step.trust, amr: step.given.method.amr(), attempt };
    open(identity, opening, right, entry).await
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

/// By what a login that waits can be finished, as a page offers it.
#[derive(Debug)]
pub struct Ways {
    pub methods: Vec<Method>,
    /// What to ask the browser for, where they have a passkey.
    pub passkey: Option<passkeys::PasskeyOptions>,
}

/// Likewise, for a page.
///
/// # Errors
/// 401 `invalid_mfa_token`.
pub async fn offer_ways(identity: &Identity, origin: &Origin, token: MfaTokenHash) -> Result<Ways> {
    let waiting = waiting(identity, token).await?;
    let methods = store::second_factors(&mut *identity.db.read().await?, waiting.person).await?;
    if identity.settings.relying_party.is_none() || !methods.contains(&Method::Passkey) {
        return Ok(Ways { methods, passkey: None });
    }
    match passkeys::ask(identity, origin, Purpose::SecondFactor(waiting.person)).await {
        Ok(options) => Ok(Ways { methods, passkey: Some(options) }),
        // There are other ways.
        Err(Error::Refused(_)) => Ok(Ways { methods, passkey: None }),
        Err(error) => Err(error),
    }
}

/// Finishes a login by a passkey: with one that they have, or with the one that they must get first.
///
/// # Errors
/// As [`finish`], but 401 `passkey_refused` for a passkey that is not theirs, or not shown as asked; 400 `invalid_passkey` and 409 `passkey_exists` for a new one.
pub async fn finish_by_passkey(identity: &Identity, step: PasskeyStep, entry: &Entry<'_>) -> Result<Finished> {
    let PasskeyStep { token, credential, name, language, trust } = step;
    let Try { waiting, waits, .. } = take_try(identity, token, entry.origin).await?;
    let person = waiting.person;
    let (right, attempt, amr) = if waiting.enrols {
        let attempt = attempt(identity, &waiting, waits, entry.origin)?;
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
    open(identity, Opening { waiting, token, trust, amr, attempt }, right, entry).await
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
async fn take_try(identity: &Identity, token: MfaTokenHash, origin: &Origin) -> Result<Try> {
    let now = identity.clock.now();
    let asked = AskedTry { token, network: origin.network(), device: Device::of_origin(origin), now };
    match identity.tries.ask(asked).await? {
        Tried::Taken(begun) => return Ok(*begun),
        Tried::Over => return Err(invalid_mfa_token()),
        Tried::Held => {}
    }
    let mut tx = identity.db.begin().await?;
    pending::lock(&mut tx, token).await?;
    let begun = pending::take_tries(&mut tx, &[asked]).await?.pop().flatten();
    tx.commit().await?;
    begun.ok_or_else(invalid_mfa_token)
}

fn attempt(identity: &Identity, waiting: &Waiting, waits: Waits, origin: &Origin) -> Result<Attempt> {
    Attempt::begin(identity, waits, Some(waiting.person), origin.network(), identity.clock.now())
}

async fn compare(
    identity: &Identity,
    (waiting, authenticators): (&Waiting, &[SealedTotp]),
    step: &SecondStep,
    origin: &Origin,
) -> Result<Option<Right>> {
    let asker = Asker::person(waiting.person, origin.address);
    if !waiting.enrols {
        let whose = (waiting.person, authenticators);
        return Ok(factors::prove_by(identity, &asker, whose, &step.given).await?.map(Right::Factor));
    }
    let Some(next) = step.next_code.as_ref().filter(|_| step.given.method == Method::Totp) else {
        let detail = "confirm your authenticator by two codes that follow each other: send the second as `next_code`";
        return Err(Error::invalid_field("next_code", detail));
    };
    let codes = [&step.given.code, next];
    let factor = waiting.factor.ok_or_else(not_begun)?;
    Ok(Confirmation::of(identity, &asker, (waiting.person, factor), codes).await?.map(Right::Confirmed))
}

/// 401 `invalid_mfa_token`.
pub fn invalid_mfa_token() -> Error {
    Error::unauthorized(
        "invalid_mfa_token",
        "this login waits no longer, or its second step was tried too often: log in again",
    )
}
