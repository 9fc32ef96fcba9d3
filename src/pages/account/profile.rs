//! Name, username, and what applications are told of somebody.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::claims;
use crate::base::error::Result;
use crate::identity::accounts::{OwnChange, change_own};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled, rule_of};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::platform::http::Routes;

/// `/account/profile`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_profile, change_profile))
}

#[derive(Template)]
#[template(path = "pages/account/profile.html")]
struct Profile<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    name: Field<'a>,
    username: Field<'a>,
    current_password: Option<Field<'a>>,
    claims: Vec<Field<'a>>,
}

/// Show the profile page
#[utoipa::path(get, path = "/account/profile", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_profile(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, page(&pages, &member, None, Faults::default()))
}

fn page(pages: &Pages, member: &Member, typed: Option<&Parameters>, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let (words, details) = (member.words(), &member.details);
    let filled = Filled { typed, faults: &faults, caret: None };
    let standing = claims::standing(&details.claims);
    let asks_password = !member.is_fresh || faults.of("current_password").is_some();
    let page = Profile {
        frame,
        menu,
        faults: &faults,
        name: filled.field("name", words.account.name, Some(&details.name)).filled_with("name"),
        username: filled.field("username", words.username, Some(&details.username)).filled_with("username"),
        current_password: asks_password.then(|| {
            let field = filled.password("current_password", words.account.password.current, "current-password");
            field.hinting(words.account.profile.when_password_is_needed).optional()
        }),
        claims: claims::fields(&filled, words, &standing),
    };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the profile page posts: the claims, too. What is left out is emptied.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_profile` reads")]
struct ProfileForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    #[schema(example = "Ada Quispe")]
    name: String,
    #[schema(example = "ada")]
    username: String,
    /// For a new username more than 15 minutes after login.
    current_password: Option<String>,
    #[schema(example = "Ada")]
    given_name: Option<String>,
}

/// Change your profile on its page
///
/// As `PATCH /auth/me`: name, username, and what applications are told of you.
#[utoipa::path(post, path = "/account/profile", tag = "pages", security(()),
    request_body(content = ProfileForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn change_profile(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, changed(&pages, &member, &form).await)
}

async fn changed(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let words = member.words();
    let mut faults = Faults::default();
    let change = wanted(member, form, &mut faults);
    if !faults.are_none() {
        return page(pages, member, Some(form), faults);
    }
    let is_nothing = change.name.is_none() && change.username.is_none() && change.claims.is_none();
    if is_nothing {
        return member.go_on(pages, Told::ProfileChanged);
    }
    // It is read only where it counts: a wrong one is a failed login.
    let current = form.one("current_password").filter(|_| change.username.is_some());
    let change = OwnChange { current_password: current.map(|current| current.to_owned().into()), ..change };
    match change_own(pages, &member.caller, change, Some(member.visit.locale)).await {
        Ok(()) => member.go_on(pages, Told::ProfileChanged),
        Err(error) => {
            let fields: Vec<_> = ["name", "username", "current_password"].into_iter().chain(claims::names()).collect();
            page(pages, member, Some(form), Faults::told(error, (pages, words), &fields)?)
        }
    }
}

/// What is another than what stands.
fn wanted(member: &Member, form: &Parameters, faults: &mut Faults) -> OwnChange {
    let (words, details) = (member.words(), &member.details);
    let changed = |field: &'static str, stands: &str| {
        let typed = form.one(field).unwrap_or_default().trim();
        (typed != stands).then(|| typed.to_owned())
    };
    let (name, username) = (changed("name", &details.name), changed("username", &details.username));
    let mut rule = |field| faults.add(field, rule_of(field, words).unwrap_or_default());
    let name = name.and_then(|name| name.parse().map_err(|_| rule("name")).ok());
    let username = username.and_then(|name| name.parse().map_err(|_| rule("username")).ok());
    let claims = claims::change(form, &claims::standing(&details.claims), words, faults);
    OwnChange { username, name, claims, ..OwnChange::default() }
}
