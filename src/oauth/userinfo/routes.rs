use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::opaque::oauth::AccessTokenHash;
use crate::gate::access_tokens::Ask;
use crate::identity::people::Address;
use crate::oauth::OAuth;
use crate::oauth::claims::{self, Place};
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes::OPENID;
use crate::oauth::tokens;
use crate::platform::http::{Json, Route, Routes, credential};

/// `/oauth/userinfo`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(userinfo, userinfo_by_post)).to_any_origin())
}

/// Somebody who has logged in. What is not known of them is left out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the claims that there are")]
struct Userinfo {
    /// The person's id.
    #[schema(example = "7")]
    sub: String,
    /// Their name: with the scope `profile`, like all down to `updated_at`.
    #[schema(nullable = false, example = "Juan Demo")]
    name: Option<String>,
    /// Their username, which may change.
    #[schema(nullable = false, example = "juan")]
    preferred_username: Option<String>,
    #[schema(nullable = false, example = "Demo")]
    family_name: Option<String>,
    #[schema(nullable = false, example = "Juan")]
    given_name: Option<String>,
    #[schema(nullable = false)]
    middle_name: Option<String>,
    #[schema(nullable = false)]
    nickname: Option<String>,
    /// The address of a page about them.
    #[schema(nullable = false)]
    profile: Option<String>,
    /// That of a picture of them.
    #[schema(nullable = false)]
    picture: Option<String>,
    /// That of their own pages.
    #[schema(nullable = false)]
    website: Option<String>,
    #[schema(nullable = false)]
    gender: Option<String>,
    /// `YYYY-MM-DD`; `0000-MM-DD` without the year; `YYYY` alone.
    #[schema(nullable = false, example = "1980-05-17")]
    birthdate: Option<String>,
    /// Their time zone.
    #[schema(nullable = false, example = "America/Lima")]
    zoneinfo: Option<String>,
    /// Their language (BCP 47).
    #[schema(nullable = false, example = "es-PE")]
    locale: Option<String>,
    /// When any of this was changed last, in Unix seconds.
    #[schema(nullable = false, example = 1_795_305_600)]
    updated_at: Option<i64>,
    /// Their address: with the scope `email`, like the next. Only if they have one.
    #[schema(nullable = false, example = "juan@example.com")]
    email: Option<String>,
    /// Whether it is proved that it is theirs.
    #[schema(nullable = false, example = true)]
    email_verified: Option<bool>,
    /// Their phone number (E.164): with the scope `phone`, like the next. Only if they have one.
    #[schema(nullable = false, example = "+51987654321")]
    phone_number: Option<String>,
    /// Whether an administrator has verified that it is theirs.
    #[schema(nullable = false, example = false)]
    phone_number_verified: Option<bool>,
    /// Their postal address: with the scope `address`.
    #[schema(nullable = false)]
    address: Option<Address>,
}

/// An access token in the body.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct TokenInBody {
    /// The access token, unless `Authorization` has it.
    access_token: Option<String>,
}

/// Get who has logged in
///
/// For an access token of the scope `openid`. What is told depends on its scopes, and on what the login asked for claim by
/// claim.
#[utoipa::path(get, path = "/oauth/userinfo", tag = "tokens",
    responses(
        (status = 200, body = Userinfo),
        (status = 401, description = "`invalid_token`, `missing_token_header`"),
        (status = 403, description = "`insufficient_scope`"),
    ),
    security(("access_token" = [])))]
async fn userinfo(State(oauth): State<OAuth>, headers: HeaderMap) -> Result<Json<Map<String, Value>>> {
    let token = presented(&headers, None)?;
    tell(&oauth, token).await.map(Json)
}

/// Get who has logged in, by `POST`
///
/// As `GET`; the access token may also stand in the body.
#[utoipa::path(post, path = "/oauth/userinfo", tag = "tokens",
    request_body(content = TokenInBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Userinfo),
        (status = 400, description = "`invalid_request`"),
        (status = 401, description = "`invalid_token`, `missing_token_header`"),
        (status = 403, description = "`insufficient_scope`"),
    ),
    security(("access_token" = [])))]
async fn userinfo_by_post(
    State(oauth): State<OAuth>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Result<Json<Map<String, Value>>> {
    let form = form?;
    let token = presented(&headers, form.get("access_token"))?;
    tell(&oauth, token).await.map(Json)
}

/// The token of a request: in one place only (RFC 6750 section 2).
fn presented(headers: &HeaderMap, in_body: Option<&str>) -> Result<AccessTokenHash> {
    let in_header = headers.contains_key(AUTHORIZATION) || headers.contains_key("token");
    let text = match in_body {
        Some(_) if in_header => {
            return Err(Error::invalid_request("the access token was sent in a header and in the body: send it once"));
        }
        Some(text) => text,
        None if in_header => credential::text(headers).map_err(|_| Error::invalid_token())?,
        None => return Err(missing()),
    };
    AccessTokenHash::of_any(text).ok_or_else(Error::invalid_token)
}

async fn tell(oauth: &OAuth, token: AccessTokenHash) -> Result<Map<String, Value>> {
    let now = oauth.clock.now();
    let found = oauth.access_checks.ask(Ask { token, service: None, now }).await?;
    let access = found.map(|found| found.token).filter(|access| oauth.clock.now() < access.expires_at);
    let access = access.ok_or_else(Error::invalid_token)?;
    if access.for_itself || !access.scopes.iter().any(|scope| scope == OPENID) {
        return Err(insufficient_scope());
    }
    let mut conn = oauth.db.read().await?;
    let profile = claims::store::find(&mut conn, access.person).await?.ok_or_else(Error::invalid_token)?;
    let mut claims = profile.of_scopes(&access.scopes);
    if let Some(wanted) = tokens::store::claims_asked(&mut conn, token).await? {
        claims.append(&mut profile.asked(&wanted, Place::Userinfo));
    }
    claims.insert("sub".to_owned(), access.person.to_string().into());
    Ok(claims)
}

/// 401 without a code in the challenge: nothing was presented (RFC 6750 section 3.1).
fn missing() -> Error {
    let description = "send an access token of the scope openid in Authorization: Bearer";
    Error::new(StatusCode::UNAUTHORIZED, "missing_token_header", description)
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"portero\""))
}

fn insufficient_scope() -> Error {
    let challenge = "Bearer realm=\"portero\", error=\"insufficient_scope\", scope=\"openid\"";
    Error::new(StatusCode::FORBIDDEN, "insufficient_scope", "the access token does not have the scope openid")
        .with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
