//! What somebody else chose for a person who held little must not work once the person holds more: the password that a help
//! desk gave them, the address that it sends new ones to.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Grantable;
use super::store::{self, PlantedFor};
use crate::base::error::{Error, Result};
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::effective::store::holds;
use crate::gate::permission::{BuiltIn, WriteGrants};
use crate::gate::store::{Gain, Through, covers_permission, covers_role};
use crate::identity::people::store::chosen_by_others;

/// Something the caller should know about a grant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notice {
    /// `email_unproved`, `password_set_by_another` or `email_given_by_another`.
    #[schema(example = "email_unproved")]
    code: &'static str,
    /// What it means and what to do.
    #[schema(example = "their address is not proved: no new password is sent there before they have confirmed it")]
    pub detail: String,
}

/// Refuses (409 `password_set_by_another`) to give Portero's own permissions to somebody whose password was set by somebody
/// else who could not hand them out: they still know it.
pub async fn must_have_own_password(
    conn: &mut PgConnection,
    (person, service, what): (PersonId, ServiceId, Grantable),
    through: Through,
) -> Result<()> {
    let given = chosen_by_others(conn, person).await?;
    let Some(setter) = given.password_by else { return Ok(()) };
    let covered = match what {
        Grantable::Role(role) => covers_role(conn, setter, service, role, through).await?,
        Grantable::Permission(permission) => covers_permission(conn, setter, service, permission, through).await?,
    };
    if covered {
        return Ok(());
    }
    Err(set_by_another("their", given.password_by_name.as_deref().unwrap_or("somebody else")))
}

/// Likewise for everybody who holds `role`, which is to carry `permission` from now on.
pub async fn must_all_have_own_passwords(
    conn: &mut PgConnection,
    role: RoleId,
    permission: PermissionId,
) -> Result<()> {
    if !permission.is_built_in() {
        return Ok(());
    }
    match store::anothers_password(conn, role, permission).await? {
        Some((person, setter)) => Err(set_by_another(&format!("{person}'s"), &setter)),
        None => Ok(()),
    }
}

/// Likewise for everybody who comes to hold something of Portero's own by a group.
pub async fn must_have_own_passwords_for(
    conn: &mut PgConnection,
    gain: Gain,
    through: Through,
    now: OffsetDateTime,
) -> Result<()> {
    match store::anothers_password_of(conn, gain, through, now).await? {
        Some((person, setter)) => Err(set_by_another(&format!("{person}'s"), &setter)),
        None => Ok(()),
    }
}

fn set_by_another(whose: &str, setter: &str) -> Error {
    let detail = format!(
        "{whose} password was set by `{setter}`, who could not give them this and still knows it: let them change it \
         first (POST /auth/change-password), or set another for them"
    );
    Error::conflict("password_set_by_another", detail)
}

/// What whoever gave `what` to somebody just now should know.
pub async fn notices(
    conn: &mut PgConnection,
    (person, service, what): (PersonId, ServiceId, Grantable),
    now: OffsetDateTime,
) -> Result<Vec<Notice>> {
    let given = chosen_by_others(conn, person).await?;
    let mut notices = Vec::new();
    if given.has_doubtful_email && store::gives_porteros_own(conn, what).await? {
        let detail = "they have not verified their address themselves: no password reset is sent there until they \
                      have (POST /auth/send-verification)";
        notices.push(Notice { code: "email_unproved", detail: detail.to_owned() });
        return Ok(notices);
    }
    if let (Some(setter), Some(name)) = (given.password_by, given.password_by_name)
        && !hands_out(conn, setter, service, now).await?
    {
        let detail = format!("their password was set by `{name}`, who could not grant this and still knows it");
        notices.push(Notice { code: "password_set_by_another", detail });
    }
    if let (Some(giver), Some(name)) = (given.email_by, given.email_by_name)
        && !hands_out(conn, giver, service, now).await?
    {
        let detail = format!("the address for password resets was set by `{name}`, who could not grant this");
        notices.push(Notice { code: "email_given_by_another", detail });
    }
    Ok(notices)
}

/// What whoever let `role` carry `permission` just now should know of those who hold the role.
pub async fn notices_of_holders(
    conn: &mut PgConnection,
    role: RoleId,
    permission: PermissionId,
    now: OffsetDateTime,
) -> Result<Vec<Notice>> {
    let planted = store::planted_for_holders(conn, role, permission.is_built_in(), now).await?;
    Ok(planted.iter().filter_map(|planted| of_many("holders of the role", planted)).collect())
}

/// What whoever let some hold more by a group just now should know of them.
pub async fn notices_of_newcomers(conn: &mut PgConnection, gain: Gain, now: OffsetDateTime) -> Result<Vec<Notice>> {
    let planted = store::planted_for_newcomers(conn, gain, now).await?;
    Ok(planted.iter().filter_map(|planted| of_many("people of the group", planted)).collect())
}

fn of_many(who: &str, planted: &PlantedFor) -> Option<Notice> {
    let (code, said) = match planted.code.as_str() {
        "email_unproved" => (
            "email_unproved",
            "have not verified their address themselves: no password reset is sent there until they have \
             (POST /auth/send-verification)",
        ),
        "password_set_by_another" => {
            ("password_set_by_another", "have a password set by somebody who could not grant this and still knows it")
        }
        "email_given_by_another" => {
            ("email_given_by_another", "have an address for password resets set by somebody who could not grant this")
        }
        _ => return None,
    };
    let named: Vec<String> = planted.people.iter().map(|name| format!("`{name}`")).collect();
    let more = planted.count - i64::try_from(named.len()).unwrap_or(i64::MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(Notice { code, detail: format!("{who} who {said}: {}{more}", named.join(", ")) })
}

async fn hands_out(conn: &mut PgConnection, person: PersonId, service: ServiceId, now: OffsetDateTime) -> Result<bool> {
    holds(conn, person, WriteGrants::ID, service, Some(now)).await
}
