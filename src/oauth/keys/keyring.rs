use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::pair::{Der, Pair};
use super::{Algorithm, store};
use crate::base::error::{Error, Result};
use crate::gate::vault::VaultDoor;
use crate::platform::database::Db;
use crate::platform::http::Document;
use crate::platform::vault::Vault;

/// After so long the keys are read anew: what another instance has made meanwhile is published here by then.
const FRESH: Duration = Duration::seconds(30);

/// What a signed token is (the header `typ`), so that none passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// RFC 9068 section 2.1.
    Access,
    /// OpenID Connect Core section 2.
    Id,
    /// OpenID Connect Back-Channel Logout section 2.4.
    Logout,
    /// RFC 9701 section 5.
    Introspection,
}

impl TokenType {
    /// The header `typ`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Id => "JWT",
            Self::Logout => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
        }
    }
}

/// All keys that are published, and those among them that sign. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    vault: VaultDoor,
    known: RwLock<Arc<Known>>,
    /// How often it was forgotten.
    forgotten: AtomicU64,
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    read_at: Option<OffsetDateTime>,
    pairs: Vec<Pair>,
    jwks: Document,
}

impl Known {
    /// The one that signs at `now`: of those whose time has come the last. If none has, the first: another instance made it
    /// a moment ago, by a clock that is ahead of ours.
    fn signer(&self, algorithm: Algorithm, now: OffsetDateTime) -> Option<&Pair> {
        let of_algorithm = || self.pairs.iter().filter(|pair| pair.algorithm == algorithm);
        of_algorithm().rfind(|pair| pair.signs_from <= now).or_else(|| of_algorithm().next())
    }

    fn is_fresh(&self, now: OffsetDateTime) -> bool {
        self.read_at.is_some_and(|read_at| (now - read_at).abs() < FRESH)
    }
}

impl Keyring {
    /// One whose private keys are sealed in this vault.
    pub fn new(vault: VaultDoor) -> Self {
        let (known, forgotten, reading) = (RwLock::default(), AtomicU64::default(), Mutex::default());
        Self(Arc::new(Inner { vault, known, forgotten, reading }))
    }

    /// A compact JWS of `claims`.
    ///
    /// # Errors
    /// 503 when the keys can't be read; 500 when they are sealed under another master key.
    pub async fn sign(
        &self,
        db: &Db,
        (algorithm, typ): (Algorithm, TokenType),
        claims: &impl Serialize,
        now: OffsetDateTime,
    ) -> Result<String> {
        let known = self.known(db, now).await?;
        if let Some(pair) = known.signer(algorithm, now) {
            return pair.sign(typ.as_str(), claims);
        }
        self.make_missing(db, &[algorithm], now).await?;
        let known = self.known(db, now).await?;
        let pair = known.signer(algorithm, now);
        pair.ok_or_else(|| Error::Internal(anyhow::anyhow!("no {algorithm} key signs")))?.sign(typ.as_str(), claims)
    }

