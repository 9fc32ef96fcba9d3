//! Logging out at a client's wish (OpenID Connect RP-Initiated Logout).

use serde::Deserialize;
use serde_json::Value;

use crate::base::error::Result;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::sessions;
use crate::oauth::OAuth;
use crate::oauth::authorizations::{Browser, Expected, is_registered};
use crate::oauth::clients::{self, Client};
use crate::oauth::keys::TokenType;
use crate::oauth::parameters::{LONGEST_REQUEST, Parameters};

/// A request to log out that may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    /// Where the browser goes afterwards: an address that the client has registered.
    pub redirect: Option<String>,
    /// Whether no administrator has registered the client.
    of_stranger: bool,
    /// Who is meant to be logged in.
    pub expected: Option<Expected>,
}

/// What is wrong with a request to log out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It can't be read, or its hint and its `client_id` are of two clients.
    Malformed,
    /// The client has not registered that address.
    UnregisteredRedirect,
    /// An address to return to, and nothing that proves whose it is.
    UnknownClient,
}

#[derive(Deserialize)]
struct Hint {
    sub: String,
    aud: Value,
    azp: Option<String>,
}

impl Hint {
    /// The client that it was issued to.
    fn client_id(&self) -> Option<&str> {
        self.azp.as_deref().or_else(|| self.aud.as_str()).or_else(|| self.aud.as_array()?.first()?.as_str())
    }
}

impl Logout {
    /// Reads a request.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn read(oauth: &OAuth, text: &str) -> Result<std::result::Result<Self, Fault>> {
        let is_good = |parameters: &Parameters| text.len() <= LONGEST_REQUEST && parameters.doubled().is_none();
        let parameters = Parameters::read(text).filter(is_good);
        let Some(parameters) = parameters else { return Ok(Err(Fault::Malformed)) };
        let hint: Option<Hint> = match parameters.one("id_token_hint") {
            Some(hint) => oauth.keys.read(&oauth.db, TokenType::Id, hint, oauth.clock.now()).await?,
            None => None,
        };
        let named = parameters.one("client_id");
        let hinted = hint.as_ref().and_then(Hint::client_id);
        if named.is_some_and(|named| hinted.is_some_and(|hinted| hinted != named)) {
            return Ok(Err(Fault::Malformed));
        }
        // A hint that is none of ours makes a `client_id` no better.
        let is_forged = hint.is_none() && parameters.one("id_token_hint").is_some();
        let client = match hinted.or(named).filter(|id| !is_forged && !id.contains('\0')) {
            Some(client_id) => clients::store::find(&mut *oauth.db.read().await?, client_id).await?,
            None => None,
        };
        let unreturned = if client.is_some() { Fault::UnregisteredRedirect } else { Fault::UnknownClient };
        let of_stranger = client.as_ref().is_some_and(Client::is_of_stranger);
        let expected = hint.map(|hint| Expected::of(&hint.sub));
        let redirect = match parameters.one("post_logout_redirect_uri") {
            None => None,
            Some(uri) => match client.filter(|client| may_return(client, uri)) {
                Some(_) => Some(returning(uri, parameters.one("state"))),
                None => return Ok(Err(unreturned)),
            },
        };
        Ok(Ok(Self { redirect, of_stranger, expected }))
    }

    /// Whether the person is asked: any site could send them here, but only one that they logged in to has their hint.
    pub fn asks(&self, browser: &Browser) -> bool {
        !self.expected.is_some_and(|expected| expected.may_be(browser.person))
    }

    /// Whether they are told where they go on to: to a place that a stranger has chosen, who does not have their hint.
    pub fn tells(&self, browser: Option<&Browser>) -> bool {
        self.of_stranger && browser.is_none_or(|browser| self.asks(browser))
    }
}

/// Compared as redirect URIs are: a native app that signs people out listens where it did when they signed in.
fn may_return(client: &Client, uri: &str) -> bool {
    is_registered(&client.post_logout_redirect_uris, uri)
}

fn returning(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let sign = if uri.contains('?') { '&' } else { '?' };
    let state = form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
    format!("{uri}{sign}{state}")
}

/// Ends the session of a browser, and with it what came of it.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn end(oauth: &OAuth, browser: &Browser, origin: &Origin) -> Result<()> {
    let by = By { actor: Actor::Person(browser.person), origin: origin.clone(), now: oauth.clock.now() };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    sessions::log_out(&mut tx, browser.person, browser.token).await?;
    tx.commit([]).await
}
