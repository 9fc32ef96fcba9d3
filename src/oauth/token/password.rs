//! A person's password is exchanged for tokens (RFC 6749 section 4.3): for programs of old, where a client was registered for it.

use axum::http::StatusCode;

use super::allowed::{Allowed, Missed};
use super::answer::IssuedTokens;
use super::code::may_refresh;
use super::of_person::{Nonce, prepare};
use crate::base::amr::Amr;
use crate::base::error;
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::login::{Entered, Entry, enter, verify};
use crate::identity::sessions::log_out;
use crate::oauth::OAuth;
use crate::oauth::authorizations::Grant;
use crate::oauth::authorizations::store::Service;
use crate::oauth::clients::{Client, Known};
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes::{self, SUPERUSER};
use crate::oauth::tokens::{NewAuthorization, Tie, while_administrator};
use crate::platform::metrics::{Outcome, Way};

/// What is asked for.
struct Asked {
    scopes: Vec<String>,
    /// Those that need no consent, but an administrator.
    superuser: bool,
    services: Vec<Service>,
}

/// Logs a person in as `POST /auth/login` does, with the same waits and the same session, and answers tokens that end with that.
///
/// # Errors
/// 400 `invalid_grant`, `invalid_scope`, `invalid_target`; 429.
pub(super) async fn grant(
    oauth: &OAuth,
    origin: &Origin,
    allowed: Allowed<'_>,
    (form, jkt): (&Form, Option<&Thumbprint>),
) -> Result<IssuedTokens> {
    let (username, password) = (form.require("username")?, form.require("password")?);
    // Refused before a password is compared.
    asked(oauth, &allowed.known, form)?;
    let attempt = oauth.metrics.login(Way::Password);
    let entered: error::Result<_> = async {
        let verified = verify(oauth, origin, username, password.to_owned().into()).await?;
        if verified.needs_second_step() {
            return Err(needs_second_factor());
        }
        let user_agent = origin.user_agent.as_deref();
        let entry = Entry { origin, user_agent, refresh: false, before: None, device: None };
        match enter(oauth, &verified, &entry).await? {
            Entered::In(began) => Ok((verified.person, began.token().hash())),
            Entered::SecondFactor(_) => Err(needs_second_factor()),
        }
    }
    .await;
    attempt.ends(Outcome::of(&entered));
    let (person, session) = entered.map_err(refused)?;
    let tokens = |known: Known| async move {
        let asked = asked(oauth, &known, form)?;
        tokens(oauth, origin, (&known.client, jkt), (person, session), asked).await
    };
    match allowed.issue(oauth, tokens).await {
        Ok(tokens) => Ok(tokens),
        Err(refusal) => {
            // Nobody has its token.
            let by = By { actor: Actor::Person(person), origin: origin.clone(), now: oauth.clock.now() };
            let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
            log_out(&mut tx, person, session).await?;
            tx.commit([]).await?;
            Err(refusal)
        }
    }
}

/// Reads what is asked for; as far as that can be said without knowing who asks.
fn asked(oauth: &OAuth, known: &Known, form: &Form) -> Result<Asked> {
    let allowed = &known.client.scopes;
    let mut words: Vec<&str> = form.get("scope").unwrap_or_default().split(' ').collect();
    let all = words.len();
    words.retain(|word| *word != SUPERUSER);
    let superuser = words.len() < all;
    if superuser && !allowed.iter().any(|scope| scope == SUPERUSER) {
        let (scope, allowed) = (SUPERUSER.to_owned(), allowed.clone());
        return Err(scopes::Refused::NotAllowed { scope, allowed }.into());
    }
    // Who asks for that alone, asks for nothing else.
    let rest = words.join(" ");
    let scopes = scopes::asked(allowed, form.get("scope").map(|_| rest.as_str()))?;
    let audience = known.audience.narrowed(&oauth.issuer, form.all("resource"))?;
    let places = audience.places().iter();
    let services = places.map(|place| Service { id: place.service, name: place.name.as_ref().to_owned() });
    Ok(Asked { scopes, superuser, services: services.collect() })
}

async fn tokens(
    oauth: &OAuth,
    origin: &Origin,
    (client, jkt): (&Client, Option<&Thumbprint>),
    (person, session): (PersonId, TokenHash),
    asked: Asked,
) -> std::result::Result<IssuedTokens, Missed> {
    let grant = Grant::of(oauth, client, (&asked.scopes, &asked.services), person).await?;
    let mut grant = grant.ok_or_else(|| Error::invalid_grant("this client does not let them in"))?;
    let now = oauth.clock.now();
    if asked.superuser {
        let own = while_administrator(&mut *oauth.db.read().await?, person, vec![SUPERUSER.to_owned()], now).await?;
        if own.is_empty() {
            return Err(Error::invalid_scope("superuser is for administrators of Portero").into());
        }
        grant.scopes.extend(own);
    }
    let services: Vec<_> = grant.services.iter().map(|service| service.id).collect();
    let narrowed: Vec<_> = grant.narrowed_services().map(|service| service.id).collect();
    let new = NewAuthorization {
        client: client.id,
        client_version: client.version,
        person,
        tie: Tie::Session(session),
        scopes: &grant.scopes,
        services: &services,
        narrowed: &narrowed,
        auth_time: now,
        acr: Amr::PWD.acr(),
        amr: &Amr::PWD.words(),
        act: None,
        jkt: jkt.filter(|_| client.is_public()),
        now,
        // Known once it is prepared.
        expires_at: now,
        ends_at: now + oauth.sessions.families.absolute,
    };
    let expected = new.expected();
    let with_refresh = may_refresh(client, &expected);
    let mut prepared =
        prepare(oauth, client, &expected, (&Form::default(), jkt), (Nonce::Left, with_refresh), now).await?;
    let expires_at = prepared.outlived_at(oauth, now).min(new.ends_at);
    let by = By { actor: Actor::Person(person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let begun = NewAuthorization { expires_at, ..new }.begin(&mut tx).await?.ok_or_else(ended)?;
    prepared.access.new.authorization = Some(begun);
    if !prepared.store(&mut tx, begun, None, now).await? {
        return Err(ended());
    }
    let granted = serde_json::json!({
        "client_id": client.client_id, "scopes": grant.scopes, "services": services, "by": "password",
    });
    tx.commit([Event::new(Action::AuthorizationCreated).about(person).within(client.service).after(granted)]).await?;
    Ok(prepared.answer())
}

/// 403 `mfa_required`: no password alone opens anything of theirs, and this grant has no second step.
fn needs_second_factor() -> error::Error {
    error::Error::forbidden(
        "mfa_required",
        "this person has a second factor, or must have one, which the grant password can't ask for: send them to /oauth/authorize",
    )
}

/// As the standard calls a wrong password (RFC 6749 section 5.2).
fn refused(error: error::Error) -> Error {
    match error {
        error::Error::Refused(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
            Error::invalid_grant("username or password is wrong")
        }
        error::Error::Refused(refusal) if refusal.status == StatusCode::FORBIDDEN => {
            Error::invalid_grant(refusal.detail)
        }
        other => other.into(),
    }
}

fn ended() -> Missed {
    Missed::NotStored(Error::invalid_grant("they were disabled or logged out, or the client was removed, meanwhile"))
}