    /// The claims of a token that was signed here as one of this type, whether its time is over or not; `None` of any other.
    /// Its key is looked up by `kid` among ours alone, and its algorithm is that key's.
    pub async fn read<T: DeserializeOwned>(
        &self,
        db: &Db,
        typ: TokenType,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Option<T>> {
        let known = self.known(db, now).await?;
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        if header.typ.as_deref() != Some(typ.as_str()) {
            return Ok(None);
        }
        let Some(pair) = known.pairs.iter().find(|pair| header.kid.as_deref() == Some(pair.kid.as_str())) else {
            return Ok(None);
        };
        let mut validation = Validation::new(pair.algorithm.of_jwt());
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let key = DecodingKey::from_jwk(&pair.public).map_err(|error| Error::Internal(error.into()))?;
        Ok(jsonwebtoken::decode(token, &key, &validation).ok().map(|token| token.claims))
    }

    /// The JWK Set (RFC 7517 section 5), with a key of each algorithm.
    pub async fn jwks(&self, db: &Db, now: OffsetDateTime) -> Result<Document> {
        let known = self.known(db, now).await?;
        if Algorithm::ALL.iter().all(|algorithm| known.signer(*algorithm, now).is_some()) {
            return Ok(known.jwks.clone());
        }
        self.make_missing(db, &Algorithm::ALL, now).await?;
        Ok(self.known(db, now).await?.jwks.clone())
    }

    /// Makes the first key of each algorithm that has none.
    pub async fn make_missing(&self, db: &Db, algorithms: &[Algorithm], now: OffsetDateTime) -> Result<()> {
        let vault = self.vault(db).await?;
        let there = store::published(&mut *db.read().await?, now).await?;
        // Before the lock: an RSA key takes its time.
        let mut made = Vec::new();
        for algorithm in algorithms {
            if !has_one(&there, algorithm.as_str()) {
                made.push(make(vault, *algorithm, (now, now)).await?);
            }
        }
        let mut tx = db.begin().await?;
        store::lock(&mut tx).await?;
        // Another instance may have been first.
        let there = store::published(&mut tx, now).await?;
        must_open(vault, &there)?;
        for key in made.iter().filter(|key| !has_one(&there, &key.alg)) {
            store::insert(&mut tx, key).await?;
        }
        tx.commit().await?;
        self.forget();
        Ok(())
    }

    /// What is known is read anew before it is used again.
    pub(super) fn forget(&self) {
        self.0.forgotten.fetch_add(1, Ordering::AcqRel);
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// The code of a message that is a `what`, by a key that all instances have.
    ///
    /// # Errors
    /// 503 when it can't be asked whether the master key is the right one.
    pub async fn code_of(&self, db: &Db, what: &str, message: &[u8]) -> Result<[u8; 32]> {
        Ok(self.vault(db).await?.code_of(what, message))
    }

    pub(super) async fn vault(&self, db: &Db) -> Result<&Vault> {
        self.0.vault.vault(db).await
    }

    async fn known(&self, db: &Db, now: OffsetDateTime) -> Result<Arc<Known>> {
        let current = || Arc::clone(&self.0.known.read().unwrap_or_else(PoisonError::into_inner));
        let known = current();
        if known.is_fresh(now) {
            return Ok(known);
        }
        let _one_at_a_time = self.0.reading.lock().await;
        let known = current();
        if known.is_fresh(now) {
            return Ok(known);
        }
        loop {
            let forgotten = self.0.forgotten.load(Ordering::Acquire);
            let loaded = Arc::new(self.load(db, now).await?);
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            // What was read before others changed it is read once more.
            if self.0.forgotten.load(Ordering::Acquire) == forgotten {
                *known = Arc::clone(&loaded);
                return Ok(loaded);
            }
        }
    }

    async fn load(&self, db: &Db, now: OffsetDateTime) -> Result<Known> {
        let vault = self.vault(db).await?;
        let stored = store::published(&mut *db.read().await?, now).await?;
        let mut pairs = Vec::with_capacity(stored.len());
        for key in stored {
            let algorithm: Algorithm =
                key.alg.parse().map_err(|fault: String| Error::Internal(anyhow::anyhow!(fault)))?;
            let opened = Pair::open(vault, (&key.kid, algorithm), &key.sealed, key.signs_from)?;
            pairs.push(opened.ok_or_else(|| sealed_by_another(&key))?);
        }
        let keys: Vec<Jwk> = pairs.iter().map(|pair| pair.public.clone()).collect();
        Ok(Known { read_at: Some(now), pairs, jwks: Document::of(&JwkSet { keys })? })
    }
}

/// Refuses to make keys beside those that another master key has sealed: of two instances that start first, each with a master
/// key of its own, one would stop the other.
pub(super) fn must_open(vault: &Vault, there: &[store::Stored]) -> Result<()> {
    match there.iter().find(|key| key.sealed_by != vault.fingerprint()) {
        Some(key) => Err(sealed_by_another(key)),
        None => Ok(()),
    }
}

fn sealed_by_another(key: &store::Stored) -> Error {
    Error::Internal(anyhow::anyhow!(
        "signing key {} is sealed under another master key: {}: copy that instance's master.key, or set MASTER_KEY_FILE",
        key.kid,
        key.sealed_by
    ))
}

fn has_one(there: &[store::Stored], algorithm: &str) -> bool {
    there.iter().any(|key| key.alg == algorithm)
}

/// Makes a key that, once it is stored, is published from now on and signs from `signs_from`.
pub(super) async fn make(
    vault: &Vault,
    algorithm: Algorithm,
    (now, signs_from): (OffsetDateTime, OffsetDateTime),
) -> Result<store::Stored> {
    let made = tokio::task::spawn_blocking(move || Pair::generate(algorithm, signs_from)).await;
    let (pair, der): (Pair, Der) = made.map_err(|error| Error::Internal(error.into()))??;
    Ok(store::Stored {
        kid: pair.kid.clone(),
        alg: algorithm.to_string(),
        sealed: pair.seal(vault, &der)?,
        sealed_by: vault.fingerprint().to_owned(),
        public_jwk: Json(pair.public),
        created_at: now,
        signs_from,
    })
}
