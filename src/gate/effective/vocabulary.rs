//! The vocabulary in memory, under the version that says whether it is still true.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgConnection;

use super::store::{Assignments, StoredVocabulary};
use super::{Effective, store};
use crate::base::error::Result;
use crate::base::id::{PermissionId, Ref, RoleId, ServiceId};

/// Of so many roles, by id, it is said in a statement that they are known, in bytes: the first ones. Of others Postgres looks.
const SAID: usize = 8 * 1024;

/// Services, roles, permissions, and which permissions a role carries. Roles of direct grants are not among them.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Another one in the database means that this is no longer true.
    pub version: i64,
    /// Those that are not removed.
    services: HashMap<ServiceId, Arc<str>>,
    /// The attributes that services are told, where they are told any.
    claims: HashMap<ServiceId, Vec<String>>,
    service_names: HashMap<Arc<str>, ServiceId>,
    roles: HashMap<RoleId, RoleEntry>,
    /// The same of users', a bit each.
    known_roles: Vec<u8>,
    permissions: HashMap<PermissionId, Name>,
}

#[derive(Debug)]
struct RoleEntry {
    name: Name,
    permissions: Vec<PermissionId>,
}

/// Two may have one name, one of Portero's own and one of the users'. In Portero it means the former, elsewhere the latter:
/// who holds the other is not taken for somebody who holds what is meant.
#[derive(Debug)]
struct Name {
    text: Arc<str>,
    has_namesake: bool,
}

impl Name {
    fn all(names: Vec<(i32, String)>) -> impl Iterator<Item = (i32, Self)> {
        let mut known: HashMap<String, u32> = HashMap::new();
        for (_, name) in &names {
            *known.entry(name.clone()).or_default() += 1;
        }
        names.into_iter().map(move |(id, name)| {
            let has_namesake = known.get(&name).is_some_and(|count| *count > 1);
            (id, Self { text: name.into(), has_namesake })
        })
    }

    fn in_service(&self, id: i32, service: ServiceId) -> Option<Arc<str>> {
        let is_meant = !self.has_namesake || (id <= 0) == (service == ServiceId::PORTERO);
        is_meant.then(|| Arc::clone(&self.text))
    }
}

impl From<StoredVocabulary> for Vocabulary {
    fn from(stored: StoredVocabulary) -> Self {
        let mut carried = HashMap::new();
        let mut role_names = Vec::new();
        for (id, name, permissions) in stored.roles {
            carried.insert(id, permissions.into_iter().map(PermissionId).collect::<Vec<_>>());
            role_names.push((id, name));
        }
        let roles = Name::all(role_names).map(|(id, name)| {
            let permissions = carried.remove(&id).unwrap_or_default();
            (RoleId(id), RoleEntry { name, permissions })
        });
        let roles: HashMap<_, _> = roles.collect();
        let (mut services, mut claims) = (HashMap::<ServiceId, Arc<str>>::new(), HashMap::new());
        for (id, name, told) in stored.services {
            services.insert(ServiceId(id), name.into());
            if !told.is_empty() {
                claims.insert(ServiceId(id), told);
            }
        }
        Self {
            version: stored.version,
            claims,
            service_names: services.iter().map(|(id, name)| (Arc::clone(name), *id)).collect(),
            services,
            known_roles: bits(roles.keys().map(|role| role.0)),
            roles,
            permissions: Name::all(stored.permissions).map(|(id, name)| (PermissionId(id), name)).collect(),
        }
    }
}

/// A bit for each id above 0, the lowest of a byte first, as `get_bit` reads them.
fn bits(ids: impl Iterator<Item = i32>) -> Vec<u8> {
    let mut bits = Vec::new();
    for id in ids.filter_map(|id| usize::try_from(id).ok()).filter(|id| (1..8 * SAID).contains(id)) {
        if bits.len() <= id / 8 {
            bits.resize(id / 8 + 1, 0);
        }
        bits[id / 8] |= 1 << (id % 8);
    }
    bits
}

impl Vocabulary {
    /// The roles of users', a bit each: none of them is a direct grant's.
    pub fn known_roles(&self) -> &[u8] {
        &self.known_roles
    }

    /// The service that a caller named.
    pub fn service(&self, named: &Ref<ServiceId>) -> Option<ServiceId> {
        match named {
            Ref::Id(id) => self.services.contains_key(id).then_some(*id),
            Ref::Name(name) => self.service_names.get(name.as_str()).copied(),
            Ref::NoSuchId | Ref::NoSuchName => None,
        }
    }

