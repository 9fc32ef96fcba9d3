//! Who may do what: services, roles, permissions, grants, keys, policies, and the decisions that come of them.

pub mod administrators;
pub mod authzen;
pub mod explanations;
pub mod grants;
pub mod groups;
pub mod issuers;
pub mod keeper;
pub mod keys;
pub mod permissions;
pub mod policies;
pub mod resources;
pub mod roles;
pub mod services;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;

use crate::base::clock::Clock;
use crate::gate::Gate;
use crate::identity::Identity;
use crate::platform::Platform;
use crate::platform::database::Batch;
use policies::Subjects;

/// The state of access. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Access(Arc<Parts>);

/// What an [`Access`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The floor below.
    pub identity: Identity,
    /// Where it is asked whom a decision is about, and by which policies.
    pub subjects: Batch<Subjects>,
    /// The same, for many at once.
    pub many_subjects: Subjects,
}

impl Deref for Parts {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl Deref for Access {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Access {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { identity: self.identity.with_clock(clock), ..(*self.0).clone() })
    }
}

impl FromRef<Access> for Platform {
    fn from_ref(access: &Access) -> Self {
        access.platform.clone()
    }
}

impl FromRef<Access> for Gate {
    fn from_ref(access: &Access) -> Self {
        access.gate.clone()
    }
}

impl FromRef<Access> for Identity {
    fn from_ref(access: &Access) -> Self {
        access.identity.clone()
    }
}
