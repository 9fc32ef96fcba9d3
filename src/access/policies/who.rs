//! The subject of a decision: who they are, what they hold, and by which way.

use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;

use super::language::{Row, Subject};
use super::store::subjects::{FoundPerson, Way};
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::gate::effective::store::Assignments;
use crate::gate::{Effective, Vocabulary};

/// Somebody who may log in.
#[derive(Debug)]
pub struct Who {
    pub id: PersonId,
    pub username: String,
    /// What they hold in the service.
    pub effective: Effective,
    /// As expressions see them.
    pub subject: Subject,
    groups: Vec<(i32, String, Option<OffsetDateTime>)>,
    ways: Vec<Way>,
    /// Where they act by an API key, the permissions that it may be used for.
    within: Option<Arc<[i32]>>,
    service: ServiceId,
    vocabulary: Arc<Vocabulary>,
}

/// One way by which somebody holds what a decision came of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground<'a> {
    /// The role; none where they are only in a group.
    pub role: Option<Arc<str>>,
    /// The permission that it carries, if a permission decided.
    pub permission: Option<&'a str>,
    /// The group through which it comes.
    pub group: Option<&'a str>,
    /// The resource that it is held on: type and id. None for the service.
    pub on: Option<(&'a str, &'a str)>,
    pub expires_at: Option<OffsetDateTime>,
    /// As it is stored; none where they are only in a group.
    pub way: Option<&'a Way>,
    /// The group's id.
    pub group_id: Option<i32>,
}

impl Who {
    pub(super) fn new(
        vocabulary: &Arc<Vocabulary>,
        service: ServiceId,
        found: FoundPerson,
        within: Option<Arc<[i32]>>,
    ) -> Self {
        let FoundPerson { id, username, is_admin, attributes, groups, ways } = found;
        // A key is given permissions: neither groups nor what an administrator is.
        let is_admin = is_admin && within.is_none();
        let groups = if within.is_none() { groups } else { Vec::new() };
        let effective = effective(vocabulary, (id, service), (&ways, within.as_ref()));
        let subject = Subject {
            id: Some(i64::from(id.0)),
            username: Some(username.clone()),
            is_admin,
            is_authenticated: true,
            groups: groups.iter().map(|(_, name, _)| name.clone()).collect(),
            attributes: Row::from(&attributes),
            ..held(&effective)
        };
        let vocabulary = Arc::clone(vocabulary);
        Self { id, username, effective, subject, groups, ways, within, service, vocabulary }
    }

    /// The same with what they hold besides: on a resource, and above it.
    #[must_use]
    pub fn holding_too(&self, more: Vec<Way>) -> Self {
        self.holding(self.ways.iter().cloned().chain(more).collect())
    }

    /// The same person, if they themselves were given the roles `more` in the service and not `fewer`, and had these attributes besides.
    #[must_use]
    pub fn if_they(&self, more: &[RoleId], fewer: &[RoleId], attributes: Option<&Row>) -> Self {
        let is_own = |way: &Way| way.permission.is_none() && way.group.is_none() && way.on.is_none();
        let is_taken = |way: &Way| is_own(way) && fewer.iter().any(|role| role.0 == way.role);
        let mut ways: Vec<Way> = self.ways.iter().filter(|way| !is_taken(way)).cloned().collect();
        for role in more {
            if !ways.iter().any(|way| is_own(way) && way.role == role.0) {
                let (permission, group, on, expires_at) = (None, None, None, None);
                ways.push(Way { role: role.0, permission, group, on, expires_at, is_supposed: true });
            }
        }
        let mut they = self.holding(ways);
        if let Some(attributes) = attributes {
            they.subject.attributes = they.subject.attributes.with(attributes);
        }
        they
    }

    fn holding(&self, ways: Vec<Way>) -> Self {
        let effective = effective(&self.vocabulary, (self.id, self.service), (&ways, self.within.as_ref()));
        let Subject { roles, permissions, .. } = held(&effective);
        Self {
            id: self.id,
            username: self.username.clone(),
            subject: Subject { roles, permissions, ..self.subject.clone() },
            effective,
            groups: self.groups.clone(),
            ways,
            within: self.within.clone(),
            service: self.service,
            vocabulary: Arc::clone(&self.vocabulary),
        }
    }

    /// The roles that carry a permission of this name here.
    pub fn roles_carrying(&self, permission: &str) -> Vec<i32> {
        if self.may_use(permission) { self.vocabulary.roles_carrying(permission, self.service) } else { Vec::new() }
    }

    /// Whether an API key by which they act, if they do, may be used for a permission of this name.
    fn may_use(&self, permission: &str) -> bool {
        let is_it = |id: &i32| self.vocabulary.is_permission(*id, permission, self.service);
        self.within.as_ref().is_none_or(|within| within.iter().any(is_it))
    }

