//! From what decided back to who granted it: roles, groups, and the memberships that lead there.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::explanation::{ExplainedGrant, Membership};
use super::store::{self, Step};
use crate::access::policies::store::subjects::Way;
use crate::access::policies::{DecidingResource, Ground, Sees};
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// One way by which somebody holds what decided, before it is known where it comes from.
#[derive(Debug)]
pub(super) struct Held {
    role: Option<String>,
    permission: Option<String>,
    group: Option<String>,
    expires_at: Option<OffsetDateTime>,
    way: Option<Way>,
    group_id: Option<i32>,
}

impl From<Ground<'_>> for Held {
    fn from(ground: Ground<'_>) -> Self {
        Self {
            role: ground.role.map(|role| role.to_string()),
            permission: ground.permission.map(str::to_owned),
            group: ground.group.map(str::to_owned),
            expires_at: ground.expires_at,
            way: ground.way.cloned(),
            group_id: ground.group_id,
        }
    }
}

impl Held {
    fn stored(&self) -> Option<&Way> {
        self.way.as_ref().filter(|way| !way.is_supposed)
    }
}

/// The same with where each comes from, as far as whoever asks may see it.
pub(super) async fn grants(
    conn: &mut PgConnection,
    (person, service): (PersonId, ServiceId),
    held: Vec<Held>,
    (sees, moment): (Sees, OffsetDateTime),
) -> Result<Vec<ExplainedGrant>> {
    let ways: Vec<&Way> = held.iter().filter_map(Held::stored).collect();
    let mut origins = store::origins(conn, (person, service), &ways).await?.into_iter();
    let by_groups = held.iter().any(|held| held.group_id.is_some());
    let steps = if by_groups && sees.memberships { store::steps(conn, person, moment).await? } else { Vec::new() };
    let explained = held.into_iter().map(|held| {
        let origin = held.stored().and_then(|_| origins.next()).flatten();
        let is_supposed = held.way.as_ref().is_some_and(|way| way.is_supposed);
        let told = origin.as_ref().filter(|_| sees.givers);
        ExplainedGrant {
            memberships: held.group_id.map(|group| path(&steps, group)).unwrap_or_default(),
            role: held.role,
            permission: held.permission,
            group: held.group,
            resource: held.way.and_then(|way| way.on).map(DecidingResource::from),
            expires_at: held.expires_at,
            granted_by: told.and_then(|origin| origin.granted_by.clone()),
            reason: told.and_then(|origin| origin.reason.clone()),
            created_at: origin.map(|origin| origin.created_at),
            is_supposed,
        }
    });
    Ok(explained.collect())
}

/// The shortest way from the person into a group.
fn path(steps: &[Step], group: i32) -> Vec<Membership> {
    let mut came_by: HashMap<i32, &Step> = HashMap::new();
    let mut ahead: VecDeque<Option<i32>> = VecDeque::from([None]);
    while let Some(member) = ahead.pop_front() {
        for step in steps.iter().filter(|step| step.member == member) {
            if let Entry::Vacant(entry) = came_by.entry(step.group) {
                entry.insert(step);
                ahead.push_back(Some(step.group));
            }
        }
        if came_by.contains_key(&group) {
            break;
        }
    }
    let mut path = Vec::new();
    let mut at = Some(group);
    while let Some(step) = at.and_then(|group| came_by.get(&group)) {
        path.push(step.membership.clone());
        at = step.member;
    }
    path.reverse();
    path
}
