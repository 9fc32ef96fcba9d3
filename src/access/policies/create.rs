//! A policy is made.

use super::compile::{must_be_no_typo, must_mean_something};
use super::personal::must_be_theirs;
use super::policy::ALL;
use super::settle::warn_of_turn;
use super::{NewPolicy, Policy, store};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::base::made::Made;
use crate::base::names::Description;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::services;

/// How many policies a service may have.
const MOST: i64 = 10_000;

/// How many of them may be about every type of resource: each is compiled for each type.
const MOST_OF_ALL: i64 = 1_000;

/// Makes a policy of `service`, unless it stands, and tells of it.
///
/// # Errors
/// 400 for an expression that means nothing; 403 for one that reads what the actor may not; 404 `service_not_found`; 409 `built_in`, `policy_exists`, `too_many_policies`.
pub async fn create(tx: &mut AuditedTx, service: ServiceId, new: &NewPolicy) -> Result<Made<Policy>> {
    must_not_be_portero(service)?;
    services::lock(tx, service).await?;
    let declared = store::types::declared(tx, service, new.table_name.as_str()).await?;
    let expression = must_mean_something(new.expression.as_str(), &declared)?;
    must_be_no_typo(tx, &expression, &declared).await?;
    must_be_theirs(tx, service, (None, &expression)).await?;
    if let Some(standing) = store::policies::find_same(tx, service, new).await? {
        let wanted = new.description.as_ref().map(Description::as_str);
        return Made::standing(standing, |there| there.description.as_deref(), wanted, exists());
    }
    let there = must_have_room(tx, service, new.table_name.as_str()).await?;
    let made = store::policies::insert(tx, service, new).await?;
    if there == 0 {
        warn_of_turn(tx, service, false).await?;
    }
    tx.tell(Event::new(Action::PolicyCreated).within(service).after(&made));
    Ok(Made::New(made))
}

/// Refuses (409 `too_many_policies`) more than a service may have. Answers how many it has.
pub(super) async fn must_have_room(tx: &mut AuditedTx, service: ServiceId, table_name: &str) -> Result<i64> {
    let count = store::policies::count(tx, service).await?;
    if count.all_types >= MOST_OF_ALL && table_name == ALL {
        let detail = "this service has a thousand policies for `all`: name types, or delete those not in use";
        return Err(Error::conflict("too_many_policies", detail));
    }
    if count.policies >= MOST {
        let detail = "this service has ten thousand policies: delete those not in use";
        return Err(Error::conflict("too_many_policies", detail));
    }
    Ok(count.policies)
}

/// 409: Portero itself is guarded by its own permissions.
pub(super) fn must_not_be_portero(service: ServiceId) -> Result<()> {
    if service == ServiceId::PORTERO {
        return Err(Error::conflict(
            "built_in",
            "Portero itself has no policies: a policy is for one of your own services",
        ));
    }
    Ok(())
}

pub(super) fn exists() -> Error {
    Error::conflict("policy_exists", "the same policy is there already, with another description; change that one")
}
