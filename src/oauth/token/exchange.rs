//! One token is exchanged for another (RFC 8693): a backend goes on for whoever called it, in one service and with no more than
//! they gave it.

use axum::http::StatusCode;
use serde_json::json;
use time::OffsetDateTime;

use super::allowed::Missed;
use super::answer::IssuedTokens;
use super::client_credentials::OF_A_LOGIN;
use super::subject::{ExchangedSubject, acting};
use crate::base::error;
use crate::base::id::AuthorizationId;
use crate::gate::access_tokens::scope;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::oauth::OAuth;
use crate::oauth::audience::{Audience, Place, is_called};
use crate::oauth::clients::{Client, Known};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes::{self, GROUPS, PERMISSIONS, ROLES, Refused, written};
use crate::oauth::tokens::{Grant, Login, Minted, NewAuthorization, issue, mint};

/// The one kind of token that is taken and given (RFC 8693 section 3). A session's token is one, too.
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Exchanges a token for one that is for a single service. It ends with the token that it was exchanged for.
///
/// # Errors
/// 400 `invalid_request` for a token that is not good, or not this client's to exchange; `invalid_scope`, `invalid_target`,
/// `unauthorized_client`.
pub(super) async fn exchange(
    oauth: &OAuth,
    origin: &Origin,
    known: &Known,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> std::result::Result<IssuedTokens, Missed> {
    let client = &known.client;
    if client.is_public() {
        return Err(Error::unauthorized_client("token exchange is for clients that keep a secret").into());
    }
    must_be_of_a_known_type(form)?;
    let subject = ExchangedSubject::read(oauth, client, form.require("subject_token")?).await?;
    let act = acting(oauth, client, form.get("actor_token"), subject.act.as_ref()).await?;
    let target = target(oauth, known, &subject, form)?;
    let now = oauth.clock.now();
    let (audience, scopes) = granted(oauth, client, (&subject, &target), form.get("scope")).await?;
    let login = Login {
        // Who begins it has its row.
        authorization: AuthorizationId(0),
        auth_time: subject.auth_time,
        acr: subject.acr.clone(),
        amr: subject.amr.clone(),
        act: Some(act),
        expires_at: subject.expires_at,
    };
    let grant =
        Grant { client, subject: subject.named(), audience: &audience, scopes: &scopes, login: Some(&login), jkt };
    let minted = mint(oauth, &grant, now).await?;
    let minted = begin(oauth, origin, (&grant, &login, &subject), (minted, now)).await?;
    Ok(IssuedTokens {
        expires_in: minted.expires_in(),
        token_type: minted.token_type(),
        access_token: minted.text,
        scope: written(&scopes),
        refresh_token: None,
        id_token: None,
        issued_token_type: Some(ACCESS_TOKEN),
    })
}

/// Stores the token and what it hangs on, and tells who acts for whom.
async fn begin(
    oauth: &OAuth,
    origin: &Origin,
    (grant, login, subject): (&Grant<'_>, &Login, &ExchangedSubject),
    (mut minted, now): (Minted, OffsetDateTime),
) -> std::result::Result<Minted, Missed> {
    let services = grant.audience.services();
    let new = NewAuthorization {
        client: grant.client.id,
        client_version: grant.client.version,
        person: subject.person,
        tie: subject.tie,
        scopes: grant.scopes,
        services: &services,
        narrowed: &minted.new.narrowed,
        auth_time: login.auth_time,
        acr: &login.acr,
        amr: &login.amr,
        act: login.act.as_ref(),
        // There is no refresh token.
        jkt: None,
        now,
        expires_at: minted.new.expires_at,
        ends_at: minted.new.expires_at,
    };
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    minted.new.authorization = Some(new.begin(&mut tx).await?.ok_or_else(subject_has_ended)?);
    if !issue(&mut tx, minted.new.clone()).await? {
        return Err(subject_has_ended());
    }
    let told = json!({
        "client_id": grant.client.client_id,
        "subject": grant.subject.name(),
        "act": login.act,
        "scopes": grant.scopes,
        "exchanged": subject.session_id,
        "session_id": minted.new.token.session_id(),
    });
    let event = Event::new(Action::TokenExchanged).about(subject.person).after(told);
    let event = services.iter().fold(event, |event, service| event.within(*service));
    tx.commit([event]).await?;
    Ok(minted)
}

fn must_be_of_a_known_type(form: &Form) -> Result<()> {
    if form.require("subject_token_type")? != ACCESS_TOKEN {
        return Err(Error::invalid_request(format!("subject_token_type must be {ACCESS_TOKEN}")));
    }
    match (form.get("actor_token"), form.get("actor_token_type")) {
        (None, None) | (Some(_), Some(ACCESS_TOKEN)) => {}
        (None, Some(_)) => return Err(Error::invalid_request("actor_token_type is sent without an actor_token")),
        (Some(_), _) => return Err(Error::invalid_request(format!("actor_token_type must be {ACCESS_TOKEN}"))),
    }
    if form.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return Err(Error::invalid_request(format!("requested_token_type must be {ACCESS_TOKEN}, or left out")));
    }
    Ok(())
}

/// The one service that the new token is for: by its name in `audience`, as a `resource`, or the only one that it can be.
fn target(oauth: &OAuth, known: &Known, subject: &ExchangedSubject, form: &Form) -> Result<Place> {
    let named: Vec<&str> = form.get("audience").into_iter().chain(form.all("resource")).collect();
    let mut possible: Vec<&Place> =
        known.audience.places().iter().filter(|place| subject.is_for(place.service)).collect();
    let is_named = |place: &Place, name: &str| {
        *name == *place.name || is_called(name, &oauth.issuer, (place.service, &place.name))
    };
    if let Some(none) = named.iter().find(|name| !possible.iter().any(|place| is_named(place, name))) {
        return Err(Error::invalid_target(format!(
            "`{none}` is not a service that both this client and subject_token are for: {}",
            possible.iter().map(|place| &*place.name).collect::<Vec<_>>().join(", "),
        )));
    }
    possible.retain(|place| named.is_empty() || named.iter().any(|name| is_named(place, name)));
    match possible.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Error::invalid_target("this client and subject_token are for no service in common")),
        _ => Err(Error::invalid_target("a token is exchanged for one service: name one, as audience=<name>")),
    }
}

