//! Who chose a password or an address, where that was somebody else: they know the one, and could read the mail of the
//! other.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::PersonId;

/// Whom to remember as the one who chose something for somebody else: not an administrator of Portero for good, who could
/// choose it anew at any time.
pub async fn giver(conn: &mut PgConnection, actor: PersonId) -> Result<Option<PersonId>> {
    let administers = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.roles_at(null) held where held.person_id = $1 and held.service_id = 0 and held.role_id = 0
        ) as "administers!"
        "#,
        actor.0,
    )
    .fetch_one(conn)
    .await?;
    Ok((!administers).then_some(actor))
}

#[derive(Clone, Copy, Debug)]
pub struct ChosenForOthers {
    pub password: bool,
    pub email: bool,
}

/// Notes who has chosen something for somebody; `None` for themselves and whoever need not be remembered.
pub async fn note_giver(
    conn: &mut PgConnection,
    id: PersonId,
    giver: Option<PersonId>,
    chosen: ChosenForOthers,
) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.person
        set password_set_by = case when $3 then $2 else password_set_by end,
            email_given_by = case when $4 then $2 else email_given_by end
        where id = $1
        "#,
        id.0,
        giver.map(|giver| giver.0),
        chosen.password,
        chosen.email,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that somebody's password was set by whoever reads the mail to their address: who gave that, if it was somebody else.
pub async fn note_password_by_mail(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    sqlx::query!("update auth.person set password_set_by = email_given_by where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// What others have chosen for somebody.
#[derive(Debug)]
pub struct ChosenByOthers {
    pub password_by: Option<PersonId>,
    /// That one's username.
    pub password_by_name: Option<String>,
    /// Who has given their address.
    pub email_by: Option<PersonId>,
    /// That one's username.
    pub email_by_name: Option<String>,
    /// Whether they have an address that they have not proved themselves.
    pub has_doubtful_email: bool,
}

/// What others have chosen for somebody.
pub async fn chosen_by_others(conn: &mut PgConnection, id: PersonId) -> Result<ChosenByOthers> {
    let given = sqlx::query_as!(
        ChosenByOthers,
        r#"
        select p.password_set_by as "password_by: PersonId", setter.username as "password_by_name?",
               p.email_given_by as "email_by: PersonId", giver.username as "email_by_name?",
               p.email is not null and (p.email_verified_at is null or p.email_given_by is not null)
                   as "has_doubtful_email!"
        from auth.person p
        left join auth.person setter on setter.id = p.password_set_by
        left join auth.person giver on giver.id = p.email_given_by
        where p.id = $1
        "#,
        id.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(given)
}
