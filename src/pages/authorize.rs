//! The authorization endpoint (RFC 6749 section 3.1).

use std::convert::Infallible;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::consent::consent_page;
use super::login::{Typed, login_page};
use super::page::{Frame, answered, back, go, leads_to_a_program, name_of, refused, show};
use super::purpose::For;
use crate::base::error::Result;
use crate::oauth::authorizations::{self, Answer, Browser, Fault, Next, Refused, Request, decide};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::visit::Visit;
use crate::platform::http::{Form, Routes};

/// `/oauth/authorize`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(authorize, authorize_by_post))
}

/// What a client asks for. Parameters that are not here are ignored; none may come twice but `resource`.
#[derive(Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `check` reads")]
struct AuthorizationRequest {
    /// The client.
    #[param(example = "web-shop")]
    #[schema(example = "web-shop")]
    client_id: Option<String>,
    /// Where the answer goes: to the letter one that the client has registered; the port of a loopback address is free.
    #[param(example = "https://shop.example.com/callback")]
    #[schema(example = "https://shop.example.com/callback")]
    redirect_uri: Option<String>,
    /// `code`.
    #[param(example = "code")]
    #[schema(example = "code")]
    response_type: Option<String>,
    /// `query`, `fragment` or `form_post`.
    response_mode: Option<String>,
    /// Without it, all permissions that the client may ask for.
    #[param(example = "openid profile")]
    #[schema(example = "openid profile")]
    scope: Option<String>,
    /// Comes back as it is.
    state: Option<String>,
    /// Is in the ID token.
    nonce: Option<String>,
    /// The SHA-256 of the code verifier (RFC 7636).
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
    /// `none`, or some of `login`, `consent`, `select_account`.
    prompt: Option<String>,
    /// How many seconds old the login may be.
    max_age: Option<String>,
    /// A username to fill in.
    login_hint: Option<String>,
    /// An ID token of whoever is expected to be logged in.
    id_token_hint: Option<String>,
    /// Languages of the pages, the best first.
    ui_locales: Option<String>,
    /// `2` asks for a login with a second factor of whoever has one (RFC 9470).
    acr_values: Option<String>,
    /// Claims one by one, as JSON (OpenID Connect Core section 5.5).
    claims: Option<String>,
    /// What the client has pushed (RFC 9126): then nothing else is needed but `client_id`.
    request_uri: Option<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449 section 10).
    dpop_jkt: Option<String>,
    /// A service that the tokens are for: `urn:portero:service:<name>`, or its address. May come more than once.
    resource: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/no_access.html")]
struct NoAccess<'a> {
    frame: Frame<'a>,
    client: &'a str,
    person: &'a str,
    somebody_else: &'a str,
    back: Option<&'a str>,
}

/// Log a person in for a client
///
/// Shows the login page, asks whether the client may have what it asks for, and sends the person back with a code, or with an
/// error as RFC 6749 section 4.1.2.1 has it. An unknown client or an address that it has not registered is told to the person
/// alone.
#[utoipa::path(get, path = "/oauth/authorize", tag = "oauth", security(()), params(AuthorizationRequest), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "back to the client"),
    (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn authorize(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = asked(&pages, &visit, &query.unwrap_or_default()).await;
    answered(&pages, &visit, answer)
}

/// Log a person in for a client, by a form
///
/// Goes on as a `GET`: browsers send no cookie with what another site posts.
#[utoipa::path(post, path = "/oauth/authorize", tag = "oauth", security(()),
    request_body(content = AuthorizationRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the same by `GET`"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
    ))]
async fn authorize_by_post(
    State(pages): State<Pages>,
    Ok(visit): Result<Visit, Infallible>,
    Form(text): Form,
) -> Response {
    let answer = match Parameters::read(&text) {
        Some(parameters) => go(&pages.issuer.at(&format!("/oauth/authorize?{}", parameters.written()))),
        None => refused(&pages, &visit, &Refused::Here(Fault::Malformed)).await,
    };
    answered(&pages, &visit, answer)
}

async fn asked(pages: &Pages, visit: &Visit, query: &str) -> Result<Response> {
    let visit = &visit.clone().reading(&Parameters::read(query).unwrap_or_default());
    let request = match authorizations::check(pages, query).await? {
        Ok(request) => request,
        Err(why) => return refused(pages, visit, &why).await,
    };
    let visit = &visit.clone().reading(&request.parameters);
    let browser = visit.browser(pages).await?;
    let next = decide(pages, &request, browser.as_ref(), &visit.origin).await?;
    step(pages, visit, (&request, browser.as_ref()), next).await
}

/// The page, or the way back, that comes next.
async fn step(
    pages: &Pages,
    visit: &Visit,
    (request, browser): (&Request, Option<&Browser>),
    next: Next,
) -> Result<Response> {
    match (next, browser) {
        (Next::Back(answer), _) => back(pages, visit, &request.client, &answer).await,
        (Next::Again, _) => go(&pages.issuer.at(&format!("/oauth/authorize?{}", request.query()))),
        (Next::Ask(grant), Some(browser)) => consent_page(pages, visit, (request, browser), &grant).await,
        (Next::NoAccess, Some(browser)) => no_access(pages, visit, request, browser),
        (Next::LogIn | Next::Ask(_) | Next::NoAccess, _) => {
            login_page(pages, visit, For::Client(request), (StatusCode::OK, Typed::default())).await
        }
    }
}

fn no_access(pages: &Pages, visit: &Visit, request: &Request, browser: &Browser) -> Result<Response> {
    let answer = request.target.error("access_denied", "this client does not let them in");
    let back = match &answer {
        Answer::Redirect(to) => Some(to.as_str()),
        Answer::Form { .. } => None,
    };
    let page = NoAccess {
        frame: Frame::of(pages, visit),
        client: &name_of(&request.client),
        person: &browser.payload.name,
        somebody_else: &request.as_somebody_else(),
        back: back.filter(|to| leads_to_a_program(to)),
    };
    show(StatusCode::FORBIDDEN, &page, None)
}
