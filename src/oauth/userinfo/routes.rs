use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::opaque::oauth::AccessTokenHash;
use crate::gate::Ask;
use crate::identity::people::Address;
use crate::oauth::OAuth;
use crate::oauth::claims::{self, Place};
use crate::oauth::dpop;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes::OPENID;
use crate::oauth::tokens;
use crate::platform::http::{Json, Route, Routes, credential};

const PATH: &str = "/oauth/userinfo";

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
/// claim. A token that is bound to a key is sent as `Authorization: DPoP`, with a proof (RFC 9449).
#[utoipa::path(get, path = PATH, tag = "tokens",
    params(("DPoP" = Option<String>, Header, description = "a proof by the key that the access token is bound to")),
    responses(
        (status = 200, body = Userinfo),
        (status = 401, description = "`invalid_token`, `missing_token_header`, `invalid_dpop_proof`, `use_dpop_nonce`"),
        (status = 403, description = "`insufficient_scope`"),
    ),
    security(("access_token" = [])))]
async fn userinfo(State(oauth): State<OAuth>, headers: HeaderMap) -> Response {
    answer(&oauth, &headers, ("GET", None)).await
}

/// Get who has logged in, by `POST`
///
/// As `GET`; the access token may also stand in the body, unless it is bound to a key.
#[utoipa::path(post, path = PATH, tag = "tokens",
    params(("DPoP" = Option<String>, Header, description = "a proof by the key that the access token is bound to")),
    request_body(content = TokenInBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Userinfo),
        (status = 400, description = "`invalid_request`"),
        (status = 401, description = "`invalid_token`, `missing_token_header`, `invalid_dpop_proof`, `use_dpop_nonce`"),
        (status = 403, description = "`insufficient_scope`"),
    ),
    security(("access_token" = [])))]
async fn userinfo_by_post(State(oauth): State<OAuth>, headers: HeaderMap, form: Result<Form>) -> Response {
    match form {
        Ok(form) => answer(&oauth, &headers, ("POST", form.get("access_token"))).await,
        Err(error) => error.into_response(),
    }
}

async fn answer(oauth: &OAuth, headers: &HeaderMap, (method, in_body): (&str, Option<&str>)) -> Response {
    let told = async {
        let presented = presented(headers, in_body)?;
        tell(oauth, headers, (method, presented)).await
    };
    let answer = told.await.map(Json).into_response();
    let proves =
        headers.contains_key(dpop::HEADER) || matches!(presented(headers, in_body), Ok(Presented::WithProof(_)));
    if proves { dpop::with_nonce(oauth, answer).await } else { answer }
}

/// The access token of a request, and how it came.
#[derive(Clone, Copy)]
enum Presented<'a> {
    /// By itself (RFC 6750).
    Bearer(&'a str),
    /// As one that is bound to a key (RFC 9449 section 7.1).
    WithProof(&'a str),
}

/// The token of a request: in one place only (RFC 6750 section 2).
fn presented<'a>(headers: &'a HeaderMap, in_body: Option<&'a str>) -> Result<Presented<'a>> {
    let in_header = headers.contains_key(AUTHORIZATION) || headers.contains_key("token");
    match in_body {
        Some(_) if in_header => {
            Err(Error::invalid_request("the access token was sent in a header and in the body: send it once"))
        }
        Some(text) => Ok(Presented::Bearer(text)),
        None if in_header => match with_proof(headers) {
            Some(text) => Ok(Presented::WithProof(text)),
            None => credential::text(headers).map(Presented::Bearer).map_err(|_| Error::invalid_token()),
        },
        None => Err(missing()),
    }
}

/// What stands behind `Authorization: DPoP`, where it is the only header that says who calls.
fn with_proof(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none() && !headers.contains_key("token"))?;
    credential::of_scheme("dpop", value.to_str().ok()?)
}

/// The claims for whoever shows a good token, and, where it is bound to a key, proves to have that.
async fn tell(
    oauth: &OAuth,
    headers: &HeaderMap,
    (method, shown): (&str, Presented<'_>),
) -> Result<Map<String, Value>> {
    let (Presented::Bearer(text) | Presented::WithProof(text)) = shown;
    let token = AccessTokenHash::of_any(text).ok_or_else(Error::invalid_token)?;
    let now = oauth.clock.now();
    let found = oauth.access_checks.ask(Ask { hash: token, service: None, now }).await?;
    let access = found.map(|answer| answer.found).filter(|access| oauth.clock.now() < access.expires_at);
    let access = access.ok_or_else(Error::invalid_token)?;
    match (shown, access.jkt.as_deref()) {
        (Presented::Bearer(_), None) => {}
        (Presented::WithProof(_), Some(jkt)) => {
            if dpop::of_owner(oauth, headers, (method, PATH), text).await?.as_str() != jkt {
                return Err(dpop::of_another_key());
            }
        }
        // Bound to a key, it is nobody's by itself; and a key proves nothing of one that is not bound to it.
        (Presented::Bearer(_), Some(_)) | (Presented::WithProof(_), None) => return Err(dpop::shown_otherwise()),
    }
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
