use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::attempts::Waits;
use crate::database::index;
use crate::error::{Error, Result};
use crate::passwords::PasswordHash;
use crate::users::{Claim, PersonId, Username};

/// What a login compares with.
#[derive(Debug)]
pub struct Credentials {
    /// Whose they are.
    pub id: PersonId,
    /// The stored hash; `None` for who has not chosen a password yet.
    pub password_hash: Option<PasswordHash>,
    /// Whether the person may log in at all.
    pub enabled: bool,
}

/// What is found about somebody who wants to log in.
#[derive(Debug)]
pub struct Found {
    /// Their credentials, if they are anybody.
    pub credentials: Option<Credentials>,
    /// What stands against them.
    pub waits: Waits,
}

/// The credentials stored under the usernames of `claims`, and what stands against these, in their order.
pub async fn credentials(conn: &mut PgConnection, claims: &[Claim]) -> Result<Vec<Found>> {
    let usernames: Vec<Option<&str>> =
        claims.iter().map(|claim| claim.username.as_ref().map(Username::as_str)).collect();
    let name_keys: Vec<&str> = claims.iter().map(|claim| claim.name_key.as_str()).collect();
    let networks: Vec<String> = claims.iter().map(|claim| claim.network.to_string()).collect();
    let devices: Vec<&[u8]> = claims.iter().map(|claim| claim.device.as_bytes()).collect();
    let began: Vec<OffsetDateTime> = claims.iter().map(|claim| claim.began).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!",
            p.id as "id?: PersonId",
            p.password_hash as "password_hash?: PasswordHash",
            p.disabled_at is null as "enabled!",
            attempts.key as "attempts_key!",
            coalesce(own.failures, 0) as "failures!",
            own.wait_until as "own?",
            address.wait_until as "address?"
        from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[]) with ordinality
            as asked (username, name_key, network, device, began, place)
        left join auth.person p on p.username = asked.username and p.removed_at is null
        cross join lateral
            coalesce(auth.attempts_key(p.id, asked.network, asked.device, asked.began), asked.name_key)
            as attempts (key)
        left join auth.login_attempts own on own.key = attempts.key
        left join auth.login_attempts address on address.key = 'address:' || asked.network
        "#,
        &usernames as &[Option<&str>],
        &name_keys as &[&str],
        &networks,
        &devices as &[&[u8]],
        &began,
    )
    .fetch_all(conn)
    .await?;
    let mut found = Vec::new();
    found.resize_with(claims.len(), || None);
    for row in rows {
        let (password_hash, enabled) = (row.password_hash, row.enabled);
        found[index(row.place)?] = Some(Found {
            credentials: row.id.map(|id| Credentials { id, password_hash, enabled }),
            waits: Waits { key: row.attempts_key, failures: row.failures, own: row.own, address: row.address },
        });
    }
    found
        .into_iter()
        .collect::<Option<_>>()
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a claim without an answer")))
}
