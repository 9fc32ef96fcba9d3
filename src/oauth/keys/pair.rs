use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{EncodingKey, Header};
use pkcs8::PrivateKeyInfoRef;
use serde::Serialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Algorithm;
use crate::base::error::{Error, Result};
use crate::platform::vault::Vault;

/// A private key with its public one.
pub(super) struct Pair {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) signs_from: OffsetDateTime,
    pub(super) public: Jwk,
    secret: EncodingKey,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({} {})", self.algorithm, self.kid)
    }
}

/// A private key as the library wants it: PKCS #8, or PKCS #1 of RSA.
pub(super) type Der = Zeroizing<Vec<u8>>;

impl Pair {
    /// A new one, which signs from a moment on. Finding primes takes some 100 ms.
    pub(super) fn generate(algorithm: Algorithm, signs_from: OffsetDateTime) -> Result<(Self, Der)> {
        let der = generate(algorithm).map_err(|_| broken("can't make a key"))?;
        Ok((Self::from_der(algorithm, &der, signs_from)?, der))
    }

    /// The one that was sealed as `kid`; `None` when the vault has another master key.
    pub(super) fn open(
        vault: &Vault,
        (kid, algorithm): (&str, Algorithm),
        sealed: &[u8],
        signs_from: OffsetDateTime,
    ) -> Result<Option<Self>> {
        let Some(der) = vault.open(&sealed_as(kid), sealed) else { return Ok(None) };
        Self::from_der(algorithm, &der, signs_from).map(Some)
    }

    /// Its private key for the database.
    pub(super) fn seal(&self, vault: &Vault, der: &Der) -> Result<Vec<u8>> {
        vault.seal(&sealed_as(&self.kid), der)
    }

    fn from_der(algorithm: Algorithm, der: &[u8], signs_from: OffsetDateTime) -> Result<Self> {
        let secret = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(der),
            Algorithm::EdDSA => EncodingKey::from_ed_der(der),
            Algorithm::RS256 => EncodingKey::from_rsa_der(der),
        };
        let mut public = Jwk::from_encoding_key(&secret, algorithm.of_jwt()).map_err(|_| broken("no such key"))?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| broken("no thumbprint"))?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { kid, algorithm, signs_from, public, secret })
    }

    /// A compact JWS (RFC 7515 section 3.1) of `claims`.
    pub(super) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String> {
        let mut header = Header::new(self.algorithm.of_jwt());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.secret).map_err(|error| Error::Internal(error.into()))
    }
}

fn sealed_as(kid: &str) -> String {
    format!("signing key {kid}")
}

fn generate(algorithm: Algorithm) -> Result<Der, aws_lc_rs::error::Unspecified> {
    let der = match algorithm {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            pair.to_pkcs8v1()?.as_ref().to_vec()
        }
        // Without the public key, as RFC 8410 section 7 has it first: the library takes no other.
        Algorithm::EdDSA => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
        Algorithm::RS256 => {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048)?;
            let der: Pkcs8V1Der<'_> = pair.as_der()?;
            // The library signs with what is inside.
            let inside = PrivateKeyInfoRef::try_from(der.as_ref()).map_err(|_| aws_lc_rs::error::Unspecified)?;
            inside.private_key.as_bytes().to_vec()
        }
    };
    Ok(Zeroizing::new(der))
}

fn broken(what: &'static str) -> Error {
    Error::Internal(anyhow::anyhow!("signing keys: {what}"))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;
    use crate::platform::vault::MasterKey;

    #[test]
    fn each_algorithm_signs_what_its_public_key_verifies_and_comes_back_from_the_vault() {
        let vault = Vault::new(&MasterKey::from_bytes([3; 32]));
        for algorithm in Algorithm::ALL {
            let (made, der) = Pair::generate(algorithm, OffsetDateTime::UNIX_EPOCH).expect("a key");
            let sealed = made.seal(&vault, &der).expect("sealed");
            let opened = Pair::open(&vault, (&made.kid, algorithm), &sealed, OffsetDateTime::UNIX_EPOCH);
            let opened = opened.expect("no fault").expect("the same master key");
            assert_eq!(opened.kid, made.kid);
            let token = opened.sign("at+jwt", &json!({"sub": "7", "exp": 4_102_444_800u64})).expect("signed");
            let key = DecodingKey::from_jwk(&made.public).expect("a public key");
            let mut validation = Validation::new(algorithm.of_jwt());
            validation.validate_aud = false;
            let read = jsonwebtoken::decode::<Value>(&token, &key, &validation).expect("verified");
            assert_eq!(read.claims["sub"], "7");
            assert_eq!(read.header.kid.as_deref(), Some(made.kid.as_str()));
            assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
            let shown = serde_json::to_value(&made.public).expect("JSON");
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(shown.get(private).is_none(), "{algorithm}: {private}");
            }
            let other = Vault::new(&MasterKey::from_bytes([4; 32]));
            let refused = Pair::open(&other, (&made.kid, algorithm), &sealed, OffsetDateTime::UNIX_EPOCH);
            assert!(refused.expect("no fault").is_none());
        }
    }
}
