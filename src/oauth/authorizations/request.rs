//! An authorization request (RFC 6749 section 4.1.1; OpenID Connect Core section 3.1.2.1), read in the order in which its
//! faults may be told: to the person alone until it is known whose client asks and where it may be answered.

use std::borrow::Cow;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::Value;

use super::acr::WantedAcr;
use super::claims::Claims;
use super::fault::Fault;
use super::prompt::{MaxAge, Prompt};
use super::pushed::{self, Pushed};
use super::redirect::{Answer, ResponseMode, Target};
use super::store::{self, Service};
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};
use crate::oauth::OAuth;
use crate::oauth::audience::{is_called, not_among};
use crate::oauth::clients::documents::Address;
use crate::oauth::clients::{self, Client, GrantType};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::keys::TokenType;
use crate::oauth::parameters::{LONGEST_REQUEST, Parameters};
use crate::oauth::scopes;

/// A request that may be answered.
#[derive(Clone, Debug)]
pub struct Request {
    /// As the client sent it.
    pub parameters: Parameters,
    /// Who asks.
    pub client: Client,
    /// Where it is answered.
    pub target: Target,
    /// What is asked for: all of it is allowed to the client.
    pub scopes: Vec<String>,
    /// The services that the tokens are to be for.
    pub audience: Vec<Service>,
    /// What the person is to be shown, or not.
    pub prompt: Prompt,
    /// How old the login may be.
    pub max_age: Option<MaxAge>,
    /// How strong.
    pub acr: WantedAcr,
    /// What may be filled in for them.
    pub login_hint: Option<String>,
    /// Who is expected.
    pub expected: Expected,
    /// Bound into the ID token.
    pub nonce: Option<String>,
    /// What proves at the token endpoint that it is who asked (RFC 7636).
    pub code_challenge: Option<String>,
    /// The key that the code is bound to (RFC 9449 section 10).
    pub dpop_jkt: Option<Thumbprint>,
    /// Claims that are asked for one by one.
    pub claims: Option<Value>,
    /// The scopes that these are of.
    pub claim_scopes: Vec<String>,
    /// Where it was pushed before a browser came with it.
    pub pushed: Option<Pushed>,
}

/// Whom the client expects to be logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Anybody.
    Anybody,
    /// Somebody, but nobody knows whom: the hint is none of ours, or its key is gone.
    Unknown,
    /// Them.
    Person(PersonId),
}

/// Why a request is not answered as asked.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The person is told, and nobody else: it is not known who asks, or where they may be answered.
    Here(Fault),
    /// The client is told.
    Back(Box<Client>, Answer),
    /// The browser asks once more, with this query.
    GoOn(String),
}

/// `Err` is what the request is answered instead.
pub type Checked<T> = std::result::Result<T, Refused>;

#[derive(Deserialize)]
struct Hint {
    sub: String,
}

/// Reads a request, and finds out who asks.
///
/// # Errors
/// When Postgres can't be asked. That the request is refused is no error, but an answer.
pub async fn check(oauth: &OAuth, text: &str) -> Result<Checked<Request>> {
    let parameters = Parameters::read(text).filter(|_| text.len() <= LONGEST_REQUEST);
    let Some(parameters) = parameters else { return Ok(Err(Refused::Here(Fault::Malformed))) };
    let (parameters, pushed) = match pushed::read(oauth, parameters).await? {
        Ok(read) => read,
        Err(refused) => return Ok(Err(refused)),
    };
    let known = match who_asks(oauth, &parameters).await? {
        Ok(known) => known,
        Err(fault) => return Ok(Err(Refused::Here(fault))),
    };
    let mode = parameters.one("response_mode").and_then(ResponseMode::read).or_else(|| mode_in_object(&parameters));
    let target = known.target.clone().by(mode.unwrap_or_default());
    let must_push = known.client.requires_par && pushed.is_none();
    let client = known.client.clone();
    let read = if must_push { Err(Wrong::invalid(MUST_PUSH)) } else { read(oauth, parameters, known) };
    let request = match read {
        Ok(request) => Request { pushed, ..request },
        Err(wrong) => {
            let answer = target.error(wrong.code, &wrong.description);
            return Ok(Err(Refused::Back(client.into(), answer)));
        }
    };
    let expected = match request.parameters.one("id_token_hint") {
        Some(hint) => hinted(oauth, hint).await?,
        None => request.expected,
    };
    Ok(Ok(Request { expected, ..request }))
}

/// How a request object asks to be answered: nothing else of it is read, and it is refused.
fn mode_in_object(parameters: &Parameters) -> Option<ResponseMode> {
    #[derive(Deserialize)]
    struct Object {
        response_mode: String,
    }
    let payload = Base64UrlUnpadded::decode_vec(parameters.one("request")?.split('.').nth(1)?).ok()?;
    ResponseMode::read(&serde_json::from_slice::<Object>(&payload).ok()?.response_mode)
}

