use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use utoipa_axum::routes;

use super::register::{self, Registration};
use crate::base::error::Result;
use crate::base::locale::Language;
use crate::gate::audit::Origin;
use crate::gate::idempotency::once_of_strangers;
use crate::identity::Identity;
use crate::identity::login::Entered;
use crate::platform::http::access_log::user_agent;
use crate::platform::http::{Json, MAX_OF_STRANGERS, Routes};

/// `/auth/register`.
pub fn register_routes() -> Routes<Identity> {
    Routes::new().routes(once_of_strangers(routes!(register)))
}

/// Register yourself
///
/// Creates an account and logs in. Allowed where `REGISTRATION` is `open`, or with an invitation where it is `invite`. Where
/// everybody must have a second factor (`REQUIRE_MFA`), the answer is `"mfa_required": true` instead of a session.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = Registration, security(()), responses(
    (status = 201, body = Entered),
    (status = 403, description = "`registration_closed`, `invalid_invitation`"),
    (status = 409, description = "`user_exists`, `email_taken`"),
    (status = 429, description = "`too_many_at_once`, `too_many_mails`"),
))]
async fn register(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    headers: HeaderMap,
    Language(language): Language,
    Json(new): Json<Registration, MAX_OF_STRANGERS>,
) -> Result<(StatusCode, Json<Entered>)> {
    let began = register::register(&identity, &origin, user_agent(&headers), language, new).await?;
    Ok((StatusCode::CREATED, Json(began)))
}
