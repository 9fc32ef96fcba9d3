//! The vocabulary in memory, under the version that says whether it is still true.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Effective, store};
use crate::error::Result;
use crate::id::Ref;
use crate::permissions::PermissionId;
use crate::roles::RoleId;
use crate::services::ServiceId;
use crate::users::PersonId;

/// Services, roles, permissions, and which permissions a role carries. Roles of direct grants are not among them.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Another one in the database means that this is no longer true.
    pub version: i64,
    /// Those that are not removed.
    services: HashSet<ServiceId>,
    service_names: HashMap<String, ServiceId>,
    roles: HashMap<RoleId, Role>,
    permissions: HashMap<PermissionId, Arc<str>>,
}

#[derive(Debug)]
struct Role {
    name: Arc<str>,
    permissions: Vec<PermissionId>,
}

/// What the database holds of the vocabulary, at one moment.
#[derive(Debug)]
pub struct Stored {
    /// The transaction that changed it last.
    pub version: i64,
    /// Ids and names.
    pub services: Vec<(i32, String)>,
    /// Ids and names.
    pub permissions: Vec<(i32, String)>,
    /// Ids, names, and the ids of the permissions that each carries.
    pub roles: Vec<(i32, String, Vec<i32>)>,
}

/// What a person holds in a service, by id.
#[derive(Debug)]
pub struct Held {
    /// Who.
    pub person: PersonId,
    /// Where.
    pub service: ServiceId,
    /// Their roles there, that of a direct grant included, in order.
    pub roles: Vec<i32>,
    /// The permissions of the direct grant.
    pub direct: Vec<i32>,
    /// When the first of these ends, if any does.
    pub ends_at: Option<OffsetDateTime>,
}

impl From<Stored> for Vocabulary {
    fn from(stored: Stored) -> Self {
        let role = |(id, name, permissions): (i32, String, Vec<i32>)| {
            let permissions = permissions.into_iter().map(PermissionId).collect();
            (RoleId(id), Role { name: name.into(), permissions })
        };
        Self {
            version: stored.version,
            services: stored.services.iter().map(|(id, _)| ServiceId(*id)).collect(),
            service_names: stored.services.into_iter().map(|(id, name)| (name, ServiceId(id))).collect(),
            roles: stored.roles.into_iter().map(role).collect(),
            permissions: stored.permissions.into_iter().map(|(id, name)| (PermissionId(id), name.into())).collect(),
        }
    }
}

impl Vocabulary {
    /// The service that a caller named.
    pub fn service(&self, named: &Ref<ServiceId>) -> Option<ServiceId> {
        match named {
            Ref::Id(id) => self.services.contains(id).then_some(*id),
            Ref::Name(name) => self.service_names.get(name.as_str()).copied(),
            Ref::NoSuchId | Ref::NoSuchName => None,
        }
    }

    /// Whether any permission is called so.
    pub fn has_permission(&self, name: &str) -> bool {
        self.permissions.values().any(|known| **known == *name)
    }

    /// What somebody may do who holds this.
    pub fn effective(&self, held: &Held) -> Effective {
        let mut roles = Vec::with_capacity(held.roles.len());
        let mut permissions = Vec::new();
        for id in &held.roles {
            if let Some(role) = self.roles.get(&RoleId(*id)) {
                roles.push(Arc::clone(&role.name));
                permissions.extend_from_slice(&role.permissions);
            } else if !held.direct.is_empty() {
                // The one role that is not of the vocabulary: that of their direct grant, unless all of it is over.
                roles.push(format!("direct:{}:{}", held.person, held.service).into());
                permissions.extend(held.direct.iter().copied().map(PermissionId));
            }
        }
        permissions.sort_unstable();
        permissions.dedup();
        let permissions = permissions.iter().filter_map(|id| self.permissions.get(id).cloned()).collect();
        Effective { roles, permissions, ends_at: held.ends_at }
    }
}

/// The vocabulary as it was last loaded, for all lanes.
#[derive(Debug, Default)]
pub struct Latest(RwLock<Arc<Vocabulary>>);

impl Latest {
    /// As it was last loaded; before that, empty and of a version that no database has.
    pub fn get(&self) -> Arc<Vocabulary> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loads it anew.
    pub async fn reload(&self, conn: &mut PgConnection) -> Result<()> {
        let vocabulary = Arc::new(store::vocabulary(conn).await?.into());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = vocabulary;
        Ok(())
    }
}