/// What is granted there: never more than the subject's token is good for, nor than its subject holds, nor than the client may ask
/// for.
async fn granted(
    oauth: &OAuth,
    client: &Client,
    (subject, target): (&ExchangedSubject, &Place),
    asked: Option<&str>,
) -> Result<(Audience, Vec<String>)> {
    let places = [(subject.person, target.service), (subject.person, client.service)];
    let now = oauth.clock.now();
    let mut held = oauth.rights.of_all(&mut *oauth.db.read().await?, &places, now).await?;
    let in_its_own = held.pop().unwrap_or_default();
    if !client.lets_in(&in_its_own) {
        return Err(Error::invalid_request("this client does not let the subject of subject_token in"));
    }
    let allowed = subject.allowed(&client.scopes, target);
    let asked = match asked {
        None => allowed.clone().unwrap_or_default(),
        Some(text) => {
            let asked = scopes::read(text).ok_or(Refused::Malformed)?;
            let told = |scope: &str| {
                let may_tell = client.scopes.iter().any(|own| own == scope) && subject.has(scope);
                [ROLES, PERMISSIONS, GROUPS].contains(&scope) && may_tell
            };
            let is_allowed = |scope: &String| {
                OF_A_LOGIN.contains(&scope.as_str())
                    || told(scope)
                    || allowed.as_ref().is_some_and(|allowed| allowed.contains(scope))
            };
            if let Some(other) = asked.iter().find(|scope| !is_allowed(scope)) {
                let allowed = allowed.clone().unwrap_or_default();
                return Err(Refused::NotAllowed { scope: other.clone(), allowed }.into());
            }
            asked.into_iter().filter(|scope| !OF_A_LOGIN.contains(&scope.as_str())).collect()
        }
    };
    let place = Place { held: held.pop().unwrap_or_default(), ..target.clone() };
    let none =
        || Error::invalid_scope("of what may be granted here the subject holds nothing, or nothing was asked for");
    if allowed.as_ref().is_some_and(Vec::is_empty) {
        return Err(none());
    }
    let (audience, scopes) = Audience::at([place]).granted(&allowed.unwrap_or_default(), &asked);
    if audience.places().is_empty() { Err(none()) } else { Ok((audience, scopes)) }
}

impl ExchangedSubject {
    /// The permissions of a service that may be granted: those of the client's scopes and of the token's, where either has any.
    /// `None` where neither has: then it is all that is held there.
    fn allowed(&self, client: &[String], target: &Place) -> Option<Vec<String>> {
        let of_client: Vec<String> = scope::of_service(&target.name, client).cloned().collect();
        let of_token: Vec<String> = scope::of_service(&target.name, self.scopes()).cloned().collect();
        match (of_client.is_empty(), of_token.is_empty() && !self.is_narrowed_in(target.service)) {
            (true, true) => None,
            (true, false) => Some(of_token),
            (false, true) => Some(of_client),
            (false, false) => Some(of_client.into_iter().filter(|scope| of_token.contains(scope)).collect()),
        }
    }
}

/// What a check of a token says, in the standard's words (RFC 8693 section 2.2.2).
pub(super) fn not_good(error: error::Error, what: &str) -> Error {
    match error {
        error::Error::Refused(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
            Error::invalid_request(format!("{what} is unknown, has expired or was revoked"))
        }
        other => other.into(),
    }
}

fn subject_has_ended() -> Missed {
    Missed::NotStored(Error::invalid_request("subject_token has ended meanwhile"))
}
