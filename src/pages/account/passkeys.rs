//! Passkeys. They are added by the one script of these pages, since no browser makes them without.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::back::{TypedQuery, new_name, typed_before};
use super::factors::codes_page;
use super::moment::moment;
use super::refused::{name_in, proved_or, settled};
use crate::base::error::Result;
use crate::identity::passkeys::{
    OwnPasskeys, Passkey, PasskeyId, PasskeyName, PasskeySignals, UnknownPasskey, is_refused_for_good, own, register,
    registration_options, remove, rename, unknown,
};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::page::{Frame, go, show_with_passkeys, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::{Words, named};
use crate::platform::http::Routes;

/// `/account/passkeys`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_passkeys, change_passkeys))
}

#[derive(Template)]
#[template(path = "pages/account/passkeys.html")]
struct PasskeysPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    passkeys: Vec<Row>,
    /// Whether there may be any here.
    are_there: bool,
    name: Field<'a>,
    /// What to ask the browser for, once somebody wants a new one.
    options: Option<&'a str>,
    /// What to tell the browser, so that it offers these and no others.
    signals: Option<&'a str>,
}

/// What the browser is told, by the names of its methods.
#[derive(Serialize)]
struct Signals {
    #[serde(flatten)]
    standing: Option<PasskeySignals>,
    #[serde(flatten)]
    refused: Option<UnknownPasskey>,
}

/// A passkey, in words.
struct Row {
    id: i32,
    name: String,
    about: Vec<String>,
}

impl Row {
    fn of(passkey: Passkey, is_the_only_one: bool, words: &Words) -> Self {
        let mut about = vec![named(words.security.added, &moment(passkey.created_at, words))];
        about.extend(passkey.last_used_at.map(|at| named(words.account.sessions.last_seen, &moment(at, words))));
        let stays = match passkey.backed_up {
            true => words.security.backed_up,
            false if is_the_only_one => words.security.only_not_backed_up,
            false => words.security.not_backed_up,
        };
        about.push(stays.to_owned());
        Self { id: passkey.id.0, name: passkey.name, about }
    }
}

/// Show the page of passkeys
#[utoipa::path(get, path = "/account/passkeys", tag = "pages", security(()), params(TypedQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_passkeys(State(pages): State<Pages>, member: Member, RawQuery(query): RawQuery) -> Response {
    let typed = typed_before(query.as_deref());
    member.answered(&pages, page(&pages, &member, (Some(&typed), None), Faults::default(), true).await)
}

async fn page(
    pages: &Pages,
    member: &Member,
    (typed, options): (Option<&Parameters>, Option<&str>),
    faults: Faults,
    tells: bool,
) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let words = member.words();
    let mut conn = pages.db.read().await?;
    let OwnPasskeys { passkeys, signals } = own(&mut conn, pages, &member.caller).await?;
    let refused = match typed.and_then(|form| form.one("passkey")) {
        Some(made) => unknown(&mut conn, pages, &read(made)).await?,
        None => None,
    };
    drop(conn);
    let is_the_only_one = passkeys.len() == 1;
    let signals = (tells && (signals.is_some() || refused.is_some())).then_some(Signals { standing: signals, refused });
    let signals = signals.map(|signals| serde_json::to_string(&signals)).transpose().map_err(anyhow::Error::from)?;
    let filled = Filled { typed, faults: &faults, caret: None };
    let page = PasskeysPage {
        frame,
        menu,
        faults: &faults,
        passkeys: passkeys.into_iter().map(|passkey| Row::of(passkey, is_the_only_one, words)).collect(),
        are_there: pages.settings.relying_party.is_some(),
        name: filled.field("name", words.security.passkey_name, None).hinting(words.security.passkey_name_hint),
        options,
        signals: signals.as_deref(),
    };
    let page = show_with_passkeys(pages, faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// What the page of passkeys posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_passkeys` reads")]
struct PasskeysForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// `begin`, `rename` or `remove`; none where the browser has made a passkey.
    #[schema(example = "begin")]
    act: Option<String>,
    /// Of the passkey.
    id: Option<i32>,
    /// Of the passkey.
    #[schema(example = "Phone")]
    name: Option<String>,
    /// What the browser has made: `credential.toJSON()`.
    passkey: Option<String>,
}

/// Change your passkeys on their page
///
/// As `/auth/me/passkeys`. Recovery codes are shown on the answer, once.
#[utoipa::path(post, path = "/account/passkeys", tag = "pages", security(()),
    request_body(content = PasskeysForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "to the page by `GET`; to one on which you prove who you are; to the login page, for whoever is not logged in"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 409, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn change_passkeys(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    let acted = acted(&pages, &member, &form).await;
    // A form that was sent twice: until the first is through, the browser would be told to forget what that is about to keep.
    let tells = acted.as_ref().err().is_none_or(is_refused_for_good);
    let acted = acted.or_else(|error| proved_or(&pages, &member, error, new_name(&form)));
    settled(&pages, &member, (acted, &["name"]), |faults| page(&pages, &member, (Some(&form), None), faults, tells))
        .await
}

/// What a browser has made: `credential.toJSON()`.
fn read(made: &str) -> Value {
    serde_json::from_str(made).unwrap_or_default()
}

async fn acted(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let (caller, locale) = (&member.caller, Some(member.visit.locale));
    let id = form.one("id").and_then(|id| id.parse().ok()).map(PasskeyId);
    if let Some(made) = form.one("passkey") {
        return match register(pages, caller, Some(name_in(form)?), &read(made), locale).await?.recovery_codes {
            Some(codes) => codes_page(pages, member, &codes),
            None => member.go_on(pages, Told::PasskeyAdded),
        };
    }
    match (form.one("act"), id) {
        (Some("begin"), _) => {
            name_in::<PasskeyName>(form)?;
            let options = registration_options(pages, caller).await?;
            let options = serde_json::to_string(&options).map_err(anyhow::Error::from)?;
            page(pages, member, (Some(form), Some(&options)), Faults::default(), true).await
        }
        (Some("rename"), Some(id)) => {
            rename(pages, caller, id, &name_in(form)?).await?;
            member.go_on(pages, Told::Renamed)
        }
        (Some("remove"), Some(id)) => {
            remove(pages, caller, id, locale).await?;
            member.go_on(pages, Told::PasskeyRemoved)
        }
        _ => go(&pages.issuer.at(member.place.path())),
    }
}
