//! Whom a token that is exchanged is about, and who acts for them.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::exchange::not_good;
use crate::base::id::{PersonId, ServiceId, SessionId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::access_tokens::AccessToken;
use crate::gate::check::{check, check_access};
use crate::gate::{Presented, sessions};
use crate::oauth::OAuth;
use crate::oauth::clients::Client;
use crate::oauth::error::{Error, Result};
use crate::oauth::tokens::{Subject, Tie, store};
use crate::platform::http::credential;

/// No chain of those who act for somebody is longer.
const LONGEST_CHAIN: usize = 5;

/// How strong the login of somebody is who did not log in: a client.
const NO_LOGIN: &str = "0";

/// What is known of a token that is to be exchanged.
#[derive(Debug)]
pub(super) struct ExchangedSubject {
    /// Whom it is about.
    pub(super) person: PersonId,
    /// What requests call them, where that is a client that acts for itself.
    client_id: Option<String>,
    /// What the new token ends with.
    pub(super) tie: Tie,
    /// What the change feed calls it.
    pub(super) session_id: SessionId,
    /// What it may be used for; `None` for all.
    scopes: Option<Arc<[String]>>,
    /// Where; `None` for everywhere.
    services: Option<Arc<[ServiceId]>>,
    /// Where it may be used only for what its scopes name.
    narrowed: Arc<[ServiceId]>,
    /// Who acts for them so far.
    pub(super) act: Option<Value>,
    /// When they logged in,
    pub(super) auth_time: OffsetDateTime,
    /// how strong that was,
    pub(super) acr: String,
    /// and by what.
    pub(super) amr: Vec<String>,
    /// The new token is over by then.
    pub(super) expires_at: OffsetDateTime,
}

impl ExchangedSubject {
    /// Reads a session's token or an access token that is good now, and this client's to exchange.
    ///
    /// # Errors
    /// 400 `invalid_request`.
    pub(super) async fn read(oauth: &OAuth, client: &Client, token: &str) -> Result<Self> {
        match Presented::of(token) {
            Some(Presented::Session(token)) => Self::of_session(oauth, token).await,
            Some(Presented::Access(token)) => Self::of_access_token(oauth, client, token).await,
            None => Err(Error::invalid_request("subject_token is neither the token of a session nor an access token")),
        }
    }

    async fn of_session(oauth: &OAuth, token: TokenHash) -> Result<Self> {
        let session = check(oauth, token, None).await.map_err(|error| not_good(error, "subject_token"))?.session;
        let proved = sessions::store::authentication(&mut *oauth.db.read().await?, token).await?;
        let proved = proved.ok_or_else(|| not_good(credential::invalid(), "subject_token"))?;
        Ok(Self {
            person: session.person,
            client_id: None,
            tie: Tie::Session(token),
            session_id: token.session_id(),
            scopes: None,
            services: None,
            narrowed: Arc::default(),
            act: None,
            auth_time: proved.at,
            acr: proved.amr.acr().to_owned(),
            amr: proved.amr.words(),
            expires_at: session.created_at + oauth.sessions.lifetime.absolute,
        })
    }

    async fn of_access_token(oauth: &OAuth, client: &Client, hash: AccessTokenHash) -> Result<Self> {
        let checked = check_access(oauth, hash, None).await.map_err(|error| not_good(error, "subject_token"))?;
        let token = checked.token;
        must_be_for(client, &token)?;
        let login = store::authorizations::of_access_token(&mut *oauth.db.read().await?, hash).await?;
        let login = login.map(|authorization| authorization.login);
        let (auth_time, acr, amr) = match login {
            Some(login) => (login.auth_time, login.acr, login.amr),
            None => (token.issued_at, NO_LOGIN.to_owned(), Vec::new()),
        };
        Ok(Self {
            person: token.person,
            client_id: token.subject_client().map(str::to_owned),
            tie: Tie::Token(hash),
            session_id: hash.session_id(),
            scopes: Some(token.scopes),
            services: Some(token.services),
            narrowed: token.narrowed,
            act: token.act.map(Arc::unwrap_or_clone),
            auth_time,
            acr,
            amr,
            expires_at: token.expires_at,
        })
    }

    /// As the new token calls them.
    pub(super) fn named(&self) -> Subject<'_> {
        match &self.client_id {
            Some(client_id) => Subject::Client(self.person, client_id),
            None => Subject::Person(self.person),
        }
    }

    /// Whether the token is for a service.
    pub(super) fn is_for(&self, service: ServiceId) -> bool {
        self.services.as_ref().is_none_or(|services| services.contains(&service))
    }

    /// Whether the token has a scope.
    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|own| own == scope))
    }

    /// Whether the token may be used in a service only for what its scopes name.
    pub(super) fn is_narrowed_in(&self, service: ServiceId) -> bool {
        self.narrowed.contains(&service)
    }

    /// The scopes that it is bound to; none where it is bound to nothing.
    pub(super) fn scopes(&self) -> &[String] {
        self.scopes.as_deref().unwrap_or_default()
    }
}

/// The claim `act` (RFC 8693 section 4.1): whoever the actor's token is about, or the client, and behind them who acted before.
///
/// # Errors
/// 400 `invalid_request` for an actor's token that is not good or not this client's to use, and for a chain that is too long.
pub(super) async fn acting(
    oauth: &OAuth,
    client: &Client,
    actor: Option<&str>,
    before: Option<&Value>,
) -> Result<Value> {
    if std::iter::successors(before, |act| act.get("act")).count() >= LONGEST_CHAIN {
        return Err(Error::invalid_request("too many act for the subject already: at most 5"));
    }
    let sub = match actor {
        None => client.client_id.clone(),
        Some(token) => ExchangedSubject::read(oauth, client, token).await.map_err(of_actor)?.named().name(),
    };
    Ok(match before {
        None => json!({"sub": sub}),
        Some(before) => json!({"sub": sub, "act": before}),
    })
}

fn of_actor(mut error: Error) -> Error {
    error.description = error.description.replace("subject_token", "actor_token").into();
    error
}

/// Refuses an access token that was neither issued to the client nor is for its service: it is none of its business.
fn must_be_for(client: &Client, token: &AccessToken) -> Result<()> {
    if token.client != client.id && !token.services.contains(&client.service) {
        return Err(Error::invalid_request(
            "subject_token was neither issued to this client nor is it for its service",
        ));
    }
    if token.jkt.is_some() {
        return Err(Error::invalid_request(
            "subject_token is bound to a key (DPoP); an exchange would free it from that",
        ));
    }
    Ok(())
}