/// Whether a request that a client pushes could be answered; `Err` is what the client would be told of it.
///
/// # Errors
/// When Postgres can't be asked.
pub(super) async fn look_at(
    oauth: &OAuth,
    client: &Client,
    parameters: Parameters,
) -> Result<std::result::Result<(), Wrong>> {
    let services = store::services(&mut *oauth.db.read().await?, client.id).await?;
    let redirect_uri = parameters.one("redirect_uri").unwrap_or_default();
    let Some(target) = Target::of(client, redirect_uri, None, oauth.issuer.as_str()) else {
        return Ok(Err(Wrong::invalid("redirect_uri is not one that this client has registered")));
    };
    // A browser's words are ignored; a program's typing error is told while somebody reads what it is told.
    if let Some(word) = parameters.one("prompt").and_then(Prompt::unknown) {
        let known = "none, login, consent, select_account";
        return Ok(Err(Wrong::invalid(format!("prompt has {word}, which is not one of {known}"))));
    }
    let known = Known { client: client.clone(), services, target };
    Ok(read(oauth, parameters, known).map(|_| ()))
}

const MUST_PUSH: &str = "this client must push its requests (RFC 9126): see pushed_authorization_request_endpoint";

/// What is wrong with a request, for its client (RFC 6749 section 4.1.2.1).
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) code: &'static str,
    pub(super) description: Cow<'static, str>,
}

impl Wrong {
    fn new(code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into() }
    }

    fn invalid(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }
}

/// A client, what its tokens may be for, and where it is answered.
struct Known {
    client: Client,
    services: Vec<Service>,
    target: Target,
}

async fn who_asks(oauth: &OAuth, parameters: &Parameters) -> Result<std::result::Result<Known, Fault>> {
    if parameters.is_doubled("client_id") || parameters.is_doubled("redirect_uri") {
        return Ok(Err(Fault::Malformed));
    }
    let Some(client_id) = parameters.one("client_id") else { return Ok(Err(Fault::MissingClient)) };
    if client_id.contains('\0') {
        return Ok(Err(Fault::UnknownClient));
    }
    let Some(client) = clients::documents::find(oauth, client_id).await? else {
        let is_document = clients::documents::are_admitted(oauth).await && Address::read(client_id).is_some();
        return Ok(Err(if is_document { Fault::UnusableDocument } else { Fault::UnknownClient }));
    };
    let mut conn = oauth.db.read().await?;
    let Some(redirect_uri) = parameters.one("redirect_uri") else { return Ok(Err(Fault::MissingRedirect)) };
    let state = parameters.one("state").filter(|_| !parameters.is_doubled("state"));
    let Some(target) = Target::of(&client, redirect_uri, state, oauth.issuer.as_str()) else {
        tracing::warn!(client = client_id, ?redirect_uri, "the client has not registered this redirect_uri");
        let (client_id, redirect_uri) = (client_id.to_owned(), redirect_uri.to_owned());
        return Ok(Err(Fault::UnregisteredRedirect { client_id, redirect_uri }));
    };
    let services = store::services(&mut conn, client.id).await?;
    Ok(Ok(Known { client, services, target }))
}

async fn hinted(oauth: &OAuth, hint: &str) -> Result<Expected> {
    let hint: Option<Hint> = oauth.keys.read(&oauth.db, TokenType::Id, hint, oauth.clock.now()).await?;
    Ok(hint.map_or(Expected::Unknown, |hint| Expected::of(&hint.sub)))
}

impl Expected {
    /// Whom a `sub` means.
    pub fn of(sub: &str) -> Self {
        sub.parse().map_or(Self::Unknown, |id| Self::Person(PersonId(id)))
    }

    /// Whether this may be them.
    pub fn may_be(self, person: PersonId) -> bool {
        self != Self::Unknown && self.is_not_another(person)
    }

    /// Whether this is not somebody else, as far as one knows.
    pub fn is_not_another(self, person: PersonId) -> bool {
        !matches!(self, Self::Person(other) if other != person)
    }
}

