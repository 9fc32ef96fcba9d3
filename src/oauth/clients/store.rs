//! The tables `auth.clients`, `auth.client_audience` and `auth.client_secrets`, and the people that clients are where they act
//! for themselves.

mod list;
mod scopes;
mod secrets;
mod subject;
mod write;

use jsonwebtoken::jwk::JwkSet;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::Client;
use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, PersonId, ServiceId};
use crate::base::opaque::oauth::ClientSecretHash;
use crate::gate::effective;
use crate::platform::database::by_place;

pub use list::list;
pub use scopes::unknown_scopes;
pub use secrets::{end_secret, end_secrets, insert_secret, live_secrets, secrets};
pub use subject::{begin_subject, end_subject, rename_subject};
pub use write::{MOST_CLIENTS, insert, lock, narrow, narrowed, remove, set_audience, update};

#[expect(clippy::struct_excessive_bools, reason = "columns")]
struct Row {
    place: i64,
    version: i64,
    knows_secret: bool,
    is_to_note: bool,
    id: ClientId,
    client_version: i64,
    client_id: String,
    name: String,
    service: ServiceId,
    auth_method: String,
    grant_types: Vec<String>,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    backchannel_logout_uri: Option<String>,
    scopes: Vec<String>,
    audience: Vec<ServiceId>,
    token_format: String,
    token_seconds: i32,
    signing_alg: String,
    requires_pkce: bool,
    requires_dpop: bool,
    requires_par: bool,
    consent: String,
    admits: String,
    jwks: Option<Json<JwkSet>>,
    jwks_uri: Option<String>,
    loopback_only: bool,
    subject: Option<PersonId>,
    created_at: OffsetDateTime,
    created_by: Option<PersonId>,
    document_expires_at: Option<OffsetDateTime>,
    registered_itself: bool,
}

impl TryFrom<Row> for Client {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let unknown = |fault: String| Error::Internal(anyhow::anyhow!("client {}: {fault}", row.id.0));
        let grant_types = row.grant_types.iter().map(|text| text.parse()).collect::<Result<_, String>>();
        Ok(Self {
            auth_method: row.auth_method.parse().map_err(unknown)?,
            grant_types: grant_types.map_err(unknown)?,
            token_format: row.token_format.parse().map_err(unknown)?,
            signing_alg: row.signing_alg.parse().map_err(unknown)?,
            consent: row.consent.parse().map_err(unknown)?,
            admits: row.admits.parse().map_err(unknown)?,
            id: row.id,
            version: row.client_version,
            client_id: row.client_id,
            name: row.name,
            service: row.service,
            redirect_uris: row.redirect_uris,
            post_logout_redirect_uris: row.post_logout_redirect_uris,
            backchannel_logout_uri: row.backchannel_logout_uri,
            scopes: row.scopes,
            audience: row.audience,
            token_lifetime: Duration::seconds(row.token_seconds.into()),
            requires_pkce: row.requires_pkce,
            requires_dpop: row.requires_dpop,
            requires_par: row.requires_par,
            jwks: row.jwks.map(|jwks| jwks.0),
            jwks_uri: row.jwks_uri,
            loopback_only: row.loopback_only,
            subject: row.subject,
            created_at: row.created_at,
            created_by: row.created_by,
            document_expires_at: row.document_expires_at,
            registered_itself: row.registered_itself,
        })
    }
}

/// The client that requests name so, unless it was removed.
pub async fn find(conn: &mut PgConnection, client_id: &str) -> Result<Option<Client>> {
    let found = find_all(conn, &[(client_id, None)], OffsetDateTime::UNIX_EPOCH).await?;
    Ok(found.rows.into_iter().flatten().map(|found| found.client).next())
}

/// A client that was looked up together with a secret.
#[derive(Debug)]
pub struct Found {
    /// The client.
    pub client: Client,
    /// Whether the secret is one of its own and good.
    pub knows_secret: bool,
    /// Whether the use of that secret is to be noted: the last one noted was a minute ago.
    pub is_to_note: bool,
}

/// The clients that requests name so, unless they were removed, and whether they know their secrets at `now`; in their
/// order.
pub async fn find_all(
    conn: &mut PgConnection,
    asked: &[(&str, Option<ClientSecretHash>)],
    now: OffsetDateTime,
) -> Result<effective::store::Versioned<Option<Found>>> {
    let client_ids: Vec<&str> = asked.iter().map(|(client_id, _)| *client_id).collect();
    let secrets: Vec<Option<&[u8]>> =
        asked.iter().map(|(_, secret)| secret.as_ref().map(ClientSecretHash::as_bytes)).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            asked.place as "place!", (select version from auth.vocabulary where single) as "version!",
            s.id is not null as "knows_secret!",
            s.id is not null and (s.last_used_at is null or s.last_used_at <= $3 - interval '1 minute') as "is_to_note!",
            c.id as "id: ClientId", c.version as client_version, c.client_id, c.name, c.service_id as "service: ServiceId", c.auth_method,
            c.grant_types, c.redirect_uris, c.post_logout_redirect_uris, c.backchannel_logout_uri, c.scopes,
            array(
                select a.service_id from auth.client_audience a where a.client_id = c.id order by a.service_id
            ) as "audience!: Vec<ServiceId>",
            c.token_format, c.token_seconds, c.signing_alg, c.requires_pkce, c.requires_dpop, c.requires_par, c.consent, c.admits,
            c.jwks as "jwks: Json<JwkSet>", c.jwks_uri, c.loopback_only,
            p.id as "subject?: PersonId", c.created_at, c.created_by as "created_by: PersonId", c.document_expires_at,
            c.registration_access_token is not null as "registered_itself!"
        from unnest($1::text[], $2::bytea[]) with ordinality as asked (client_id, secret, place)
        join auth.clients c on c.client_id = asked.client_id and c.removed_at is null
        left join auth.client_secrets s
            on s.secret = asked.secret and s.client_id = c.id and auth.lasts(s.expires_at, $3)
        left join auth.person p on p.client_id = c.id and p.removed_at is null and p.disabled_at is null
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &client_ids as &[&str],
        &secrets as &[Option<&[u8]>],
        now,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let found = rows.into_iter().map(|row| {
        let (place, knows_secret, is_to_note) = (row.place, row.knows_secret, row.is_to_note);
        Ok((place, Found { client: row.try_into()?, knows_secret, is_to_note }))
    });
    let rows = by_place(asked, found.collect::<Result<Vec<_>>>()?)?;
    Ok(effective::store::Versioned { version, rows })
}

/// Notes that secrets were used.
pub async fn note_uses(conn: &mut PgConnection, secrets: &[ClientSecretHash], now: OffsetDateTime) -> Result<()> {
    let secrets: Vec<&[u8]> = secrets.iter().map(ClientSecretHash::as_bytes).collect();
    sqlx::query!("update auth.client_secrets set last_used_at = $2 where secret = any($1)", &secrets as &[&[u8]], now,)
        .execute(conn)
        .await?;
    Ok(())
}

/// Spends what is good once, which would be refused from `expires_at` on anyway; answers whether it was not spent before.
pub async fn spend(conn: &mut PgConnection, digest: &[u8; 32], expires_at: OffsetDateTime) -> Result<bool> {
    let spent = sqlx::query!(
        "insert into auth.spent_assertions (digest, expires_at) values ($1, $2) on conflict (digest) do nothing",
        digest,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(spent.rows_affected() == 1)
}
