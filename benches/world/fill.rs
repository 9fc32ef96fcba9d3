//! Writes the world: one COPY a table, with triggers and foreign keys asleep.

use std::fmt::Write as _;
use std::ops::{Range, RangeInclusive};

use anyhow::Context;
use portero::platform::metrics::Hashing;
use portero::platform::passwords::{Hasher, HashingPlace, Password};
use portero::platform::shares::Asker;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{
    CARRIED, GRANTS_EACH, OFFERED, PASSWORD, PERMISSIONS, Person, ROLES, SERVICES, TOKENS_EACH, World, carried, offer,
    permission_name, role_name, service_name,
};

const CHUNK: usize = 1 << 20;

/// New rows get ids far above the world's own, so that people can be made there and taken away.
const ROOM: i32 = 1_000_000;

/// Fills a database that has been migrated and holds nobody. The sessions begin at `now`.
pub async fn fill(conn: &mut PgConnection, world: World, now: OffsetDateTime) -> anyhow::Result<()> {
    let hash = password_hash().await?;
    let mut tx = conn.begin().await?;
    tx.execute("set local session_replication_role = replica").await?;
    tx.execute("set local maintenance_work_mem = '512MB'").await?;
    let indexes = take_indexes(&mut tx).await?;
    vocabulary(&mut tx).await?;
    people(&mut tx, 1..=world.people, &hash, now).await?;
    tx.execute("insert into auth.person_service_role (person_id, service_id, role_id) values (1, 0, 0)").await?;
    for index in indexes {
        tx.execute(AssertSqlSafe(index)).await?;
    }
    for (table, last) in [
        ("person", world.people + ROOM),
        ("role", ROLES + world.people + ROOM),
        ("services", SERVICES),
        ("permission", PERMISSIONS),
    ] {
        tx.execute(AssertSqlSafe(format!("select setval(pg_get_serial_sequence('auth.{table}', 'id'), {last})")))
            .await?;
    }
    tx.commit().await?;
    conn.execute("vacuum (analyze)").await?;
    conn.execute("checkpoint").await?;
    Ok(())
}

