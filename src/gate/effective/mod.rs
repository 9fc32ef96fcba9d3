//! What anybody may do in a service: the one evaluator, which every answer comes from.

mod evaluator;
pub mod store;
mod vocabulary;

use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::attributes::Attributes;
use crate::base::id::{ApiKeyId, PersonId, ServiceId};

pub use evaluator::Evaluator;
pub use vocabulary::Vocabulary;

/// What a person may do in a service, in effect: names, in order of id.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// The roles they hold there, those of direct grants included.
    pub roles: Vec<Arc<str>>,
    /// The permissions that these carry, each once.
    pub permissions: Vec<Arc<str>>,
    /// When the first of the grants behind it ends, if any does.
    pub ends_at: Option<OffsetDateTime>,
    /// Of their attributes those that the service is told, where it is told any and they were asked for.
    pub claims: Option<Arc<Attributes>>,
}

impl Effective {
    /// Until when it may be kept, in Unix seconds.
    pub fn valid_until(&self) -> Option<i64> {
        self.ends_at.map(OffsetDateTime::unix_timestamp)
    }

    /// Whether all of `wanted` are among the permissions.
    pub fn allows(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|name| self.permissions.iter().any(|held| **held == **name))
    }
}

/// Who acts: a person, by one of their API keys or not. By a key they hold no more than it may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acting {
    pub person: PersonId,
    pub key: Option<ApiKeyId>,
}

impl From<PersonId> for Acting {
    fn from(person: PersonId) -> Self {
        Self { person, key: None }
    }
}

/// What somebody holds in a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldInService {
    /// The service's id.
    pub service_id: ServiceId,
    /// The service's name.
    #[schema(value_type = String, example = "UI Store")]
    pub service: Arc<str>,
    /// Names of the roles held there.
    #[schema(value_type = Vec<String>, example = json!(["Viewer"]))]
    pub roles: Vec<Arc<str>>,
    /// Names of the permissions in these roles.
    #[schema(value_type = Vec<String>, example = json!(["read"]))]
    pub permissions: Vec<Arc<str>>,
}