/// Reads what a known client asks for.
fn read(oauth: &OAuth, parameters: Parameters, known: Known) -> std::result::Result<Request, Wrong> {
    let Known { client, services, target } = known;
    must_be_for_us(&parameters, &client)?;
    let mode = parameters.one("response_mode").map(ResponseMode::read);
    if mode == Some(None) {
        return Err(Wrong::invalid("response_mode must be one of query, fragment, form_post"));
    }
    let code_challenge = code_challenge(&client, &parameters).map_err(Wrong::invalid)?;
    let scopes = scopes::asked(&client.scopes, parameters.one("scope"))
        .map_err(|refused| Wrong::new("invalid_scope", refused.to_string()))?;
    let audience = asked_for(oauth, services, &parameters)?;
    let prompt = parameters.one("prompt").map_or(Ok(Prompt::default()), Prompt::read).map_err(Wrong::invalid)?;
    let max_age = parameters.one("max_age").map(MaxAge::read).transpose().map_err(Wrong::invalid)?;
    let dpop_jkt = parameters.one("dpop_jkt").map(str::parse).transpose().map_err(Wrong::invalid)?;
    let claims = parameters.one("claims").map(Claims::read).transpose().map_err(Wrong::invalid)?;
    let claims = claims.map(|claims| claims.allowed(&client.scopes));
    let of_claims = claims.as_ref().map_or(Ok(WantedAcr::Any), Claims::acr);
    let of_claims = of_claims.map_err(|why| Wrong::new("unmet_authentication_requirements", why))?;
    let acr_values = parameters.one("acr_values").unwrap_or_default().split(' ').filter(|value| !value.is_empty());
    let acr = WantedAcr::read(acr_values, false).unwrap_or_default().and(of_claims);
    Ok(Request {
        scopes,
        audience,
        prompt,
        max_age,
        acr,
        login_hint: parameters.one("login_hint").filter(|hint| hint.chars().count() <= 100).map(str::to_owned),
        expected: claims.as_ref().and_then(Claims::sub).map_or(Expected::Anybody, |sub| Expected::of(&sub)),
        nonce: parameters.one("nonce").map(str::to_owned),
        code_challenge,
        dpop_jkt,
        claim_scopes: claims.as_ref().map(Claims::scopes).unwrap_or_default(),
        claims: claims.map(Claims::into_json),
        pushed: None,
        target: target.by(mode.flatten().unwrap_or_default()),
        parameters,
        client,
    })
}

/// Whether it is a request that this client may send and that is read here.
fn must_be_for_us(parameters: &Parameters, client: &Client) -> std::result::Result<(), Wrong> {
    if let Some(name) = parameters.doubled() {
        return Err(Wrong::invalid(format!("{name} is given more than once")));
    }
    if parameters.one("request").is_some() {
        return Err(Wrong::new("request_not_supported", "request objects are not read: send the parameters"));
    }
    if parameters.one("request_uri").is_some() {
        let description = "only a request_uri of /oauth/par is read: push the parameters there, or send them";
        return Err(Wrong::new("request_uri_not_supported", description));
    }
    match parameters.one("response_type") {
        Some("code") => {}
        None => return Err(Wrong::invalid("response_type is missing: send response_type=code")),
        Some(_) => return Err(Wrong::new("unsupported_response_type", "the only response_type is code")),
    }
    if client.may(GrantType::AuthorizationCode) {
        Ok(())
    } else {
        Err(Wrong::new("unauthorized_client", "this client may not use the grant authorization_code"))
    }
}

/// The challenge of RFC 7636, by its one good method.
fn code_challenge(client: &Client, parameters: &Parameters) -> std::result::Result<Option<String>, &'static str> {
    let Some(challenge) = parameters.one("code_challenge") else {
        return match (client.requires_pkce, parameters.one("code_challenge_method")) {
            (true, _) => Err("code_challenge is missing: this client must send one (RFC 7636)"),
            (false, Some(_)) => Err("code_challenge_method without code_challenge"),
            (false, None) => Ok(None),
        };
    };
    if parameters.one("code_challenge_method") != Some("S256") {
        return Err("the only code_challenge_method is S256");
    }
    let is_sha256 =
        challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_sha256 { Ok(Some(challenge.to_owned())) } else { Err("code_challenge must be a SHA-256 in base64url") }
}

/// The services that are asked for (RFC 8707), or all that the client's tokens are for.
fn asked_for(
    oauth: &OAuth,
    services: Vec<Service>,
    parameters: &Parameters,
) -> std::result::Result<Vec<Service>, Wrong> {
    let mut wanted: Vec<ServiceId> = Vec::new();
    for resource in parameters.all("resource") {
        let is_named = |Service { id, name }: &&Service| is_called(resource, &oauth.issuer, (*id, name));
        let Some(service) = services.iter().find(is_named) else {
            let description = not_among("resource", resource, services.iter().map(|service| service.name.as_str()));
            return Err(Wrong::new("invalid_target", description));
        };
        wanted.push(service.id);
    }
    let is_wanted = |service: &Service| wanted.is_empty() || wanted.contains(&service.id);
    Ok(services.into_iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_is_the_id_of_a_person_and_another_is_nobody_known() {
        assert_eq!(Expected::of("7"), Expected::Person(PersonId(7)));
        for unknown in ["", "seven", "7.0", "99999999999"] {
            assert_eq!(Expected::of(unknown), Expected::Unknown, "{unknown}");
        }
        let seven = PersonId(7);
        assert!(Expected::of("7").may_be(seven) && Expected::Anybody.may_be(seven));
        assert!(!Expected::of("8").is_not_another(seven));
        assert!(Expected::Unknown.is_not_another(seven) && !Expected::Unknown.may_be(seven));
    }
}
