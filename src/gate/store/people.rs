//! People, looked up and locked.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{KeyId, PersonId, Ref, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::base::person::{Person, id_in, person_not_found};
use crate::gate::effective::store::{Assignments, Versioned};
use crate::gate::keys::CheckedKey;

/// The person whom a caller named by id, by username or as `person-<id>`.
pub async fn find(conn: &mut PgConnection, person: &Ref<PersonId>) -> Result<Option<Person>> {
    let (id, name) = id_or_name(person);
    let found = sqlx::query_as!(
        Person,
        r#"
        select id as "id: PersonId", username, name
        from auth.person
        where (id = $1 or username = $2) and removed_at is null
        "#,
        id.map(|id| id.0),
        name,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found)
}

/// By which id they are looked up, and by which username.
fn id_or_name(person: &Ref<PersonId>) -> (Option<PersonId>, Option<&str>) {
    let (id, name) = person.key();
    (id.or_else(|| id_in(name?)), name)
}

/// What a backend hears of.
#[derive(Debug)]
pub struct FoundForBackend {
    /// The key that asks, if it is one.
    pub key: Option<CheckedKey>,
    /// The person, and what they hold in the key's service.
    pub person: Option<(Person, Assignments)>,
}

/// For each key and person, as [`find`] finds them, what they hold in the key's service at `now`; in order.
pub async fn find_all_with_what_they_hold(
    conn: &mut PgConnection,
    sought: &[(KeyHash, &Ref<PersonId>)],
    now: OffsetDateTime,
) -> Result<Versioned<FoundForBackend>> {
    let keys: Vec<&[u8]> = sought.iter().map(|(key, _)| key.as_bytes()).collect();
    let (ids, names): (Vec<Option<i32>>, Vec<Option<&str>>) = sought
        .iter()
        .map(|(_, person)| {
            let (id, name) = id_or_name(person);
            (id.map(|id| id.0), name)
        })
        .unzip();
    let rows = sqlx::query!(
        r#"
        select
            k.id as "key?: KeyId", k.service_id as "service?: ServiceId", k.last_used_at as "last_used_at?",
            k.expires_at as "expires_at?",
            p.id as "person?: PersonId", p.username as "username?", p.name as "name?",
            (select version from auth.vocabulary where single) as "version!",
            held.roles as "roles!", held.direct as "direct!", held.ends_at as "ends_at?"
        from unnest($1::bytea[], $2::integer[], $3::text[]) with ordinality as asked (key_hash, person_id, username, place)
        left join auth.service_keys k on k.key_hash = asked.key_hash
        left join auth.person by_name on by_name.username = asked.username and by_name.removed_at is null
        left join auth.person p on p.id = coalesce(asked.person_id, by_name.id) and p.removed_at is null
        cross join lateral auth.held_in(p.id, k.service_id, $4) held
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        order by asked.place
        "#,
        &keys as &[&[u8]],
        &ids as &[Option<i32>],
        &names as &[Option<&str>],
        now,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let rows = rows.into_iter().map(|row| {
        let (last_used_at, expires_at) = (row.last_used_at, row.expires_at);
        let key = row.key.zip(row.service).map(|(id, service)| CheckedKey { id, service, last_used_at, expires_at });
        let who = row.person.zip(row.username).zip(row.name);
        let person = who.zip(row.service).map(|(((id, username), name), service)| {
            (Person { id, username, name }, Assignments::new((id, service), row.roles, row.direct, row.ends_at))
        });
        FoundForBackend { key, person }
    });
    Ok(Versioned { version, rows: rows.collect() })
}

/// Keeps a person as they are, also in what they hold, until this transaction ends.
pub async fn hold(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.person where id = $1 for share", id.0).fetch_optional(conn).await?;
    Ok(())
}

/// Keeps a person from any change by others, also of what they hold, until this transaction ends.
pub async fn lock(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.person where id = $1 for no key update", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(())
}

/// Keeps people from any change by others, also of what they hold, until this transaction ends: one after the other,
/// by id.
pub async fn lock_all(conn: &mut PgConnection, people: &[PersonId]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query_scalar!(
        "select id from auth.person where id = any ($1) order by id for no key update",
        &people.iter().map(|person| person.0).collect::<Vec<_>>(),
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Refuses (404 `person_not_found`) somebody who was removed. Under [`hold`] or [`lock`] that stays so.
pub async fn must_be_here(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    hold(&mut *conn, id).await?;
    sqlx::query_scalar!("select id from auth.person where id = $1 and removed_at is null", id.0)
        .fetch_optional(conn)
        .await?
        .map(|_| ())
        .ok_or_else(person_not_found)
}
