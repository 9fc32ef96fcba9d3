//! Who must have a second factor and has none gets one while they log in.

use super::second_step::{invalid_mfa_token, waiting};
use crate::base::error::{Error, Result};
use crate::base::opaque::second_step::MfaTokenHash;
use crate::gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::Identity;
use crate::identity::factors::store::pending::{self, Waiting};
use crate::identity::factors::{Enrolment, FactorName, begin_totp, store, totp_again};
use crate::identity::passkeys::{PasskeyOptions, Purpose, creation_options};

/// Begins their authenticator. It opens nothing before [`finish`](super::finish) has confirmed it.
///
/// # Errors
/// 401 `invalid_mfa_token`; 409 `enrolment_not_required`.
pub async fn enrol(identity: &Identity, origin: &Origin, token: MfaTokenHash, name: &FactorName) -> Result<Enrolment> {
    let (mut tx, waiting) = begin(identity, origin, token).await?;
    let now = tx.by().now;
    let enrolment = begin_totp(identity, &mut tx, waiting.person, name, now).await?;
    pending::note_factor(&mut tx, token, enrolment.id).await?;
    tx.commit([]).await?;
    Ok(enrolment)
}

/// Shows once more what was begun in a login, for a page that has to be shown again; begins it where it was not.
///
/// # Errors
/// As [`enrol`].
pub async fn enrol_on_a_page(
    identity: &Identity,
    origin: &Origin,
    token: MfaTokenHash,
    name: &FactorName,
) -> Result<Enrolment> {
    let waiting = waiting(identity, token).await?;
    if let Some(begun) = waiting.factor {
        let mut conn = identity.db.read().await?;
        if let Some(enrolment) = totp_again(identity, &mut conn, waiting.person, begun).await? {
            return Ok(enrolment);
        }
    }
    enrol(identity, origin, token, name).await
}

/// What a browser asks an authenticator for, so that it makes their passkey. Only the login that has asked is finished by it
/// ([`finish_by_passkey`](super::finish_by_passkey)).
///
/// # Errors
/// 401 `invalid_mfa_token`; 409 `enrolment_not_required`, `passkeys_unavailable`; 429 `too_many_at_once`.
pub async fn enrol_passkey(identity: &Identity, origin: &Origin, token: MfaTokenHash) -> Result<PasskeyOptions> {
    let (mut tx, Waiting { person, .. }) = begin(identity, origin, token).await?;
    let options = creation_options(&mut tx, identity, person, Purpose::Enrolment(person, token)).await?;
    tx.commit([]).await?;
    Ok(options)
}

/// Likewise for a page, which has another way.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn offer_new_passkey(
    identity: &Identity,
    origin: &Origin,
    token: MfaTokenHash,
) -> Result<Option<PasskeyOptions>> {
    match enrol_passkey(identity, origin, token).await {
        Ok(options) => Ok(Some(options)),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn begin(identity: &Identity, origin: &Origin, token: MfaTokenHash) -> Result<(AuditedTx, Waiting)> {
    let waiting = waiting(identity, token).await?;
    if !waiting.enrols {
        let detail = "you have a second factor: finish the login with it, and add others at POST /auth/me/factors";
        return Err(Error::conflict("enrolment_not_required", detail));
    }
    let by = By { actor: Actor::Person(waiting.person), origin: origin.clone(), now: identity.clock.now() };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::lock(&mut tx, waiting.person).await?;
    must_have_none(&mut tx, &waiting).await?;
    Ok((tx, waiting))
}

/// A second login of theirs that waited may have got them one meanwhile: then it is asked for.
pub(super) async fn must_have_none(tx: &mut AuditedTx, waiting: &Waiting) -> Result<()> {
    if store::second_factors(tx, waiting.person).await?.is_empty() { Ok(()) } else { Err(invalid_mfa_token()) }
}
