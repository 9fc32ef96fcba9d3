//! What a review decided about many grants, done at once: all or nothing.

use std::collections::BTreeSet;

use super::give::{take_permission, take_role};
use super::review::Grants;
use super::{What, store, told};
use crate::access::{permissions, roles};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, ServiceId};
use crate::gate::audit::Change;
use crate::gate::permission::WriteGrants;
use crate::gate::store::{Through, must_cover_permission, must_cover_role, must_keep_an_administrator};
use crate::gate::{About, Can};
use crate::identity::Identity;
use crate::identity::people;

/// Confirms and revokes grants in `service`, under the rules of single ones; answers those that were there to be revoked.
///
/// # Errors
/// 403 beyond what the caller holds; 404 for what is not there; 409 `direct_role`, `last_administrator`.
pub async fn decide(
    identity: &Identity,
    by: &Can<WriteGrants>,
    service: ServiceId,
    confirm: &Grants,
    revoke: &Grants,
) -> Result<Grants> {
    let people: BTreeSet<PersonId> = confirm.union(revoke).map(|(person, _)| *person).collect();
    let people: Vec<PersonId> = people.into_iter().collect();
    let lost = revoke.iter().filter_map(|(_, what)| what.role());
    let about = About::grants(people.iter().copied(), service, lost);
    let may_unmake_an_administrator = about.may_unmake_an_administrator();
    let mut tx = by.begin(identity, about).await?;
    // Who decides in one service alone hears of strangers what they hear of nobody: that these hold nothing there.
    if by.everywhere {
        people::store::must_all_be_here(&mut tx, &people).await?;
    }
    let all: BTreeSet<What> = confirm.union(revoke).map(|(_, what)| *what).collect();
    for what in all {
        must_cover(&mut tx, by.actor, service, what).await?;
    }
    keep(&mut tx, by.actor, service, confirm).await?;
    let revoked = take(&mut tx, by.actor, service, revoke).await?;
    if may_unmake_an_administrator {
        must_keep_an_administrator(&mut tx).await?;
    }
    tx.commit([]).await?;
    Ok(revoked)
}

async fn must_cover(tx: &mut Change, actor: PersonId, service: ServiceId, what: What) -> Result<()> {
    let now = Through::Now(tx.by().now);
    match what {
        What::Role(role) => {
            roles::store::hold(tx, role).await??;
            must_cover_role(tx, actor, service, role, now).await
        }
        What::Permission(permission) => {
            let permission = permissions::store::resolve(tx, &Ref::Id(permission)).await?;
            must_cover_permission(tx, actor, service, permission, now).await
        }
    }
}

async fn keep(tx: &mut Change, actor: PersonId, service: ServiceId, grants: &Grants) -> Result<()> {
    let now = tx.by().now;
    let confirmed = store::confirm(tx, service, grants, actor, now).await?;
    if let Some((person, what)) = grants.iter().find(|grant| !confirmed.contains_key(grant)) {
        return Err(Error::not_found(
            "grant_not_found",
            format!("person {person} doesn't hold {what} there: nothing was changed; look at the review again"),
        ));
    }
    for ((person, what), standing) in confirmed {
        tx.tell(told::confirmed(person, service, what, &standing));
    }
    Ok(())
}

async fn take(tx: &mut Change, actor: PersonId, service: ServiceId, grants: &Grants) -> Result<Grants> {
    let mut revoked = Grants::new();
    for (person, what) in grants.iter().copied() {
        let before = match what {
            What::Role(role) => take_role(tx, actor, (person, service, role)).await?,
            What::Permission(permission) => take_permission(tx, actor, (person, service, permission)).await?.1,
        };
        if let Some(before) = before {
            tx.tell(told::removed(person, service, what, &before));
            revoked.insert((person, what));
        }
    }
    Ok(revoked)
}
