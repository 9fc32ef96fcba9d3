use sqlx::PgConnection;
use time::OffsetDateTime;

use super::AlreadyTaken;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::names;
use crate::base::person::Username;
use crate::identity::attempts::Waits;
use crate::identity::people::LoginClaim;
use crate::platform::database::by_place;
use crate::platform::passwords::PasswordHash;

/// What a login compares with.
#[derive(Debug)]
pub struct Credentials {
    pub id: PersonId,
    /// The stored hash; `None` for who has not chosen a password yet.
    pub password_hash: Option<PasswordHash>,
    /// Whether the person may log in at all.
    pub enabled: bool,
    /// By what methods they can take a second step; none for who has no second factor.
    pub second_factors: Vec<String>,
    /// Whether they are an administrator of Portero.
    pub is_administrator: bool,
}

/// What is found about somebody who wants to log in.
#[derive(Debug)]
pub struct LoginRecord {
    /// Their credentials, if they are anybody.
    pub credentials: Option<Credentials>,
    /// What stands against them.
    pub waits: Waits,
}

/// The credentials stored under the usernames of `claims`, and what stands against these, in their order. Who has the
/// username as it was typed goes first; else whoever alone has it in other letters of the same.
pub async fn credentials(conn: &mut PgConnection, claims: &[LoginClaim]) -> Result<Vec<LoginRecord>> {
    let usernames: Vec<Option<&str>> = claims.iter().map(|claim| claim.username.as_deref()).collect();
    let folded: Vec<Option<String>> = usernames.iter().map(|name| name.map(names::fold)).collect();
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
            auth.second_factors(p.id) as "second_factors!",
            auth.is_administrator(p.id, asked.began) as "is_administrator!",
            attempts.key as "attempts_key!",
            coalesce(own.failures, 0) as "failures!",
            own.wait_until as "own?",
            address.wait_until as "address?"
        from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::text[]) with ordinality
            as asked (username, name_key, network, device, began, folded, place)
        left join lateral (
            select p.*, p.username = asked.username as is_exact, count(*) over () as alike
            from auth.person p
            where auth.fold(p.username) = asked.folded and p.removed_at is null and p.client_id is null
        ) p on p.is_exact or p.alike = 1
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
        &folded as &[Option<String>],
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let (password_hash, enabled, is_administrator) = (row.password_hash, row.enabled, row.is_administrator);
        let second_factors = row.second_factors;
        let credentials = row.id.map(|id| Credentials { id, password_hash, enabled, second_factors, is_administrator });
        let waits = Waits { key: row.attempts_key, failures: row.failures, own: row.own, address: row.address };
        (row.place, LoginRecord { credentials, waits })
    });
    by_place(claims, found)?
        .into_iter()
        .collect::<Option<_>>()
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a claim without an answer")))
}

/// Refuses (409 `user_exists`) a username for `id` that another person has. Whoever comes between this and the change is
/// refused by the constraint.
pub async fn must_be_free(conn: &mut PgConnection, id: PersonId, username: &Username) -> Result<()> {
    let standing = sqlx::query_scalar!(
        r#"
        select p.username
        from auth.person p
        where auth.fold(p.username) = auth.fold($2)
          and p.removed_at is null
          and not exists (select from auth.person own where own.id = $1 and auth.fold(own.username) = auth.fold($2))
        limit 1
        "#,
        id.0,
        username.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    match standing {
        None => Ok(()),
        Some(standing) if standing == username.as_str() => Err(AlreadyTaken::Username.into()),
        Some(_) => Err(AlreadyTaken::UsernameButForCase.into()),
    }
}
