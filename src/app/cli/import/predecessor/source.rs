//! The old database: only read, in one snapshot. Its schema is known when this runs, not when it is compiled.
//!
//! Columns that some of its versions lack are read through `to_jsonb`, where a missing one is null.

use std::fmt::Write;

use anyhow::bail;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};

use crate::platform::database::Address;

/// How many rows are read at a time.
pub(super) const BATCH: i64 = 5000;

/// What must be there.
const NEEDED: [(&str, &[&str]); 7] = [
    ("person", &["id", "username", "password_hash", "name"]),
    ("role", &["id", "name"]),
    ("permission", &["id", "name"]),
    ("services", &["id", "name"]),
    ("service_roles", &["service_id", "role_id"]),
    ("role_permission", &["role_id", "permission_id"]),
    ("person_service_role", &["person_id", "service_id", "role_id"]),
];

/// A person there. Everything may be null, whatever it should be. Without `Debug`: it holds a hash.
#[derive(FromRow)]
pub(super) struct OldPerson {
    pub id: i64,
    pub username: Option<String>,
    pub name: Option<String>,
    pub password_hash: Option<String>,
    pub person_type: Option<String>,
    pub document_type: Option<String>,
    pub document_number: Option<String>,
    pub created_at: Option<String>,
    pub removed_at: Option<String>,
}

/// A role or a permission there.
#[derive(Debug, FromRow)]
pub(super) struct OldName {
    pub id: i64,
    pub name: Option<String>,
}

/// A service there.
#[derive(Debug, FromRow)]
pub(super) struct OldService {
    pub id: i64,
    pub name: Option<String>,
    pub description: Option<String>,
    pub status: Option<String>,
}

/// The old database.
pub(super) struct Source(PgConnection);

impl Source {
    /// Connects, makes sure that it is what it should be, and stops the time there.
    pub(super) async fn open(address: &Address) -> anyhow::Result<Self> {
        // Without what to do about our own database.
        let connected = address.connect_to_read().await;
        let mut conn = connected.map_err(|error| anyhow::anyhow!("{error}"))?;
        sqlx::raw_sql("begin isolation level repeatable read read only").execute(&mut conn).await?;
        let mut source = Self(conn);
        source.must_be_complete().await?;
        Ok(source)
    }

    async fn must_be_complete(&mut self) -> anyhow::Result<()> {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select table_name::text, column_name::text from information_schema.columns where table_schema = 'auth'",
        )
        .fetch_all(&mut self.0)
        .await?;
        let mut missing = String::new();
        for (table, needed) in NEEDED {
            for column in needed {
                if !columns.iter().any(|(t, c)| t == table && c == column) {
                    let _ = write!(missing, " auth.{table}.{column}");
                }
            }
        }
        if !missing.is_empty() {
            bail!("is not the predecessor's, or not open to this user: it lacks{missing}");
        }
        // Where the old schema and ours have the same names, ours can be known by what only it has.
        if columns.iter().any(|(table, column)| table == "role" && column == "direct_person_id") {
            bail!("is a Portero's own; copy that with pg_dump and pg_restore");
        }
        Ok(())
    }

    /// The next people after `last`, by id.
    pub(super) async fn people(&mut self, last: i64) -> sqlx::Result<Vec<OldPerson>> {
        sqlx::query_as(
            r"
            select id::bigint, username::text, name::text, password_hash::text,
                   to_jsonb(p) ->> 'person_type' as person_type,
                   to_jsonb(p) ->> 'document_type' as document_type,
                   to_jsonb(p) ->> 'document_number' as document_number,
                   to_jsonb(p) ->> 'created_at' as created_at,
                   to_jsonb(p) ->> 'removed_at' as removed_at
            from auth.person p
            where id > $1
            order by p.id
            limit $2
            ",
        )
        .bind(last)
        .bind(BATCH)
        .fetch_all(&mut self.0)
        .await
    }

    pub(super) async fn roles(&mut self) -> sqlx::Result<Vec<OldName>> {
        sqlx::query_as("select id::bigint, name::text from auth.role order by id").fetch_all(&mut self.0).await
    }

    pub(super) async fn permissions(&mut self) -> sqlx::Result<Vec<OldName>> {
        sqlx::query_as("select id::bigint, name::text from auth.permission order by id").fetch_all(&mut self.0).await
    }

    pub(super) async fn services(&mut self) -> sqlx::Result<Vec<OldService>> {
        sqlx::query_as(
            r"
            select id::bigint, name::text,
                   to_jsonb(s) ->> 'description' as description,
                   to_jsonb(s) ->> 'status' as status
            from auth.services s
            order by s.id
            ",
        )
        .fetch_all(&mut self.0)
        .await
    }

    /// Role and permission.
    pub(super) async fn role_permissions(&mut self) -> sqlx::Result<Vec<(i64, i64)>> {
        sqlx::query_as(
            r"
            select distinct role_id::bigint, permission_id::bigint
            from auth.role_permission
            where role_id is not null and permission_id is not null
            ",
        )
        .fetch_all(&mut self.0)
        .await
    }

    /// Service and role.
    pub(super) async fn service_roles(&mut self) -> sqlx::Result<Vec<(i64, i64)>> {
        sqlx::query_as(
            r"
            select distinct service_id::bigint, role_id::bigint
            from auth.service_roles
            where service_id is not null and role_id is not null
            ",
        )
        .fetch_all(&mut self.0)
        .await
    }

    /// The next grants after `last`: person, service and role.
    pub(super) async fn grants(&mut self, last: (i64, i64, i64)) -> sqlx::Result<Vec<(i64, i64, i64)>> {
        let rows: Vec<PgRow> = sqlx::query(
            r"
            select distinct person_id::bigint, service_id::bigint, role_id::bigint
            from auth.person_service_role
            where (person_id, service_id, role_id) > ($1, $2, $3)
              and service_id is not null and role_id is not null
            order by 1, 2, 3
            limit $4
            ",
        )
        .bind(last.0)
        .bind(last.1)
        .bind(last.2)
        .bind(BATCH)
        .fetch_all(&mut self.0)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }
}
