//! Whether a file can be applied to what is there: names that mean nothing, expressions that mean nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::circles::circles;
use super::clients::registration;
use super::compare::{Change, Plan};
use super::file::Client;
use super::read::{Desired, Faults, Reference};
use super::state::State;
use super::thing::{Key, Thing};
use crate::access::groups::GroupName;
use crate::access::permissions::PermissionName;
use crate::access::policies::{self, Columns};
use crate::access::roles::RoleName;
use crate::access::services::ServiceName;
use crate::base::error::causes;
use crate::base::id::{RoleId, ServiceId};
use crate::identity::providers::ProviderName;
use crate::oauth::clients::{GrantType, Identifier};
use crate::oauth::scopes;

/// Looks at all of it.
///
/// # Errors
/// All that is wrong with it, with the place.
pub fn check(desired: &Desired, state: &State, plan: &Plan) -> Result<(), Faults> {
    let gone: BTreeSet<&Key> =
        plan.changes.iter().filter(|change| change.is_deletion()).filter_map(|change| change.key()).collect();
    let mut checker = Checker { desired, state, plan, gone, faults: Faults::default() };
    checker.new_names();
    checker.references();
    checker.types();
    checker.policies();
    checker.clients();
    checker.providers();
    checker.circles();
    checker.holders();
    checker.faults.into_result()
}

/// How clients that act for themselves are called among people.
const CLIENT: &str = "client:";

struct Checker<'a> {
    desired: &'a Desired,
    state: &'a State,
    plan: &'a Plan,
    /// What goes when the file is applied.
    gone: BTreeSet<&'a Key>,
    faults: Faults,
}

