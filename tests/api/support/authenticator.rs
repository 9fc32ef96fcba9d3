//! An authenticator in software (WebAuthn level 3, section 6), with one passkey at most, that does what a test wants of it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// The authenticator, and the browser that it is asked by.
#[derive(Debug)]
pub struct Authenticator {
    pub key: EcdsaKeyPair,
    pub credential_id: Vec<u8>,
    pub user_handle: String,
    /// The page that asks.
    pub origin: String,
    /// For whom it signs.
    pub rp_id: String,
    /// Whether it verifies who uses it.
    pub verifies: bool,
    /// How often it has signed; `None`: it does not count.
    pub counter: Option<u32>,
    pub is_eligible: bool,
    pub is_backed_up: bool,
}

impl Authenticator {
    /// One with a new key, used on a page of this origin, whose passkeys may be copied.
    pub fn at(origin: &str) -> Self {
        let rp_id = origin.split("://").nth(1).and_then(|rest| rest.split(':').next()).expect("an origin").to_owned();
        let mut credential_id = vec![0; 32];
        getrandom::fill(&mut credential_id).expect("randomness");
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
            credential_id,
            user_handle: base64url(&[7; 64]),
            origin: origin.to_owned(),
            rp_id,
            verifies: true,
            counter: None,
            is_eligible: true,
            is_backed_up: true,
        }
    }

    /// The same, with a key that never leaves it, and that counts.
    pub fn in_hardware(self) -> Self {
        Self { counter: Some(1), is_eligible: false, is_backed_up: false, ..self }
    }

    fn flags(&self) -> u8 {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        PRESENT | flag(self.verifies, VERIFIED) | flag(self.is_eligible, ELIGIBLE) | flag(self.is_backed_up, BACKED_UP)
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.unwrap_or(0).to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        // In this order, as browsers write it.
        let (challenge, origin) = (challenge.as_str().expect("a challenge"), &self.origin);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#).into_bytes()
    }

    /// `navigator.credentials.create({ publicKey }).toJSON()`.
    pub fn create(&mut self, public_key: &Value) -> Value {
        public_key["user"]["id"].as_str().expect("a user handle").clone_into(&mut self.user_handle);
        let mut data = self.data(self.flags() | ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential_id.len()).expect("a length").to_be_bytes());
        data.extend(&self.credential_id);
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..]);
        let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        attestation.push(u8::try_from(data.len()).expect("a short text"));
        attestation.extend(data);
        let client_data = self.client_data("webauthn.create", &public_key["challenge"]);
        let id = base64url(&self.credential_id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(&client_data),
                "attestationObject": base64url(&attestation),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// `navigator.credentials.get({ publicKey }).toJSON()`.
    pub fn get(&mut self, public_key: &Value) -> Value {
        self.counter = self.counter.map(|counter| counter + 1);
        let data = self.data(self.flags());
        let client_data = self.client_data("webauthn.get", &public_key["challenge"]);
        let signed = [data.as_slice(), Sha256::digest(&client_data).as_slice()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        let id = base64url(&self.credential_id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(&client_data),
                "authenticatorData": base64url(&data),
                "signature": base64url(signature.as_ref()),
                "userHandle": self.user_handle,
            },
        })
    }
}

pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
