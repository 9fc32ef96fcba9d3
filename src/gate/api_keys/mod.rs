//! API keys as they are shown: whose they are, what for, and from where. Looked up at each use, and dead as soon as they are
//! revoked.

pub mod store;
mod uses;

pub use uses::ApiKeyUses;

use std::net::IpAddr;
use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{ApiKeyId, PersonId};
use crate::base::network::NamedNetwork;
use crate::base::opaque::api_key::ApiKeyHash;
use crate::gate::checks::{Asked, Presentable, Stored};
use crate::gate::effective::store::Versioned;
use crate::gate::sessions::Payload;

/// A key that is stored, and whose owner is not disabled; whether its time is over or not.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// Its owner.
    pub person: PersonId,
    /// Who that is, as checks say it.
    pub payload: Arc<Payload>,
    /// Where it may be used from; anywhere if there are none.
    pub networks: Arc<[NamedNetwork]>,
    /// What it may be used for in the service that was asked about, if there is one: permissions, by id.
    pub within: Arc<[i32]>,
    pub expires_at: OffsetDateTime,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

impl Presentable for ApiKey {
    const CHECKS: &'static str = "API key checks";
    type Hash = ApiKeyHash;

    async fn find_all(conn: &mut PgConnection, asked: &Asked<'_, ApiKeyHash>) -> Result<Stored<Self>> {
        if asked.of_services {
            return store::check_all(conn, asked.each, asked.claiming, asked.now).await;
        }
        let keys: Vec<ApiKeyHash> = asked.each.iter().map(|(key, _)| *key).collect();
        let keys = store::find_all(conn, &keys).await?.into_iter();
        Ok(Versioned { version: None, rows: keys.map(|key| Some((key?, None))).collect() })
    }
}

impl ApiKey {
    /// Whether it may be used from `address`: where that is not known, only if it may be used anywhere.
    pub fn may_be_used_from(&self, address: Option<IpAddr>) -> bool {
        self.networks.is_empty()
            || address.is_some_and(|address| self.networks.iter().any(|network| network.has(address)))
    }
}
