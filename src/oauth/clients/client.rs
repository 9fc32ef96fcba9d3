use jsonwebtoken::jwk::JwkSet;
use time::{Duration, OffsetDateTime};

use super::{Admits, AuthMethod, Consent, GrantType, TokenFormat};
use crate::base::id::{ClientId, PersonId, ServiceId};
use crate::gate::Effective;
use crate::oauth::keys::Algorithm;

/// A client, as rules see it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the registry of client metadata has them so")]
pub struct Client {
    /// Its row.
    pub id: ClientId,
    /// Grows with each change of it or of its audience.
    pub version: i64,
    /// What requests name it by.
    pub client_id: String,
    /// Its name, for people.
    pub name: String,
    /// Whose it is: who manages that service manages it.
    pub service: ServiceId,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// How it may get tokens.
    pub grant_types: Vec<GrantType>,
    /// Where people may be sent back to, each to the letter. For loopback addresses the port is free (RFC 8252 section 7.3).
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after they have logged out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it hears of sessions that have ended (OpenID Connect Back-Channel Logout section 2.2).
    pub backchannel_logout_uri: Option<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
    /// The services that its tokens are for.
    pub audience: Vec<ServiceId>,
    /// What its access tokens look like.
    pub token_format: TokenFormat,
    /// How long these live.
    pub token_lifetime: Duration,
    /// How its tokens are signed.
    pub signing_alg: Algorithm,
    /// Whether it must send a code challenge (RFC 7636).
    pub requires_pkce: bool,
    /// Whether its tokens are bound to a key of its own (RFC 9449).
    pub requires_dpop: bool,
    /// Whether it must push its requests (RFC 9126).
    pub requires_par: bool,
    /// Whether people are asked.
    pub consent: Consent,
    /// Whom it lets in.
    pub admits: Admits,
    /// The keys that its assertions are signed with.
    pub jwks: Option<JwkSet>,
    /// Where these are.
    pub jwks_uri: Option<String>,
    /// Whether it is good from this machine's loopback address only.
    pub loopback_only: bool,
    /// The subject that it is when it acts for itself.
    pub subject: Option<PersonId>,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// Who registered it; `None` for the command line.
    pub created_by: Option<PersonId>,
    /// Of one that is described by the document at its `client_id`: when that is to be read again.
    pub document_expires_at: Option<OffsetDateTime>,
    /// Whether it has registered itself (RFC 7591).
    pub registered_itself: bool,
}

/// What requests call the client of this machine, which is there from the start.
const LOOPBACK: &str = "loopback";

impl Client {
    /// Whether it is Portero's own.
    pub fn is_built_in(&self) -> bool {
        self.service == ServiceId::PORTERO && self.client_id == LOOPBACK
    }

    /// Whether it can't keep a secret (RFC 6749 section 2.1).
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// Whether it lets somebody in who holds this in its service.
    pub fn lets_in(&self, held: &Effective) -> bool {
        match self.admits {
            Admits::Everybody => true,
            Admits::Members => !held.roles.is_empty(),
        }
    }

    /// Whether it is described by the document at its `client_id`.
    pub fn is_of_document(&self) -> bool {
        self.document_expires_at.is_some()
    }

    /// Whether it came by itself, and no administrator has registered it.
    pub fn is_of_stranger(&self) -> bool {
        self.is_of_document() || self.registered_itself
    }

    /// Whether it may get tokens in this way.
    pub fn may(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }
}
