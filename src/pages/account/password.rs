//! Somebody changes their password, or turns it off, or on again.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::refused::settled;
use crate::base::error::{Error, Result};
use crate::identity::accounts::{self, turn_password_off, turn_password_on};
use crate::identity::passkeys::{self, WaysIn};
use crate::identity::people;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled, new_password};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::new_password::chosen;
use crate::pages::page::{Frame, go, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::Words;
use crate::platform::http::Routes;

/// `/account/password`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_password, change_password_on_page))
}

/// The fields in which something can be wrong.
const FIELDS: [&str; 3] = ["current_password", "new_password", "again"];

#[derive(Template)]
#[template(path = "pages/account/password.html")]
struct PasswordPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    username: &'a str,
    /// What is said of who has none.
    has_none: Option<&'static str>,
    /// Whether a password may be typed now: a first one takes a proof of lately, as the current one is for another.
    may_type: bool,
    fields: Vec<Field<'a>>,
    /// What is said of doing without one, of who has one, where there are passkeys.
    without: Option<Without>,
}

/// What somebody lacks who wants to do without a password; nothing of who can.
struct Without {
    missing: Option<&'static str>,
}

impl Without {
    fn of(ways: WaysIn, words: &Words) -> Self {
        let missing = &words.account.password.missing;
        let missing = match (ways.passkeys, ways.has_codes, ways.has_address) {
            _ if ways.are_enough() => None,
            (0, ..) => Some(missing.passkeys),
            (_, false, true) => Some(missing.codes),
            (_, true, _) => Some(missing.address),
            (_, false, false) => Some(missing.codes_and_address),
        };
        Self { missing }
    }
}

/// Show the password page
#[utoipa::path(get, path = "/account/password", tag = "pages", security(()), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_password(State(pages): State<Pages>, member: Member) -> Response {
    let answer = page(&pages, &member, Faults::default()).await;
    member.answered(&pages, answer)
}

async fn page(pages: &Pages, member: &Member, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let (words, person) = (&member.words().account, member.caller.person);
    let mut conn = pages.db.read().await?;
    let is_off = people::store::is_password_off(&mut conn, person).await?;
    let has_one = people::store::password_hash(&mut conn, person).await?.flatten().is_some();
    let ways = passkeys::store::ways_in(&mut conn, person).await?;
    drop(conn);
    let filled = Filled { typed: None, faults: &faults, caret: None };
    let current = filled.password("current_password", words.password.current, "current-password");
    let new = filled.password("new_password", words.password.new, "new-password");
    let new = new.hinting(new_password(pages, member.words()));
    let again = filled.password("again", words.password.again, "new-password");
    let may_do_without = has_one && pages.settings.relying_party.is_some();
    let page = PasswordPage {
        frame,
        menu,
        faults: &faults,
        username: &member.details.username,
        has_none: (!has_one).then_some(if is_off { words.password.is_off } else { words.password.is_none }),
        may_type: has_one || member.is_fresh,
        fields: if has_one { vec![current, new, again] } else { vec![new, again] },
        without: may_do_without.then(|| Without::of(ways, member.words())),
    };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the password page posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_password_on_page` reads")]
struct PasswordForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// `off` or `on`; none where it is changed.
    act: Option<String>,
    /// Where it is changed.
    #[schema(example = "correct horse battery")]
    current_password: Option<String>,
    /// The new one, unless it is turned off,
    #[schema(example = "another horse battery staple")]
    new_password: Option<String>,
    /// and the same once more.
    #[schema(example = "another horse battery staple")]
    again: Option<String>,
}

/// Change your password on its page, or turn it off or on
///
/// As `POST /auth/change-password`, and `DELETE` and `POST /auth/me/password`: your other sessions end with a new one, and you are told by mail.
#[utoipa::path(post, path = "/account/password", tag = "pages", security(()),
    request_body(content = PasswordForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "to the page by `GET`; to one on which you prove who you are; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn change_password_on_page(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    let acted = match form.one("act") {
        Some("off") => turned_off(&pages, &member).await,
        Some("on") => turned_on(&pages, &member, &form).await,
        _ => changed(&pages, &member, &form).await,
    };
    settled(&pages, &member, (acted, &FIELDS), |faults| page(&pages, &member, faults)).await
}

async fn turned_off(pages: &Pages, member: &Member) -> Result<Response> {
    match turn_password_off(pages, &member.caller, Some(member.visit.locale)).await {
        Err(error) if matches!(&error, Error::Refused(refusal) if refusal.code == "last_way_in") => {
            let ways = passkeys::store::ways_in(&mut *pages.db.read().await?, member.caller.person).await?;
            match Without::of(ways, member.words()).missing {
                Some(missing) => page(pages, member, Faults::refused(error, missing)).await,
                None => Err(error),
            }
        }
        turned => {
            turned?;
            member.go_on(pages, Told::PasswordTurnedOff)
        }
    }
}

async fn turned_on(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let mut faults = Faults::default();
    let Some(new) = chosen(pages, member.words(), form, "new_password", &mut faults) else {
        return page(pages, member, faults).await;
    };
    match turn_password_on(pages, &member.caller, new, Some(member.visit.locale)).await {
        // Somebody has set one meanwhile: the page asks for that then.
        Err(Error::Refused(refusal)) if refusal.code == "password_exists" => go(&pages.issuer.at(member.place.path())),
        turned => {
            turned?;
            member.go_on(pages, Told::PasswordTurnedOn)
        }
    }
}

async fn changed(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let words = member.words();
    let mut faults = Faults::default();
    let current = form.one("current_password");
    if current.is_none() {
        faults.add("current_password", words.account.rules.say_current_password);
    }
    let new = chosen(pages, words, form, "new_password", &mut faults);
    let (Some(current), Some(new)) = (current, new) else { return page(pages, member, faults).await };
    let locale = Some(member.visit.locale);
    accounts::change_password(pages, &member.caller, current.to_owned().into(), new, locale).await?;
    member.go_on(pages, Told::PasswordChanged)
}
