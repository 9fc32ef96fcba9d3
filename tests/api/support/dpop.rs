//! Keys that prove by DPoP whose they are (RFC 9449).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use portero::base::request_id;
use portero::oauth::dpop::nonce;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Server;

/// A key of somebody's.
#[derive(Clone)]
pub struct ProofKey {
    pub algorithm: Algorithm,
    pub private: EncodingKey,
    pub public: Jwk,
}

impl ProofKey {
    pub fn new() -> Self {
        Self::of(Algorithm::ES256)
    }

    pub fn of(algorithm: Algorithm) -> Self {
        let private = match algorithm {
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("a key");
                EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("DER").as_ref())
            }
            Algorithm::RS256 => EncodingKey::from_rsa_der(&rsa()),
            _ => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
                EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("DER").as_ref())
            }
        };
        let public = Jwk::from_encoding_key(&private, algorithm).expect("a JWK");
        Self { algorithm, private, public }
    }

    /// What tokens are bound to.
    pub fn thumbprint(&self) -> String {
        self.public.thumbprint(ThumbprintHash::SHA256).expect("a thumbprint")
    }

    /// A JWT of this header and these claims.
    pub fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).expect("a JWT")
    }

    pub fn header(&self) -> Header {
        let (typ, jwk) = (Some("dpop+jwt".to_owned()), Some(self.public.clone()));
        Header { typ, jwk, ..Header::new(self.algorithm) }
    }

    /// A proof for a request of now.
    pub async fn proof(&self, server: &Server, method: &str, path: &str, token: Option<&str>) -> String {
        self.sign(&self.header(), &claims(server, method, path, token).await)
    }
}

/// What a good proof for a request of now says.
pub async fn claims(server: &Server, method: &str, path: &str, token: Option<&str>) -> Value {
    let now = server.app.clock.now();
    let nonce = nonce::current(&server.app, now).await.expect("a nonce");
    let mut claims = json!({
        "jti": &*request_id::generate(), "htm": method, "htu": server.app.issuer.at(path), "iat": now.unix_timestamp(),
        "nonce": nonce,
    });
    if let Some(token) = token {
        claims["ath"] = Base64UrlUnpadded::encode_string(&Sha256::digest(token.as_bytes())).into();
    }
    claims
}

/// PKCS #1, as the library wants it.
fn rsa() -> Vec<u8> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("DER");
    let inside = pkcs8::PrivateKeyInfoRef::try_from(der.as_ref()).expect("PKCS #8");
    inside.private_key.as_bytes().to_vec()
}
