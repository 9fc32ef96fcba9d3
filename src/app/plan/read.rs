//! From a file's text to the things that it says, each with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use time::OffsetDateTime;

use super::clients::{self, registration};
use super::file::{Client, Described, End, File, Grant, Group, InGroup, Name, Person, Policy, Provider, Role, Service};
use super::providers;
use super::thing::{Empty, Key, OfPolicy, OfService, OfType, Terms, Thing, Things};
use crate::access::grants::Reason;
use crate::access::policies::{ALL, Columns, Effect};
use crate::app::config;
use crate::base::error::causes;
use crate::base::id::ServiceId;
use crate::base::names;

/// The largest file: many times what anybody can read.
pub const LARGEST: usize = 8 << 20;

/// No name is longer, whatever it names.
const LONGEST_NAME: usize = 128;

/// How many faults are told.
const MOST_TOLD: usize = 50;

/// A place in a text, in bytes.
pub(super) type Place = Range<usize>;

/// Something that a file names and that must be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reference {
    Permission(String),
    Role(String),
    Service(String),
    Group(String),
    Person(String),
}

/// What a file says.
#[derive(Debug)]
pub struct Desired {
    pub things: Things,
    /// Whether it says anything of people; otherwise they are left alone.
    pub with_people: bool,
    /// What it says and is over: as if it were not said.
    pub over: Vec<Key>,
    /// By the name of a provider, the environment variable that has its secret.
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) places: BTreeMap<Key, Place>,
    pub(super) references: Vec<(Place, Reference)>,
    pub(super) text: String,
}

/// All that is wrong with a file, in the order of the file.
#[derive(Debug, Default)]
pub struct Faults(Vec<(Option<(usize, usize)>, String)>);

impl Faults {
    /// Notes one.
    pub(super) fn add(&mut self, text: &str, at: Option<&Place>, fault: impl Into<String>) {
        self.0.push((at.map(|at| line_and_column(text, at.start)), fault.into()));
    }

