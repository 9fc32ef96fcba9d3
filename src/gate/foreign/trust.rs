use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::Duration;
use utoipa::ToSchema;

use crate::base::error::{Error, Result};
use crate::base::id::{IssuerId, ServiceId};
use crate::gate::Gate;
use crate::platform::jwks;

/// How the claim that names a person names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PersonBy {
    /// By Portero's id of the person: a number, or a text of its digits.
    Id,
    /// By the person's username, to the letter.
    Username,
    /// By an address that both the issuer (`email_verified`) and Portero have verified.
    Email,
}

impl PersonBy {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Username => "username",
            Self::Email => "email",
        }
    }

    /// What is stored as this.
    pub fn of(stored: &str) -> Option<Self> {
        [Self::Id, Self::Username, Self::Email].into_iter().find(|by| by.as_str() == stored)
    }
}

/// A secret, as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    pub secret: Vec<u8>,
    /// The fingerprint of the master key that opens it.
    pub by: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(by {})", self.by)
    }
}

impl Sealed {
    /// Seals the secret of a service's issuer.
    ///
    /// # Errors
    /// As of opening the vault.
    pub async fn seal(gate: &Gate, service: ServiceId, secret: &[u8]) -> Result<Self> {
        let vault = gate.vault.vault(&gate.db).await?;
        Ok(Self { secret: vault.seal(&what(service), secret)?, by: vault.fingerprint().to_owned() })
    }
}

/// As what a secret is sealed: that of one service's issuer opens as no other's.
fn what(service: ServiceId) -> String {
    format!("secret of a trusted issuer of service {service}")
}

/// A trusted issuer, as it is stored.
#[derive(Clone, Debug)]
pub struct StoredTrust {
    pub id: IssuerId,
    pub version: i32,
    pub service: ServiceId,
    pub audiences: Vec<String>,
    pub leeway_seconds: i32,
    pub person_claim: String,
    pub person_by: String,
    pub secret: Option<Sealed>,
    pub jwks: Option<Value>,
    pub jwks_uri: Option<String>,
}

/// A trusted issuer, ready to be verified by.
#[derive(Debug)]
pub(super) struct Trust {
    pub id: IssuerId,
    /// Another one in the database means that this is no longer true.
    pub version: i32,
    pub service: ServiceId,
    /// One of them is the token's; none: whosesoever it is.
    pub audiences: Vec<String>,
    /// By so much its clock may be ahead.
    pub leeway: Duration,
    pub claim: String,
    pub by: PersonBy,
    pub keys: Keys,
}

/// What an issuer signs with. Which of these it is decides which algorithms there are: never the token.
pub(super) enum Keys {
    /// A secret that both have.
    Secret(Box<DecodingKey>),
    /// Public keys that were given.
    Given(JwkSet),
    /// Public keys at its address.
    At(String),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::Given(_) => "Given",
            Self::At(_) => "At",
        })
    }
}

impl Trust {
    /// Makes what is stored ready.
    ///
    /// # Errors
    /// 500 where the secret is sealed under another master key; 503.
    pub(super) async fn of(gate: &Gate, stored: StoredTrust) -> Result<Self> {
        let fault = |what: &str| Error::Internal(anyhow::anyhow!("trusted issuer {}: {what}", stored.id));
        let keys = match (stored.secret, stored.jwks, stored.jwks_uri) {
            (Some(sealed), None, None) => {
                let vault = gate.vault.vault(&gate.db).await?;
                let opened = vault.open(&what(stored.service), &sealed.secret);
                let secret = opened.ok_or_else(|| fault("its secret is sealed under another master key"))?;
                let key = DecodingKey::from_secret(&secret).map_err(|_| fault("its secret is empty"))?;
                Keys::Secret(Box::new(key))
            }
            (None, Some(keys), None) => Keys::Given(jwks::read(&keys).map_err(|why| fault(&why))?),
            (None, None, Some(uri)) => Keys::At(uri),
            _ => return Err(fault("has no keys, or several kinds of them")),
        };
        Ok(Self {
            id: stored.id,
            version: stored.version,
            service: stored.service,
            audiences: stored.audiences,
            leeway: Duration::seconds(stored.leeway_seconds.into()),
            by: PersonBy::of(&stored.person_by).ok_or_else(|| fault("names people in an unknown way"))?,
            claim: stored.person_claim,
            keys,
        })
    }
}
