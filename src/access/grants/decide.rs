//! What a review decided about many grants, done at once: all or nothing.

use std::collections::BTreeSet;

use super::of_groups::take_from_group;
use super::review::{DecidedGrants, Grants, GroupGrants};
use super::rules::{lock, must_cover};
use super::take::{parts, take_all};
use super::{Grantable, events, store};
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::permission::WriteGrants;
use crate::gate::store::Through;
use crate::gate::{Can, LockScope};
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
    confirm: &DecidedGrants,
    revoke: &DecidedGrants,
) -> Result<DecidedGrants> {
    let (people, mut all) = parts(&confirm.people.union(&revoke.people).copied().collect());
    all.extend(confirm.groups.union(&revoke.groups).map(|(_, role)| Grantable::Role(*role)));
    let on_resources = confirm.on_resources.union(&revoke.on_resources).copied().collect();
    let mut conn = identity.db.read().await?;
    let on_resources = store::on_resources::find(&mut conn, service, &on_resources, identity.clock.now()).await?;
    drop(conn);
    all.extend(on_resources.iter().map(|grant| Grantable::Role(grant.role)));
    all.sort_unstable();
    all.dedup();
    let lost = revoke.people.iter().filter_map(|(_, what)| what.role());
    let mut tx = by.begin(identity, LockScope::grants(people.iter().copied(), service, lost)).await?;
    // Who decides in one service alone hears of strangers what they hear of nobody: that these hold nothing there.
    if by.everywhere {
        people::store::must_all_be_here(&mut tx, &people).await?;
    }
    lock(&mut tx, service, &people, &all).await?;
    let now = tx.by().now;
    for what in all {
        must_cover(&mut tx, service, what, Through::Now(now)).await?;
    }
    for grant in on_resources.iter().filter(|grant| revoke.on_resources.contains(&grant.id)) {
        must_cover(&mut tx, service, Grantable::Role(grant.role), grant.terms.through()).await?;
    }
    keep(&mut tx, by.actor, service, &confirm.people).await?;
    keep_of_groups(&mut tx, by.actor, service, &confirm.groups).await?;
    keep_on_resources(&mut tx, by.actor, service, &confirm.on_resources).await?;
    let on_resources = store::on_resources::revoke(&mut tx, service, &revoke.on_resources, now).await?;
    for grant in &on_resources {
        tx.tell(grant.removed());
    }
    let people = take_all(&mut tx, service, &revoke.people).await?;
    let mut groups = GroupGrants::new();
    for (group, role) in revoke.groups.iter().copied() {
        if take_from_group(&mut tx, (group, service, role)).await? {
            groups.insert((group, role));
        }
    }
    tx.commit([]).await?;
    let on_resources = on_resources.into_iter().map(|grant| grant.id).collect();
    Ok(DecidedGrants { people, groups, on_resources })
}

async fn keep_on_resources(tx: &mut AuditedTx, actor: PersonId, service: ServiceId, ids: &BTreeSet<i32>) -> Result<()> {
    let now = tx.by().now;
    let confirmed = store::on_resources::confirm(tx, service, ids, actor, now).await?;
    if let Some(id) = ids.iter().find(|id| !confirmed.iter().any(|grant| grant.id == **id)) {
        let detail =
            format!("grant {id} on a resource isn't held there: nothing was changed; look at the review again");
        return Err(Error::not_found("grant_not_found", detail));
    }
    for grant in confirmed {
        tx.tell(grant.confirmed());
    }
    Ok(())
}

async fn keep_of_groups(tx: &mut AuditedTx, actor: PersonId, service: ServiceId, grants: &GroupGrants) -> Result<()> {
    let now = tx.by().now;
    let confirmed = store::of_groups::confirm(tx, service, grants, actor, now).await?;
    let is_confirmed = |grant: &(GroupId, RoleId)| confirmed.iter().any(|(group, role, _)| (*group, *role) == *grant);
    if let Some((group, role)) = grants.iter().find(|grant| !is_confirmed(grant)) {
        return Err(Error::not_found(
            "grant_not_found",
            format!("group {group} doesn't hold role {role} there: nothing was changed; look at the review again"),
        ));
    }
    for (group, role, terms) in confirmed {
        tx.tell(events::confirmed_of_group((group, service, role), &terms));
    }
    Ok(())
}

async fn keep(tx: &mut AuditedTx, actor: PersonId, service: ServiceId, grants: &Grants) -> Result<()> {
    let now = tx.by().now;
    let confirmed = store::confirm(tx, service, grants, actor, now).await?;
    if let Some((person, what)) = grants.iter().find(|grant| !confirmed.contains_key(grant)) {
        return Err(Error::not_found(
            "grant_not_found",
            format!("person {person} doesn't hold {what} there: nothing was changed; look at the review again"),
        ));
    }
    for ((person, what), terms) in confirmed {
        tx.tell(events::confirmed(person, service, what, &terms));
    }
    Ok(())
}
