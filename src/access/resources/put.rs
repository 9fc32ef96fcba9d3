//! A service tells of resources: those that are new are made, the others are as it says from now on.

use std::collections::HashMap;

use super::tree::Tree;
use super::{Fault, LineFault, Resource, ResourceName, Wanted, events, lines, not_found, store};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::ServiceId;
use crate::base::made::Made;
use crate::gate::audit::AuditedTx;
use crate::gate::store::services;
use crate::platform::http::{IfMatch, Tagged};

/// What became of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Put {
    pub created: usize,
    pub changed: usize,
    pub unchanged: usize,
}

/// Keeps one resource, and tells of it.
///
/// # Errors
/// 400 for a parent that is not there; 404 `service_not_found`; 409 `built_in`, `resource_circle`, `resource_too_deep`; 412 where it
/// is not as `if_match` says.
pub async fn put_one(
    tx: &mut AuditedTx,
    service: ServiceId,
    wanted: Wanted,
    if_match: Option<&IfMatch>,
) -> Result<Made<Tagged<Resource>>> {
    begin(tx, service).await?;
    let before = store::find(tx, service, &wanted.name).await?;
    if let Some(if_match) = if_match {
        if_match.allows_to_put(before.as_ref().map(|before| &before.etag))?;
    }
    let wanted = [wanted];
    if let Err(mut faults) = write(tx, service, &wanted).await? {
        let (_, fault) = faults.swap_remove(0);
        return Err(fault.into());
    }
    let after = store::find(tx, service, &wanted[0].name).await?.ok_or_else(not_found)?;
    match before {
        None => {
            tx.tell(events::created(service, &after.shown));
            Ok(Made::New(after))
        }
        Some(before) => {
            if before.etag != after.etag {
                tx.tell(events::changed(service, &before.shown, &after.shown));
            }
            Ok(Made::Standing(after))
        }
    }
}

/// Keeps many, all or none, and tells of it in one event.
///
/// # Errors
/// As of [`put_one`]; what is wrong with lines is the answer.
pub async fn put_all(tx: &mut AuditedTx, service: ServiceId, wanted: &[Wanted]) -> Result<Result<Put, Vec<LineFault>>> {
    begin(tx, service).await?;
    Ok(match write(tx, service, wanted).await? {
        Ok(put) => {
            if put.created + put.changed > 0 {
                tx.tell(events::put(service, put));
            }
            Ok(put)
        }
        Err(faults) => Err(faults.into_iter().map(|(line, fault)| LineFault::of(line, &fault)).collect()),
    })
}

/// Refuses what is wrong with lines.
///
/// # Errors
/// 400 `invalid_resources`.
pub fn must_be_faultless(put: Result<Put, Vec<LineFault>>, lines: usize) -> Result<Put> {
    match put {
        Ok(put) => Ok(put),
        Err(faults) => lines::must_be_none(faults, lines).map(|()| Put::default()),
    }
}

async fn begin(tx: &mut AuditedTx, service: ServiceId) -> Result<()> {
    service.must_not_be_built_in()?;
    services::hold(tx, service).await?;
    store::lock(tx, service).await
}

/// All faults, each with its line.
type Faults = Vec<(usize, Fault)>;

async fn write(tx: &mut AuditedTx, service: ServiceId, wanted: &[Wanted]) -> Result<Result<Put, Faults>> {
    let named = wanted.iter().flat_map(|wanted| std::iter::once(&wanted.name).chain(&wanted.parent));
    let named: Vec<&ResourceName> = named.collect();
    let standing = store::standing(tx, service, &named).await?;
    let faults = faults(tx, wanted, &standing).await?;
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    let new: Vec<&Wanted> = wanted.iter().filter(|wanted| !standing.contains_key(&wanted.name)).collect();
    let made = store::insert_all(tx, service, &new).await?;
    let mut put = Put { created: new.len(), ..Put::default() };
    let id = |name: &ResourceName| standing.get(name).map(|standing| standing.id).or_else(|| made.get(name).copied());
    let (mut said, mut moved) = (Vec::new(), Vec::new());
    for wanted in wanted {
        let Some(own) = id(&wanted.name) else { continue };
        let (says, lies) = match standing.get(&wanted.name) {
            None => (false, wanted.parent.is_some()),
            Some(standing) => (standing.properties != wanted.properties.text(), standing.parent != wanted.parent),
        };
        if says {
            said.push((own, wanted.properties.text()));
        }
        if lies {
            moved.push((own, wanted.parent.as_ref().and_then(id)));
        }
        if standing.contains_key(&wanted.name) {
            *(if says || lies { &mut put.changed } else { &mut put.unchanged }) += 1;
        }
    }
    store::say_all(tx, &said).await?;
    store::move_all(tx, &moved).await.on_constraint("resources_depth", super::fault::too_deep())?;
    Ok(Ok(put))
}

/// What is wrong with where these are to lie.
async fn faults(
    tx: &mut AuditedTx,
    wanted: &[Wanted],
    standing: &HashMap<ResourceName, store::Standing>,
) -> Result<Faults> {
    let mut lines: HashMap<&ResourceName, usize> = HashMap::with_capacity(wanted.len());
    let mut faults: Faults = Vec::new();
    let mut tree = Tree::default();
    for wanted in wanted {
        if let Some(line) = lines.insert(&wanted.name, wanted.line) {
            faults.push((wanted.line, Fault::Twice(line)));
        }
        tree.note(&wanted.name, wanted.parent.as_ref());
    }
    let parents = wanted.iter().filter_map(|wanted| wanted.parent.as_ref());
    let outside = parents.filter(|parent| !lines.contains_key(parent)).filter_map(|parent| standing.get(parent));
    let mut outside: Vec<i32> = outside.map(|standing| standing.id).collect();
    outside.sort_unstable();
    outside.dedup();
    let above = store::above(tx, &outside).await?;
    for one in &above {
        tree.note(&one.name, one.parent.as_ref());
    }
    for wanted in wanted {
        if let Some(fault) = tree.fault(&wanted.name) {
            faults.push((wanted.line, fault));
        }
    }
    faults.sort_by_key(|(line, _)| *line);
    Ok(faults)
}
