//! What a client is registered with, as a whole: what holds of it whoever sends which part of it.

use std::collections::HashSet;
use std::hash::Hash;

use jsonwebtoken::jwk::JwkSet;

use super::{Admits, AuthMethod, Client, ClientChange, ClientName, Consent, GrantType, TokenFormat, uris};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::base::patch::Patch;
use crate::oauth::keys::Algorithm;
use crate::oauth::scopes;
use crate::platform::jwks;
use crate::platform::outbound::{Outbound, must_be_for_calls};

/// The most addresses in a list.
const MOST_URIS: usize = 50;

/// How long access tokens may live, in seconds.
const LIFETIMES: std::ops::RangeInclusive<i32> = 10..=86_400;

/// All of a client that can be set.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in a registration")]
pub struct Registration {
    /// Its name.
    pub name: String,
    /// How it proves who it is.
    pub auth_method: AuthMethod,
    /// How it gets tokens.
    pub grant_types: Vec<GrantType>,
    /// Where people are sent back to.
    pub redirect_uris: Vec<String>,
    /// Where people are sent after they have logged out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it hears of sessions that have ended.
    pub backchannel_logout_uri: Option<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
    /// The services that its tokens are for.
    pub audience: Vec<ServiceId>,
    /// What its access tokens look like.
    pub token_format: TokenFormat,
    /// How long these live.
    pub token_seconds: i32,
    /// How its tokens are signed.
    pub signing_alg: Algorithm,
    /// Whether it must send a code challenge.
    pub requires_pkce: bool,
    /// Whether its tokens are bound to a key of its own.
    pub requires_dpop: bool,
    /// Whether it must push its requests.
    pub requires_par: bool,
    /// Whether people are asked.
    pub consent: Consent,
    /// Whom it lets in.
    pub admits: Admits,
    /// The keys that its assertions are signed with.
    pub jwks: Option<JwkSet>,
    /// Where these are.
    pub jwks_uri: Option<String>,
    /// Whether it is good from this machine only. For good: nobody sends it.
    pub loopback_only: bool,
}

/// What is wrong with it: field and fault.
type Faults = Vec<(String, String)>;

