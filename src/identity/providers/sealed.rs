use std::fmt;

use crate::base::error::{Error, Result};
use crate::base::secret::Secret;
use crate::gate::Gate;

/// The secret of a provider, as it is stored.
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
    /// Seals the secret of the provider of this name.
    ///
    /// # Errors
    /// As of opening the vault.
    pub async fn seal(gate: &Gate, provider: &str, secret: &[u8]) -> Result<Self> {
        let vault = gate.vault.vault(&gate.db).await?;
        Ok(Self { secret: vault.seal(&what(provider), secret)?, by: vault.fingerprint().to_owned() })
    }

    /// The secret.
    ///
    /// # Errors
    /// 500 where it is sealed under another master key; 503.
    pub async fn open(&self, gate: &Gate, provider: &str) -> Result<Secret> {
        let vault = gate.vault.vault(&gate.db).await?;
        let opened = vault.open(&what(provider), &self.secret);
        let text = opened.and_then(|secret| String::from_utf8(secret.to_vec()).ok());
        let fault =
            || Error::Internal(anyhow::anyhow!("the secret of provider {provider} is sealed under another master key"));
        text.map(Secret::from).ok_or_else(fault)
    }
}

/// As what a secret is sealed: that of one provider opens as no other's.
fn what(provider: &str) -> String {
    format!("secret of the identity provider {provider}")
}
