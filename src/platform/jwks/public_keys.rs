//! Keys by which signatures of others are verified (RFC 7517).

use std::collections::HashSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How a JWK set looks in the OpenAPI document.
#[derive(Debug)]
pub struct KeySet;

impl PartialSchema for KeySet {
    fn schema() -> RefOr<Schema> {
        let members = AdditionalProperties::FreeForm(true);
        let description = "a JWK set (RFC 7517 section 5)";
        ObjectBuilder::new().additional_properties(Some(members)).description(Some(description)).into()
    }
}

impl ToSchema for KeySet {}

/// The most keys that are given: enough to change them.
const MOST: usize = 10;

/// The most that are looked at of those that somebody publishes.
const MOST_OF_OTHERS: usize = 50;

/// What is taken.
const KNOWN: &str = "takes keys on P-256 or Ed25519, and RSA keys of 2048 bits or more with an odd `e` of at least 3";

/// So many characters of an id of a key are told.
const MOST_TOLD: usize = 40;

/// The most bytes of a public exponent of RSA: no greater ones are verified by.
const LONGEST_EXPONENT: usize = 5;

/// What only the owner of a key has (RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The fewest and the most characters of an RSA modulus in base64url: of 2048 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 342..=1366;

/// Reads a JWK set of public keys that we can verify by.
pub fn read(set: &Value) -> Result<JwkSet, String> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or("must be a JWK set: {\"keys\": […]}")?;
    if !(1..=MOST).contains(&keys.len()) {
        return Err(format!("must have 1 to {MOST} keys"));
    }
    must_be_public(keys)?;
    let set: JwkSet =
        serde_json::from_value(set.clone()).map_err(|_| "has a key that is not a JWK (RFC 7517)".to_owned())?;
    match set.keys.iter().position(|key| !is_known(key)) {
        None => Ok(set),
        Some(place) => Err(format!("{KNOWN}, and key {} is none of these", place + 1)),
    }
}

/// Refuses a set in which some key is not one that signs, and says which: a set that was given is for that alone.
pub fn must_all_sign(set: &JwkSet) -> Result<(), String> {
    let mut ids = HashSet::new();
    for (place, key) in set.keys.iter().enumerate() {
        let id = key.common.key_id.as_deref();
        let fault = if !is_for_signatures(key) {
            "is not for signatures: its `use` must be `sig`, and its `key_ops` have `verify`, if it has these"
        } else if algorithms_of(key).is_empty() {
            "can't sign by its `alg`"
        } else if !id.is_none_or(|id| ids.insert(id)) {
            "has the `kid` of another one"
        } else {
            continue;
        };
        let id = id.map(|id| format!(" ({:?})", id.chars().take(MOST_TOLD).collect::<String>()));
        return Err(format!("key {}{} {fault}", place + 1, id.unwrap_or_default()));
    }
    Ok(())
}

fn is_for_signatures(key: &Jwk) -> bool {
    matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature))
        && key.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify))
}

/// By which algorithms a public key signs: what it says, or all that it can.
pub fn algorithms_of(key: &Jwk) -> Vec<Algorithm> {
    let mut algorithms = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        _ => Vec::new(),
    };
    if let Some(said) = key.common.key_algorithm {
        algorithms.retain(|algorithm| Algorithm::try_from(said).is_ok_and(|said| said == *algorithm));
    }
    algorithms
}

/// Of a JWK set that somebody publishes for all the world, what we can verify by: they may have keys for others in it.
pub fn read_usable(set: &Value) -> Result<JwkSet, String> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or("is not a JWK set")?;
    must_be_public(keys)?;
    let read = keys.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let keys: Vec<Jwk> = read.filter(|key| is_known(key) && is_for_signatures(key)).take(MOST_OF_OTHERS).collect();
    if keys.is_empty() {
        Err(format!("has none of the keys that it may have: it {KNOWN}"))
    } else {
        Ok(JwkSet { keys })
    }
}

/// Before anything else is said of a set, and without a word of what it is.
fn must_be_public(keys: &[Value]) -> Result<(), String> {
    if keys.iter().any(is_private) {
        return Err(
            "has a private key in it: send the public part alone, and make a new pair, since this one is known now"
                .into(),
        );
    }
    Ok(())
}

