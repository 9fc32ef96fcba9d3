//! Access tokens of OAuth clients: whose they are, what for, and what their subject may do. Signed or opaque, a token is known by
//! its digest; a signature makes none valid.

pub mod scope;
pub mod store;

use std::sync::Arc;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{ClientId, PersonId, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::person::client_of_username;
use crate::gate::checks::{Asked, Presentable, Stored};
use crate::gate::sessions::Payload;

/// An access token that is stored, whether its time is over or not.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The row of the client that it was issued to.
    pub client: ClientId,
    /// What requests call that client.
    pub client_id: Arc<str>,
    /// Whether the client acts for itself: the subject is the client.
    pub for_itself: bool,
    /// The subject.
    pub person: PersonId,
    /// Who the subject is, as checks say it.
    pub payload: Arc<Payload>,
    /// What was granted (RFC 6749 section 3.3), in order.
    pub scopes: Arc<[String]>,
    /// The audience: the services that may take it.
    pub services: Arc<[ServiceId]>,
    /// Those of them where it allows only what its scopes name, whatever they are called by now.
    pub narrowed: Arc<[ServiceId]>,
    /// The thumbprint of the key that it is bound to (RFC 9449 section 6).
    pub jkt: Option<Arc<str>>,
    /// Who acts for the subject (RFC 8693 section 4.1), if that is not the client alone.
    pub act: Option<Arc<Value>>,
    /// When it was issued.
    pub issued_at: OffsetDateTime,
    /// When it is over. Nothing renews it.
    pub expires_at: OffsetDateTime,
    /// How its subject logged in, where that was asked and the subject is a person.
    pub login: Option<SeenLogin>,
}

/// How somebody logged in.
#[derive(Clone, Debug)]
pub struct SeenLogin {
    /// When.
    pub auth_time: OffsetDateTime,
    /// How strong that was.
    pub acr: Arc<str>,
}

/// Whether it is asked how subjects have logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logins {
    Asked,
    NotAsked,
}

impl Presentable for AccessToken {
    const CHECKS: &'static str = "access token checks";
    type Hash = AccessTokenHash;

    async fn find_all(conn: &mut PgConnection, asked: &Asked<'_, AccessTokenHash>) -> Result<Stored<Self>> {
        store::check_all(conn, asked.each, asked.claiming, Logins::NotAsked, asked.now).await
    }
}

impl AccessToken {
    /// What requests call the subject, where that is a client that acts for itself.
    pub fn subject_client(&self) -> Option<&str> {
        client_of_username(&self.payload.username).filter(|_| self.for_itself)
    }
}
