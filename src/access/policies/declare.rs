//! A service says of what type the columns of a resource are, or says so no longer.

use super::compile::{self, must_be_known};
use super::language::Declared;
use super::policy::TypeName;
use super::resource_type::must_be_bounded;
use super::{NewResourceType, ResourceType, store};
use crate::base::error::{Error, Result};
use crate::base::id::{Id, ResourceTypeId, ServiceId};
use crate::base::made::Made;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::services;
use crate::platform::http::{IfMatch, Tagged};

/// Declares a type, or declares it otherwise.
///
/// # Errors
/// 400 for a type of a column that there is none of; 404 `service_not_found`; 409 `policies_in_the_way` where policies of this type
/// would mean nothing any more; 409 `too_many_resource_types`; 412 where it is not as `if_match` says.
pub async fn declare(
    tx: &mut AuditedTx,
    service: ServiceId,
    name: &TypeName,
    new: &NewResourceType,
    if_match: Option<&IfMatch>,
) -> Result<Made<Tagged<ResourceType>>> {
    let declared = declared_by(new)?;
    services::lock(tx, service).await?;
    let standing = store::types::find(tx, service, name.as_str()).await?;
    if let Some(if_match) = if_match {
        if_match.allows_to_put(standing.as_ref().map(|standing| &standing.etag))?;
    }
    must_compile(tx, service, name.as_str(), &declared).await?;
    write(tx, service, name, new, standing).await
}

/// The same ahead of the policies of this type, which the same change brings: whoever makes it asks [`must_all_compile`] in the end.
///
/// # Errors
/// As [`declare`], but for the policies.
pub async fn declare_ahead(
    tx: &mut AuditedTx,
    service: ServiceId,
    name: &TypeName,
    new: &NewResourceType,
) -> Result<()> {
    declared_by(new)?;
    services::lock(tx, service).await?;
    let standing = store::types::find(tx, service, name.as_str()).await?;
    write(tx, service, name, new, standing).await.map(|_| ())
}

/// Refuses (409 `policies_in_the_way`) a type, as it is declared or not, under which policies of its own mean nothing.
pub async fn must_all_compile(tx: &mut AuditedTx, service: ServiceId, name: &TypeName) -> Result<()> {
    let declared = store::types::declared(tx, service, name.as_str()).await?;
    must_compile(tx, service, name.as_str(), &declared).await
}

fn declared_by(new: &NewResourceType) -> Result<Declared> {
    must_be_bounded(&new.columns)?;
    must_be_known(&new.columns)
}

async fn write(
    tx: &mut AuditedTx,
    service: ServiceId,
    name: &TypeName,
    new: &NewResourceType,
    standing: Option<Tagged<ResourceType>>,
) -> Result<Made<Tagged<ResourceType>>> {
    let Some(before) = standing else {
        store::types::insert(tx, service, name, &new.columns).await?;
        let made = found(tx, service, name).await?;
        tx.tell(Event::new(Action::ResourceTypeCreated).within(service).after(&made.shown));
        return Ok(Made::New(made));
    };
    store::types::update(tx, before.shown.id, &new.columns).await?;
    let after = found(tx, service, name).await?;
    if before.etag != after.etag {
        let told = Event::new(Action::ResourceTypeChanged).within(service);
        tx.tell(told.changed(before.shown, &after.shown));
    }
    Ok(Made::Standing(after))
}

/// Declares a type no longer: its columns take their types from what they are compared with.
///
/// # Errors
/// 404 `resource_type_not_found`; 409 `policies_in_the_way`; 412 where it is not as `if_match` says.
pub async fn undeclare(
    tx: &mut AuditedTx,
    service: ServiceId,
    name: &TypeName,
    if_match: Option<&IfMatch>,
) -> Result<ResourceType> {
    services::lock(tx, service).await?;
    let standing = found(tx, service, name).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&standing.etag)?;
    }
    must_compile(tx, service, name.as_str(), &compile::undeclared()).await?;
    delete(tx, service, standing.shown).await
}

/// The same ahead of the policies of this type, which the same change brings: whoever makes it asks [`must_all_compile`] in the end.
///
/// # Errors
/// 404 `resource_type_not_found`.
pub async fn undeclare_ahead(tx: &mut AuditedTx, service: ServiceId, name: &TypeName) -> Result<()> {
    services::lock(tx, service).await?;
    let standing = found(tx, service, name).await?;
    delete(tx, service, standing.shown).await.map(|_| ())
}

async fn delete(tx: &mut AuditedTx, service: ServiceId, standing: ResourceType) -> Result<ResourceType> {
    store::types::delete(tx, standing.id).await?;
    tx.tell(Event::new(Action::ResourceTypeDeleted).within(service).before(&standing));
    Ok(standing)
}

async fn found(tx: &mut AuditedTx, service: ServiceId, name: &TypeName) -> Result<Tagged<ResourceType>> {
    store::types::find(tx, service, name.as_str()).await?.ok_or_else(ResourceTypeId::not_found)
}

/// Refuses (409 `policies_in_the_way`) a type under which policies of its own would mean nothing.
async fn must_compile(tx: &mut AuditedTx, service: ServiceId, name: &str, declared: &Declared) -> Result<()> {
    let mut faults = Vec::new();
    let mut ids = Vec::new();
    for (id, expression) in store::policies::expressions_of(tx, service, name).await? {
        if let Err(fault) = compile::compile(&expression, declared) {
            if faults.len() < 5 {
                faults.push(format!("policy {id}: {fault}"));
            }
            ids.push(id.0);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "{} would mean nothing any more; change or delete {} first. {}",
        if ids.len() == 1 {
            "a policy of this type".to_owned()
        } else {
            format!("{} policies of this type", ids.len())
        },
        if ids.len() == 1 { "it" } else { "them" },
        faults.join("; "),
    );
    Err(Error::conflict("policies_in_the_way", detail).with("policy_ids", ids))
}
