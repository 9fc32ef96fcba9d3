//! The table `auth.invitations`.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{ListedInvitation, Note};
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::{Id, InvitationId, PersonId};
use crate::base::opaque::invitation::InvitationHash;
use crate::gate::permission::{BuiltIn, WriteUsers};
use crate::platform::http::{Page, Total};

/// How long invitations are kept after their end. What became of them is in the audit trail.
const KEPT: Duration = Duration::days(90);

/// An invitation to keep.
#[derive(Debug)]
pub struct NewInvitation<'a> {
    pub secret: InvitationHash,
    /// What it is for.
    pub note: Option<&'a Note>,
    /// Where it is sent, and by which mail.
    pub mailed: Option<(&'a Email, i64)>,
    pub now: OffsetDateTime,
    /// Until when it is good.
    pub expires_at: OffsetDateTime,
    /// Who makes it; none on the command line.
    pub by: Option<PersonId>,
}

/// Makes an invitation, and forgets some that ended long ago: more than are made, so that they never pile up.
pub async fn insert(conn: &mut PgConnection, new: &NewInvitation<'_>) -> Result<ListedInvitation> {
    sqlx::query!(
        r#"
        delete from auth.invitations
        where id in (select id from auth.invitations where expires_at < $1 order by id limit 10 for update skip locked)
        "#,
        new.now - KEPT,
    )
    .execute(&mut *conn)
    .await?;
    let shown = sqlx::query_as!(
        ListedInvitation,
        r#"
        insert into auth.invitations (secret, note, created_at, created_by, expires_at, email, mail_id)
        values ($1, $2, $3, $4, $5, $6, $7)
        returning id as "id: InvitationId", note, email, created_at, created_by as "created_by: PersonId", expires_at, used_at,
                  used_by as "used_by: PersonId"
        "#,
        new.secret.as_bytes(),
        new.note.map(Note::as_str),
        new.now,
        new.by.map(|person| person.0),
        new.expires_at,
        new.mailed.map(|(email, _)| email.as_str()),
        new.mailed.map(|(_, mail)| mail),
    )
    .fetch_one(conn)
    .await?;
    Ok(shown)
}

/// One page of invitations, also of those that were used or have expired.
pub async fn list(conn: &mut PgConnection, page: &Page) -> Result<Vec<ListedInvitation>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            ListedInvitation,
            r#"
            select id as "id: InvitationId", note, email, created_at, created_by as "created_by: PersonId", expires_at, used_at,
                   used_by as "used_by: PersonId"
            from auth.invitations
            where id > $1 and ($2::text is null or auth.fold(note) ^@ $2)
            order by id
            limit $3
            "#,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// Revokes an invitation that nobody has used; answers the mail that carries it.
pub async fn revoke(conn: &mut PgConnection, id: InvitationId) -> Result<Option<i64>> {
    sqlx::query_scalar!("delete from auth.invitations where id = $1 and used_at is null returning mail_id", id.0)
        .fetch_optional(conn)
        .await?
        .ok_or_else(InvitationId::not_found)
}

/// The invitation with this hash, or that this mail carried, if it is good; nobody else can use it until this transaction ends. It is not, once
/// whoever made it may not log in or register people any more.
pub async fn claim(
    conn: &mut PgConnection,
    secret: Option<InvitationHash>,
    mail: Option<i64>,
    now: OffsetDateTime,
) -> Result<Option<InvitationId>> {
    let id = sqlx::query_scalar!(
        r#"
        select i.id as "id: InvitationId"
        from auth.invitations i
        left join auth.person maker on maker.id = i.created_by
        where (i.secret = $1 or i.mail_id = $3)
          and i.used_at is null
          and i.expires_at > $2
          and maker.removed_at is null
          and maker.disabled_at is null
          and (
              i.created_by is null
              or exists (select from auth.held_where(i.created_by, $4, 0, $2))
          )
        for update of i
        "#,
        secret.as_ref().map(InvitationHash::as_bytes),
        now,
        mail,
        WriteUsers::ID.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(id)
}

/// Notes that somebody has registered with an invitation that was claimed.
pub async fn spend(conn: &mut PgConnection, id: InvitationId, by: PersonId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("update auth.invitations set used_at = $2, used_by = $3 where id = $1", id.0, now, by.0)
        .execute(conn)
        .await?;
    Ok(())
}
