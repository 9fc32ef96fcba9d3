//! Somebody takes a second step: what they give is compared, and spent in the transaction of what it opens.

use serde_json::json;

use super::recovery_codes::PresentedRecoveryCode;
use super::store::totp::SealedTotp;
use super::{Code, Method, TotpSecret, store};
use crate::base::error::Result;
use crate::base::id::{FactorId, PersonId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};
use crate::platform::passwords::PasswordHash;
use crate::platform::shares::Asker;

/// What somebody gives.
#[derive(Clone, Debug)]
pub struct Given {
    pub method: Method,
    pub code: Code,
}

/// A code of an authenticator, by the step of time that it is of.
#[derive(Clone, Copy, Debug)]
pub struct TotpCode {
    pub factor: FactorId,
    pub step: i64,
}

/// What was right, and may be spent once.
#[derive(Debug)]
pub enum Proved {
    Totp(TotpCode),
    RecoveryCode { selector: String, hash: PasswordHash },
}

/// What is left once it was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// Whatever it was can be used again.
    Factor,
    /// It was a recovery code, and there are so many still.
    RecoveryCode { left: i64 },
}

/// Compares what somebody gives with what they have; `None` where it is wrong.
///
/// # Errors
/// 503 when too many passwords are being hashed.
pub async fn prove(identity: &Identity, asker: &Asker, person: PersonId, given: &Given) -> Result<Option<Proved>> {
    let authenticators = match given.method {
        Method::Totp => store::totp::secrets(&mut *identity.db.read().await?, person).await?,
        Method::Passkey | Method::RecoveryCode => Vec::new(),
    };
    prove_by(identity, asker, (person, &authenticators), given).await
}

/// As [`prove`], of somebody with these authenticators.
///
/// # Errors
/// 503 when too many passwords are being hashed.
pub async fn prove_by(
    identity: &Identity,
    asker: &Asker,
    (person, authenticators): (PersonId, &[SealedTotp]),
    given: &Given,
) -> Result<Option<Proved>> {
    match given.method {
        Method::Totp => {
            for factor in authenticators {
                let secret = TotpSecret::open(&factor.secret, &identity.vault, &identity.db).await?;
                if let Some(step) = secret.step_of(&given.code, identity.clock.now()) {
                    return Ok(Some(Proved::Totp(TotpCode { factor: factor.id, step })));
                }
            }
            Ok(None)
        }
        // It is no code: a passkey signs.
        Method::Passkey => Ok(None),
        Method::RecoveryCode => {
            let Some(code) = PresentedRecoveryCode::read(&given.code) else { return Ok(None) };
            let stored = store::recovery::find(&mut *identity.db.read().await?, person, &code.selector).await?;
            let hash = stored.clone().unwrap_or_else(PasswordHash::dummy);
            let right = identity.hasher.verify(asker, code.presented, hash).await?;
            let selector = code.selector;
            Ok(stored.filter(|_| right).map(|hash| Proved::RecoveryCode { selector, hash }))
        }
    }
}

impl Proved {
    /// Spends it, and tells of it where it is gone with that; `None` where it was spent already, on whatever instance. To be done under a lock
    /// of the person.
    pub async fn spend(&self, tx: &mut AuditedTx, identity: &Identity, person: PersonId) -> Result<Option<Spent>> {
        let now = tx.by().now;
        match self {
            Self::Totp(code) => Ok(store::totp::spend(tx, person, *code, now).await?.then_some(Spent::Factor)),
            Self::RecoveryCode { selector, hash } => {
                if !store::recovery::spend(tx, person, selector, hash).await? {
                    return Ok(None);
                }
                let left = store::recovery::count(tx, person).await?;
                mail::queue(tx, identity, person, &Content::RecoveryCodeUsed { left }, None).await?;
                tx.tell(Event::new(Action::RecoveryCodeUsed).about(person).after(json!({"left": left})));
                Ok(Some(Spent::RecoveryCode { left }))
            }
        }
    }
}
