//! The vault of this database, opened when something that is sealed is first needed: signing keys, secrets of trusted issuers.

mod store;

use std::sync::Arc;

use anyhow::bail;
use tokio::sync::OnceCell;

use crate::base::error::{Error, Result};
use crate::platform::database::Db;
use crate::platform::vault::{MasterKey, Place, Vault};

/// Where the vault is. A clone costs next to nothing, and opens it but once.
#[derive(Clone, Debug)]
pub struct VaultDoor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    vault: OnceCell<Vault>,
}

impl VaultDoor {
    /// One whose master key is in `place`, to be read or made when the vault is first opened.
    pub fn new(place: Place) -> Self {
        Self(Arc::new(Inner { place, vault: OnceCell::new() }))
    }

    /// Opens the vault: reads the master key, or makes it where there is neither one nor anything sealed.
    ///
    /// # Errors
    /// What to do: the file can't be read or made, or what is sealed in the database is so under another one.
    pub async fn open(&self, db: &Db) -> anyhow::Result<&Vault> {
        self.0.vault.get_or_try_init(async || self.begin(db).await).await
    }

    /// Likewise, for a request.
    ///
    /// # Errors
    /// 503 when it can't be asked whether the master key is the right one; 500 when it is not.
    pub async fn vault(&self, db: &Db) -> Result<&Vault> {
        // Without Postgres that is not known: no fault of ours.
        self.open(db).await.map_err(|error| error.downcast().unwrap_or_else(Error::Internal))
    }

    async fn begin(&self, db: &Db) -> anyhow::Result<Vault> {
        let place = &self.0.place;
        let mut conn = db.read().await?;
        let key = MasterKey::read(place)?;
        let own = key.as_ref().map(MasterKey::fingerprint);
        if let Some(other) = store::sealed_by_another(&mut conn, own.as_deref()).await? {
            let path = place.path();
            bail!(
                "the signing keys in the database are sealed under another master key (fingerprint {other}): copy \
                 the file `master.key` of an instance that has it to {}, or name it by MASTER_KEY_FILE",
                path.display()
            );
        }
        let key = match (key, place) {
            (Some(key), _) => key,
            (None, Place::File(path)) => {
                bail!("MASTER_KEY_FILE: there is no {}: openssl rand -hex 32 > {0}", path.display())
            }
            (None, Place::DataDirectory(_)) => {
                let key = MasterKey::make(place)?;
                tracing::info!(
                    file = %place.path().display(), fingerprint = key.fingerprint(),
                    "made the master key, which seals the signing keys: keep a copy, and give it to every instance"
                );
                key
            }
        };
        Ok(Vault::new(&key))
    }
}
