//! Somebody proves once more who they are, for what a thief of a session must not do.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::back::Back;
use crate::base::error::{Error, Result};
use crate::identity::factors::{Code, Given, Method, store};
use crate::identity::login::{Reproof, reauthenticate};
use crate::identity::passkeys::{self, Purpose};
use crate::identity::people;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled};
use crate::pages::member::{Member, Menu, Posted, go_on, with_faults};
use crate::pages::page::{Frame, show_with_passkeys, with_cookies};
use crate::pages::place::Place;
use crate::pages::second_step::takes_code;
use crate::pages::told::Told;
use crate::platform::http::Routes;

/// `/account/prove`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_proof, prove_on_page))
}

#[derive(Template)]
#[template(path = "pages/account/prove.html")]
struct ProvePage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    /// A password or a code; none of who has neither.
    field: Option<Field<'a>>,
    /// What to ask the browser for, where they have a passkey.
    passkey: Option<&'a str>,
    page: &'static str,
    /// What they had typed as a name.
    name: Option<&'a str>,
    /// Why it is asked for.
    why: &'static str,
}

/// What the page is asked.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `show_proof` reads")]
struct ProofQuery {
    /// The page of the account to go on to, by its name.
    #[param(example = "factors")]
    page: Option<String>,
    /// What to keep meanwhile in its field for a name.
    #[param(example = "My phone")]
    name: Option<String>,
}

/// Show the page on which you prove once more who you are
#[utoipa::path(get, path = "/account/prove", tag = "pages", security(()), params(ProofQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_proof(State(pages): State<Pages>, member: Member, RawQuery(query): RawQuery) -> Response {
    let query = Parameters::read(&query.unwrap_or_default()).unwrap_or_default();
    let answer = page(&pages, &member, Back::of(&query), Faults::default()).await;
    member.answered(&pages, answer)
}

/// What one proves it with.
struct AskedFor {
    /// In a field, if there is one.
    field: Option<&'static str>,
    methods: Vec<Method>,
}

async fn asked_for(pages: &Pages, member: &Member) -> Result<AskedFor> {
    let (mut conn, person) = (pages.db.read().await?, member.caller.person);
    let mut methods = store::second_factors(&mut conn, person).await?;
    let has_password = people::store::password_hash(&mut conn, person).await?.flatten().is_some();
    let field = if methods.is_empty() {
        has_password.then_some("current_password")
    } else {
        takes_code(&methods).then_some("code")
    };
    methods.retain(|method| *method != Method::Passkey || pages.settings.relying_party.is_some());
    Ok(AskedFor { field, methods })
}

async fn options(pages: &Pages, member: &Member) -> Result<String> {
    let caller = &member.caller;
    let options = passkeys::ask(pages, &caller.origin, Purpose::Reauthentication(caller.person)).await?;
    serde_json::to_string(&options).map_err(|error| Error::Internal(error.into()))
}

async fn page(pages: &Pages, member: &Member, back: Back<'_>, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let (words, asked) = (member.words(), asked_for(pages, member).await?);
    let by_passkey = asked.methods.contains(&Method::Passkey);
    let passkey = if by_passkey { Some(options(pages, member).await?) } else { None };
    let filled = Filled { typed: None, faults: &faults, caret: asked.field };
    let hint = words.second_step_why.by(&asked.methods);
    let field = asked.field.map(|field| match field {
        "code" => filled.password("code", words.code, "one-time-code").of_kind("text").hinting(hint),
        _ => filled.password("current_password", words.account.password.current, "current-password"),
    });
    let Back { place, name } = back;
    let why = if place == Place::Keys { words.account.keys.prove_why } else { words.security.prove_why };
    let passkey = passkey.as_deref();
    let page = ProvePage { frame, menu, faults: &faults, field, passkey, page: place.name(), name, why };
    let page = show_with_passkeys(pages, faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the page posts: one of the three.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `prove_on_page` reads")]
struct ProofForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The page of the account to go on to, by its name.
    #[schema(example = "factors")]
    page: String,
    /// What to keep meanwhile in its field for a name.
    #[schema(example = "My phone")]
    name: Option<String>,
    /// Of who has no second factor.
    current_password: Option<String>,
    /// Of an authenticator, or a recovery code.
    #[schema(example = "123456")]
    code: Option<String>,
    /// What the browser says of a passkey, in its place.
    passkey: Option<String>,
}

/// Prove once more who you are, on the page
///
/// As `POST /auth/reauthenticate`.
#[utoipa::path(post, path = "/account/prove", tag = "pages", security(()),
    request_body(content = ProofForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page that wants it; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn prove_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, proved(&pages, &member, &form).await)
}

async fn proved(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let (words, back) = (member.words(), Back::of(form));
    let with = match (form.one("current_password"), form.one("code")) {
        _ if form.one("passkey").is_some() => {
            let signed = form.one("passkey").unwrap_or_default();
            Reproof::Passkey(serde_json::from_str(signed).unwrap_or_default())
        }
        (Some(password), _) => Reproof::Password(password.to_owned().into()),
        (None, Some(code)) => {
            let code = Code::from(code.to_owned());
            let method = if code.is_of_an_authenticator() { Method::Totp } else { Method::RecoveryCode };
            Reproof::Factor(Given { method, code })
        }
        (None, None) => {
            let mut faults = Faults::default();
            faults.add("current_password", words.account.rules.say_current_password);
            faults.add("code", words.say_code);
            faults.only(asked_for(pages, member).await?.field.unwrap_or_default());
            return page(pages, member, back, faults).await;
        }
    };
    match reauthenticate(pages, &member.caller, with).await {
        Ok(_) => go_on(pages, &back.path(), Told::Proved),
        Err(error) => {
            let faults = Faults::told(error, (pages, words), &["current_password", "code"])?;
            page(pages, member, back, faults).await
        }
    }
}
