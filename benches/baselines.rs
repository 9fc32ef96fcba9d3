//! What Portero is compared with: the least that answers the same bytes to the same request, written with the same
//! libraries as well as it goes without batches.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use portero::tokens::{Payload, TokenHash};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::types::Json as Jsonb;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;

const LIFETIME: Duration = Duration::days(30);
const CONNECTIONS: u32 = 8;

#[derive(Serialize)]
struct Answer {
    valid: bool,
    payload: Payload,
    renewed: bool,
    expires_at: i64,
}

/// The fields that a check may have.
#[derive(Default, Deserialize)]
#[expect(dead_code, reason = "read as Portero reads them")]
struct Question {
    user_id: Option<i32>,
    service_id: Option<i32>,
    permission: Option<String>,
    token: Option<String>,
}

type Row = (Jsonb<Payload>, OffsetDateTime);

/// One prepared select by primary key a request.
pub fn one_select(url: &str, port: u16) -> anyhow::Result<()> {
    run(async move {
        let options = PgConnectOptions::from_str(url)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .min_connections(CONNECTIONS)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        serve(Router::new().route("/check-token", post(select)).with_state(pool), port).await
    })
}

async fn select(State(pool): State<PgPool>, headers: HeaderMap, body: Bytes) -> Result<Json<Answer>, StatusCode> {
    let token = read(&headers, &body)?;
    let row: Option<Row> = sqlx::query_as("select payload, modified_at from auth.tokens_cache where token = $1")
        .bind(token.as_bytes())
        .fetch_optional(&pool)
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let (Jsonb(payload), modified_at) = row.ok_or(StatusCode::UNAUTHORIZED)?;
    answer(payload, modified_at)
}

/// No database at all.
pub fn memory(url: &str, port: u16) -> anyhow::Result<()> {
    run(async move {
        let pool = PgPool::connect(url).await?;
        let rows: Vec<(Vec<u8>, Jsonb<Payload>, OffsetDateTime)> =
            sqlx::query_as("select token, payload, modified_at from auth.tokens_cache").fetch_all(&pool).await?;
        pool.close().await;
        let sessions: HashMap<_, _> = rows
            .into_iter()
            .map(|(hash, Jsonb(payload), modified_at)| Some((hash.try_into().ok()?, (payload, modified_at))))
            .collect::<Option<_>>()
            .context("a hash of 32 bytes")?;
        serve(Router::new().route("/check-token", post(look_up)).with_state(Arc::new(sessions)), port).await
    })
}

async fn look_up(
    State(sessions): State<Arc<HashMap<[u8; 32], (Payload, OffsetDateTime)>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Answer>, StatusCode> {
    let token = read(&headers, &body)?;
    let (payload, modified_at) = sessions.get(token.as_bytes()).ok_or(StatusCode::UNAUTHORIZED)?;
    answer(payload.clone(), *modified_at)
}

fn read(headers: &HeaderMap, body: &Bytes) -> Result<TokenHash, StatusCode> {
    if !body.is_empty() {
        serde_json::from_slice::<Question>(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    }
    let token = headers.get("token").and_then(|token| token.to_str().ok());
    token.and_then(TokenHash::of).ok_or(StatusCode::UNAUTHORIZED)
}

fn answer(payload: Payload, modified_at: OffsetDateTime) -> Result<Json<Answer>, StatusCode> {
    let expires_at = modified_at + LIFETIME;
    if expires_at <= OffsetDateTime::now_utc() {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(Answer { valid: true, payload, renewed: false, expires_at: expires_at.unix_timestamp() }))
}

fn run(server: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(server)
}

async fn serve(router: Router, port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    let listener = listener.tap_io(|tcp| {
        let _ = tcp.set_nodelay(true);
    });
    axum::serve(listener, router.route("/readyz", get(StatusCode::OK))).await?;
    Ok(())
}