/// Reads one public key that we can verify by; `None` for any other, and for one with its private part.
pub fn public_key(key: &Value) -> Option<Jwk> {
    let read = || serde_json::from_value(key.clone()).ok();
    if is_private(key) { None } else { read().filter(is_known) }
}

fn is_private(key: &Value) -> bool {
    PRIVATE.iter().any(|member| key.get(member).is_some())
}

fn is_known(key: &Jwk) -> bool {
    match &key.algorithm {
        AlgorithmParameters::EllipticCurve(key) => key.curve == EllipticCurve::P256,
        AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
        AlgorithmParameters::RSA(key) => MODULUS.contains(&key.n.len()) && is_exponent(&key.e),
        _ => false,
    }
}

/// Whether it is odd and no less than 3: what is signed by 1 is signed by everybody (RFC 8017 section 3.1).
fn is_exponent(text: &str) -> bool {
    let mut bytes = [0; LONGEST_EXPONENT];
    let Ok(bytes) = Base64UrlUnpadded::decode(text, &mut bytes) else { return false };
    let exponent = bytes.iter().fold(0_u64, |whole, byte| whole << 8 | u64::from(*byte));
    exponent >= 3 && exponent % 2 == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn on_p256() -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "alg": "ES256",
               "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    }

    #[test]
    fn of_keys_that_sign_each_does_and_is_told_from_the_others() {
        let of = |more: &[Value]| {
            let keys: Vec<Value> = more
                .iter()
                .map(|more| {
                    let mut key = on_p256();
                    key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
                    key.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
                    key
                })
                .collect();
            must_all_sign(&read(&json!({"keys": keys})).expect("keys"))
        };
        assert_eq!(of(&[json!({}), json!({"kid": "2"}), json!({"kid": null}), json!({"kid": null})]), Ok(()));
        assert_eq!(of(&[json!({"use": null, "key_ops": ["verify"], "alg": null})]), Ok(()));
        for (bad, word) in [
            (json!({"use": "enc"}), "`use`"),
            (json!({"use": null, "key_ops": ["encrypt"]}), "`key_ops`"),
            (json!({"alg": "HS256"}), "`alg`"),
            (json!({"alg": "RS256"}), "`alg`"),
            (json!({"kid": "first"}), "`kid`"),
        ] {
            let refused = of(&[json!({"kid": "first"}), bad]).expect_err("a fault");
            assert!(refused.starts_with("key 2 (") && refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn public_keys_that_we_verify_by_are_taken_and_nothing_else() {
        let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let rsa = |length| json!({"kty": "RSA", "e": "AQAB", "n": "x".repeat(length)});
        let read_keys = |keys: Vec<Value>| read(&json!({"keys": keys}));
        assert_eq!(read_keys(vec![on_p256(), ed25519, rsa(342)]).map(|set| set.keys.len()), Ok(3));
        let mut private = on_p256();
        private["d"] = json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
        let refused = read_keys(vec![private]).expect_err("a private key");
        assert!(refused.contains("private key") && !refused.contains("jpsQ"), "{refused}");
        let p384 = json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"});
        let secret = json!({"kty": "oct", "k": "c2VjcmV0"});
        for bad in [vec![], vec![p384], vec![secret], vec![rsa(171)], vec![json!({})], vec![json!(7)]] {
            assert!(read_keys(bad.clone()).is_err(), "{bad:?}");
        }
        assert!(read_keys(vec![on_p256(); 11]).is_err());
        for (exponent, is_one) in
            [("Aw", true), ("AQAB", true), ("AQ", false), ("AA", false), ("", false), ("AgAA", false)]
        {
            let mut key = rsa(342);
            key["e"] = json!(exponent);
            assert_eq!(read_keys(vec![key]).is_ok(), is_one, "{exponent:?}");
        }
        let mut for_secrets = on_p256();
        for_secrets["use"] = json!("enc");
        let published = json!({"keys": [json!({"kty": "odd"}), for_secrets, on_p256()]});
        assert_eq!(read_usable(&published).map(|set| set.keys.len()), Ok(1));
        assert!(read_usable(&json!({"keys": []})).is_err());
        for bad in [json!({}), json!([]), json!({"keys": {}}), json!(null)] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }
}