    /// # Errors
    /// All of them, if there are any.
    pub(super) fn into_result(mut self) -> Result<(), Self> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (place, fault)) in self.0.iter().take(MOST_TOLD).enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            match place {
                Some((line, column)) => write!(f, "line {line}, column {column}: {fault}")?,
                None => f.write_str(fault)?,
            }
        }
        if self.0.len() > MOST_TOLD {
            write!(f, "\nand {} more", self.0.len() - MOST_TOLD)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Both from 1, the column in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Reads a file, as somebody means it at `now`.
///
/// # Errors
/// All that is wrong with it and can be said without the server.
pub fn read(text: String, now: OffsetDateTime) -> Result<Desired, Faults> {
    let mut faults = Faults::default();
    if text.len() > LARGEST {
        faults.add(&text, None, "the file is too large: at most 8 MiB");
        return Err(faults);
    }
    let file: File = toml::from_str(&text).map_err(|error| {
        let mut faults = Faults::default();
        faults.add(&text, error.span().as_ref(), error.message());
        faults
    })?;
    let with_people = file.people.is_some();
    let desired = Desired {
        things: Things::new(),
        with_people,
        over: Vec::new(),
        secrets: BTreeMap::new(),
        places: BTreeMap::new(),
        references: Vec::new(),
        text,
    };
    let mut reader = Reader { desired, faults, now };
    reader.all(file);
    let Reader { desired, faults, .. } = reader;
    faults.into_result().map(|()| desired)
}

struct Reader {
    desired: Desired,
    faults: Faults,
    now: OffsetDateTime,
}

impl Reader {
    fn all(&mut self, file: File) {
        for (name, permission) in file.permissions {
            let key = Key::Permission(self.name(&name));
            self.add(name.span(), key, Thing::Described(permission));
        }
        for (name, role) in file.roles {
            self.role(&name, role);
        }
        for (name, service) in file.services {
            self.service(&name, service);
        }
        for (name, client) in file.clients {
            self.client(&name, client);
        }
        for (name, group) in file.groups {
            self.group(&name, group);
        }
        for (name, provider) in file.providers {
            self.provider(&name, provider);
        }
        for (name, person) in file.people.into_iter().flatten() {
            self.person(&name, person);
        }
    }

    /// A name as it is compared.
    fn name(&mut self, name: &Name) -> String {
        match names::line(name.get_ref(), LONGEST_NAME) {
            Ok(name) => name,
            Err(fault) => {
                self.fault(name.span(), format!("the name {:?}: {fault}", shortened(name.get_ref())));
                String::new()
            }
        }
    }

    fn fault(&mut self, at: Place, fault: impl Into<String>) {
        self.faults.add(&self.desired.text, Some(&at), fault);
    }

    fn refer(&mut self, name: &Name, reference: fn(String) -> Reference) -> String {
        let named = self.name(name);
        if !named.is_empty() {
            self.desired.references.push((name.span(), reference(named.clone())));
        }
        named
    }

    fn add(&mut self, at: Place, key: Key, thing: Thing) {
        if let Some(first) = self.desired.places.get(&key) {
            let (line, _) = line_and_column(&self.desired.text, first.start);
            self.fault(at, format!("{key} is there twice: line {line} has it, too"));
            return;
        }
        self.desired.places.insert(key.clone(), at);
        self.desired.things.insert(key, thing);
    }

    /// What may have ended meanwhile.
    fn add_held(&mut self, at: Place, key: Key, expires_at: Option<End>, reason: Option<Reason>) {
        if expires_at.is_some_and(|end| end.0 <= self.now) {
            self.desired.over.push(key);
        } else {
            self.add(at, key, Thing::Terms(Terms { expires_at, reason }));
        }
    }

    fn role(&mut self, name: &Name, role: Role) {
        let key = Key::Role(self.name(name));
        let mut permissions: Vec<Name> = Vec::new();
        for permission in role.permissions {
            let named = Name::new(permission.span(), self.refer(&permission, Reference::Permission));
            if permissions.contains(&named) {
                self.fault(named.span(), format!("{key} has the permission `{named}` twice"));
            } else {
                permissions.push(named);
            }
        }
        permissions.sort();
        self.add(name.span(), key, Thing::Role(Role { description: role.description, permissions }));
    }

    fn service(&mut self, name: &Name, service: Service) {
        let of = self.name(name);
        if of == "portero" {
            self.fault(name.span(), "Portero itself is in no file: leave the service `portero` out");
        }
        let mut claims: Vec<String> = service.claims.into_iter().map(String::from).collect();
        claims.sort();
        claims.dedup();
        let own = OfService {
            description: service.description,
            claims,
            policies_decide: service.policies_decide,
            permissions_decide: service.permissions_decide,
        };
        self.add(name.span(), Key::Service(of.clone()), Thing::Service(own));
        for role in service.roles {
            let key = Key::Offer { service: of.clone(), role: self.refer(&role, Reference::Role) };
            self.add(role.span(), key, Thing::Nothing(Empty {}));
        }
        for (kind, columns) in service.resource_types {
            self.resource_type(&of, &kind, columns);
        }
        for policy in service.policies {
            self.policy(&of, policy);
        }
    }

    fn resource_type(&mut self, service: &str, name: &Name, columns: Columns) {
        let key = Key::ResourceType { service: service.to_owned(), name: self.name(name) };
        if name.get_ref() == ALL {
            self.fault(name.span(), "`all` stands for every type, and can't be declared");
        }
        self.add(name.span(), key, Thing::Columns(OfType { columns }));
    }

    fn policy(&mut self, service: &str, policy: Policy) {
        let at = policy.table_name.span();
        let expression = String::from(policy.expression.get_ref().clone());
        let key = Key::Policy {
            service: service.to_owned(),
            table_name: policy.table_name.into_inner().into(),
            action: policy.action.into(),
            restrictive: policy.effect == Effect::Restrictive,
            expression: expression.clone(),
        };
        self.add(at, key, Thing::Policy(OfPolicy { expression, description: policy.description }));
    }

    fn client(&mut self, name: &Name, mut client: Client) {
        let id = self.name(name);
        client.service = Name::new(client.service.span(), self.refer(&client.service, Reference::Service));
        let mut audience = Vec::new();
        for service in client.audience.take().unwrap_or_else(|| vec![client.service.clone()]) {
            audience.push(Name::new(service.span(), self.refer(&service, Reference::Service)));
        }
        audience.sort();
        audience.dedup();
        match registration(&client, ServiceId::PORTERO, Vec::new()) {
            Ok(whole) => {
                client = clients::client(&whole, client.service, audience);
                self.add(name.span(), Key::Client(id), Thing::Client(Box::new(client)));
            }
            Err(error) => self.fault(name.span(), format!("client `{id}`: {}", causes(&error.into()))),
        }
    }

    fn group(&mut self, name: &Name, group: Group) {
        let of = self.name(name);
        let described = Described { description: group.description };
        self.add(name.span(), Key::Group(of.clone()), Thing::Described(described));
        for InGroup { group: inner, expires_at, reason } in group.members {
            let key = Key::Nesting { group: of.clone(), member: self.refer(&inner, Reference::Group) };
            self.add_held(inner.span(), key, expires_at, reason);
        }
        for Grant { service, role, expires_at, reason } in group.grants {
            let at = role.span();
            let (service, role) = (self.refer(&service, Reference::Service), self.refer(&role, Reference::Role));
            self.add_held(at, Key::GroupGrant { group: of.clone(), service, role }, expires_at, reason);
        }
    }

    fn provider(&mut self, name: &Name, mut provider: Provider) {
        let of = self.name(name);
        for mapping in &mut provider.groups {
            mapping.group = Name::new(mapping.group.span(), self.refer(&mapping.group, Reference::Group));
        }
        if let Some(variable) = provider.client_secret_env.take() {
            if provider.no_secret {
                self.fault(variable.span(), "`no_secret` says that there is none");
            }
            if config::is_setting(variable.get_ref()) {
                // It would be sent to the provider.
                self.fault(variable.span(), "Portero reads this variable as a setting of its own: choose another name");
            } else if providers::is_variable(variable.get_ref()) {
                self.desired.secrets.insert(of.clone(), variable.into_inner());
            } else {
                // It may be the secret itself.
                self.fault(variable.span(), "an environment variable is to be named: capitals, digits and `_`");
            }
        }
        match providers::whole(&of, provider) {
            Ok(whole) => self.add(name.span(), Key::Provider(of), Thing::Provider(Box::new(whole))),
            Err(error) => self.fault(name.span(), format!("provider `{of}`: {}", causes(&error.into()))),
        }
    }

    fn person(&mut self, name: &Name, person: Person) {
        let of = self.refer(name, Reference::Person);
        for InGroup { group, expires_at, reason } in person.groups {
            let key = Key::Membership { person: of.clone(), group: self.refer(&group, Reference::Group) };
            self.add_held(group.span(), key, expires_at, reason);
        }
        for Grant { service, role, expires_at, reason } in person.grants {
            let at = role.span();
            let (service, role) = (self.refer(&service, Reference::Service), self.refer(&role, Reference::Role));
            self.add_held(at, Key::Grant { person: of.clone(), service, role }, expires_at, reason);
        }
    }
}

fn shortened(name: &str) -> &str {
    name.char_indices().nth(40).map_or(name, |(at, _)| &name[..at])
}
