//! The tables `auth.changes` and `auth.changes_head`, and the functions that keep them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Change, ChangeKind};
use crate::base::error::Result;
use crate::base::id::{KeyId, PersonId, ServiceId};

/// Where instances hear that something was written.
pub(super) const CHANNEL: &str = "portero_changes";

/// Gives a position to up to `batch` changes that have none yet; answers the last position given.
///
/// To be run alone, not in a transaction: it takes a lock that the other instances wait for.
pub async fn place(conn: &mut PgConnection, now: OffsetDateTime, batch: i32) -> Result<i64> {
    let head =
        sqlx::query_scalar!(r#"select auth.place_changes($1, $2) as "head!""#, now, batch).fetch_one(conn).await?;
    Ok(head)
}

/// Gives a position to every change that has none yet; answers the last one.
pub(super) async fn place_all(conn: &mut PgConnection, now: OffsetDateTime) -> Result<i64> {
    let mut head = place(&mut *conn, now, 1000).await?;
    loop {
        let before = head;
        head = place(&mut *conn, now, 1000).await?;
        if head == before {
            return Ok(head);
        }
    }
}

/// A part of the log, and how far it went when it was read.
#[derive(Debug)]
pub struct ChangePage {
    /// The last position given.
    pub placed: i64,
    /// The last position pruned.
    pub pruned: i64,
    /// In order.
    pub changes: Vec<Change>,
}

/// The changes after one position and up to another, at most `limit`; with `service`, those that concern it.
pub async fn page(
    conn: &mut PgConnection,
    after: i64,
    up_to: i64,
    service: Option<ServiceId>,
    limit: i64,
) -> Result<ChangePage> {
    let rows = sqlx::query!(
        r#"
        select head.placed, head.pruned, change.position as "position?", change.at as "at?", change.kind as "kind?",
               change.session_id as "session?", change.person_id as "person?: PersonId",
               change.service_id as "service?: ServiceId", change.key_id as "key?: KeyId"
        from auth.changes_head head
        left join lateral (
            select *
            from auth.changes
            where position > $1
              and position <= $2
              and ($3::integer is null or service_id is null or service_id = $3)
            order by position
            limit $4
        ) change on true
        order by change.position
        "#,
        after,
        up_to,
        service.map(|service| service.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    let mut page = ChangePage { placed: 0, pruned: 0, changes: Vec::with_capacity(rows.len()) };
    for row in rows {
        (page.placed, page.pruned) = (row.placed, row.pruned);
        let (Some(position), Some(at), Some(kind)) = (row.position, row.at, row.kind) else { continue };
        let what = what(&kind, row.session, row.person, row.service, row.key);
        page.changes.push(Change { position, at, what });
    }
    Ok(page)
}

fn what(
    kind: &str,
    session: Option<String>,
    person: Option<PersonId>,
    service: Option<ServiceId>,
    key: Option<KeyId>,
) -> ChangeKind {
    match (kind, session, person, service) {
        ("session-revoked", Some(session), Some(person), _) => ChangeKind::SessionRevoked { session, person },
        ("token-claims-change", _, Some(person), service) => ChangeKind::TokenClaimsChange(person, service),
        ("account-purged", _, Some(person), _) => ChangeKind::AccountPurged(person),
        ("grants-changed", _, person, Some(service)) => ChangeKind::GrantsChanged(service, person),
        ("policies-changed", _, _, Some(service)) => ChangeKind::PoliciesChanged(service),
        ("resources-changed", _, _, Some(service)) => ChangeKind::ResourcesChanged(service),
        ("key-revoked", ..) => ChangeKind::KeyRevoked(key),
        ("failover", ..) => ChangeKind::Failover,
        // Also what a newer version writes and we can't tell.
        _ => ChangeKind::Reset,
    }
}

/// Deletes up to `batch` changes that were placed before `before`; answers how many. To be run alone, like [`place`].
pub async fn prune(conn: &mut PgConnection, before: OffsetDateTime, batch: i32) -> Result<i32> {
    let pruned =
        sqlx::query_scalar!(r#"select auth.prune_changes($1, $2) as "pruned!""#, before, batch).fetch_one(conn).await?;
    Ok(pruned)
}

/// Wakes all instances, as a change would.
pub(super) async fn announce(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("select pg_notify($1, '')", CHANNEL).execute(conn).await?;
    Ok(())
}
