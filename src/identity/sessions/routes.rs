use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{ListedSession, Older, OlderQuery, end_all, end_one, sessions};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, SessionId};
use crate::base::opaque::token::TokenHash;
use crate::gate::permission::{ReadUsers, WriteUsers};
use crate::gate::{Caller, Can, LockScope};
use crate::identity::Identity;
use crate::identity::people;
use crate::platform::http::{Json, Path, Route, Routes};

/// `/auth/sessions` and `/users/{id}/sessions`.
pub fn session_routes() -> Routes<Identity> {
    Routes::new()
        .routes(Route::from(routes!(list_own_sessions, end_other_sessions)).for_anyone())
        .routes(Route::from(routes!(end_session)).for_anyone())
        .routes(routes!(list_sessions, end_sessions))
}

async fn list(identity: &Identity, person: PersonId, asking: Option<TokenHash>, older: Older) -> Result<Response> {
    let sessions = sessions(&mut *identity.db.read().await?, identity, person, asking, &older).await?;
    Ok(older.respond(sessions, ListedSession::key))
}

/// List your own sessions
///
/// Newest first.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", params(OlderQuery),
    responses((status = 200, body = Vec<ListedSession>)))]
async fn list_own_sessions(State(identity): State<Identity>, caller: Caller, older: Older) -> Result<Response> {
    list(&identity, caller.person, Some(caller.token), older).await
}

/// The session was ended.
#[derive(Debug, Serialize, ToSchema)]
struct SessionRevoked {
    #[schema(example = "session_revoked")]
    status: &'static str,
    id: SessionId,
}

/// End one of your own sessions
///
/// Accepts the id from the list, which stays the same for the whole session, or the current `session_id`, which
/// changes with every refresh. The session and its refresh token are refused in the very next check.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth",
    params(("id" = String, Path, description = "the session's id", example = "9c2e4d8fe97d881430de4e754b4205b9")),
    responses(
        (status = 200, body = SessionRevoked),
        (status = 404, description = "`session_not_found`"),
    ))]
async fn end_session(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<SessionRevoked>> {
    let absent = || Error::not_found("session_not_found", "you have no session with that id; it may have ended");
    let id = SessionId::parse(&id).ok_or_else(absent)?;
    let mut tx = caller.begin(&identity).await?;
    if !end_one(&mut tx, caller.person, &id).await? {
        return Err(absent());
    }
    tx.commit([]).await?;
    Ok(Json(SessionRevoked { status: "session_revoked", id }))
}

/// The sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
struct SessionsRevoked {
    #[schema(example = "sessions_revoked")]
    status: &'static str,
    /// How many.
    #[schema(example = 2)]
    revoked: u64,
}

/// End your other sessions
///
/// Ends all sessions except the current one. Of that one, only the current tab stays logged in.
#[utoipa::path(delete, path = "/auth/sessions", tag = "auth", responses((status = 200, body = SessionsRevoked)))]
async fn end_other_sessions(State(identity): State<Identity>, caller: Caller) -> Result<Json<SessionsRevoked>> {
    let mut tx = caller.begin(&identity).await?;
    let revoked = end_all(&mut tx, caller.person, Some(caller.token)).await?;
    tx.commit([]).await?;
    Ok(Json(SessionsRevoked { status: "sessions_revoked", revoked }))
}

/// List a person's sessions
///
/// Newest first.
#[utoipa::path(get, path = "/users/{id}/sessions", tag = "users",
    params(("id" = i32, Path, description = "the person's id"), OlderQuery),
    responses(
        (status = 200, body = Vec<ListedSession>),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn list_sessions(
    State(identity): State<Identity>,
    by: Can<ReadUsers>,
    Path(id): Path<Ref<PersonId>>,
    older: Older,
) -> Result<Response> {
    let person = people::store::get(&mut *identity.db.read().await?, id.id()?).await?;
    list(&identity, person.id, by.means.session(), older).await
}

/// End a person's sessions
///
/// Ends all of them at once. You cannot log out somebody who holds more than you do.
#[utoipa::path(delete, path = "/users/{id}/sessions", tag = "users",
    params(("id" = i32, Path, description = "the person's id")),
    responses(
        (status = 200, body = SessionsRevoked),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn end_sessions(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Path(id): Path<Ref<PersonId>>,
) -> Result<Json<SessionsRevoked>> {
    let id = id.id()?;
    let mut tx = by.begin(&identity, LockScope::person(id)).await?;
    let revoked = end_all(&mut tx, id, None).await?;
    tx.commit([]).await?;
    Ok(Json(SessionsRevoked { status: "sessions_revoked", revoked }))
}
