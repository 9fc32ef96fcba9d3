//! What people log in with they change of themselves where their password is asked for, whatever else they may.

use sqlx::PgConnection;

use super::{PersonChange, store};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::person::Person;

/// Refuses (403 `reauthentication_required`) a new password, address or username of the caller's own: who has stolen a session
/// must not make the account their own (ASVS 5.0, 7.5.1). What is sent as it is already changes nothing.
pub async fn must_not_be_ones_own(
    conn: &mut PgConnection,
    actor: PersonId,
    person: &Person,
    change: &PersonChange,
) -> Result<()> {
    if person.id != actor {
        return Ok(());
    }
    let is_new_username = change.username.as_ref().is_some_and(|username| username.as_str() != person.username);
    let is_new_email = match &change.email {
        Some(email) => !store::email(conn, actor).await?.is_some_and(|current| current.is_same(email)),
        None => false,
    };
    let field = match change {
        PersonChange { password: Some(_), .. } => "password",
        PersonChange { password_hash: Some(_), .. } => "password_hash",
        _ if is_new_email => "email",
        _ if is_new_username => "username",
        _ => return Ok(()),
    };
    Err(Error::forbidden(
        "reauthentication_required",
        format!(
            "`{field}`: of yourself you change this at POST /auth/change-password (your password) or PATCH /auth/me (your \
             address or username), where your current password is asked for"
        ),
    ))
}