/// Makes these people anew, whatever has become of them.
pub async fn refill(conn: &mut PgConnection, ids: RangeInclusive<i32>, now: OffsetDateTime) -> anyhow::Result<()> {
    let hash = password_hash().await?;
    let mut tx = conn.begin().await?;
    let (first, last) = (ids.start(), ids.end());
    tx.execute(AssertSqlSafe(format!("delete from auth.person where id between {first} and {last}"))).await?;
    tx.execute("set local session_replication_role = replica").await?;
    people(&mut tx, ids, &hash, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn password_hash() -> anyhow::Result<String> {
    let password = Password::try_from(PASSWORD.to_owned()).map_err(|fault| anyhow::anyhow!(fault))?;
    Ok(Hasher::start(1, HashingPlace::Here, Hashing::default())?
        .hash(&Asker::ourselves("figures"), password)
        .await?
        .as_str()
        .to_owned())
}

/// Drops the indexes of the big tables that no constraint needs, and answers how to make them again: once, sorted, rather
/// than row by row.
async fn take_indexes(conn: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select i.indexname::text, i.indexdef
         from pg_indexes i
         where i.schemaname = 'auth'
           and i.tablename in ('person', 'person_service_role', 'tokens_cache')
           and not exists (select from pg_constraint c where c.conindid = format('auth.%I', i.indexname)::regclass)
         order by i.indexname",
    )
    .fetch_all(&mut *conn)
    .await?;
    for (name, _) in &indexes {
        conn.execute(AssertSqlSafe(format!("drop index auth.{name}"))).await?;
    }
    Ok(indexes.into_iter().map(|(_, definition)| definition).collect())
}

async fn vocabulary(conn: &mut PgConnection) -> anyhow::Result<()> {
    copy(conn, "services (id, name, description)", 1..=SERVICES, |row, id| {
        writeln!(row, "{id}\t{}\tone of many", service_name(id))
    })
    .await?;
    copy(conn, "policy_settings (service_id)", 1..=SERVICES, |row, id| writeln!(row, "{id}")).await?;
    copy(conn, "permission (id, name)", 1..=PERMISSIONS, |row, id| writeln!(row, "{id}\t{}", permission_name(id)))
        .await?;
    copy(conn, "role (id, name)", 1..=ROLES, |row, id| writeln!(row, "{id}\t{}", role_name(id))).await?;
    copy(conn, "role_permission (role_id, permission_id)", 1..=ROLES, |rows, role| {
        (0..CARRIED).try_for_each(|which| writeln!(rows, "{role}\t{}", carried(role, which)))
    })
    .await?;
    copy(conn, "service_roles (service_id, role_id)", 1..=SERVICES, |rows, service| {
        (0..OFFERED).try_for_each(|which| writeln!(rows, "{service}\t{}", offer(service, which)))
    })
    .await
}

async fn people(
    conn: &mut PgConnection,
    ids: RangeInclusive<i32>,
    hash: &str,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    let people = || ids.clone().map(Person);
    let person = "person (id, username, name, password_hash, person_type, document_type, document_number)";
    copy(conn, person, people(), |row, person| {
        let (id, username, name) = (person.0, person.username(), person.name());
        writeln!(row, "{id}\t{username}\t{name}\t{hash}\tN\tDNI\t{id:08}")
    })
    .await?;
    let direct = || people().filter_map(|person| Some((person, person.direct_grant()?)));
    copy(
        conn,
        "role (id, name, direct_person_id, direct_service_id)",
        direct(),
        |row, (person, (service, role, _))| {
            writeln!(row, "{role}\tdirect:{}:{service}\t{}\t{service}", person.0, person.0)
        },
    )
    .await?;
    copy(conn, "role_permission (role_id, permission_id)", direct(), |row, (_, (_, role, permission))| {
        writeln!(row, "{role}\t{permission}")
    })
    .await?;
    copy(conn, "service_roles (service_id, role_id)", direct(), |row, (_, (service, role, _))| {
        writeln!(row, "{service}\t{role}")
    })
    .await?;
    copy(conn, "person_service_role (person_id, service_id, role_id)", people(), |rows, person| {
        let direct = person.direct_grant().map(|(service, role, _)| (service, role));
        let mut grants = (0..GRANTS_EACH).map(|which| person.grant(which)).chain(direct);
        grants.try_for_each(|(service, role)| writeln!(rows, "{}\t{service}\t{role}", person.0))
    })
    .await?;
    sessions(conn, ids, 0..TOKENS_EACH, now).await
}

/// Begins sessions of these people at `at`.
pub async fn sessions(
    conn: &mut PgConnection,
    ids: RangeInclusive<i32>,
    which: Range<i32>,
    at: OffsetDateTime,
) -> anyhow::Result<()> {
    let at = at.format(&Rfc3339)?;
    let into = "tokens_cache (token, person_id, payload, created_at, modified_at)";
    copy(conn, into, ids.map(Person), |rows, person| {
        let payload = serde_json::to_string(&person.payload()).map_err(|_| std::fmt::Error)?;
        which.clone().try_for_each(|which| {
            let token = hex::encode(person.token(which).hash().as_bytes());
            writeln!(rows, "\\\\x{token}\t{}\t{payload}\t{at}\t{at}", person.0)
        })
    })
    .await
}

/// Gives each of these people as many API keys as they have tokens, each for one permission that they hold.
pub async fn api_keys(conn: &mut PgConnection, ids: RangeInclusive<i32>, now: OffsetDateTime) -> anyhow::Result<()> {
    let (at, end) = (now.format(&Rfc3339)?, (now + Duration::days(365)).format(&Rfc3339)?);
    let keys = || ids.clone().flat_map(|person| (0..TOKENS_EACH).map(move |which| (Person(person), which)));
    let id = |person: Person, which| person.0 * TOKENS_EACH + which;
    let into = "api_keys (id, person_id, key_hash, name, created_at, expires_at)";
    copy(conn, into, keys(), |row, (person, which)| {
        let key = hex::encode(person.api_key(which).hash().as_bytes());
        writeln!(row, "{}\t{}\t\\\\x{key}\tone of many\t{at}\t{end}", id(person, which), person.0)
    })
    .await?;
    copy(conn, "api_key_scopes (key_id, service_id, permission_id)", keys(), |row, (person, which)| {
        let (service, role) = person.grant(which);
        writeln!(row, "{}\t{service}\t{}", id(person, which), carried(role, 0))
    })
    .await?;
    conn.execute("vacuum (analyze) auth.api_keys, auth.api_key_scopes").await?;
    Ok(())
}

/// Writes rows, as COPY's text format has them, into a table of the schema `auth`.
async fn copy<T>(
    conn: &mut PgConnection,
    into: &str,
    rows: impl Iterator<Item = T>,
    write: impl Fn(&mut String, T) -> std::fmt::Result,
) -> anyhow::Result<()> {
    let mut sink = conn.copy_in_raw(&format!("copy auth.{into} from stdin")).await?;
    let mut text = String::with_capacity(2 * CHUNK);
    for row in rows {
        write(&mut text, row)?;
        if text.len() > CHUNK {
            sink.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    sink.send(text.as_bytes()).await?;
    sink.finish().await.with_context(|| format!("copy into {into}"))?;
    Ok(())
}
