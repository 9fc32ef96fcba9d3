//! Assertions that clients sign (RFC 7523 section 3): short-lived, for us, each good once.

use std::borrow::Cow;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::{Client, store};
use crate::oauth::OAuth;
use crate::oauth::error::{Error, Result};

/// An assertion may be good for so long.
const LONGEST: Duration = Duration::minutes(5);

/// By so much a client's clock may be ahead.
const LEEWAY: Duration = Duration::minutes(1);

/// What is below this is an endpoint of ours: an assertion may call us by one, instead of the issuer (RFC 7523 section 3, RFC 9126
/// section 2).
const ENDPOINTS: &str = "/oauth/";

/// The longest `jti`.
const LONGEST_ID: usize = 255;

/// What an assertion says.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    jti: String,
}

/// One, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether all that it names is so, and it names something: somebody else who is named, too, could show the assertion here.
    fn is_all(&self, is_ours: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::One(one) => is_ours(one),
            Self::Several(several) => !several.is_empty() && several.iter().all(|one| is_ours(one)),
        }
    }
}

#[derive(Deserialize)]
struct Issuer {
    iss: String,
}

/// Who says that they have signed it: nothing of it is proved.
pub(super) fn issuer(assertion: &str) -> Option<String> {
    jsonwebtoken::dangerous::insecure_decode::<Issuer>(assertion).ok().map(|read| read.claims.iss)
}

/// Whether a client has signed this for us, not long ago, and has not used it before. Only the log says why not.
pub(super) async fn is_good(oauth: &OAuth, client: &Client, assertion: &str) -> Result<bool> {
    let fault = fault(oauth, client, assertion).await?;
    if let Some(why) = fault {
        tracing::info!(client = client.client_id, why, "a client assertion is refused");
    }
    Ok(fault.is_none())
}

/// What is wrong with an assertion.
async fn fault(oauth: &OAuth, client: &Client, assertion: &str) -> Result<Option<&'static str>> {
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return Ok(Some("it is not a JWT")) };
    let now = oauth.clock.now();
    let keys = keys_of(oauth, client, header.kid.as_deref(), now).await?;
    let mut candidates = keys.keys.iter().filter(|key| match &header.kid {
        Some(kid) => key.common.key_id.as_ref() == Some(kid),
        None => keys.keys.len() == 1,
    });
    let Some(claims) = candidates.find_map(|key| signed_with(key, assertion)) else {
        return Ok(Some("no key of the client has signed it (kid, alg), or it lacks iss, sub, aud, exp or jti"));
    };
    let Ok(expires_at) = OffsetDateTime::from_unix_timestamp(claims.exp) else { return Ok(Some("exp is not a time")) };
    let is_of_client = claims.iss == client.client_id && claims.sub == client.client_id;
    let endpoints = oauth.issuer.at(ENDPOINTS);
    let is_for_us = claims.aud.is_all(|name| name == oauth.issuer.as_str() || name.starts_with(&endpoints));
    let has_begun = claims.nbf.is_none_or(|nbf| nbf <= (now + LEEWAY).unix_timestamp());
    let is_in_time = expires_at > now && expires_at <= now + LONGEST && has_begun;
    let is_named = (1..=LONGEST_ID).contains(&claims.jti.len());
    let rules = [
        (is_of_client, "iss and sub are not its client_id"),
        (is_for_us, "aud is not the issuer alone, or one of its endpoints"),
        (is_in_time, "exp is past or more than five minutes ahead, or nbf is to come"),
        (is_named, "jti is empty or too long"),
    ];
    if let Some((_, why)) = rules.into_iter().find(|(is_kept, _)| !is_kept) {
        return Ok(Some(why));
    }
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"client assertion\0")
        .chain_update(client.id.0.to_be_bytes())
        .chain_update(claims.jti.as_bytes())
        .finalize()
        .into();
    let mut tx = oauth.db.begin().await?;
    let is_new = store::spend(&mut tx, &digest, expires_at).await?;
    tx.commit().await.map_err(crate::base::error::Error::from)?;
    Ok((!is_new).then_some("jti was used before"))
}

/// The keys that a client has told us, or that are where it says.
async fn keys_of<'a>(
    oauth: &OAuth,
    client: &'a Client,
    kid: Option<&str>,
    now: OffsetDateTime,
) -> Result<Cow<'a, JwkSet>> {
    if let Some(keys) = &client.jwks {
        return Ok(Cow::Borrowed(keys));
    }
    let uri = client.jwks_uri.as_deref().ok_or_else(Error::invalid_client)?;
    let read = oauth.remote_keys.of(&oauth.outbound, (client.id, uri), kid, now).await;
    read.map(|keys| Cow::Owned(Arc::unwrap_or_clone(keys))).ok_or_else(|| {
        Error::invalid_client_because(
            "the keys at the jwks_uri of this client can't be read: it is asked for again in a minute",
        )
    })
}

/// By which a client may sign, as discovery has it.
pub const ASSERTION_ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "RS256", "PS256"];

/// What it says, if it is signed with this key. By which algorithm is for the key to say: never a symmetric one, and nothing
/// that the header names, but which of the key's own.
fn signed_with(key: &Jwk, assertion: &str) -> Option<Claims> {
    let algorithms = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(_) => vec![Algorithm::EdDSA],
        AlgorithmParameters::RSA(_) => vec![Algorithm::RS256, Algorithm::PS256],
        _ => return None,
    };
    let mut validation = Validation::new(*algorithms.first()?);
    validation.algorithms = algorithms;
    // By our own clock, in a moment.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).ok()?;
    jsonwebtoken::decode(assertion, &key, &validation).ok().map(|read| read.claims)
}
