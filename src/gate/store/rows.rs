//! What is read and written, by id.

use time::{Date, OffsetDateTime};

use crate::base::id::{PersonId, ServiceId};

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

/// That somebody got an answer about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Who.
    pub person: PersonId,
    /// Where.
    pub service: ServiceId,
    /// When.
    pub day: Date,
}
