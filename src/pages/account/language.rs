//! The language of pages and mails.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::error::Result;
use crate::base::locale::Locale;
use crate::identity::accounts::{OwnChange, change_own};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::Faults;
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::page::{Frame, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::visit::speaking;
use crate::platform::http::Routes;

/// `/account/language`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_language, choose_language))
}

/// Each in its own words, as whoever reads no other looks for it.
const LANGUAGES: [(Locale, &str); 2] = [(Locale::En, "English"), (Locale::Es, "Español")];

#[derive(Template)]
#[template(path = "pages/account/language.html")]
struct LanguagePage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    languages: [(&'static str, &'static str, bool); 2],
}

/// Show the language page
#[utoipa::path(get, path = "/account/language", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_language(State(pages): State<Pages>, member: Member) -> Response {
    member.answered(&pages, page(&pages, &member, Faults::default()))
}

fn page(pages: &Pages, member: &Member, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let languages = LANGUAGES.map(|(locale, name)| (locale.as_str(), name, locale == member.visit.locale));
    let page = LanguagePage { frame, menu, faults: &faults, languages };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the language page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `choose_language` reads")]
struct LanguageForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    language: Locale,
}

/// Choose the language of pages and mails
///
/// As `PATCH /auth/me`, and for this browser, also where nobody is logged in.
#[utoipa::path(post, path = "/account/language", tag = "pages", security(()),
    request_body(content = LanguageForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn choose_language(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    member.answered(&pages, chosen(&pages, &member, &form).await)
}

async fn chosen(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let words = member.words();
    let Some(locale) = form.one("language").and_then(Locale::stored) else {
        let mut faults = Faults::default();
        faults.add("language", words.account.language.choose_one);
        return page(pages, member, faults);
    };
    let change = OwnChange { locale: Some(locale), ..OwnChange::default() };
    match change_own(pages, &member.caller, change, Some(locale)).await {
        Ok(()) => Ok(with_cookies(member.go_on(pages, Told::LanguageChosen)?, [speaking(pages, locale)?])),
        Err(error) => page(pages, member, Faults::told(error, (pages, words), &[])?),
    }
}
