//! Requests that clients push beforehand (RFC 9126): a browser brings a reference, and nobody on its way sees or changes what is
//! asked for. A reference is opened once, within a minute; from then on the browser has another one, until the client has its code.

use time::Duration;

use super::fault::Fault;
use super::request::{Refused, Request};
use super::store::pushed as store;
use super::{Browser, Prompt};
use crate::base::error::Result;
use crate::base::opaque::oauth::{PushedRequest, PushedRequestHash};
use crate::base::opaque::token::TokenHash;
use crate::oauth::OAuth;
use crate::oauth::clients::Client;
use crate::oauth::parameters::{LONGEST_REQUEST, Parameters};

/// How a `request_uri` of ours begins (section 2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// A browser must bring it within this time.
pub const LIFETIME: Duration = Duration::seconds(60);

/// And for so long somebody may take to log in and to agree.
const OPEN: Duration = Duration::hours(1);

/// A pushed request that a browser has opened.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// What it is known by from now on.
    pub reference: PushedRequestHash,
    /// What goes through the pages instead of its parameters.
    query: Parameters,
    /// The digest of the session of whoever has logged in for it, unless they are to do so once more.
    session: Option<Vec<u8>>,
}

impl Pushed {
    /// Whether the login that it asks for is the one of this session.
    pub fn was_logged_in_for(&self, browser: &Browser) -> bool {
        self.session.as_deref() == Some(browser.token.as_bytes())
    }
}

/// Stores what a client pushes, all of it checked; answers its `request_uri`.
pub async fn push(oauth: &OAuth, client: &Client, parameters: &Parameters) -> Result<String> {
    let now = oauth.clock.now();
    let reference: PushedRequest = oauth.generate(now)?;
    let mut tx = oauth.db.begin().await?;
    store::insert(&mut tx, reference.hash(), client.id, &parameters.written(), now + LIFETIME).await?;
    tx.commit().await?;
    Ok(format!("{URN}{}", reference.reveal()))
}

/// What a browser brings: its own parameters, or those that were pushed.
pub(super) async fn read(
    oauth: &OAuth,
    parameters: Parameters,
) -> Result<std::result::Result<(Parameters, Option<Pushed>), Refused>> {
    let Some(reference) = parameters.one("request_uri").and_then(|uri| uri.strip_prefix(URN)) else {
        return Ok(Ok((parameters, None)));
    };
    let unknown = Ok(Err(Refused::Here(Fault::UnknownRequest)));
    let (client_id, reference) = (parameters.one("client_id").unwrap_or_default(), PushedRequestHash::of(reference));
    let Some(reference) = reference.filter(|_| !client_id.contains('\0')) else { return unknown };
    let now = oauth.clock.now();
    if let Some(opened) = store::opened(&mut *oauth.db.read().await?, reference, client_id, now).await? {
        let Some(mut asked) = Parameters::read(&opened.parameters) else { return unknown };
        let is_again = parameters.one("prompt") == Some("login");
        if is_again {
            asked = again(asked);
        }
        let session = opened.session.filter(|_| !is_again);
        return Ok(Ok((asked, Some(Pushed { reference, query: only(&parameters, is_again), session }))));
    }
    let next: PushedRequest = oauth.generate(now)?;
    let mut tx = oauth.db.begin().await?;
    let is_opened = store::open(&mut tx, (reference, next.hash()), client_id, (now, now + OPEN)).await?;
    tx.commit().await?;
    if !is_opened {
        return unknown;
    }
    let query = only(&parameters, false).with("request_uri", Some(format!("{URN}{}", next.reveal())));
    Ok(Err(Refused::GoOn(query.written())))
}

/// The same for somebody else, or for the same person once more: a browser may ask for that, and for nothing else.
fn again(asked: Parameters) -> Parameters {
    let prompt = match asked.one("prompt") {
        Some("none") => "none".to_owned(),
        Some(prompt) => format!("login {prompt}"),
        None => "login".to_owned(),
    };
    asked.with("prompt", Some(prompt)).with("login_hint", None)
}

/// The client and the reference: whatever else a browser brings with them is ignored (section 4).
fn only(parameters: &Parameters, is_again: bool) -> Parameters {
    let kept = |name: &str| parameters.one(name).map(str::to_owned);
    Parameters::default()
        .with("client_id", kept("client_id"))
        .with("request_uri", kept("request_uri"))
        .with("prompt", is_again.then(|| "login".to_owned()))
}

impl Request {
    /// The query by which it goes through the pages.
    pub fn query(&self) -> String {
        self.pushed.as_ref().map_or_else(|| self.parameters.written(), |pushed| pushed.query.written())
    }

    /// The query by which it goes on once somebody has logged in for it, in the session of this token: what asked for that is
    /// satisfied. Of a pushed request only there, whoever else has its query.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn once_logged_in(&self, oauth: &OAuth, session: TokenHash) -> Result<String> {
        let Some(pushed) = &self.pushed else {
            let prompt = self.parameters.one("prompt").and_then(Prompt::once_logged_in);
            let max_age = self.max_age.map(|age| age.once_logged_in().to_string());
            return Ok(self.parameters.clone().with("prompt", prompt).with("max_age", max_age).written());
        };
        let mut tx = oauth.db.begin().await?;
        store::note_login(&mut tx, pushed.reference, session).await?;
        tx.commit().await?;
        Ok(pushed.query.clone().with("prompt", None).written())
    }

    /// The query by which somebody else logs in for it.
    pub fn as_somebody_else(&self) -> String {
        let again = |parameters: &Parameters| parameters.clone().with("prompt", Some("login".to_owned()));
        match &self.pushed {
            Some(pushed) => again(&pushed.query).written(),
            None => again(&self.parameters).with("login_hint", None).written(),
        }
    }
}

/// Whether there is room for so much in the forms of pages.
pub(super) fn is_short(parameters: &Parameters) -> bool {
    parameters.written().len() <= LONGEST_REQUEST
}