impl Registration {
    /// A new client of `service`, of which `said` is said: the rest by default.
    ///
    /// # Errors
    /// 400 `invalid_request_body`, which names each field at fault.
    pub fn begin(
        name: ClientName,
        service: ServiceId,
        said: ClientChange,
        audience: Option<Vec<ServiceId>>,
    ) -> Result<Self> {
        let has_keys = said.jwks.value().is_some() || said.jwks_uri.value().is_some();
        let grant_types = said.grant_types.clone();
        let grant_types = grant_types.unwrap_or_else(|| vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
        let logs_people_in = grant_types.iter().any(|grant| *grant != GrantType::ClientCredentials);
        let scopes = if logs_people_in { scopes::BY_DEFAULT.as_slice() } else { &["roles", "permissions"] };
        let by_default = Self {
            name: name.into(),
            auth_method: if has_keys { AuthMethod::PrivateKeyJwt } else { AuthMethod::ClientSecretBasic },
            grant_types,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            audience: vec![service],
            token_format: TokenFormat::Jwt,
            token_seconds: 300,
            signing_alg: Algorithm::default(),
            requires_pkce: true,
            requires_dpop: false,
            requires_par: false,
            consent: Consent::Remember,
            admits: Admits::Everybody,
            jwks: None,
            jwks_uri: None,
            loopback_only: false,
        };
        by_default.with(said, audience)
    }

    /// What becomes of it when `said` is said.
    ///
    /// # Errors
    /// 400 `invalid_request_body`, which names each field at fault.
    pub fn with(self, said: ClientChange, audience: Option<Vec<ServiceId>>) -> Result<Self> {
        let auth_method = said.token_endpoint_auth_method.unwrap_or(self.auth_method);
        // Those of another method, or at the other place, are forgotten with it.
        let signs = auth_method == AuthMethod::PrivateKeyJwt;
        let (has_new_keys, has_new_uri) = (said.jwks.value().is_some(), said.jwks_uri.value().is_some());
        let jwks = match said.jwks {
            Patch::Keep => self.jwks.filter(|_| signs && !has_new_uri),
            Patch::Clear => None,
            Patch::Set(set) => Some(jwks::read(&set).map_err(|fault| Error::invalid_field("jwks", &fault))?),
        };
        let jwks_uri = self.jwks_uri.filter(|_| signs && !has_new_keys);
        let new = Self {
            name: said.client_name.map_or(self.name, String::from),
            auth_method,
            grant_types: said.grant_types.map_or(self.grant_types, each_once),
            redirect_uris: said.redirect_uris.map_or(self.redirect_uris, each_once),
            post_logout_redirect_uris: said.post_logout_redirect_uris.map_or(self.post_logout_redirect_uris, each_once),
            backchannel_logout_uri: patched(said.backchannel_logout_uri, self.backchannel_logout_uri),
            scopes: said.scope.map_or(Ok(self.scopes), |scope| scopes::listed(&scope).ok_or_else(no_scopes))?,
            audience: audience.map_or(self.audience, each_once),
            token_format: said.access_token_format.unwrap_or(self.token_format),
            token_seconds: said.access_token_lifetime_seconds.unwrap_or(self.token_seconds),
            signing_alg: said.id_token_signed_response_alg.unwrap_or(self.signing_alg),
            requires_pkce: said.require_pkce.unwrap_or(self.requires_pkce),
            requires_dpop: said.dpop_bound_access_tokens.unwrap_or(self.requires_dpop),
            requires_par: said.require_pushed_authorization_requests.unwrap_or(self.requires_par),
            consent: said.consent.unwrap_or(self.consent),
            admits: said.who_may_use.unwrap_or(self.admits),
            jwks,
            jwks_uri: patched(said.jwks_uri, jwks_uri),
            loopback_only: self.loopback_only,
        };
        let mut faults = Faults::new();
        new.check(&mut faults);
        if faults.is_empty() { Ok(new) } else { Err(Error::invalid_fields(&faults)) }
    }

    /// Notes all that is wrong with it and needs no look at the database.
    fn check(&self, faults: &mut Faults) {
        let is_public = self.auth_method == AuthMethod::None;
        let mut note = |field: &str, fault: &str| faults.push((field.to_owned(), fault.to_owned()));
        if self.grant_types.is_empty() {
            note("grant_types", "must not be empty: a client without a grant gets no token");
        }
        if is_public && self.grant_types.contains(&GrantType::ClientCredentials) {
            note("grant_types", "`client_credentials` is for clients that keep a secret: this one is public");
        }
        if is_public && self.grant_types.contains(&GrantType::TokenExchange) {
            note("grant_types", "token exchange is for clients that keep a secret: this one is public");
        }
        let asks_for_passwords = [GrantType::Password, GrantType::AuthorizationCode];
        if is_public && asks_for_passwords.iter().all(|grant| self.grant_types.contains(grant)) {
            note(
                "grant_types",
                "`password` of a public client stands without `authorization_code`: what can send people to the login page \
                 never asks for their password itself",
            );
        }
        let only_refreshes = |grant: &GrantType| {
            [GrantType::RefreshToken, GrantType::ClientCredentials, GrantType::TokenExchange].contains(grant)
        };
        if self.grant_types.contains(&GrantType::RefreshToken) && self.grant_types.iter().all(only_refreshes) {
            note("grant_types", "`refresh_token` needs another grant, by which people let it act for them");
        }
        if self.grant_types.contains(&GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            note("redirect_uris", "must not be empty: the authorization code grant sends people back to one of them");
        }
        if is_public && !self.requires_pkce {
            note(
                "require_pkce",
                "must be true for a public client: it has nothing else to prove that it is the one who asked",
            );
        }
        if !LIFETIMES.contains(&self.token_seconds) {
            note("access_token_lifetime_seconds", "must be a number from 10 to 86400");
        }
        self.check_keys(&mut note);
        self.check_uris(&mut note);
    }

    fn check_keys(&self, note: &mut impl FnMut(&str, &str)) {
        let signs = self.auth_method == AuthMethod::PrivateKeyJwt;
        match (signs, self.jwks.is_some(), self.jwks_uri.is_some()) {
            (true, false, false) => note("jwks", "is missing: `private_key_jwt` needs `jwks` or `jwks_uri`"),
            (_, true, true) => note("jwks_uri", "send one of `jwks` and `jwks_uri`"),
            (false, true, _) => note("jwks", "must be left out: it is for `private_key_jwt` alone"),
            (false, _, true) => note("jwks_uri", "must be left out: it is for `private_key_jwt` alone"),
            _ => {}
        }
        if let Some(Err(fault)) = self.jwks_uri.as_deref().map(must_be_for_calls) {
            note("jwks_uri", &fault);
        }
    }

    fn check_uris(&self, note: &mut impl FnMut(&str, &str)) {
        let is_public = self.auth_method == AuthMethod::None;
        let lists =
            [("redirect_uris", &self.redirect_uris), ("post_logout_redirect_uris", &self.post_logout_redirect_uris)];
        for (field, list) in lists {
            if list.len() > MOST_URIS {
                note(field, "must have at most 50");
                continue;
            }
            for (place, uri) in list.iter().enumerate() {
                if let Err(fault) = uris::must_be_for_redirects(uri, is_public) {
                    note(&format!("{field}[{place}]"), &fault);
                }
            }
        }
        if let Some(Err(fault)) = self.backchannel_logout_uri.as_deref().map(must_be_for_calls) {
            note("backchannel_logout_uri", &fault);
        }
    }

    /// Refuses addresses that would never be called. Those of `before` stay: they were allowed then.
    ///
    /// # Errors
    /// 400 `invalid_request_body`, which names each field at fault.
    pub fn must_be_callable(&self, outbound: &Outbound, before: Option<&Client>) -> Result<()> {
        let fields = [
            ("jwks_uri", &self.jwks_uri, before.map(|client| &client.jwks_uri)),
            (
                "backchannel_logout_uri",
                &self.backchannel_logout_uri,
                before.map(|client| &client.backchannel_logout_uri),
            ),
        ];
        let new = fields.into_iter().filter(|(_, uri, before)| Some(*uri) != *before);
        let faults: Faults = new
            .filter_map(|(field, uri, _)| {
                let fault = outbound.may_be_named(uri.as_deref()?).err()?;
                Some((field.to_owned(), fault))
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid_fields(&faults)) }
    }

    /// Whether it can't keep a secret.
    pub fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }

