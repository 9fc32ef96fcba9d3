//! Whoever has a client's secret, or says where it sends people, gets what its tokens open. So they must be able to get that
//! anyway.

use super::Client;
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::gate::permission::{BuiltIn, WriteServices};
use crate::gate::store::{Through, held_beyond, must_cover_permission, must_cover_person};

/// Keeps the service of a client and those of its audience from being deleted until this transaction ends.
///
/// # Errors
/// 404 `service_not_found`.
pub async fn hold(tx: &mut AuditedTx, own: ServiceId, audience: &[ServiceId]) -> Result<()> {
    let mut all: Vec<ServiceId> = audience.iter().copied().chain([own]).collect();
    all.sort_unstable();
    all.dedup();
    for service in all {
        // The client's own: nobody else adds one to it meanwhile.
        if service == own {
            gate::store::services::lock(tx, service).await?;
        } else {
            gate::store::services::hold(tx, service).await?;
        }
    }
    Ok(())
}

/// Refuses (403) a person who does not manage each service of an audience.
pub async fn must_manage(tx: &mut AuditedTx, audience: &[ServiceId]) -> Result<()> {
    let now = tx.by().now;
    let Some(actor) = tx.by().person() else { return Ok(()) };
    for service in audience {
        must_cover_permission(tx, actor, *service, WriteServices::ID, Through::Now(now)).await?;
    }
    Ok(())
}

/// Refuses (403) a person who could not give themselves what a client holds that acts for itself.
pub async fn must_cover_subject(tx: &mut AuditedTx, client: &Client) -> Result<()> {
    let now = tx.by().now;
    let (Some(actor), Some(subject)) = (tx.by().person(), client.subject) else { return Ok(()) };
    must_cover_person(tx, actor, subject, now).await?;
    let Some((what, service)) = held_beyond(tx, actor, subject, now).await? else { return Ok(()) };
    let detail = format!(
        "the client holds `{what}` in `{service}`, which you don't, or not for as long, and may not hand out there: ask \
         somebody who may"
    );
    Err(Error::forbidden("insufficient_permissions", detail))
}
