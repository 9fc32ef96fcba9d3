//! What somebody does with their own factors, each a whole act: API and pages call it.

use super::{
    Code, Confirmation, Enrolment, FactorName, Method, RecoveryCodes, ShownCodes, begin_totp, distrust, keep_codes,
    must_be_fresh, remove, rename, store,
};
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::id::{FactorId, TrustedDeviceId};
use crate::gate::Caller;
use crate::gate::sessions::store::{authentication, reauthenticate};
use crate::identity::Identity;
use crate::platform::http::credential;
use crate::platform::shares::Asker;

/// Begins an authenticator, which opens nothing before it is confirmed.
///
/// # Errors
/// 403 `reauthentication_required`; 409 `too_many_factors`.
pub async fn begin_own(identity: &Identity, caller: &Caller, name: &FactorName) -> Result<Enrolment> {
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    let enrolment = begin_totp(identity, &mut tx, caller.person, name, now).await?;
    tx.commit([]).await?;
    Ok(enrolment)
}

/// Confirms an authenticator by two codes that follow each other; answers the recovery codes that come with the first one, to be shown once.
///
/// # Errors
/// 400 `invalid_code`; 403 `reauthentication_required`; 404 `factor_not_found`; 503 when too many passwords are being hashed.
pub async fn confirm_own(
    identity: &Identity,
    caller: &Caller,
    id: FactorId,
    codes: [&Code; 2],
) -> Result<Option<ShownCodes>> {
    let person = caller.person;
    must_be_fresh(&mut *identity.db.read().await?, caller, identity.clock.now()).await?;
    let asker = Asker::person(person, caller.origin.address);
    let confirmation = Confirmation::of(identity, &asker, (person, id), codes).await?;
    let confirmation = confirmation.ok_or_else(|| {
        Error::bad_request(
            "invalid_code",
            "`codes`: send two codes that your authenticator shows one after the other, just now",
        )
    })?;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    let recovery_codes = confirmation.keep(&mut tx, identity, person).await?;
    let proved = authentication(&mut tx, caller.token).await?.ok_or_else(credential::invalid)?;
    // They have just shown that they have it.
    let amr = proved.amr.with(Method::Totp.amr()).with(Amr::MFA);
    reauthenticate(&mut tx, caller.token, amr, now).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(recovery_codes)
}

/// Calls an authenticator something else.
///
/// # Errors
/// 403 `reauthentication_required`; 404 `factor_not_found`.
pub async fn rename_own(identity: &Identity, caller: &Caller, id: FactorId, name: &FactorName) -> Result<()> {
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    rename(&mut tx, caller.person, id, name).await?;
    tx.commit([]).await
}

/// Removes an authenticator; with the last factor go recovery codes and trusted devices.
///
/// # Errors
/// 403 `reauthentication_required`; 404 `factor_not_found`; 409 `second_factor_required`.
pub async fn remove_own(identity: &Identity, caller: &Caller, id: FactorId) -> Result<()> {
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    remove(&mut tx, identity, caller.person, id).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}

/// Makes recovery codes in the place of those of before, to be shown once.
///
/// # Errors
/// 403 `reauthentication_required`; 409 `no_second_factor`; 503 when too many passwords are being hashed.
pub async fn make_own_codes(identity: &Identity, caller: &Caller) -> Result<ShownCodes> {
    let person = caller.person;
    must_be_fresh(&mut *identity.db.read().await?, caller, identity.clock.now()).await?;
    let codes = RecoveryCodes::make(identity, &Asker::person(person, caller.origin.address)).await?;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    if store::second_factors(&mut tx, person).await?.is_empty() {
        let detail = "recovery codes stand in for a second factor: set one up first, at POST /auth/me/factors";
        return Err(Error::conflict("no_second_factor", detail));
    }
    let recovery_codes = keep_codes(&mut tx, person, codes).await?;
    tx.commit([]).await?;
    Ok(recovery_codes)
}

/// Trusts a device no more.
///
/// # Errors
/// 404 `device_not_found`.
pub async fn distrust_own(identity: &Identity, caller: &Caller, id: TrustedDeviceId) -> Result<()> {
    let mut tx = caller.begin(identity).await?;
    distrust(&mut tx, caller.person, id).await?;
    tx.commit([]).await
}
