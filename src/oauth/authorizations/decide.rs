//! What comes next in an authorization request.

use time::Duration;

use super::prompt::is_new;
use super::redirect::Answer;
use super::{Browser, Grant, Request, code};
use crate::base::error::Result;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
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
    let may_ask = !request.prompt.none;
    let back = |code, description| Ok(Next::Back(request.target.error(code, description)));
    let now = oauth.clock.now();
    let Some(browser) = browser.filter(|browser| request.is_content_with(browser, now, Duration::ZERO)) else {
        return if may_ask {
            Ok(Next::LogIn)
        } else {
            back("login_required", "nobody is logged in, or not late enough")
        };
    };
    let is_expected =
        if may_ask { request.expected.is_not_another(browser.person) } else { request.expected.may_be(browser.person) };
    if !is_expected {
        // Who has only just logged in would be asked in a circle.
        let asks = may_ask && !is_new(browser.logged_in_at, now);
        return if asks { Ok(Next::LogIn) } else { back("login_required", "somebody else is logged in") };
    }
    let Some(grant) = request.grant(oauth, browser.person).await? else {
        return if may_ask { Ok(Next::NoAccess) } else { back("access_denied", "this client does not let them in") };
    };
    if must_agree(oauth, request, browser, &grant).await? {
        return if may_ask { Ok(Next::Ask(grant)) } else { back("consent_required", "they have to be asked") };
    }
    let agreed = grant.agreed();
    let agreed = (request.client.consent == Consent::Remember).then_some(agreed.as_slice());
    let by = By { actor: Actor::Person(browser.person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let code = code::insert(oauth, &mut tx, request, (browser, &grant, agreed)).await?;
    let Some(code) = code else { return Ok(Next::Again) };
    tx.commit([]).await?;
    Ok(Next::Back(request.target.answer(vec![("code", code.reveal().to_owned())])))
}

async fn must_agree(oauth: &OAuth, request: &Request, browser: &Browser, grant: &Grant) -> Result<bool> {
    if request.prompt.consent {
        return Ok(true);
    }
    match request.client.consent {
        Consent::None => Ok(false),
        Consent::Ask => Ok(true),
        Consent::Remember => {
            let mut conn = oauth.db.read().await?;
            let agreed = consents::store::agreed(&mut conn, browser.person, request.client.id).await?;
            Ok(agreed.is_none_or(|agreed| grant.agreed().iter().any(|scope| !agreed.contains(scope))))
        }
    }
}
