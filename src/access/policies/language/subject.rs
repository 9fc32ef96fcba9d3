//! Who asks, and what the request brings.

use std::net::IpAddr;
use std::sync::Arc;

use time::OffsetDateTime;

use super::row::Row;

/// The facts that `auth_user.…` names. The default is the anonymous: its `id` and `username` are null.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    pub id: Option<i64>,
    pub username: Option<String>,
    pub is_admin: bool,
    pub is_authenticated: bool,
    pub roles: Vec<String>,
    pub permissions: Vec<String>,
    pub groups: Vec<String>,
    pub attributes: Row,
    /// One for each that `Expression::resources` names; another one is as if it had no ids.
    pub resources: Vec<Reached>,
}

/// So many ids are compared with. A list of more has no value: it is no list that anybody looks through for each row.
pub const MOST_REACHED: usize = 10_000;

/// The resources of a type on which somebody has a permission: what `auth_user.resources(type, permission)` answers.
#[derive(Clone, Debug)]
pub struct Reached {
    pub kind: String,
    pub permission: String,
    pub ids: Arc<[String]>,
}

/// What `now()` and `context.…` name.
#[derive(Clone, Debug)]
pub struct Request {
    pub now: OffsetDateTime,
    pub address: Option<IpAddr>,
    pub passed: Row,
}

impl Request {
    pub fn at(now: OffsetDateTime) -> Self {
        Self { now, address: None, passed: Row::default() }
    }

    /// In microseconds since 2000-01-01.
    pub(super) fn micros(&self) -> i64 {
        const EPOCH: i128 = 946_684_800_000_000_000;
        i64::try_from((self.now.unix_timestamp_nanos() - EPOCH).div_euclid(1_000)).unwrap_or(0)
    }
}
