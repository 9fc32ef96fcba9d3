//! A service says that resources are no more.

use super::{Resource, ResourceName, events, not_found, store};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate::audit::AuditedTx;
use crate::gate::store::services;
use crate::platform::http::IfMatch;

/// What became of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Those beneath them included.
    pub deleted: usize,
    /// Those that were not there.
    pub absent: usize,
}

/// Deletes one resource, and with `recursive` all beneath it; whoever held a role on it holds it no longer. Answers what it was, and
/// how many have gone.
///
/// # Errors
/// 404 `service_not_found`, `resource_not_found`; 409 `resource_has_children`; 412 where it is not as `if_match` says.
pub async fn remove_one(
    tx: &mut AuditedTx,
    service: ServiceId,
    name: &ResourceName,
    recursive: bool,
    if_match: Option<&IfMatch>,
) -> Result<(Resource, usize)> {
    begin(tx, service).await?;
    let standing = store::find(tx, service, name).await?.ok_or_else(not_found)?;
    let ids = [standing.shown.place];
    must_be_alone(tx, &ids, recursive).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&standing.etag)?;
    }
    let deleted = store::delete_all(tx, &ids).await?;
    tx.tell(events::deleted(service, &standing.shown, deleted));
    Ok((standing.shown, deleted))
}

/// Deletes many, all or none; twice is safe.
///
/// # Errors
/// 404 `service_not_found`; 409 `resource_has_children` for those beneath which others lie that are not among them.
pub async fn remove_all(
    tx: &mut AuditedTx,
    service: ServiceId,
    names: &[ResourceName],
    recursive: bool,
) -> Result<Removed> {
    begin(tx, service).await?;
    let mut meant: Vec<&ResourceName> = names.iter().collect();
    meant.sort_unstable();
    meant.dedup();
    let standing = store::standing(tx, service, &meant).await?;
    let ids: Vec<i32> = meant.iter().filter_map(|name| Some(standing.get(*name)?.id)).collect();
    let absent = meant.len() - ids.len();
    must_be_alone(tx, &ids, recursive).await?;
    let deleted = store::delete_all(tx, &ids).await?;
    if deleted > 0 {
        tx.tell(events::deleted_many(service, deleted));
    }
    Ok(Removed { deleted, absent })
}

async fn begin(tx: &mut AuditedTx, service: ServiceId) -> Result<()> {
    services::hold(tx, service).await?;
    store::lock(tx, service).await
}

async fn must_be_alone(tx: &mut AuditedTx, ids: &[i32], recursive: bool) -> Result<()> {
    if recursive {
        return Ok(());
    }
    let beneath = store::count_beneath(tx, ids).await?;
    if beneath == 0 {
        return Ok(());
    }
    let lie = if beneath == 1 {
        "1 other resource lies beneath: move or delete it".to_owned()
    } else {
        format!("{beneath} other resources lie beneath: move or delete them")
    };
    let detail = format!("{lie} first, or delete everything at once with `?recursive=true` (`--recursive`)");
    Err(Error::conflict("resource_has_children", detail).with("beneath", beneath))
}
