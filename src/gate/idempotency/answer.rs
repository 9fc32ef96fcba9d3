use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode, response};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::key::Hash;
use crate::base::error::{Error, Result};

/// Says that an answer is given once more.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The headers that belong to an answer rather than to its delivery.
const KEPT: [HeaderName; 4] = [CONTENT_TYPE, ETAG, LINK, LOCATION];

/// An answer to be given again.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl StoredResponse {
    pub(super) fn new(head: &response::Parts, body: &[u8]) -> Result<Self> {
        let text = |value: &HeaderValue| Some(value.to_str().ok()?.to_owned());
        let kept = KEPT.iter().filter_map(|name| Some((name.to_string(), text(head.headers.get(name)?)?)));
        let body = str::from_utf8(body).map_err(|error| Error::Internal(error.into()))?.to_owned();
        Ok(Self { status: head.status.as_u16(), headers: kept.collect(), body })
    }

    /// Seals it, for `place` only: another row's answer does not open in this one's.
    #[expect(clippy::disallowed_methods, reason = "a nonce is random and nothing else")]
    pub(super) fn seal(&self, key: &Hash, place: &Hash) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|error| Error::Internal(error.into()))?;
        let mut sealed = Zeroizing::new(serde_json::to_vec(self).map_err(|error| Error::Internal(error.into()))?);
        let tag = aead(key)?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed)
            .map_err(|_| broken())?;
        Ok([&nonce, sealed.as_slice(), tag.as_ref()].concat())
    }

    pub(super) fn open(sealed: &[u8], key: &Hash, place: &Hash) -> Result<Self> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut opened = Zeroizing::new(sealed.to_vec());
        let plain = aead(key)?.open_in_place(nonce, Aad::from(place), &mut opened).map_err(|_| broken())?;
        serde_json::from_slice(plain).map_err(|_| broken())
    }

    pub(super) fn again(self) -> Result<Response> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(|_| broken())?;
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                return Err(broken());
            };
            headers.insert(name, value);
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

fn aead(key: &Hash) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| broken())
}

fn broken() -> Error {
    Error::Internal(anyhow::anyhow!("a kept answer can't be sealed or opened"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_in_the_right_place_opens_an_answer() {
        let (head, ()) = Response::builder()
            .status(201)
            .header(CONTENT_TYPE, "application/json")
            .body(())
            .expect("an answer")
            .into_parts();
        let answer = StoredResponse::new(&head, b"psk_secret").expect("text");
        let sealed = answer.seal(&[1; 32], &[2; 32]).expect("a seal");
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert!(StoredResponse::open(&sealed, &[0; 32], &[2; 32]).is_err());
        assert!(StoredResponse::open(&sealed, &[1; 32], &[3; 32]).is_err());
        for byte in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[byte] ^= 1;
            assert!(StoredResponse::open(&forged, &[1; 32], &[2; 32]).is_err(), "byte {byte}");
        }
        assert!(StoredResponse::open(b"short", &[1; 32], &[2; 32]).is_err());
        let again = StoredResponse::open(&sealed, &[1; 32], &[2; 32]).expect("the answer").again().expect("an answer");
        assert_eq!((again.status(), &again.headers()[CONTENT_TYPE]), (head.status, &head.headers[CONTENT_TYPE]));
        assert_ne!(sealed, answer.seal(&[1; 32], &[2; 32]).expect("a seal"), "a nonce of its own");
    }
}
