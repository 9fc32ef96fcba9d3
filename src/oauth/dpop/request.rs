//! The proof that a request comes with.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::nonce;
use super::proof::{Expected, Proof, Thumbprint};
use crate::base;
use crate::oauth::OAuth;
use crate::oauth::clients::store;
use crate::oauth::error::{Error, Result};

/// The header with the proof.
pub const HEADER: &str = "dpop";

/// The key that a client proves to have, where it asks for tokens at one of our endpoints by `POST`; `None` where it proves
/// none (section 5).
///
/// # Errors
/// 400 `invalid_dpop_proof`; 400 `use_dpop_nonce` for one without a nonce of ours, which the answer then has; 503.
pub async fn of_client(oauth: &OAuth, headers: &HeaderMap, path: &str) -> Result<Option<Thumbprint>> {
    let invalid = |description| refused("invalid_dpop_proof", description);
    let Some(proof) = sent(headers).map_err(invalid)? else { return Ok(None) };
    let (now, address) = (oauth.clock.now(), oauth.issuer.at(path));
    let proof =
        Proof::read(proof, &Expected { method: "POST", address: &address, token: None, now }).map_err(invalid)?;
    accept(oauth, proof, now, refused).await.map(Some)
}

/// The key that the owner of an access token proves to have, where they show it at one of our endpoints (section 7).
///
/// # Errors
/// 401 `invalid_dpop_proof`, also where there is none; 401 `use_dpop_nonce`; 503.
pub async fn of_owner(
    oauth: &OAuth,
    headers: &HeaderMap,
    (method, path): (&str, &str),
    token: &str,
) -> Result<Thumbprint> {
    let invalid = |description| challenged("invalid_dpop_proof", description);
    let missing =
        "the DPoP header is missing: the access token is bound to a key, of which each request carries a proof";
    let proof = sent(headers).and_then(|proof| proof.ok_or(missing)).map_err(invalid)?;
    let (now, address) = (oauth.clock.now(), oauth.issuer.at(path));
    let expected = Expected { method, address: &address, token: Some(token), now };
    let proof = Proof::read(proof, &expected).map_err(invalid)?;
    accept(oauth, proof, now, challenged).await
}

/// The proof, if there is one: one only (section 4.3).
fn sent(headers: &HeaderMap) -> std::result::Result<Option<&str>, &'static str> {
    let mut sent = headers.get_all(HEADER).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(proof), None) => proof.to_str().map(Some).map_err(|_| "the DPoP header is not a proof"),
        (Some(_), Some(_)) => Err("the DPoP header was sent twice: send one proof"),
    }
}

/// Takes a proof that has a nonce of ours, once.
async fn accept(
    oauth: &OAuth,
    proof: Proof,
    now: time::OffsetDateTime,
    refused: fn(&'static str, &'static str) -> Error,
) -> Result<Thumbprint> {
    let is_told = match &proof.nonce {
        Some(nonce) => nonce::is_good(oauth, nonce, now).await?,
        None => false,
    };
    if !is_told {
        let description =
            "the DPoP proof needs the nonce that the header DPoP-Nonce of this answer has: sign another one with it";
        return Err(refused("use_dpop_nonce", description));
    }
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"DPoP proof\0")
        .chain_update(proof.key.as_str())
        .chain_update(b"\0")
        .chain_update(proof.jti.as_bytes())
        .finalize()
        .into();
    let mut tx = oauth.db.begin().await?;
    let is_new = store::spend(&mut tx, &digest, proof.expires_at).await?;
    tx.commit().await.map_err(base::error::Error::from)?;
    let again = || refused("invalid_dpop_proof", "this DPoP proof came before: make one for each request");
    if is_new { Ok(proof.key) } else { Err(again()) }
}

/// As RFC 6749 section 5.2 has it.
fn refused(code: &'static str, description: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, code, description)
}

/// As section 7.1 has it.
fn challenged(code: &'static str, description: &'static str) -> Error {
    let challenge = format!("DPoP realm=\"portero\", error=\"{code}\", algs=\"{}\"", super::ALGORITHMS.join(" "));
    let challenge = HeaderValue::try_from(challenge).unwrap_or_else(|_| HeaderValue::from_static("DPoP"));
    Error::new(StatusCode::UNAUTHORIZED, code, description).with(WWW_AUTHENTICATE, challenge)
}

/// 401 `invalid_token`: the proof is by another key than the one that the access token is bound to.
pub fn of_another_key() -> Error {
    challenged("invalid_token", "the DPoP proof is not by the key that the access token is bound to")
}

/// 401 `invalid_token`: a token that is bound to a key came as one that is not, or the other way round (section 7.2).
pub fn shown_otherwise() -> Error {
    challenged(
        "invalid_token",
        "send an access token that is bound to a key as Authorization: DPoP, with a proof, and any other as Bearer",
    )
}
