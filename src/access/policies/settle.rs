//! What decides in a service is settled: policies, or permissions.

use super::create::must_not_be_portero;
use super::policy::ALL;
use super::{Effect, NewPolicy, PolicySettings, PolicySettingsChange, store};
use crate::base::error::{Error, Result};
use crate::base::id::{Id, ServiceId};
use crate::base::patch::Patch;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::services;
use crate::gate::warnings::Warning;
use crate::platform::http::{IfMatch, Tagged};

/// What a service that has no policies gets when these are to decide: type, expression, description.
pub(super) const DEFAULTS: [(&str, &str, &str); 3] = [
    ("auth_policies", "auth_user.is_admin", "policies are for administrators"),
    ("auth_users", "auth_user.is_admin", "people are for administrators, so that nobody makes themselves one"),
    (ALL, "user_id = auth_user.id", "everything else is for whom it belongs to"),
];

/// Settles what decides in `service`, and tells of it. A service without policies gets the three that there always were.
///
/// # Errors
/// 404 `service_not_found`; 409 `built_in` for Portero itself; 412 where it is not as `if_match` says.
pub async fn settle(
    tx: &mut AuditedTx,
    service: ServiceId,
    change: PolicySettingsChange,
    if_match: Option<&IfMatch>,
) -> Result<Tagged<PolicySettings>> {
    let begins = settle_alone(tx, service, change, if_match).await?;
    if begins && store::policies::count(tx, service).await?.policies == 0 {
        make_defaults(tx, service).await?;
    }
    tagged(tx, service).await
}

/// The same, whatever policies the service has. Answers whether these decide from now on.
///
/// # Errors
/// As [`settle`].
pub async fn settle_alone(
    tx: &mut AuditedTx,
    service: ServiceId,
    change: PolicySettingsChange,
    if_match: Option<&IfMatch>,
) -> Result<bool> {
    must_not_be_portero(service)?;
    services::lock(tx, service).await?;
    let before = tagged(tx, service).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&before.etag)?;
    }
    let after = PolicySettings {
        policies_decide: match change.policies_decide {
            Patch::Keep => before.shown.policies_decide,
            Patch::Clear => None,
            Patch::Set(decide) => Some(decide),
        },
        permissions_decide: change.permissions_decide.unwrap_or(before.shown.permissions_decide),
    };
    if after != before.shown {
        store::settings::update(tx, service, after).await?;
        if let (Patch::Clear, Some(decided)) = (change.policies_decide, before.shown.policies_decide) {
            warn_of_turn(tx, service, decided).await?;
        }
        tx.tell(Event::new(Action::PolicySettingsChanged).within(service).changed(before.shown, after));
    }
    Ok(after.policies_decide == Some(true) && before.shown.policies_decide != Some(true))
}

/// Warns whoever changes which policies there are, where what decides now is not what did: nobody has said so in words.
pub(super) async fn warn_of_turn(tx: &mut AuditedTx, service: ServiceId, policies_decided: bool) -> Result<()> {
    let settings = tagged(tx, service).await?.shown;
    let policies_decide = store::policies::count(tx, service).await?.policies > 0;
    if settings.policies_decide.is_none() && policies_decide != policies_decided {
        tx.warn(match (policies_decide, settings.permissions_decide) {
            (true, _) => Warning::PoliciesDecide,
            (false, true) => Warning::PermissionsDecide,
            (false, false) => Warning::NothingDecides,
        });
    }
    Ok(())
}

/// What decides in a service.
///
/// # Errors
/// 404 `service_not_found`, also for Portero itself.
pub async fn tagged(conn: &mut sqlx::PgConnection, service: ServiceId) -> Result<Tagged<PolicySettings>> {
    let settings = store::settings::find(conn, service).await?;
    Tagged::whole(settings.ok_or_else(ServiceId::not_found)?)
}

async fn make_defaults(tx: &mut AuditedTx, service: ServiceId) -> Result<()> {
    for (table_name, expression, description) in DEFAULTS {
        let read = |fault: String| Error::Internal(anyhow::anyhow!(fault));
        let new = NewPolicy {
            table_name: table_name.parse().map_err(read)?,
            action: ALL.parse().map_err(read)?,
            expression: expression.parse().map_err(read)?,
            description: Some(description.parse().map_err(read)?),
            effect: Effect::Permissive,
        };
        let made = store::policies::insert(tx, service, &new).await?;
        tx.tell(Event::new(Action::PolicyCreated).within(service).after(&made));
    }
    Ok(())
}
