//! All that decides in a service, as it is at one moment.

use std::fmt;

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::access::policies::policy::{Effect, PolicySettings};
use crate::access::policies::resource_type::Columns;
use crate::base::error::Result;
use crate::base::id::{PolicyId, ServiceId};

/// What decides in a service.
#[derive(Debug)]
pub struct StoredSet {
    /// Another one in the database means that this is no longer true.
    pub version: i64,
    pub settings: PolicySettings,
    /// In order of id.
    pub policies: Vec<StoredPolicy>,
    /// Declared types.
    pub types: Vec<(String, Columns)>,
}

/// A policy, as far as it decides.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    pub id: PolicyId,
    pub table_name: String,
    pub action: String,
    pub expression: String,
    pub effect: Effect,
}

impl fmt::Display for StoredPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {} ({} on {})", self.id, self.action, self.table_name)
    }
}

type PolicyRow = (i32, String, String, String, String);

/// What decides in a service; none where nothing is permitted.
pub async fn load(conn: &mut PgConnection, service: ServiceId) -> Result<Option<StoredSet>> {
    let row = sqlx::query!(
        r#"
        select
            version, policies_decide, permissions_decide,
            (
                select coalesce(jsonb_agg(jsonb_build_array(id, table_name, action, expression, effect) order by id), '[]')
                from auth.policies
                where service_id = $1
            ) as "policies!: Json<Vec<PolicyRow>>",
            (
                select coalesce(jsonb_agg(jsonb_build_array(name, columns)), '[]')
                from auth.resource_types
                where service_id = $1
            ) as "types!: Json<Vec<(String, Columns)>>"
        from auth.policy_settings
        where service_id = $1
        "#,
        service.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| StoredSet {
        version: row.version,
        settings: PolicySettings { policies_decide: row.policies_decide, permissions_decide: row.permissions_decide },
        policies: row.policies.0.into_iter().map(policy).collect(),
        types: row.types.0,
    }))
}

fn policy((id, table_name, action, expression, effect): PolicyRow) -> StoredPolicy {
    StoredPolicy { id: PolicyId(id), table_name, action, expression, effect: Effect::read(&effect) }
}