    /// Whether they hold a permission of this name in the service itself, and so on each of its resources.
    pub fn holds_in_service(&self, permission: &str) -> bool {
        let in_service = self.ways.iter().filter(|way| way.on.is_none());
        in_service.into_iter().any(|way| self.carries(way, permission))
    }

    /// As expressions see them, where the caller says more of them: what it says counts before what is stored. Who they are and
    /// what they hold is not the caller's to say.
    pub fn subject_with(&self, properties: &Row) -> Subject {
        Subject { attributes: self.subject.attributes.with(properties), ..self.subject.clone() }
    }

    /// When the first of what they hold ends, groups that they are in included.
    pub fn ends_at(&self) -> Option<OffsetDateTime> {
        let of_groups = self.groups.iter().filter_map(|(_, _, end)| *end);
        of_groups.chain(self.effective.ends_at).min()
    }

    /// How they come to a role.
    pub fn grounds_of_role(&self, name: &str) -> Vec<Ground<'_>> {
        let is_named = |way: &&Way| self.role(way.role).is_some_and(|role| *role == *name);
        self.ways.iter().filter(is_named).map(|way| self.ground(way, None)).collect()
    }

    /// How they come to a permission.
    pub fn grounds_of_permission<'a>(&'a self, name: &'a str) -> Vec<Ground<'a>> {
        self.ways.iter().filter(|way| self.carries(way, name)).map(|way| self.ground(way, Some(name))).collect()
    }

    /// How they come to be in a group.
    pub fn ground_of_group(&self, name: &str) -> Option<Ground<'_>> {
        let (id, name, expires_at) = self.groups.iter().find(|(_, group, _)| group == name)?;
        let (role, permission, on, way) = (None, None, None, None);
        Some(Ground { role, permission, group: Some(name), on, expires_at: *expires_at, way, group_id: Some(*id) })
    }

    /// The roles that are called so, or carry the permission that is, whether the service offers them or not.
    pub fn roles_for(&self, name: &str) -> Vec<(RoleId, Arc<str>)> {
        self.vocabulary.roles_for(name, self.service)
    }

    /// The permissions that there are in the service.
    pub fn permissions_here(&self) -> Vec<Arc<str>> {
        self.vocabulary.permissions_of(self.service)
    }

    /// Whether a role or a permission of this name is there at all.
    pub fn could_hold(&self, name: &str) -> bool {
        self.vocabulary.has_permission(name) || self.vocabulary.has_role(name)
    }

    fn carries(&self, way: &Way, name: &str) -> bool {
        if !self.may_use(name) {
            return false;
        }
        match way.permission {
            Some(permission) => self.vocabulary.is_permission(permission, name, self.service),
            None => self.vocabulary.role_carries(RoleId(way.role), name, self.service),
        }
    }

    fn ground<'a>(&'a self, way: &'a Way, permission: Option<&'a str>) -> Ground<'a> {
        let group = way.group.and_then(|id| self.groups.iter().find(|(group, _, _)| *group == id));
        Ground {
            role: self.role(way.role),
            permission,
            group: group.map(|(_, name, _)| name.as_str()),
            on: way.on.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str())),
            expires_at: way.expires_at,
            way: Some(way),
            group_id: way.group,
        }
    }

    /// None for the role that a direct grant is.
    fn role(&self, id: i32) -> Option<Arc<str>> {
        self.vocabulary.role_name(RoleId(id), self.service)
    }
}

/// What comes of ways.
fn effective(
    vocabulary: &Vocabulary,
    of: (PersonId, ServiceId),
    (ways, within): (&[Way], Option<&Arc<[i32]>>),
) -> Effective {
    let (direct, roles): (Vec<&Way>, Vec<&Way>) = ways.iter().partition(|way| way.permission.is_some());
    let mut held: Vec<i32> = roles.iter().chain(&direct).map(|way| way.role).collect();
    held.sort_unstable();
    held.dedup();
    let direct = direct.iter().filter_map(|way| way.permission).collect();
    let ends_at = ways.iter().filter_map(|way| way.expires_at).min();
    let held = Assignments::new(of, held, direct, ends_at);
    vocabulary.effective(&match within {
        Some(within) => held.within(Arc::clone(within)),
        None => held,
    })
}

/// The roles and permissions of a subject.
fn held(effective: &Effective) -> Subject {
    Subject {
        roles: effective.roles.iter().map(ToString::to_string).collect(),
        permissions: effective.permissions.iter().map(ToString::to_string).collect(),
        ..Subject::default()
    }
}

/// The different ones, in order.
pub(super) fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
