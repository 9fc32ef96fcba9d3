//! Introspection as a signed JWT (RFC 9701), for who must be able to prove later what they were told.

use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::asker::Proved;
use crate::oauth::OAuth;
use crate::oauth::error::Result;
use crate::oauth::keys::{Algorithm, TokenType};

/// What is asked for, and how the answer is called (section 4).
const MEDIA: &str = "application/token-introspection+jwt";

/// What the JWT says (section 5). It has neither `sub` nor `exp`: nobody takes it for an access token.
#[derive(Serialize)]
struct Claims<'a, T> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: &'a T,
}

/// Whether a request asks for a JWT.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_media = parts.next().is_some_and(|media| media.eq_ignore_ascii_case(MEDIA));
        let is_zero = |weight: &str| weight.trim_end_matches(['0', '.']).is_empty();
        is_media && !parts.filter_map(|part| part.strip_prefix("q=")).any(is_zero)
    })
}

/// The answer, signed for whoever asked: as the client's tokens are.
pub(super) async fn answer(oauth: &OAuth, asker: &Proved, said: &impl Serialize) -> Result<Response> {
    let (aud, algorithm) = match asker {
        Proved::Service(service) => {
            (oauth.rights.vocabulary().service_name(*service).unwrap_or_default(), Algorithm::default())
        }
        Proved::Client(client) => (client.client_id.as_str().into(), client.signing_alg),
    };
    let now = oauth.clock.now();
    let claims = Claims { iss: oauth.issuer.as_str(), aud: &aud, iat: now.unix_timestamp(), token_introspection: said };
    let jwt = oauth.keys.sign(&oauth.db, (algorithm, TokenType::Introspection), &claims, now).await?;
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(MEDIA)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, jwt).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_is_for_who_asks_for_one() {
        let is_asked_for = |accept: &str| {
            let headers = [(ACCEPT, HeaderValue::from_str(accept).expect("a header"))];
            is_asked_for(&HeaderMap::from_iter(headers))
        };
        for asking in
            [MEDIA, "application/json;q=0.5, Application/Token-Introspection+JWT; q=0.9", &format!("*/*,{MEDIA}")]
        {
            assert!(is_asked_for(asking), "{asking}");
        }
        for other in [
            "*/*",
            "application/*",
            "application/json",
            "application/jwt",
            &format!("{MEDIA};q=0"),
            &format!("{MEDIA};q=0.0"),
        ] {
            assert!(!is_asked_for(other), "{other}");
        }
    }
}
