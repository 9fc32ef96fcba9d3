use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::change_own::{OwnChange, change_own};
use super::change_password::change_password as change;
use super::own_password::{turn_off, turn_on};
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::locale::Language;
use crate::gate::Caller;
use crate::gate::HeldInService;
use crate::identity::Identity;
use crate::identity::people::StandardClaims;
use crate::identity::people::store::Details;
use crate::identity::{mail, people};
use crate::platform::http::{Json, Next, Route, Routes, Success};
use crate::platform::passwords::{Password, Presented};

/// In how many services one sees at once what one holds.
const MAX_SERVICES: u16 = 1000;

/// `/auth/me`, `/auth/me/password` and `/auth/change-password`.
pub fn me_routes() -> Routes<Identity> {
    Routes::new()
        .routes(Route::from(routes!(get_me, update_me)).for_anyone())
        .routes(Route::from(routes!(change_password)).for_anyone())
        .routes(Route::from(routes!(turn_password_on, turn_password_off)).for_anyone())
}

/// Your account.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// Your id.
    id: PersonId,
    /// Your username.
    #[schema(example = "juan")]
    username: String,
    /// Your name.
    #[schema(example = "Juan Demo")]
    name: String,
    /// Your e-mail address.
    #[schema(example = "juan@example.com")]
    email: Option<String>,
    /// Whether the address is verified.
    #[schema(example = true)]
    email_verified: bool,
    /// A new address that awaits verification at `POST /auth/verify-email`.
    #[schema(example = json!(null))]
    pending_email: Option<Email>,
    /// What applications are told of you besides.
    claims: StandardClaims,
    /// What you hold, for each service; at most 1000 services. If there are more, the `Link` header leads to the rest.
    roles: Vec<HeldInService>,
    /// When you were registered.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-01T08:00:00Z")]
    created_at: OffsetDateTime,
    /// When you last logged in.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    last_login_at: Option<OffsetDateTime>,
}

/// Get your own account
///
/// Your data, and what you hold in each service, including Portero itself (service 0).
#[utoipa::path(get, path = "/auth/me", tag = "auth", responses((status = 200, body = Me)))]
async fn get_me(State(identity): State<Identity>, caller: Caller) -> Result<Response> {
    see(&identity, caller.person).await
}

async fn see(identity: &Identity, person: PersonId) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let Details { id, username, name, email, email_verified_at, claims, created_at, last_login_at, .. } =
        people::store::details(&mut conn, person).await?;
    let now = identity.clock.now();
    let pending = mail::store::tokens::pending_email(&mut conn, id, now).await?;
    let pending_email = pending.filter(|pending| email.as_deref() != Some(pending.as_str()));
    let mut roles = identity.rights.by_service(&mut conn, id, i64::from(MAX_SERVICES) + 1, now).await?;
    let more = roles.len() > usize::from(MAX_SERVICES);
    roles.truncate(MAX_SERVICES.into());
    let last = roles.last().filter(|_| more).map(|last| last.service_id);
    let link = last.and_then(|last| Next::at(&format!("/people/{id}/services"), "after", last).header());
    let email_verified = email_verified_at.is_some();
    let claims = claims.0;
    let me = Me { id, username, name, email, email_verified, pending_email, claims, roles, created_at, last_login_at };
    Ok((AppendHeaders(link), Json(me)).into_response())
}

/// Change your own account
///
/// A new name or username shows in the very next check. A new address takes effect once `POST /auth/verify-email` has
/// verified it. A new username is announced to you by mail. Wrong passwords count as failed logins. At most ten
/// changes an hour.
#[utoipa::path(patch, path = "/auth/me", tag = "auth", request_body = OwnChange, responses(
    (status = 200, body = Me),
    (status = 400, description = "`invalid_current_password`"),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`user_exists`, `mail_not_configured`"),
    (status = 429, description = "`too_many_attempts`, `too_many_logins`, `too_many_at_once`, `too_many_mails`, `too_many_changes`"),
))]
async fn update_me(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
    Json(change): Json<OwnChange>,
) -> Result<Response> {
    change_own(&identity, &caller, change, language).await?;
    see(&identity, caller.person).await
}

/// A new password, and the current one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    /// The current password.
    current_password: Presented,
    /// The new password.
    new_password: Password,
}

/// Change your own password
///
/// Ends your other sessions, and other tabs of this one. The tab that sent the request stays logged in. Wrong
/// passwords count as failed logins. At most ten changes an hour.
#[utoipa::path(post, path = "/auth/change-password", tag = "auth", request_body = PasswordChange, responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_current_password`"),
    (status = 429, description = "`too_many_attempts`, `too_many_logins`, `too_many_at_once`, `too_many_changes`"),
))]
async fn change_password(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
    Json(PasswordChange { current_password, new_password }): Json<PasswordChange>,
) -> Result<Json<Success>> {
    change(&identity, &caller, current_password, new_password, language).await?;
    Ok(Json(Success::default()))
}

/// A password, for who has none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstPassword {
    /// The new password.
    new_password: Password,
}

/// Turn your password on
///
/// For who has none. Ends your other sessions, as each new password does.
#[utoipa::path(post, path = "/auth/me/password", tag = "auth", request_body = FirstPassword, responses(
    (status = 200, body = Success),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`password_exists`"),
    (status = 429, description = "`too_many_at_once`, `too_many_changes`"),
))]
async fn turn_password_on(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
    Json(FirstPassword { new_password }): Json<FirstPassword>,
) -> Result<Json<Success>> {
    turn_on(&identity, &caller, new_password, language).await?;
    Ok(Json(Success::default()))
}

/// Turn your password off
///
/// From now on only passkeys open your account. You need two; or one, recovery codes and a verified address: then a new password can be
/// mailed to you, and the login with it asks for a recovery code. You are told by mail.
#[utoipa::path(delete, path = "/auth/me/password", tag = "auth", responses(
    (status = 200, body = Success),
    (status = 403, description = "`reauthentication_required`"),
    (status = 409, description = "`last_way_in`"),
))]
async fn turn_password_off(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
) -> Result<Json<Success>> {
    turn_off(&identity, &caller, language).await?;
    Ok(Json(Success::default()))
}
