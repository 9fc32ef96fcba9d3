//! The table `auth.authorizations`, as codes and refresh tokens lead to it.

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{AuthorizationId, ClientId, PersonId, ServiceId};
use crate::base::opaque::oauth::{AccessTokenHash, ClientRefreshHash, CodeHash};
use crate::base::opaque::token::TokenHash;
use crate::gate::store::people;
use crate::oauth::dpop::Thumbprint;
use crate::oauth::tokens::{Authorization, Login, NewAuthorization, Tie};

struct Row {
    id: AuthorizationId,
    client: ClientId,
    person: PersonId,
    sid: Option<String>,
    scopes: Vec<String>,
    services: Vec<ServiceId>,
    narrowed: Vec<ServiceId>,
    nonce: Option<String>,
    claims: Option<Value>,
    auth_time: OffsetDateTime,
    acr: String,
    amr: Vec<String>,
    act: Option<Value>,
    redirect_uri: Option<String>,
    code_challenge: Option<String>,
    jkt: Option<String>,
    code_expires_at: Option<OffsetDateTime>,
    refreshed_at: OffsetDateTime,
    ends_at: OffsetDateTime,
}

impl From<Row> for Authorization {
    fn from(row: Row) -> Self {
        let login = Login {
            authorization: row.id,
            auth_time: row.auth_time,
            acr: row.acr,
            amr: row.amr,
            act: row.act,
            expires_at: row.ends_at,
        };
        Self {
            id: row.id,
            client: row.client,
            person: row.person,
            sid: row.sid,
            scopes: row.scopes,
            services: row.services,
            narrowed: row.narrowed,
            nonce: row.nonce,
            claims: row.claims,
            login,
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            jkt: row.jkt,
            code_expires_at: row.code_expires_at,
            refreshed_at: row.refreshed_at,
        }
    }
}

/// Begins one without a code; `None` when the client has changed since it was prepared, or the person, the client or what it comes
/// of has ended. The person's row is held before the client's, as everywhere.
pub async fn begin(conn: &mut PgConnection, new: &NewAuthorization<'_>) -> Result<Option<AuthorizationId>> {
    let (session, token) = match &new.tie {
        Tie::Session(session) => (Some(session), None),
        Tie::Token(token) => (None, Some(token)),
    };
    let begun = sqlx::query_scalar!(
        r#"
        with person as materialized (
            select id from auth.person where id = $2 and removed_at is null and disabled_at is null for share
        ), client as materialized (
            select id
            from auth.clients
            where id = $1 and version = $14 and removed_at is null and exists (select from person)
            for share
        ), session as materialized (
            select token
            from auth.tokens_cache
            where token = $3 and person_id = $2 and exists (select from client)
            for key share
        ), subject as materialized (
            select token
            from auth.access_tokens
            where token = $4 and person_id = $2 and expires_at > $12 and exists (select from client)
            for key share
        )
        insert into auth.authorizations
            (client_id, person_id, session, sid, subject_token, scopes, services, narrowed, auth_time, acr, amr, act,
             created_at, refreshed_at, expires_at, ends_at, jkt)
        select client.id, person.id, session.token, $16, subject.token, $5, $6, $15, $7, $8, $9, $10, $12, $12, $11,
               $17, $13
        from client
        cross join person
        left join session on true
        left join subject on true
        where num_nonnulls(session.token, subject.token) = 1
        returning id as "id: AuthorizationId"
        "#,
        new.client.0,
        new.person.0,
        session.map(TokenHash::as_bytes),
        token.map(AccessTokenHash::as_bytes),
        new.scopes,
        &new.services.iter().map(|service| service.0).collect::<Vec<_>>(),
        new.auth_time,
        new.acr,
        new.amr,
        new.act,
        new.expires_at,
        new.now,
        new.jkt.map(Thumbprint::as_str),
        new.client_version,
        &new.narrowed.iter().map(|service| service.0).collect::<Vec<_>>(),
        new.tie.sid(),
        new.ends_at,
    )
    .fetch_optional(conn)
    .await?;
    Ok(begun)
}

/// How one is looked up.
#[derive(Clone, Copy, Default)]
struct By<'a> {
    code: Option<&'a [u8]>,
    id: Option<AuthorizationId>,
    refresh_token: Option<&'a [u8]>,
    access_token: Option<&'a [u8]>,
}

/// The one that a code or a token leads to, whether that is good or not.
async fn find(conn: &mut PgConnection, by: By<'_>) -> Result<Option<Authorization>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            a.id as "id: AuthorizationId", a.client_id as "client: ClientId", a.person_id as "person: PersonId", a.sid,
            a.scopes, a.services as "services: Vec<ServiceId>", a.narrowed as "narrowed: Vec<ServiceId>", a.nonce, a.claims, a.auth_time, a.acr, a.amr, a.act,
            a.redirect_uri, a.code_challenge, a.jkt, a.code_expires_at, a.refreshed_at,
            coalesce(a.ends_at, a.expires_at) as "ends_at!"
        from auth.authorizations a
        where a.code = $1
           or a.id = $2
           or a.id = (select authorization_id from auth.authorization_refresh_tokens where token = $3)
           or a.id = (select authorization_id from auth.access_tokens where token = $4)
        "#,
        by.code,
        by.id.map(|id| id.0),
        by.refresh_token,
        by.access_token,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Authorization::from))
}

