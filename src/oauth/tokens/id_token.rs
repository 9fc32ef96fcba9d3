use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{Grant, Minted};
use crate::base::error::Result;
use crate::oauth::OAuth;
use crate::oauth::keys::{Algorithm, TokenType};

/// What an ID token says (OpenID Connect Core section 2).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    exp: i64,
    iat: i64,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(flatten)]
    asked: Map<String, Value>,
}

/// The ID token beside an access token: with the `nonce` of the request, the `sid` of the session in the browser, and what
/// was asked for claim by claim.
pub async fn id_token(
    oauth: &OAuth,
    grant: &Grant<'_>,
    access: &Minted,
    (nonce, sid): (Option<&str>, Option<&str>),
    asked: Map<String, Value>,
    now: OffsetDateTime,
) -> Result<String> {
    let algorithm = grant.client.signing_alg;
    let claims = Claims {
        iss: oauth.issuer.as_str(),
        sub: grant.subject.name(),
        aud: &grant.client.client_id,
        exp: access.new.expires_at.unix_timestamp(),
        iat: now.unix_timestamp(),
        at_hash: at_hash(algorithm, &access.text),
        auth_time: grant.login.map(|login| login.auth_time.unix_timestamp()),
        acr: grant.login.map(|login| login.acr.as_str()),
        amr: grant.login.map(|login| login.amr.as_slice()),
        nonce,
        sid,
        asked,
    };
    oauth.keys.sign(&oauth.db, (algorithm, TokenType::Id), &claims, now).await
}

/// The left half of the access token's digest, by the hash function of the signature (section 3.1.3.6).
fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    let function = match algorithm {
        Algorithm::ES256 | Algorithm::RS256 => &SHA256,
        Algorithm::EdDSA => &SHA512,
    };
    let digest = digest(function, access_token.as_bytes());
    Base64UrlUnpadded::encode_string(&digest.as_ref()[..digest.as_ref().len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_standards_example() {
        // OpenID Connect Core appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(Algorithm::EdDSA, token).len(), 43);
    }
}
