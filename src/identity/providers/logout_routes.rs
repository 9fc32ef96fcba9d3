use std::convert::Infallible;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::logout::end_by_logout_token;
use crate::base::error::{Error, Result};
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::platform::http::{Form, Path, Routes};

/// `/login/providers/{provider}/backchannel-logout`.
pub fn logout_routes() -> Routes<Identity> {
    Routes::new().routes(routes!(backchannel_logout))
}

/// What a provider posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `backchannel_logout` reads")]
struct ProviderLogoutForm {
    /// A JWT that the provider has signed (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    logout_token: String,
}

/// End the sessions that began at an identity provider
///
/// For providers: somebody has logged out there. Their sessions that began there end, or the one that the token names.
#[utoipa::path(post, path = "/login/providers/{provider}/backchannel-logout", tag = "providers", security(()),
    params(("provider" = String, Path, description = "the provider's name", example = "google")),
    request_body(content = ProviderLogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "they have ended"),
        (status = 400, description = "`invalid_logout_token`"),
        (status = 415, description = "`unsupported_media_type`"),
    ))]
async fn backchannel_logout(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    Path(provider): Path<String>,
    Form(text): Form,
) -> Result<Response> {
    let mut tokens = form_urlencoded::parse(text.as_bytes()).filter(|(name, _)| name == "logout_token");
    let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
        return Err(Error::bad_request("invalid_logout_token", "send one `logout_token`"));
    };
    end_by_logout_token(&identity, &provider, &token, &origin).await?;
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::OK, headers).into_response())
}
