//! What knows nobody's tables: a runtime for each core, Postgres, HTTP, password hashing, mail transport, metrics, traces, the log.

pub mod cores;
pub mod database;
pub mod files;
pub mod http;
pub mod jwks;
pub mod log;
pub mod mail;
pub mod memory;
pub mod metrics;
pub mod outbound;
pub mod ownership;
pub mod passwords;
pub mod shares;
pub mod spreadsheet;
pub mod tls;
pub mod traces;
pub mod vault;

use std::ops::Deref;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::base::opaque::invitation::Invitation;
use crate::base::opaque::mail_token::MailToken;
use crate::base::opaque::refresh_token::RefreshToken;
use crate::base::opaque::service_key::ServiceKey;
use crate::base::opaque::token::Token;
use crate::base::opaque::{Kind, Opaque};
use crate::base::secret::Secret;
use database::Db;
use mail::Mailer;
use metrics::Metrics;
use outbound::Outbound;
use passwords::{Hasher, Judge};

/// What every floor works with. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Platform(Arc<Parts>);

/// What a [`Platform`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Connections to Postgres.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// What hashes passwords.
    pub hasher: Hasher,
    /// What says how good they are.
    pub judge: Judge,
    pub metrics: Metrics,
    /// The way mail goes out.
    pub mailer: Mailer,
    /// What calls the addresses that others have named.
    pub outbound: Outbound,
    /// Where requests arrive, and how they are told apart.
    pub http: http::Settings,
    /// `TOKEN_SECRET`: mixed into new tokens.
    pub token_secret: Secret,
    /// Cancelled when Portero stops: what would never end by itself ends then.
    pub stopping: CancellationToken,
}

impl Deref for Platform {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Platform {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { clock, ..(*self.0).clone() })
    }

    /// A secret of any kind that nobody has had before.
    pub fn generate<K: Kind>(&self, now: OffsetDateTime) -> Result<Opaque<K>> {
        Ok(Opaque::generate(self.token_secret.expose().as_bytes(), &random()?, now))
    }

    /// 256 random bits.
    pub fn random(&self) -> Result<[u8; 32]> {
        random()
    }

    /// 128 random bits: an id that nobody has had before.
    pub fn random_id(&self) -> Result<[u8; 16]> {
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = random()?;
        Ok(id)
    }

    /// A token nobody has had before.
    pub fn new_token(&self, now: OffsetDateTime) -> Result<Token> {
        self.generate(now)
    }

    /// A refresh token nobody has had before.
    pub fn new_refresh_token(&self, now: OffsetDateTime) -> Result<RefreshToken> {
        self.generate(now)
    }

    /// An invitation nobody has had before.
    pub fn new_invitation(&self, now: OffsetDateTime) -> Result<Invitation> {
        self.generate(now)
    }

    /// A service key nobody has had before.
    pub fn new_service_key(&self, now: OffsetDateTime) -> Result<ServiceKey> {
        self.generate(now)
    }

    /// A token of a mail that nobody has had before.
    pub fn new_mail_token(&self, now: OffsetDateTime) -> Result<MailToken> {
        self.generate(now)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn random() -> Result<[u8; 32]> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(error.into()))?;
    Ok(random)
}
