//! A proof (RFC 9449 section 4.2): a JWT, signed for one request by the key that it has in its own header.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash};
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use url::Url;

use crate::platform::jwks::public_key;

/// How a proof may be signed (section 5.1, `dpop_signing_alg_values_supported`).
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// The longest proof, in bytes.
const LONGEST: usize = 8 * 1024;

/// The longest `jti`.
const LONGEST_ID: usize = 255;

/// After so long a proof is no good any more.
pub const GOOD: Duration = Duration::minutes(5);

/// By so much its maker's clock may be ahead.
const LEEWAY: Duration = Duration::minutes(1);

/// The thumbprint of a key (RFC 7638), by SHA-256: what tokens are bound to.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Its text: `jkt`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Thumbprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        match Base64UrlUnpadded::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err("dpop_jkt is no SHA-256 thumbprint of a key in base64url (RFC 7638)"),
        }
    }
}

/// The request that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address, without a query.
    pub address: &'a str,
    /// The access token that it carries, if it carries one.
    pub token: Option<&'a str>,
    /// When it came.
    pub now: OffsetDateTime,
}

/// A proof that is good, as far as that is to be seen of it: whether its nonce is, and whether it came before, is still to be asked.
#[derive(Debug)]
pub struct Proof {
    /// The key that made it.
    pub key: Thumbprint,
    /// Its own id.
    pub jti: String,
    /// What it has of ours.
    pub nonce: Option<String>,
    /// From when on it is no good.
    pub expires_at: OffsetDateTime,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Value,
    crit: Option<Value>,
    b64: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    ath: Option<String>,
    nonce: Option<String>,
}

impl Proof {
    /// Reads a proof for this request.
    ///
    /// # Errors
    /// What is wrong with it, for its maker.
    pub fn read(text: &str, expected: &Expected<'_>) -> Result<Self, &'static str> {
        let (algorithm, key) = key_of(text)?;
        let claims = claims_of(text, algorithm, &key)?;
        if !(1..=LONGEST_ID).contains(&claims.jti.len()) {
            return Err("jti of the DPoP proof has 1 to 255 characters");
        }
        if claims.htm != expected.method {
            return Err("htm of the DPoP proof is not the method of this request");
        }
        if without_query(&claims.htu).is_none_or(|htu| Some(htu) != without_query(expected.address)) {
            return Err("htu of the DPoP proof is not the address of this request, as the discovery document has it");
        }
        if claims.ath.as_deref() != expected.token.map(hash_of).as_deref() {
            return Err("ath of the DPoP proof is not the hash of the access token that is sent with it");
        }
        let expires_at =
            end_of(claims.iat, expected.now).ok_or("iat of the DPoP proof is not now: make one for each request")?;
        let key = key.thumbprint(ThumbprintHash::SHA256).map_err(|_| NO_KEY)?;
        Ok(Self { key: Thumbprint(key), jti: claims.jti, nonce: claims.nonce, expires_at })
    }
}

const NO_PROOF: &str = "the DPoP header is not a proof: a JWT of the type dpop+jwt";
const NO_KEY: &str =
    "jwk of the DPoP proof is not a public key on P-256 or Ed25519, nor an RSA key of 2048 bits or more";

/// How the proof says it is signed, and by which key: nothing of it is proved.
fn key_of(text: &str) -> Result<(jsonwebtoken::Algorithm, Jwk), &'static str> {
    if text.len() > LONGEST {
        return Err("the DPoP proof is longer than 8 KiB");
    }
    let head = text.split('.').next().and_then(|head| Base64UrlUnpadded::decode_vec(head).ok()).ok_or(NO_PROOF)?;
    let header: Header = serde_json::from_slice(&head).map_err(|_| NO_PROOF)?;
    if header.typ != "dpop+jwt" || header.crit.is_some() || header.b64.is_some() {
        return Err(NO_PROOF);
    }
    let key = public_key(&header.jwk).ok_or(NO_KEY)?;
    // Which algorithms there are is for the key to say.
    let algorithm = match (&key.algorithm, header.alg.as_str()) {
        (AlgorithmParameters::EllipticCurve(key), "ES256") if key.curve == EllipticCurve::P256 => {
            jsonwebtoken::Algorithm::ES256
        }
        (AlgorithmParameters::OctetKeyPair(_), "EdDSA") => jsonwebtoken::Algorithm::EdDSA,
        (AlgorithmParameters::RSA(_), "RS256") => jsonwebtoken::Algorithm::RS256,
        _ => return Err("alg of the DPoP proof is none of ES256, EdDSA, RS256, or not that of its jwk"),
    };
    Ok((algorithm, key))
}

/// What a proof says that this key has signed.
fn claims_of(text: &str, algorithm: jsonwebtoken::Algorithm, key: &Jwk) -> Result<Claims, &'static str> {
    let mut validation = Validation::new(algorithm);
    // By our own clock, in a moment.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).map_err(|_| NO_KEY)?;
    let read = jsonwebtoken::decode::<Value>(text, &key, &validation);
    let read = read.map_err(|_| "the DPoP proof is not signed by the key in its jwk")?;
    serde_json::from_value(read.claims).map_err(|_| "the DPoP proof lacks one of jti, htm, htu, iat")
}

/// When a proof that was made at `iat` is no good any more; `None` where that was too long ago, or is still to come.
#[expect(clippy::cast_possible_truncation, reason = "a moment out of range is refused")]
fn end_of(iat: f64, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let made = OffsetDateTime::from_unix_timestamp(iat.floor() as i64).ok()?;
    (made <= now + LEEWAY && now < made + GOOD).then(|| made + GOOD)
}

/// `ath` (section 4.2).
fn hash_of(token: &str) -> String {
    use sha2::{Digest, Sha256};
    Base64UrlUnpadded::encode_string(&Sha256::digest(token.as_bytes()))
}

/// An address as addresses are compared (section 4.3): in its normal form, without query and fragment.
fn without_query(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_their_normal_form_without_query() {
        let is_same = |a: &str, b: &str| without_query(a).is_some_and(|a| Some(a) == without_query(b));
        for same in ["https://id.example.com/oauth/token?a=b#c", "HTTPS://ID.example.com:443/oauth/./token"] {
            assert!(is_same(same, "https://id.example.com/oauth/token"), "{same}");
        }
        for other in [
            "http://id.example.com/oauth/token",
            "https://id.example.com/oauth/token/",
            "https://id.example.com:8443/oauth/token",
            "https://id.example.com.evil.example/oauth/token",
            "https://me@id.example.com/oauth/token",
            "/oauth/token",
            "",
        ] {
            assert!(!is_same(other, "https://id.example.com/oauth/token"), "{other}");
        }
    }

    #[test]
    fn a_proof_is_of_now() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
        let is_good = |iat: f64| end_of(iat, at(1000)).is_some();
        assert!(is_good(1000.) && is_good(1060.9) && is_good(700.5 + 1.) && is_good(701.));
        for bad in [700., 1061., 0., -1., 1e30, f64::NAN, f64::INFINITY] {
            assert!(!is_good(bad), "{bad}");
        }
    }

    #[test]
    fn a_thumbprint_is_a_sha256_in_base64url() {
        assert!("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".parse::<Thumbprint>().is_ok());
        for bad in ["", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4", "0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I"] {
            assert!(bad.parse::<Thumbprint>().is_err(), "{bad}");
        }
    }
}
