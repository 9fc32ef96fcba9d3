//! The table `auth.trusted_devices`. A login notes its use where its session begins: [`crate::identity::sessions::store::insert_all`].

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, TrustedDeviceId};
use crate::base::opaque::second_step::DeviceTokenHash;
use crate::identity::factors::ListedDevice;
use crate::platform::http::{Page, Total};

/// More devices than anybody trusts: of more the one goes that was not used for longest.
const MOST: i32 = 20;

/// A device to be trusted.
#[derive(Debug)]
pub struct NewDevice<'a> {
    pub token: DeviceTokenHash,
    pub person: PersonId,
    pub user_agent: Option<&'a str>,
    pub address: Option<String>,
    pub now: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// Trusts a device.
pub async fn insert(conn: &mut PgConnection, new: &NewDevice<'_>) -> Result<TrustedDeviceId> {
    let id = sqlx::query_scalar!(
        r#"
        with surplus as (
            delete from auth.trusted_devices
            where token = any (array(
                select token from auth.trusted_devices where person_id = $2 order by last_used_at desc offset $7 - 1
            ))
        )
        insert into auth.trusted_devices (token, person_id, user_agent, address, created_at, last_used_at, expires_at)
        values ($1, $2, $3, $4::text::inet, $5, $5, $6)
        returning id as "id: TrustedDeviceId"
        "#,
        new.token.as_bytes(),
        new.person.0,
        new.user_agent,
        new.address,
        new.now,
        new.expires_at,
        MOST,
    );
    Ok(id.fetch_one(conn).await?)
}

/// Whether a device is one on which this person's password is enough.
pub async fn stands(
    conn: &mut PgConnection,
    person: PersonId,
    token: DeviceTokenHash,
    now: OffsetDateTime,
) -> Result<bool> {
    let stands = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.trusted_devices where token = $2 and person_id = $1 and expires_at > $3
        ) as "stands!"
        "#,
        person.0,
        token.as_bytes(),
        now,
    );
    Ok(stands.fetch_one(conn).await?)
}

/// A part of somebody's trusted devices.
pub async fn list(
    conn: &mut PgConnection,
    person: PersonId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<ListedDevice>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            ListedDevice,
            r#"
            select id as "id: TrustedDeviceId", user_agent as device, host(address) as address, created_at, last_used_at, expires_at
            from auth.trusted_devices
            where person_id = $1 and expires_at > $2 and id > $3 and ($4::text is null or auth.fold(user_agent) ^@ $4)
            order by id
            limit $5
            "#,
            person.0,
            now,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// Trusts a device no more; answers whether it was.
pub async fn remove(conn: &mut PgConnection, person: PersonId, id: TrustedDeviceId) -> Result<bool> {
    let removed = sqlx::query!("delete from auth.trusted_devices where id = $2 and person_id = $1", person.0, id.0);
    Ok(removed.execute(conn).await?.rows_affected() == 1)
}

/// Trusts none of somebody's devices any more; answers how many that were.
pub async fn remove_all(conn: &mut PgConnection, person: PersonId) -> Result<u64> {
    let removed = sqlx::query!("delete from auth.trusted_devices where person_id = $1", person.0);
    Ok(removed.execute(conn).await?.rows_affected())
}

/// Deletes so many rows at most whose trust is over; answers how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.trusted_devices
        where token = any (array(
            select token
            from auth.trusted_devices
            where expires_at <= $1
            order by expires_at
            limit $2
            for update skip locked
        ))
        "#,
        now,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}
