use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use time::Duration;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::store::{self, New};
use super::{FASTEST, UserCode};
use crate::base::error;
use crate::base::id::ServiceId;
use crate::base::opaque::oauth::DeviceCode;
use crate::gate::audit::Origin;
use crate::identity::attempts::Quota;
use crate::oauth::OAuth;
use crate::oauth::clients::{Client, GrantType, authenticate};
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes;
use crate::platform::http::{Json, Route, Routes};

/// Where people type the code.
const PAGE: &str = "/device";

/// For so long a code waits for somebody (`expires_in`, RFC 8628 section 3.2).
const LIFETIME: Duration = Duration::minutes(10);

/// So many codes a client gets for devices in one network: a public client is whoever says so.
const CODES: Quota = Quota { of: "device-codes", code: "too_many_device_codes", most: 100, within: Duration::hours(1) };

/// `/oauth/device_authorization`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(device_authorization)).to_any_origin())
}

/// What a device asks for (RFC 8628 section 3.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct DeviceAuthorizationRequest {
    /// Without it, all permissions that the client may ask for.
    #[schema(example = "openid profile")]
    scope: Option<String>,
    /// The services that its tokens are to be for (RFC 8707), as `urn:portero:service:<name>`; may be repeated.
    resource: Option<Vec<String>>,
    /// The client, unless `Authorization` names it.
    client_id: Option<String>,
    /// Its secret (`client_secret_post`).
    client_secret: Option<String>,
    /// A JWT that it has signed (`private_key_jwt`).
    client_assertion: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// What a device shows, and what it polls with (RFC 8628 section 3.2).
#[derive(Serialize, ToSchema)]
struct DeviceAuthorization {
    /// What it polls with, at the token endpoint.
    #[schema(value_type = String, example = "pdc_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273aa51c3e0")]
    device_code: DeviceCode,
    /// What the person types.
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
    /// Where.
    #[schema(example = "https://id.example.com/device")]
    verification_uri: String,
    /// The same with the code, for a QR code: the person only confirms it.
    #[schema(example = "https://id.example.com/device?user_code=WDJB-MJHT")]
    verification_uri_complete: String,
    /// For how many seconds the codes are good.
    #[schema(example = 600)]
    expires_in: i64,
    /// How many seconds are to be between two polls.
    #[schema(example = 5)]
    interval: i32,
}

/// Begin to let a device in
///
/// The device shows the user code and polls the token endpoint until somebody has answered on the page, or ten minutes have
/// passed (RFC 8628).
#[utoipa::path(post, path = "/oauth/device_authorization", tag = "tokens",
    request_body(content = DeviceAuthorizationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = DeviceAuthorization),
        (status = 400, description = "`invalid_request`, `invalid_scope`, `invalid_target`, `unauthorized_client`"),
        (status = 401, description = "`invalid_client`"),
        (status = 429, description = "`temporarily_unavailable`"),
    ),
    security(("client" = []), ()))]
async fn device_authorization(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Result<Json<DeviceAuthorization>> {
    let form = form?;
    let known = authenticate(&oauth, &origin, &headers, &form).await?;
    let client = &known.client;
    if !client.may(GrantType::DeviceCode) {
        return Err(Error::unauthorized_client("this client was not registered for the grant of devices (RFC 8628)"));
    }
    let scopes = scopes::asked(&client.scopes, form.get("scope"))?;
    let services = known.audience.narrowed(&oauth.issuer, form.all("resource"))?.services();
    let (device_code, user_code) = begin(&oauth, &origin, client, (&scopes, &services)).await?;
    let verification_uri = oauth.issuer.at(PAGE);
    Ok(Json(DeviceAuthorization {
        device_code,
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        verification_uri,
        user_code: user_code.to_string(),
        expires_in: LIFETIME.whole_seconds(),
        interval: FASTEST,
    }))
}

async fn begin(
    oauth: &OAuth,
    origin: &Origin,
    client: &Client,
    (scopes, services): (&[String], &[ServiceId]),
) -> Result<(DeviceCode, UserCode)> {
    let now = oauth.clock.now();
    let device_code: DeviceCode = oauth.generate(now)?;
    let mut tx = oauth.db.begin().await?;
    CODES.take(&mut tx, format!("{}:{}", client.id, origin.network()), now).await?;
    loop {
        let user_code = UserCode::of_random(oauth.random_id()?);
        let new = New {
            client: client.id,
            device_code: device_code.hash(),
            user_code: &user_code,
            scopes,
            services,
            interval: FASTEST,
            now,
            expires_at: now + LIFETIME,
        };
        // One of so many letters is hardly ever taken.
        if store::insert(&mut tx, &new).await? {
            tx.commit().await.map_err(error::Error::from)?;
            return Ok((device_code, user_code));
        }
    }
}
