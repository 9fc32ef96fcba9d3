//! A policy tells a service of people: by its decisions, and by the values that a filter binds. So nobody writes one that reads more of
//! people than they may read themselves, unless the service is told that anyway.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::asking::Sees;
use super::language::Expression;
use super::{PolicySet, store};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate::audit::{Actor, AuditedTx};
use crate::gate::permission::{BuiltIn, ReadUsers};
use crate::gate::store::must_hold_everywhere;

const WHAT: &str = "to write a policy that reads what is kept of people";

/// What of people expressions read: attributes, `username`, `groups`.
pub(super) type Reads = BTreeSet<String>;

/// What an expression reads; nothing where it means nothing.
pub(super) fn reads_of<'a>(expressions: impl Iterator<Item = &'a Expression>) -> Reads {
    expressions.flat_map(Expression::reads_of_people).map(str::to_owned).collect()
}

/// Refuses (403) a policy that reads more than `before`, and than the service is told in its claims, to whoever may not read that themselves.
pub(super) async fn must_be_theirs(
    tx: &mut AuditedTx,
    service: ServiceId,
    (before, after): (Option<&Expression>, &Expression),
) -> Result<()> {
    let (before, after) = (reads_of(before.into_iter()), reads_of(std::iter::once(after)));
    let Some(name) = more(tx, service, &before, after).await? else { return Ok(()) };
    match tx.by().actor {
        Actor::Person(actor) => {
            let now = tx.by().now;
            must_hold_everywhere::<ReadUsers>(tx, actor, WHAT, now).await
        }
        Actor::ServiceKey(_) => Err(refused(&name)),
        _ => Ok(()),
    }
}

/// The same of policies that are only supposed.
pub async fn must_be_theirs_to_suppose(
    conn: &mut PgConnection,
    service: ServiceId,
    sees: Sees,
    (before, after): (&PolicySet, &PolicySet),
) -> Result<()> {
    if sees.everybody {
        return Ok(());
    }
    match more(conn, service, &before.reads_of_people(), after.reads_of_people()).await? {
        Some(name) => Err(refused(&name)),
        None => Ok(()),
    }
}

/// The same of a condition that binds values: of a person who asks, since a backend is told what its policies read.
pub async fn must_be_theirs_to_bind<'a>(
    conn: &mut PgConnection,
    service: ServiceId,
    expressions: impl Iterator<Item = &'a Expression>,
) -> Result<()> {
    match more(conn, service, &Reads::new(), reads_of(expressions)).await? {
        Some(name) => Err(refused(&name)),
        None => Ok(()),
    }
}

/// Something that is read, was not before, and is no claim.
async fn more(conn: &mut PgConnection, service: ServiceId, before: &Reads, after: Reads) -> Result<Option<String>> {
    let mut more = after.into_iter().filter(|name| !before.contains(name)).peekable();
    if more.peek().is_none() {
        return Ok(None);
    }
    let claims = store::policies::claims(conn, service).await?;
    Ok(more.find(|name| !claims.contains(name)))
}

fn refused(name: &str) -> Error {
    let detail = format!(
        "this reads auth_user.{name}: it takes somebody with the permission `users:read` everywhere, or, of an attribute, that it is among the service's claims"
    );
    Error::forbidden("insufficient_permissions", detail).with("permission", ReadUsers::NAME)
}
