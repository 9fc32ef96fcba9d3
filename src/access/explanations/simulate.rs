//! What a decision would be if something were otherwise. Nothing is written.

use std::sync::Arc;

use serde::Serialize;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use super::explain::explain;
use super::explanation::Explanation;
use super::store;
use crate::access::Access;
use crate::access::authzen::{ANONYMOUS, Asked};
use crate::access::policies::language::Row;
use crate::access::policies::{Asking, Edits, There, Who, must_be_theirs_to_suppose, overlay};
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, RoleId, ServiceId};
use crate::gate::permission::{BuiltIn, WriteServices};

/// How far clocks may differ from ours before a moment counts as past.
const LENIENCE: Duration = Duration::minutes(1);

/// What is supposed to be otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    /// When it is asked.
    pub at: Option<OffsetDateTime>,
    /// Roles that are granted to the subject, and such grants that are taken back.
    pub more_roles: &'a [Ref<RoleId>],
    pub fewer_roles: &'a [Ref<RoleId>],
    /// Attributes that the subject has besides.
    pub attributes: Option<&'a Row>,
    pub edits: Edits<'a>,
}

/// A decision as it is, and as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Simulated {
    /// Whether the decision would be another one.
    #[schema(example = true)]
    pub changes: bool,
    /// As it is now.
    pub before: Explanation,
    /// As it would be.
    pub after: Explanation,
}

/// Asks twice: as it is, and as it would be. What is held at a later moment is what is held now and lasts beyond it.
///
/// # Errors
/// 403 for policies that whoever asks may not write; 400 for a moment that is past, for a role that the service does not offer, for policies that mean nothing, and for roles of whoever is
/// not logged in; as of [`Asking::about`].
pub async fn simulate(access: &Access, asking: &Asking, asked: Asked<'_>, change: &Change<'_>) -> Result<Simulated> {
    let now = access.clock.now();
    let sees = asking.sees(access).await?;
    if !change.edits.policies.is_empty() && !sees.supposed_policies {
        return Err(Error::forbidden(
            "insufficient_permissions",
            "to suppose policies needs the permission `services:write` there: what they say of somebody may be what you may not see",
        )
        .with("permission", WriteServices::NAME));
    }
    let about =
        async |moment| asking.one_beyond(access, asked.subject.named(), Some(asked.resource.place()), moment).await;
    let there = about(now).await?;
    let moment = moment(change.at, now)?;
    let later = if moment == now { there.clone() } else { about(moment).await? };
    let changed = supposed(access, &later, asked.subject.kind == ANONYMOUS, change).await?;
    let supposed = (&*there.set, &*changed.set);
    must_be_theirs_to_suppose(&mut *access.db.read().await?, there.service, sees, supposed).await?;
    let before = explain(access, sees, &there, asked, now).await?;
    let after = explain(access, sees, &changed, asked, moment).await?;
    Ok(Simulated { changes: before.decision != after.decision, before, after })
}

fn moment(at: Option<OffsetDateTime>, now: OffsetDateTime) -> Result<OffsetDateTime> {
    match at {
        Some(at) if at < now - LENIENCE => {
            let fault = "is past: what was held then is not kept. The audit trail tells of it";
            Err(Error::invalid_field("at", fault))
        }
        Some(at) => Ok(at.max(now)),
        None => Ok(now),
    }
}

/// What would be known of the subject, and what would decide.
async fn supposed(access: &Access, there: &There, is_anonymous: bool, change: &Change<'_>) -> Result<There> {
    let of_nobody = change.more_roles.is_empty() && change.fewer_roles.is_empty() && change.attributes.is_none();
    if is_anonymous && !of_nobody {
        let fault = "whoever is not logged in has no roles and no attributes: name somebody as the subject";
        return Err(Error::invalid_field("with", fault));
    }
    let more = roles(access, there.service, ("with.roles", change.more_roles)).await?;
    let fewer = roles(access, there.service, ("without.roles", change.fewer_roles)).await?;
    let supposed = |who: &Arc<Who>| Arc::new(who.if_they(&more, &fewer, change.attributes));
    let who = there.who.as_ref().map(|who| if of_nobody { Arc::clone(who) } else { supposed(who) });
    let set = Arc::new(overlay(&there.set, &change.edits)?);
    Ok(There { set, who, ..there.clone() })
}

fn not_offered(field: &str, role: &Ref<RoleId>) -> Error {
    let role = match role {
        Ref::Id(id) => format!(" {id}"),
        Ref::Name(name) => format!(" `{name}`"),
        Ref::NoSuchId | Ref::NoSuchName => String::new(),
    };
    let advice = "offer it first: `POST /service-roles`, or `portero service add-role`";
    Error::invalid_field(field, &format!("this service does not offer the role{role}; {advice}"))
}

async fn roles(access: &Access, service: ServiceId, (field, named): (&str, &[Ref<RoleId>])) -> Result<Vec<RoleId>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = access.db.read().await?;
    let mut roles = Vec::with_capacity(named.len());
    for (place, named) in named.iter().enumerate() {
        let found = store::offered(&mut conn, service, named).await?;
        roles.push(found.ok_or_else(|| not_offered(&format!("{field}[{place}]"), named))?);
    }
    Ok(roles)
}
