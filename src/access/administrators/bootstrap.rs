//! A Portero without an administrator makes one at its first start.

use crate::access::grants::{Given, Grantable, RequestedEnd, RequestedTerms, give};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::base::person::{Person, PersonName, Username};
use crate::gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::Identity;
use crate::identity::people::store::{AlreadyTaken, NewRow};
use crate::identity::people::{self, RegisteredBy};
use crate::platform::passwords::{Password, PasswordHash};
use crate::platform::shares::Asker;

/// An administrator to make.
#[derive(Debug)]
pub struct FirstAdmin {
    pub username: Username,
    /// Their password.
    pub password: Password,
}

/// Makes `admin` unless there is an administrator already; answers whether it did, if their name is free.
///
/// Of several instances that start at once, one does.
pub async fn ensure_an_administrator(identity: &Identity, admin: FirstAdmin) -> Result<Result<bool, AlreadyTaken>> {
    let now = identity.clock.now();
    if gate::store::is_there_an_administrator(&mut *identity.db.read().await?, now).await? {
        return Ok(Ok(false));
    }
    identity.judge.policy().accept(&admin.password, &[admin.username.as_str()])?;
    let hash = identity.hasher.hash(&Asker::ourselves("start"), admin.password).await?;
    let name: PersonName = "Administrator".parse().map_err(|fault: String| Error::Internal(anyhow::anyhow!(fault)))?;

    let by = By { actor: Actor::System, origin: Origin::default(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::queue_for_administrators(&mut tx).await?;
    if gate::store::is_there_an_administrator(&mut tx, now).await? {
        return Ok(Ok(false));
    }
    if let Err(taken) = register_administrator(&mut tx, &admin.username, &name, &hash).await? {
        return Ok(Err(taken));
    }
    tx.commit([]).await?;
    Ok(Ok(true))
}

/// Registers somebody who is an administrator of Portero itself, if their name is free.
pub async fn register_administrator(
    tx: &mut AuditedTx,
    username: &Username,
    name: &PersonName,
    password_hash: &PasswordHash,
) -> Result<Result<Person, AlreadyTaken>> {
    // First, as all that make or unmake one: the person comes after the role.
    gate::store::queue_for_administrators(tx).await?;
    let row = NewRow { password_hash: Some(password_hash), ..NewRow::of(username, name) };
    let person = match people::register(tx, &row, RegisteredBy::Another).await? {
        Ok(person) => person,
        taken => return Ok(taken),
    };
    make_administrator(tx, person.id).await?;
    Ok(Ok(person))
}

/// Makes a person an administrator of Portero itself, for good; twice is safe.
pub async fn make_administrator(tx: &mut AuditedTx, person: PersonId) -> Result<Given> {
    let terms = RequestedTerms { end: RequestedEnd::Never, ..RequestedTerms::of(tx.by()) };
    give(tx, (person, ServiceId::PORTERO, Grantable::Role(RoleId::ADMINISTRATOR)), &terms).await
}

/// A password of 128 random bits, for a terminal.
#[expect(clippy::disallowed_methods, reason = "this is where it is made")]
pub fn random_password() -> Result<Password> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.into()))?;
    Password::try_from(hex::encode(bytes)).map_err(|fault| Error::Internal(anyhow::anyhow!(fault)))
}
