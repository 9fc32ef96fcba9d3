//! The things of a file, each apart: what is compared and changed.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::file::{Client, Described, End, Provider, Role};
use crate::access::grants::Reason;
use crate::access::policies::Columns;
use crate::base::names::Description;

/// What a thing is called: its kind, and the names that tell it from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Permission(String),
    Role(String),
    Service(String),
    /// A service offers a role.
    Offer {
        service: String,
        role: String,
    },
    ResourceType {
        service: String,
        name: String,
    },
    Policy {
        service: String,
        table_name: String,
        action: String,
        restrictive: bool,
        expression: String,
    },
    /// By its client_id.
    Client(String),
    Group(String),
    /// A group is in another.
    Nesting {
        group: String,
        member: String,
    },
    /// A group holds a role in a service.
    GroupGrant {
        group: String,
        service: String,
        role: String,
    },
    Provider(String),
    /// A person is in a group.
    Membership {
        person: String,
        group: String,
    },
    /// A person holds a role in a service.
    Grant {
        person: String,
        service: String,
        role: String,
    },
}

impl Key {
    /// One word for what it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Permission(_) => "permission",
            Self::Role(_) => "role",
            Self::Service(_) => "service",
            Self::Offer { .. } => "service_role",
            Self::ResourceType { .. } => "resource_type",
            Self::Policy { .. } => "policy",
            Self::Client(_) => "client",
            Self::Group(_) => "group",
            Self::Nesting { .. } => "nesting",
            Self::GroupGrant { .. } => "group_grant",
            Self::Provider(_) => "provider",
            Self::Membership { .. } => "membership",
            Self::Grant { .. } => "grant",
        }
    }

    /// Its name, where it has one that others go by.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Permission(name)
            | Self::Role(name)
            | Self::Service(name)
            | Self::Client(name)
            | Self::Group(name)
            | Self::Provider(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is about people.
    pub fn is_of_people(&self) -> bool {
        matches!(self, Self::Membership { .. } | Self::Grant { .. })
    }

    /// What it can't be without: it ends with any of these.
    pub fn parents(&self) -> Vec<Self> {
        let service = |name: &String| Self::Service(name.clone());
        let group = |name: &String| Self::Group(name.clone());
        let role = |name: &String| Self::Role(name.clone());
        let offer = |of: &String, named: &String| Self::Offer { service: of.clone(), role: named.clone() };
        match self {
            Self::Permission(_)
            | Self::Role(_)
            | Self::Service(_)
            | Self::Client(_)
            | Self::Group(_)
            | Self::Provider(_) => Vec::new(),
            Self::Offer { service: of, role: named } => vec![service(of), role(named)],
            Self::Grant { service: of, role: named, .. } => vec![service(of), role(named), offer(of, named)],
            Self::ResourceType { service: of, .. } | Self::Policy { service: of, .. } => vec![service(of)],
            Self::Nesting { group: outer, member } => vec![group(outer), group(member)],
            Self::GroupGrant { group: holder, service: of, role: named } => {
                vec![group(holder), service(of), role(named), offer(of, named)]
            }
            Self::Membership { group: of, .. } => vec![group(of)],
        }
    }
}

/// As people read it.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(name)
            | Self::Role(name)
            | Self::Service(name)
            | Self::Group(name)
            | Self::Client(name)
            | Self::Provider(name) => {
                write!(f, "{} `{name}`", self.kind())
            }
            Self::Offer { service, role } => write!(f, "role `{role}` in service `{service}`"),
            Self::ResourceType { service, name } => write!(f, "resource type `{name}` of service `{service}`"),
            Self::Policy { service, table_name, action, restrictive, .. } => {
                let effect = if *restrictive { "restrictive policy" } else { "policy" };
                write!(f, "{effect} for {action} on {table_name} of service `{service}`")
            }
            Self::Nesting { group, member } => write!(f, "group `{member}` in group `{group}`"),
            Self::GroupGrant { group, service, role } => {
                write!(f, "role `{role}` in service `{service}` for group `{group}`")
            }
            Self::Membership { person, group } => write!(f, "`{person}` in group `{group}`"),
            Self::Grant { person, service, role } => {
                write!(f, "role `{role}` in service `{service}` for `{person}`")
            }
        }
    }
}

/// What is said of a thing, beside what it is called.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Thing {
    /// A permission or a group.
    Described(Described),
    Role(Role),
    Service(OfService),
    /// A resource type.
    Columns(OfType),
    Policy(OfPolicy),
    Client(Box<Client>),
    Provider(Box<Provider>),
    /// A grant or a membership.
    Terms(Terms),
    /// An offer: there is nothing more to say.
    Nothing(Empty),
}

/// What is said of a service itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfService {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies_decide: Option<bool>,
    pub permissions_decide: bool,
}

/// What is said of a resource type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfType {
    pub columns: Columns,
}

/// What is said of a policy: also what it is told by, so that a change of it can be shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfPolicy {
    pub expression: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
}

/// On which terms something is held.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Terms {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Empty {}

impl Thing {
    /// Its fields by name, without those that say nothing.
    pub fn fields(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

/// All things that a file says, or that a server has.
pub type Things = BTreeMap<Key, Thing>;