    /// Whether it acts for itself.
    pub fn acts_for_itself(&self) -> bool {
        self.grant_types.contains(&GrantType::ClientCredentials)
    }

    /// Those of its scopes that stand for permissions in services.
    pub fn permission_scopes(&self) -> Vec<String> {
        let is_ours =
            |scope: &str| scopes::STANDARD.contains(&scope) || self.loopback_only && scope == scopes::SUPERUSER;
        self.scopes.iter().filter(|scope| !is_ours(scope)).cloned().collect()
    }
}

fn no_scopes() -> Error {
    let fault = "must be a list of at most 100 scopes with spaces between them (percent-encode what is in a name: \
                 `UI%20Store:read`)";
    Error::invalid_field("scope", fault)
}

impl From<&Client> for Registration {
    fn from(client: &Client) -> Self {
        let client = client.clone();
        Self {
            name: client.name,
            auth_method: client.auth_method,
            grant_types: client.grant_types,
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            backchannel_logout_uri: client.backchannel_logout_uri,
            scopes: client.scopes,
            audience: client.audience,
            token_format: client.token_format,
            token_seconds: i32::try_from(client.token_lifetime.whole_seconds()).unwrap_or(*LIFETIMES.end()),
            signing_alg: client.signing_alg,
            requires_pkce: client.requires_pkce,
            requires_dpop: client.requires_dpop,
            requires_par: client.requires_par,
            consent: client.consent,
            admits: client.admits,
            jwks: client.jwks,
            jwks_uri: client.jwks_uri,
            loopback_only: client.loopback_only,
        }
    }
}

fn patched<T>(said: Patch<T>, was: Option<T>) -> Option<T> {
    match said {
        Patch::Keep => was,
        Patch::Clear => None,
        Patch::Set(new) => Some(new),
    }
}

/// The list as it was sent, what stands in it again left out.
fn each_once<T: Clone + Eq + Hash>(list: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::new();
    list.into_iter().filter(|one| seen.insert(one.clone())).collect()
}
