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
use portero::base::opaque::token::TokenHash;
use portero::gate::sessions::Payload;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::types::Json as Jsonb;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpListener;

const LIFETIME: Duration = Duration::days(30);
const CONNECTIONS: u32 = 8;

#[derive(Clone, Serialize)]
struct Answer {
    valid: bool,
    payload: Payload,
    renewed: bool,
    expires_at: i64,
    session_id: String,
}

impl Answer {
    fn new(hash: &[u8], payload: Payload, modified_at: OffsetDateTime) -> Self {
        let mut session_id = hex::encode(Sha256::digest(hash));
        session_id.truncate(32);
        let expires_at = (modified_at + LIFETIME).unix_timestamp();
        Self { valid: true, payload, renewed: false, expires_at, session_id }
    }

    fn while_it_lasts(self) -> Result<Json<Self>, StatusCode> {
        let is_live = OffsetDateTime::now_utc().unix_timestamp() < self.expires_at;
        if is_live { Ok(Json(self)) } else { Err(StatusCode::UNAUTHORIZED) }
    }
}

/// The fields that a check may have.
#[derive(Default, Deserialize)]
#[expect(dead_code, reason = "read as Portero reads them")]
struct BatchQuery {
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
    Answer::new(token.as_bytes(), payload, modified_at).while_it_lasts()
}

type Sessions = Arc<HashMap<[u8; 32], Answer>>;

/// No database at all.
pub fn memory(url: &str, port: u16) -> anyhow::Result<()> {
    run(async move {
        let pool = PgPool::connect(url).await?;
        let rows: Vec<(Vec<u8>, Jsonb<Payload>, OffsetDateTime)> =
            sqlx::query_as("select token, payload, modified_at from auth.tokens_cache").fetch_all(&pool).await?;
        pool.close().await;
        let sessions: HashMap<[u8; 32], Answer> = rows
            .into_iter()
            .map(|(hash, Jsonb(payload), modified_at)| {
                let answer = Answer::new(&hash, payload, modified_at);
                Some((hash.try_into().ok()?, answer))
            })
            .collect::<Option<_>>()
            .context("a hash of 32 bytes")?;
        serve(Router::new().route("/check-token", post(look_up)).with_state(Arc::new(sessions)), port).await
    })
}

async fn look_up(
    State(sessions): State<Sessions>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Answer>, StatusCode> {
    let token = read(&headers, &body)?;
    sessions.get(token.as_bytes()).cloned().ok_or(StatusCode::UNAUTHORIZED)?.while_it_lasts()
}

fn read(headers: &HeaderMap, body: &Bytes) -> Result<TokenHash, StatusCode> {
    if !body.is_empty() {
        serde_json::from_slice::<BatchQuery>(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    }
    let token = headers.get("token").and_then(|token| token.to_str().ok());
    token.and_then(TokenHash::of).ok_or(StatusCode::UNAUTHORIZED)
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
