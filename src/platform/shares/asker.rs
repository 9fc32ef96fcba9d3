use std::net::IpAddr;
use std::sync::Arc;

use crate::base::id::PersonId;
use crate::base::network::Network;

/// Who wants something scarce.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Whose share it counts in, as one name.
    pub who: Arc<str>,
    /// Where they are; `None` for Portero itself and its command line.
    pub network: Option<Network>,
    /// Whether they are known there: a flood of strangers never takes more than half from those who are.
    pub known: bool,
}

impl Asker {
    /// Portero itself, or its command line.
    pub fn ourselves(what: &str) -> Self {
        Self { who: what.into(), network: None, known: true }
    }

    /// Somebody who is logged in.
    pub fn person(person: PersonId, address: Option<IpAddr>) -> Self {
        Self { who: format!("person:{}", person.0).into(), network: address.map(Network::of), known: true }
    }

    /// All strangers of a network who want the same.
    pub fn strangers(what: &str, address: Option<IpAddr>) -> Self {
        let network = address.map(Network::of);
        let who = network.map_or_else(|| what.to_owned(), |network| format!("{what}@{network}"));
        Self { who: who.into(), network, known: false }
    }
}
