//! A login whose second step was right is opened: its session begins, and what it was opened by is spent.

use serde_json::json;

use super::enrol::must_have_none;
use super::second_step::{Finished, invalid_mfa_token};
use super::{Entry, let_in};
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::base::opaque::second_step::MfaTokenHash;
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::attempts::{Attempt, Quota};
use crate::identity::factors::store::pending::{self, Waiting};
use crate::identity::factors::{Confirmation, Proved, ShownCodes, Spent, TotpCode, store, trust};
use crate::identity::passkeys::{MadePasskey, Signed};
use crate::identity::sessions::{self, Entrant, Proof, Spends};

/// What was right of a second step.
pub(super) enum Right {
    Factor(Proved),
    Passkey(Signed),
    Confirmed(Confirmation),
    Made(MadePasskey, Option<Locale>),
}

impl Right {
    /// The code of an authenticator that it was.
    fn code(&self) -> Option<TotpCode> {
        match self {
            Self::Factor(Proved::Totp(code)) => Some(*code),
            Self::Factor(Proved::RecoveryCode { .. }) | Self::Passkey(_) | Self::Confirmed(_) | Self::Made(..) => None,
        }
    }
}

/// A login that is opened by its second step.
pub(super) struct Opening {
    pub waiting: Waiting,
    pub token: MfaTokenHash,
    pub trust: bool,
    /// The means of that step.
    pub amr: Amr,
    /// Which was right.
    pub attempt: Attempt,
}

/// What opening it has left behind.
#[derive(Default)]
pub(super) struct Left {
    pub recovery_codes_left: Option<i64>,
    pub recovery_codes: Option<ShownCodes>,
}

/// Begins the session, and spends what it is begun with: all of it, or nothing.
pub(super) async fn open(identity: &Identity, opening: Opening, right: Right, entry: &Entry<'_>) -> Result<Finished> {
    let Opening { waiting, token, attempt, .. } = &opening;
    let signed = if let Right::Passkey(signed) = &right { Some(signed.clone()) } else { None };
    let (code, passkey) = (right.code(), signed.as_ref().map(|signed| signed.used));
    let spends = Spends { waited: Some(*token), code, passkey };
    let amr = waiting.amr.with(opening.amr).with(Amr::MFA);
    let proof = Proof::SecondFactor { verified: waiting.verified.as_ref(), attempt, amr, spends };
    let entry = Entry { refresh: waiting.refresh, ..*entry };
    let is_all = code.is_some() || passkey.is_some();
    let finished = if is_all && !opening.trust && !waiting.is_by_provider() {
        let began = let_in(identity, waiting.person, proof, &entry).await?;
        began.map(|began| Finished::of(began, Left::default(), None))
    } else {
        open_with_more(identity, &opening, right, proof, &entry).await?
    };
    match finished {
        Some(finished) => Ok(finished),
        None => Err(why_not(identity, &opening, (code, signed), entry.origin).await),
    }
}

/// As [`open`], with all that is written beside the session.
async fn open_with_more(
    identity: &Identity,
    opening: &Opening,
    right: Right,
    proof: Proof<'_>,
    entry: &Entry<'_>,
) -> Result<Option<Finished>> {
    let Opening { waiting, token, attempt, .. } = opening;
    let (now, person) = (identity.clock.now(), waiting.person);
    let Entry { origin, user_agent, before, refresh, .. } = *entry;
    let by = By { actor: Actor::Person(person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    let whose: Vec<_> = before.iter().map(|(whose, _)| *whose).chain([person]).collect();
    gate::store::people::lock_all(&mut tx, &whose).await?;
    let Some(left) = spend(&mut tx, identity, waiting, right).await? else {
        drop(tx);
        return Err(wrong(identity, waiting, attempt, origin).await);
    };
    if let Some((whose, before)) = before {
        sessions::log_out(&mut tx, whose, before).await?;
    }
    let entrant = Entrant { person, proof, origin, user_agent, refresh, now };
    let Some(began) = sessions::begin(identity, &mut tx, &entrant).await? else { return Ok(None) };
    // Whatever ends the sessions that began at a provider ends the logins that wait there, too.
    if waiting.is_by_provider()
        && !sessions::store::providers::note_second_step(&mut tx, *token, began.token().hash(), now).await?
    {
        return Err(invalid_mfa_token());
    }
    let device_token = if opening.trust { trust(&mut tx, identity, person, user_agent).await? } else { None };
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Some(Finished::of(began, left, device_token)))
}

/// Spends what was right, where the session does not begin with that; `None` where it was spent already.
async fn spend(tx: &mut AuditedTx, identity: &Identity, waiting: &Waiting, right: Right) -> Result<Option<Left>> {
    match right {
        Right::Passkey(_) | Right::Factor(Proved::Totp(_)) => Ok(Some(Left::default())),
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
pub(super) async fn wrong(identity: &Identity, waiting: &Waiting, attempt: &Attempt, origin: &Origin) -> Error {
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now: identity.clock.now() };
    let told = Event::new(Action::LoginFailed).about(waiting.person).after(json!({"reason": "wrong code"}));
    match attempt.failed(identity, by, told).await {
        Ok(()) => Error::unauthorized("invalid_code", "the code is wrong, too old, or was used already"),
        Err(error) => error,
    }
}

/// Why nothing was opened by what was right: another login was opened by it or by this token, others have begun a wait, there were too
/// many logins, or the person was disabled or has another password.
async fn why_not(
    identity: &Identity,
    Opening { waiting, token, attempt, .. }: &Opening,
    (code, signed): (Option<TotpCode>, Option<Signed>),
    origin: &Origin,
) -> Error {
    let known = async {
        let mut conn = identity.db.read().await?;
        let now = identity.clock.now();
        if pending::find(&mut conn, *token, now).await?.is_none() {
            return Err(invalid_mfa_token());
        }
        if let Some(signed) = signed {
            drop(conn);
            return Err(signed.refused(identity, origin).await);
        }
        let until = sessions::store::logins_until(&mut conn, waiting.person).await?;
        let is_spent = match code {
            Some(code) => store::totp::is_spent(&mut conn, code).await?,
            None => false,
        };
        drop(conn);
        if is_spent {
            return Err(wrong(identity, waiting, attempt, origin).await);
        }
        Quota::LOGINS.must_have_room(until, now)?;
        attempt.must_not_wait(identity).await
    };
    known.await.err().unwrap_or_else(invalid_mfa_token)
}