impl Checker<'_> {
    fn fault(&mut self, key: &Key, fault: impl Into<String>) {
        self.faults.add(&self.desired.text, self.desired.places.get(key), fault);
    }

    /// Whether something by this key is there afterwards.
    fn is_there(&self, key: &Key) -> bool {
        self.desired.things.contains_key(key) || self.state.things.contains_key(key) && !self.gone.contains(key)
    }

    /// What is there keeps its name, also one from before today's rules.
    fn new_names(&mut self) {
        for key in self.desired.things.keys().filter(|key| !self.state.things.contains_key(*key)) {
            let fault = match key {
                Key::Permission(name) => name.parse::<PermissionName>().err(),
                Key::Role(name) => name.parse::<RoleName>().err(),
                Key::Service(name) => name.parse::<ServiceName>().err(),
                Key::Group(name) => name.parse::<GroupName>().err(),
                Key::Client(id) => id.parse::<Identifier>().err(),
                Key::Provider(name) => name.parse::<ProviderName>().err(),
                _ => None,
            };
            if let Some(fault) = fault {
                self.fault(key, format!("{key}: {fault}"));
            }
        }
    }

    fn references(&mut self) {
        let ids = &self.state.ids;
        for (at, reference) in &self.desired.references {
            // Portero's own are there, and in no file.
            let (is_there, what) = match reference {
                Reference::Permission(name) => (self.is_permission(name), ("permission", name)),
                Reference::Role(name) => {
                    let is_own = ids.roles.get(name).is_some_and(|id| id.0 <= 0);
                    (is_own || self.is_there(&Key::Role(name.clone())), ("role", name))
                }
                Reference::Service(name) => {
                    let is_own = ids.services.get(name) == Some(&ServiceId::PORTERO);
                    (is_own || self.is_there(&Key::Service(name.clone())), ("service", name))
                }
                Reference::Group(name) => (self.is_there(&Key::Group(name.clone())), ("group", name)),
                Reference::Person(name) => {
                    (ids.people.contains_key(name) || self.is_new_client(name), ("person", name))
                }
            };
            if !is_there {
                let (noun, name) = what;
                let fault = format!("there is no {noun} `{name}`, in this file or in Portero");
                self.faults.add(&self.desired.text, Some(at), fault);
            }
        }
    }

    /// Whether somebody is a client that acts for itself, and that comes with this file.
    fn is_new_client(&self, username: &str) -> bool {
        let id = username.strip_prefix(CLIENT);
        let client = id.and_then(|id| self.desired.things.get(&Key::Client(id.to_owned())));
        let Some(Thing::Client(client)) = client else { return false };
        client.grant_types.as_ref().is_some_and(|all| all.contains(&GrantType::ClientCredentials))
    }

    fn is_permission(&self, name: &str) -> bool {
        let is_own = self.state.ids.permissions.get(name).is_some_and(|id| id.0 <= 0);
        is_own || self.is_there(&Key::Permission(name.to_owned()))
    }

    fn types(&mut self) {
        for (key, thing) in &self.desired.things {
            let Thing::Columns(declared) = thing else { continue };
            if let Err(error) = policies::must_be_columns(&declared.columns) {
                self.fault(key, format!("{key}: {}", causes(&error.into())));
            }
        }
    }

    fn policies(&mut self) {
        let mut declared: BTreeMap<(&str, &str), &Columns> = BTreeMap::new();
        let there = self.state.things.iter().filter(|(key, _)| !self.gone.contains(key));
        for (key, thing) in there.chain(&self.desired.things) {
            if let (Key::ResourceType { service, name }, Thing::Columns(of_type)) = (key, thing) {
                declared.insert((service, name), &of_type.columns);
            }
        }
        let mut faults = Vec::new();
        for key in self.desired.things.keys().chain(policies_that_stay(self.desired, self.state, self.plan)) {
            let Key::Policy { service, table_name, expression, .. } = key else { continue };
            let columns = declared.get(&(service.as_str(), table_name.as_str())).copied();
            if let Err(fault) = policies::must_compile(expression, columns) {
                faults.push((key, fault.to_string()));
            }
        }
        for (key, fault) in faults {
            self.policy_fault(key, &fault);
        }
    }

    fn policy_fault(&mut self, key: &Key, fault: &str) {
        if self.desired.things.contains_key(key) {
            return self.fault(key, format!("{key}: in its expression, {fault}"));
        }
        // Where the file says what is in its way, if it does.
        let at = type_of(key).and_then(|of_type| self.desired.places.get(&of_type));
        let fault = format!(
            "{key} is not in this file, stays, and would mean nothing any more: change or delete it first. In its expression, {fault}"
        );
        self.faults.add(&self.desired.text, at, fault);
    }

    /// No group comes to be in itself: by what the file says, and what stays.
    fn circles(&mut self) {
        let stays = self.state.things.keys().filter(|key| !self.gone.contains(key));
        let nestings = stays.chain(self.desired.things.keys()).filter_map(|key| match key {
            Key::Nesting { group, member } => Some((group.as_str(), member.as_str())),
            _ => None,
        });
        for circle in circles(nestings) {
            let mut nestings = circle
                .iter()
                .zip(circle.iter().cycle().skip(1))
                .map(|(group, member)| Key::Nesting { group: (*group).to_owned(), member: (*member).to_owned() });
            let Some(key) = nestings.find(|key| self.desired.places.contains_key(key)) else { continue };
            let Some(first) = circle.first() else { continue };
            let way: Vec<String> = circle.iter().chain([first]).rev().map(|name| format!("`{name}`")).collect();
            self.fault(&key, format!("{key} would put `{first}` into itself: {}", way.join(" in ")));
        }
    }

    /// What can't be held by whoever is to hold it.
    fn holders(&mut self) {
        let ids = &self.state.ids;
        let mut faults = Vec::new();
        for key in self.desired.things.keys() {
            match key {
                Key::GroupGrant { service, role, .. }
                    if ids.services.get(service) == Some(&ServiceId::PORTERO)
                        && ids.roles.get(role) == Some(&RoleId::ADMINISTRATOR) =>
                {
                    faults.push((key, "a group can't administer Portero itself: give the role to people"));
                }
                Key::Membership { person, .. } if person.starts_with(CLIENT) => {
                    faults.push((key, "a client is in no group: grant it the roles themselves"));
                }
                _ => {}
            }
        }
        for (key, fault) in faults {
            self.fault(key, format!("{key}: {fault}"));
        }
    }

    fn clients(&mut self) {
        for (key, thing) in &self.desired.things {
            let (Key::Client(id), Thing::Client(client)) = (key, thing) else { continue };
            if let Some(Thing::Client(before)) = self.state.things.get(key)
                && before.service != client.service
            {
                let fault = format!(
                    "{key} belongs to service `{}`, which can't be changed: register another client",
                    before.service
                );
                self.fault(key, fault);
            }
            for scope in self.unknown_scopes(client) {
                let fault = format!(
                    "client `{id}`: the scope `{scope}` is neither one of {} nor a permission in a service of its audience, \
                     as service:permission",
                    scopes::STANDARD.join(", ")
                );
                self.fault(key, fault);
            }
        }
    }

    fn providers(&mut self) {
        for (key, thing) in &self.desired.things {
            let (Key::Provider(name), Thing::Provider(provider)) = (key, thing) else { continue };
            let before = match self.state.things.get(key) {
                Some(Thing::Provider(before)) => Some(before),
                _ => None,
            };
            if before.is_some_and(|before| (before.kind, &before.issuer) != (provider.kind, &provider.issuer)) {
                let fault = format!("{key} is linked with people by its kind and its issuer, which can't be changed");
                self.fault(key, fault);
            }
            let has_secret = before.is_some_and(|before| !before.no_secret);
            if !provider.no_secret && !has_secret && !self.desired.secrets.contains_key(name) {
                let fault = format!(
                    "{key} has no secret yet: `client_secret_env` names the environment variable that has it, \
                     `no_secret = true` says that there is none"
                );
                self.fault(key, fault);
            }
        }
    }

    fn unknown_scopes(&self, client: &Client) -> Vec<String> {
        let Ok(whole) = registration(client, ServiceId::PORTERO, Vec::new()) else { return Vec::new() };
        let is_unknown = |scope: &String| {
            !client.audience.iter().flatten().any(|service| {
                let permission = scopes::permission_of(scope, service.get_ref());
                permission.is_some_and(|named| self.is_permission(named))
            })
        };
        whole.permission_scopes().into_iter().filter(is_unknown).collect()
    }
}

/// Those that are not the file's, and of a type that it declares otherwise or no longer.
fn policies_that_stay<'a>(desired: &Desired, state: &'a State, plan: &Plan) -> Vec<&'a Key> {
    let changed: BTreeSet<&Key> = plan.changes.iter().filter_map(Change::key).collect();
    let replaced: BTreeSet<&Key> =
        plan.changes.iter().filter_map(|change| change.before.as_ref().map(|(key, _)| key)).collect();
    let stays = |key: &&Key| {
        type_of(key).is_some_and(|of_type| changed.contains(&of_type))
            && !replaced.contains(key)
            && !desired.things.contains_key(*key)
    };
    state.things.keys().filter(stays).collect()
}

/// The type that a policy is about.
fn type_of(policy: &Key) -> Option<Key> {
    match policy {
        Key::Policy { service, table_name, .. } => {
            Some(Key::ResourceType { service: service.clone(), name: table_name.clone() })
        }
        _ => None,
    }
}
