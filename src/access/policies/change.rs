//! A policy is changed, or deleted.

use super::compile::{must_be_no_typo, must_mean_something};
use super::create::{exists, must_have_room};
use super::personal::must_be_theirs;
use super::policy::{ALL, ActionName, ExpressionText, TypeName};
use super::settle::warn_of_turn;
use super::{Policy, PolicyChange, compile, store};
use crate::base::error::Result;
use crate::base::id::{Id, PolicyId, ServiceId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::services;
use crate::platform::http::{IfMatch, Tagged};

/// Changes a policy of `service`, and tells of it.
///
/// # Errors
/// 400 for an expression that means nothing; 403 for one that reads what the actor may not; 404 `policy_not_found`; 409 `policy_exists`, `too_many_policies`; 412 where it is not as
/// `if_match` says.
pub async fn change(
    tx: &mut AuditedTx,
    (service, id): (ServiceId, PolicyId),
    change: &PolicyChange,
    if_match: Option<&IfMatch>,
) -> Result<Tagged<Policy>> {
    services::lock(tx, service).await?;
    let before = of_service(tx, service, id).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&before.etag)?;
    }
    let table_name = change.table_name.as_ref().map_or(before.shown.table_name.as_str(), TypeName::as_str);
    if table_name == ALL && before.shown.table_name != ALL {
        must_have_room(tx, service, table_name).await?;
    }
    let declared = store::types::declared(tx, service, table_name).await?;
    let expression = change.expression.as_ref().map_or(before.shown.expression.as_str(), ExpressionText::as_str);
    let compiled = must_mean_something(expression, &declared)?;
    if change.expression.is_some() {
        must_be_no_typo(tx, &compiled, &declared).await?;
    }
    let standing = compile::compile(&before.shown.expression, &declared).ok();
    must_be_theirs(tx, service, (standing.as_ref(), &compiled)).await?;
    let action = change.action.as_ref().map_or(before.shown.action.as_str(), ActionName::as_str);
    let effect = change.effect.unwrap_or(before.shown.effect);
    store::policies::update(tx, id, (table_name, action, expression, effect), &change.description, exists()).await?;
    let after = of_service(tx, service, id).await?;
    tx.tell(Event::new(Action::PolicyChanged).within(service).changed(before.shown, &after.shown));
    Ok(after)
}

/// Deletes a policy of `service`, and tells of it.
///
/// # Errors
/// 404 `policy_not_found`; 412 where it is not as `if_match` says.
pub async fn remove(
    tx: &mut AuditedTx,
    (service, id): (ServiceId, PolicyId),
    if_match: Option<&IfMatch>,
) -> Result<Policy> {
    services::lock(tx, service).await?;
    let policy = of_service(tx, service, id).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&policy.etag)?;
    }
    store::policies::delete(tx, id).await?;
    warn_of_turn(tx, service, true).await?;
    tx.tell(Event::new(Action::PolicyDeleted).within(service).before(&policy.shown));
    Ok(policy.shown)
}

async fn of_service(tx: &mut AuditedTx, service: ServiceId, id: PolicyId) -> Result<Tagged<Policy>> {
    let found = store::policies::find(tx, id).await?.filter(|policy| policy.service_id == service);
    Tagged::whole(found.ok_or_else(PolicyId::not_found)?)
}
