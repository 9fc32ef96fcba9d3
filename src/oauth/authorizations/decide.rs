//! What comes next in an authorization request.

use time::Duration;

use super::prompt::is_new;
use super::redirect::Answer;
use super::{Browser, Grant, Request, WantedAcr, code};
use crate::base::error::Result;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::factors::store::second_factors;
use crate::oauth::clients::Consent;
use crate::oauth::{OAuth, consents};

/// What comes next.
#[derive(Clone, Debug)]
pub enum Next {
    /// They log in.
    LogIn,
    /// They are asked whether the client may have this.
    Ask(Grant),
    /// The client does not let them in.
    NoAccess,
    /// The client gets an answer.
    Back(Answer),
    /// Their session has ended meanwhile, they have taken back what they had agreed to, or the client has changed: it is decided anew.
    Again,
}

/// Decides what comes next for whoever has this session in their browser, or none.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn decide(oauth: &OAuth, request: &Request, browser: Option<&Browser>, origin: &Origin) -> Result<Next> {
    if request.prompt.none {
        silently(oauth, request, browser, origin).await
    } else {
        openly(oauth, request, browser, origin).await
    }
}

/// By pages, where something is to be asked.
async fn openly(oauth: &OAuth, request: &Request, browser: Option<&Browser>, origin: &Origin) -> Result<Next> {
    let now = oauth.clock.now();
    let Some(browser) = browser.filter(|browser| request.is_content_with(browser, now, Duration::ZERO)) else {
        return Ok(Next::LogIn);
    };
    if !request.expected.is_not_another(browser.person) {
        // Who has only just logged in would be asked in a circle.
        let asks = !is_new(browser.logged_in_at, now);
        return Ok(if asks { Next::LogIn } else { back(request, "login_required", "somebody else is logged in") });
    }
    match strength(oauth, request, browser).await? {
        Strength::Enough => {}
        Strength::MoreIsThere => return Ok(Next::LogIn),
        Strength::NoMoreIsThere => return Ok(unmet(request)),
    }
    let Some(grant) = request.grant(oauth, browser.person).await? else { return Ok(Next::NoAccess) };
    if must_agree(oauth, request, browser, Some(&grant)).await? {
        return Ok(Next::Ask(grant));
    }
    answered(oauth, request, (browser, &grant), origin).await
}

/// Without any page (`prompt=none`). Before they have agreed that the client may act for them, it hears nothing of who they are.
async fn silently(oauth: &OAuth, request: &Request, browser: Option<&Browser>, origin: &Origin) -> Result<Next> {
    let back = |code, description| Ok(back(request, code, description));
    let now = oauth.clock.now();
    let Some(browser) = browser.filter(|browser| request.is_content_with(browser, now, Duration::ZERO)) else {
        return back("login_required", "nobody is logged in, or the login is older than max_age");
    };
    let grant = request.grant(oauth, browser.person).await?;
    if must_agree(oauth, request, browser, grant.as_ref()).await? {
        return back("consent_required", "they have to be asked");
    }
    if !request.expected.may_be(browser.person) {
        return back("login_required", "somebody else is logged in");
    }
    match strength(oauth, request, browser).await? {
        Strength::Enough => {}
        Strength::MoreIsThere => return back("login_required", "they have to log in with their second factor"),
        Strength::NoMoreIsThere => return Ok(unmet(request)),
    }
    let Some(grant) = grant else { return back("access_denied", "this client does not let them in") };
    answered(oauth, request, (browser, &grant), origin).await
}

/// Whether a login is strong enough for what a client wants.
enum Strength {
    Enough,
    /// Their second factor is missing.
    MoreIsThere,
    /// They have none.
    NoMoreIsThere,
}

async fn strength(oauth: &OAuth, request: &Request, browser: &Browser) -> Result<Strength> {
    if request.acr.is_met_by(browser) {
        return Ok(Strength::Enough);
    }
    let has_one = !second_factors(&mut *oauth.db.read().await?, browser.person).await?.is_empty();
    Ok(match (has_one, request.acr) {
        (true, _) => Strength::MoreIsThere,
        (false, WantedAcr::SecondFactorOnly) => Strength::NoMoreIsThere,
        (false, WantedAcr::SecondFactor | WantedAcr::Any) => Strength::Enough,
    })
}

/// OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
fn unmet(request: &Request) -> Next {
    back(request, "unmet_authentication_requirements", "they have no second factor")
}

fn back(request: &Request, code: &'static str, description: &str) -> Next {
    Next::Back(request.target.error(code, description))
}

/// With a code.
async fn answered(
    oauth: &OAuth,
    request: &Request,
    (browser, grant): (&Browser, &Grant),
    origin: &Origin,
) -> Result<Next> {
    let agreed = grant.agreed();
    let agreed = (request.client.consent == Consent::Remember).then_some(agreed.as_slice());
    let by = By { actor: Actor::Person(browser.person), origin: origin.clone(), now: oauth.clock.now() };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let Some(code) = code::insert(oauth, &mut tx, request, (browser, grant, agreed)).await? else {
        return Ok(Next::Again);
    };
    tx.commit([]).await?;
    Ok(Next::Back(request.target.answer(vec![("code", code.reveal().to_owned())])))
}

/// Whether they are asked; whom the client does not let in has no `grant`.
async fn must_agree(oauth: &OAuth, request: &Request, browser: &Browser, grant: Option<&Grant>) -> Result<bool> {
    if request.prompt.consent {
        return Ok(true);
    }
    match request.client.consent {
        Consent::None => Ok(false),
        Consent::Ask => Ok(true),
        Consent::Remember if anybody_may_be(request) => Ok(true),
        Consent::Remember => {
            let mut conn = oauth.db.read().await?;
            let agreed = consents::store::agreed(&mut conn, browser.person, request.client.id).await?;
            let asked = grant.map(Grant::agreed).unwrap_or_default();
            Ok(agreed.is_none_or(|agreed| asked.iter().any(|scope| !agreed.contains(scope))))
        }
    }
}

/// Whether any program on the person's machine could pass for the client (RFC 8252 section 8.6): it has neither a secret nor an
/// address of its own in the network.
fn anybody_may_be(request: &Request) -> bool {
    request.client.is_public() && request.target.is_on_their_machine()
}
