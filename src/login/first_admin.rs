//! A Portero without an administrator makes one at its first start.

use sqlx::PgConnection;

use crate::access;
use crate::app::App;
use crate::error::{Error, Result};
use crate::grants;
use crate::passwords::{Password, PasswordHash};
use crate::roles::RoleId;
use crate::services::ServiceId;
use crate::users::{self, Person, PersonId, PersonName, Username};

/// An administrator to make.
#[derive(Debug)]
pub struct FirstAdmin {
    /// What they log in with.
    pub username: Username,
    /// Their password.
    pub password: Password,
}

/// Makes `admin` unless there is an administrator already; answers whether it did.
///
/// Of several instances that start at once, one does.
pub async fn ensure_an_administrator(app: &App, admin: FirstAdmin) -> Result<bool> {
    if !access::store::administrators(&mut *app.db.read().await?).await?.is_empty() {
        return Ok(false);
    }
    app.config.passwords.accept(&admin.password, Some(admin.username.as_str()))?;
    let hash = app.hasher.hash(admin.password).await?;
    let name: PersonName = "Administrator".parse().map_err(|fault: String| Error::Internal(anyhow::anyhow!(fault)))?;

    let mut tx = app.db.begin().await?;
    access::store::queue_for_administrators(&mut tx).await?;
    if !access::store::administrators(&mut tx).await?.is_empty() {
        return Ok(false);
    }
    register_administrator(&mut tx, &admin.username, &name, &hash).await?;
    tx.commit().await?;
    Ok(true)
}

/// Registers somebody who is an administrator of Portero itself.
pub async fn register_administrator(
    conn: &mut PgConnection,
    username: &Username,
    name: &PersonName,
    password_hash: &PasswordHash,
) -> Result<Person> {
    let new = users::store::NewRow { username, name, password_hash, person_type: None, document: None };
    let person = users::store::insert(conn, &new).await?;
    make_administrator(conn, person.id).await?;
    Ok(person)
}

/// Makes a person an administrator of Portero itself; twice is safe.
pub async fn make_administrator(conn: &mut PgConnection, person: PersonId) -> Result<()> {
    grants::store::grant(conn, person, ServiceId::PORTERO, RoleId::ADMINISTRATOR).await
}

/// A password of 128 random bits, for a terminal.
pub fn random_password() -> Result<Password> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.into()))?;
    Password::try_from(hex::encode(bytes)).map_err(|fault| Error::Internal(anyhow::anyhow!(fault)))
}
