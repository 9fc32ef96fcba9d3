//! Has one of these keys signed this JWT? A key says by which algorithm, never the token.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value};

use super::algorithms_of;

/// The claims of a JWT that one of these keys has signed: the one that its header names, or the only one. Of what they say nothing
/// is looked at yet.
pub fn signed_by_one_of(keys: &JwkSet, header: &Header, text: &str) -> Option<Map<String, Value>> {
    let mut candidates = keys.keys.iter().filter(|key| match &header.kid {
        Some(kid) => key.common.key_id.as_ref() == Some(kid),
        None => keys.keys.len() == 1,
    });
    candidates.find_map(|key| signed_with(&DecodingKey::from_jwk(key).ok()?, &algorithms_of(key), text))
}

/// The same of one key, by one of these algorithms.
pub fn signed_with(key: &DecodingKey, algorithms: &[Algorithm], text: &str) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(*algorithms.first()?);
    validation.algorithms = algorithms.to_vec();
    // By our own clock, and by whoever asks.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(text, key, &validation).ok().map(|read| read.claims)
}