/// The one that a code began.
pub async fn of_code(conn: &mut PgConnection, code: CodeHash) -> Result<Option<Authorization>> {
    find(conn, By { code: Some(code.as_bytes()), ..By::default() }).await
}

/// The one that a refresh token was handed out for.
pub async fn of_refresh_token(conn: &mut PgConnection, token: ClientRefreshHash) -> Result<Option<Authorization>> {
    find(conn, By { refresh_token: Some(token.as_bytes()), ..By::default() }).await
}

/// The one that an access token comes of.
pub async fn of_access_token(conn: &mut PgConnection, token: AccessTokenHash) -> Result<Option<Authorization>> {
    find(conn, By { access_token: Some(token.as_bytes()), ..By::default() }).await
}

/// That of a row.
pub async fn of_id(conn: &mut PgConnection, id: AuthorizationId) -> Result<Option<Authorization>> {
    find(conn, By { id: Some(id), ..By::default() }).await
}

/// Keeps the person and the client of an authorization as they are until this transaction ends. To be done before the
/// authorization is changed: whoever ends them ends it after that.
pub async fn hold_owners(conn: &mut PgConnection, authorization: &Authorization) -> Result<()> {
    people::hold(conn, authorization.person).await?;
    sqlx::query_scalar!("select id from auth.clients where id = $1 for share", authorization.client.0)
        .fetch_optional(conn)
        .await?;
    Ok(())
}

/// Redeems the code of an authorization; answers whether it was this that did. Of any number of racing ones, on any number of
/// instances, exactly one does. From now on it is over at `expires_at` unless it is refreshed, and its refresh tokens are bound to
/// the key `jkt`.
pub async fn redeem(
    conn: &mut PgConnection,
    id: AuthorizationId,
    (expires_at, jkt): (OffsetDateTime, Option<&Thumbprint>),
    now: OffsetDateTime,
) -> Result<bool> {
    let redeemed = sqlx::query!(
        r#"
        update auth.authorizations
        set code_redeemed_at = $2,
            expires_at = least(coalesce(ends_at, expires_at), $3),
            ends_at = coalesce(ends_at, expires_at),
            jkt = $4
        where id = $1 and code_redeemed_at is null
        "#,
        id.0,
        now,
        expires_at,
        jkt.map(Thumbprint::as_str),
    )
    .execute(conn)
    .await?;
    Ok(redeemed.rows_affected() == 1)
}

/// Has one that began without a code go on until `expires_at`, and until `ends_at` where it is refreshed. Keeps it from any change by
/// others until this transaction ends; answers whether it is still there. From now on its refresh tokens are bound to the key `jkt`.
pub async fn go_on(
    conn: &mut PgConnection,
    id: AuthorizationId,
    (expires_at, ends_at): (OffsetDateTime, OffsetDateTime),
    jkt: Option<&Thumbprint>,
    now: OffsetDateTime,
) -> Result<bool> {
    let goes_on = sqlx::query!(
        "update auth.authorizations set refreshed_at = $3, expires_at = $2, ends_at = $5, jkt = $4 where id = $1",
        id.0,
        expires_at,
        now,
        jkt.map(Thumbprint::as_str),
        ends_at,
    );
    Ok(goes_on.execute(conn).await?.rows_affected() == 1)
}

/// Whether the code of an authorization was redeemed. Of one that has ended that is not known.
pub async fn is_redeemed(conn: &mut PgConnection, id: AuthorizationId) -> Result<bool> {
    let redeemed = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.authorizations where id = $1 and code_redeemed_at is not null
        ) as "redeemed!"
        "#,
        id.0,
    );
    Ok(redeemed.fetch_one(conn).await?)
}

/// Notes a refresh, after which it goes on until `expires_at` at least, and keeps the authorization from any other until this
/// transaction ends; answers whether it is still there.
pub async fn refresh(
    conn: &mut PgConnection,
    id: AuthorizationId,
    expires_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool> {
    let refreshed = sqlx::query!(
        r#"
        update auth.authorizations
        set refreshed_at = greatest(refreshed_at, $2),
            expires_at = least(coalesce(ends_at, expires_at), greatest(expires_at, $3)),
            ends_at = coalesce(ends_at, expires_at)
        where id = $1
        "#,
        id.0,
        now,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(refreshed.rows_affected() == 1)
}

/// Ends one with all its tokens; answers whether it was there.
pub async fn end(conn: &mut PgConnection, id: AuthorizationId) -> Result<bool> {
    let ended = sqlx::query!("delete from auth.authorizations where id = $1", id.0).execute(conn).await?;
    Ok(ended.rows_affected() == 1)
}