    /// What a service is called.
    pub fn service_name(&self, id: ServiceId) -> Option<Arc<str>> {
        self.services.get(&id).cloned()
    }

    /// Those of `services` that are told attributes of people.
    pub fn claiming(&self, services: impl Iterator<Item = ServiceId>) -> Vec<i32> {
        if self.claims.is_empty() {
            return Vec::new();
        }
        let mut claiming: Vec<i32> = services.filter(|id| self.claims.contains_key(id)).map(|id| id.0).collect();
        claiming.sort_unstable();
        claiming.dedup();
        claiming
    }

    /// Whether any permission is called so.
    pub fn has_permission(&self, name: &str) -> bool {
        self.permissions.values().any(|known| *known.text == *name)
    }

    /// What a role is called in a service; none of a direct grant's.
    pub fn role_name(&self, id: RoleId, service: ServiceId) -> Option<Arc<str>> {
        self.roles.get(&id)?.name.in_service(id.0, service)
    }

    /// Whether any role is called so.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.values().any(|known| *known.name.text == *name)
    }

    /// Whether a permission is the one that is called so in a service.
    pub fn is_permission(&self, id: i32, name: &str, service: ServiceId) -> bool {
        let known = self.permissions.get(&PermissionId(id)).and_then(|known| known.in_service(id, service));
        known.is_some_and(|known| *known == *name)
    }

    /// Whether a role carries the permission that is called so in a service.
    pub fn role_carries(&self, role: RoleId, name: &str, service: ServiceId) -> bool {
        let carried = self.roles.get(&role).map_or(&[][..], |role| &role.permissions);
        carried.iter().any(|permission| self.is_permission(permission.0, name, service))
    }

    /// The roles that carry the permission that is called so in a service.
    pub fn roles_carrying(&self, name: &str, service: ServiceId) -> Vec<i32> {
        self.roles.keys().filter(|role| self.role_carries(**role, name, service)).map(|role| role.0).collect()
    }

    /// The roles that are called so in a service, or carry the permission that is, in order.
    pub fn roles_for(&self, name: &str, service: ServiceId) -> Vec<(RoleId, Arc<str>)> {
        let named = self.roles.keys().filter_map(|id| Some((*id, self.role_name(*id, service)?)));
        let mut found: Vec<_> =
            named.filter(|(id, role)| **role == *name || self.role_carries(*id, name, service)).collect();
        found.sort_by_key(|(id, _)| *id);
        found
    }

    /// The permissions that there are in a service, by name, in order.
    pub fn permissions_of(&self, service: ServiceId) -> Vec<Arc<str>> {
        let found = self.permissions.iter().filter_map(|(id, known)| known.in_service(id.0, service));
        let mut found: Vec<Arc<str>> = found.collect();
        found.sort_unstable();
        found
    }

    /// What somebody may do who holds this.
    pub fn effective(&self, held: &Assignments) -> Effective {
        let mut roles = Vec::with_capacity(held.roles.len());
        let mut permissions = Vec::new();
        for id in &held.roles {
            if let Some(role) = self.roles.get(&RoleId(*id)) {
                roles.extend(role.name.in_service(*id, held.service));
                permissions.extend_from_slice(&role.permissions);
            } else if !held.direct.is_empty() {
                // The one role that is not of the vocabulary: that of their direct grant, unless all of it is over.
                roles.push(format!("direct:{}:{}", held.person, held.service).into());
                permissions.extend(held.direct.iter().copied().map(PermissionId));
            }
        }
        permissions.sort_unstable();
        permissions.dedup();
        if let Some(within) = &held.within {
            permissions.retain(|permission| within.contains(&permission.0));
            // Roles are not told of what is only a part.
            roles.clear();
        }
        let named = |id: &PermissionId| self.permissions.get(id)?.in_service(id.0, held.service);
        let permissions = permissions.iter().filter_map(named).collect();
        let told = held.attributes.as_ref().zip(self.claims.get(&held.service));
        let claims = told.map(|(attributes, told)| Arc::new(attributes.clone().of(told)));
        Effective { roles, permissions, ends_at: held.ends_at, claims }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_roles_are_bits_as_postgres_reads_them() {
        assert_eq!(bits([0, -3, 1, 8, 17].into_iter()), [0b10, 0b1, 0b10]);
        let last = i32::try_from(8 * SAID).expect("small");
        assert_eq!(bits([last, i32::MAX].into_iter()), [0_u8; 0]);
        assert_eq!(bits([last - 1].into_iter()).len(), SAID);
    }
}
