//! Second factors: authenticators, recovery codes, and the devices on which a password is enough.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::back::{TypedQuery, new_name, typed_before};
use super::device::name_of;
use super::moment::moment;
use super::refused::{name_in, proved_or, settled};
use crate::base::error::Result;
use crate::base::id::{FactorId, TrustedDeviceId};
use crate::identity::factors::{self, Code, Enrolment, ListedDevice, ListedFactor, RecoveryCodesLeft, store};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled};
use crate::pages::member::{Member, Menu, Posted, with_faults};
use crate::pages::page::{Frame, go, show, with_cookies};
use crate::pages::told::Told;
use crate::pages::words::{Words, named};
use crate::platform::http::{Page, Routes};

/// `/account/factors`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(show_factors, change_factors))
}

#[derive(Template)]
#[template(path = "pages/account/factors.html")]
struct FactorsPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    factors: Vec<Row>,
    name: Field<'a>,
    /// How many recovery codes are left, in words; none of who has no second factor.
    codes_left: Option<String>,
    devices: Vec<Row>,
}

#[derive(Template)]
#[template(path = "pages/account/enrol.html")]
struct EnrolPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    faults: &'a Faults,
    enrolment: &'a Enrolment,
    fields: [Field<'a>; 2],
}

#[derive(Template)]
#[template(path = "pages/account/codes.html")]
struct CodesPage<'a> {
    frame: Frame<'a>,
    menu: Menu<'a>,
    codes: &'a [String],
}

/// A factor or a device, in words.
struct Row {
    id: i32,
    name: String,
    about: Vec<String>,
}

impl Row {
    fn of_factor(factor: ListedFactor, words: &Words) -> Self {
        let mut about = vec![named(words.security.added, &moment(factor.created_at, words))];
        about.extend(factor.last_used_at.map(|at| named(words.account.sessions.last_seen, &moment(at, words))));
        Self { id: factor.id.0, name: factor.name, about }
    }

    fn of_device(device: ListedDevice, words: &Words) -> Self {
        let address = device.address.map(|address| named(words.account.sessions.from, &address));
        let until = named(words.security.until, &moment(device.expires_at, words));
        let name = device.device.as_deref().map_or_else(|| words.account.sessions.unknown_device.to_owned(), name_of);
        Self { id: device.id.0, name, about: address.into_iter().chain([until]).collect() }
    }
}

/// Show the page of second factors
#[utoipa::path(get, path = "/account/factors", tag = "pages", security(()), params(TypedQuery), responses(
    (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
    (status = 303, description = "to the login page, for whoever is not logged in"),
    (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
))]
async fn show_factors(State(pages): State<Pages>, member: Member, RawQuery(query): RawQuery) -> Response {
    let typed = typed_before(query.as_deref());
    member.answered(&pages, page(&pages, &member, Some(&typed), Faults::default()).await)
}

async fn page(pages: &Pages, member: &Member, typed: Option<&Parameters>, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let (words, person, first) = (member.words(), member.caller.person, Page::first(None));
    let mut conn = pages.db.read().await?;
    let factors = store::totp::list(&mut conn, person, &first).await?;
    let devices = store::trusted::list(&mut conn, person, &first, pages.clock.now()).await?;
    let has_factor = !store::second_factors(&mut conn, person).await?.is_empty();
    let RecoveryCodesLeft { remaining, .. } = store::recovery::left(&mut conn, person).await?;
    drop(conn);
    let filled = Filled { typed, faults: &faults, caret: None };
    let page = FactorsPage {
        frame,
        menu,
        faults: &faults,
        factors: factors.into_iter().map(|factor| Row::of_factor(factor, words)).collect(),
        name: filled.field("name", words.security.factor_name, None).hinting(words.security.factor_name_hint),
        codes_left: has_factor.then(|| named(words.security.codes_left, &remaining.to_string())),
        devices: devices.into_iter().map(|device| Row::of_device(device, words)).collect(),
    };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// The secret is shown once: on the answer to a form, and on that to wrong codes.
fn enrol_page(pages: &Pages, member: &Member, enrolment: &Enrolment, faults: Faults) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    let words = member.words();
    let filled = Filled { typed: None, faults: &faults, caret: Some("code") };
    let fields = [
        filled.field("code", words.first_code, None).digits(),
        filled.field("next_code", words.next_code, None).digits(),
    ];
    let page = EnrolPage { frame, menu, faults: &faults, enrolment, fields };
    let page = show(faults.status(), &page, None).map(|shown| with_cookies(shown, cookies));
    with_faults(faults, page)
}

/// Recovery codes are shown once: on the answer to a form.
pub(super) fn codes_page(pages: &Pages, member: &Member, codes: &[String]) -> Result<Response> {
    let (frame, menu, cookies) = member.around(pages)?;
    Ok(with_cookies(show(StatusCode::OK, &CodesPage { frame, menu, codes }, None)?, cookies))
}

/// What the page of factors posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `change_factors` reads")]
struct FactorsForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// `begin`, `confirm`, `rename`, `remove`, `codes` or `distrust`.
    #[schema(example = "begin")]
    act: String,
    /// Of the factor or the device.
    id: Option<i32>,
    /// Of the factor.
    #[schema(example = "My phone")]
    name: Option<String>,
    /// The first code of an authenticator that is confirmed,
    code: Option<String>,
    /// and the one after it.
    next_code: Option<String>,
}

/// Change your second factors on their page
///
/// As `/auth/me/factors`, `/auth/me/recovery-codes` and `/auth/me/trusted-devices`. Secrets and recovery codes are shown on the answer, once.
#[utoipa::path(post, path = "/account/factors", tag = "pages", security(()),
    request_body(content = FactorsForm, content_type = "application/x-www-form-urlencoded"),
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
async fn change_factors(State(pages): State<Pages>, Posted { member, form }: Posted) -> Response {
    let acted = acted(&pages, &member, &form).await;
    let acted = acted.or_else(|error| proved_or(&pages, &member, error, new_name(&form)));
    settled(&pages, &member, (acted, &["name", "code"]), |faults| refused(&pages, &member, &form, faults)).await
}

/// Wrong codes of an authenticator are told where it is set up; all else on the page of all.
async fn refused(pages: &Pages, member: &Member, form: &Parameters, faults: Faults) -> Result<Response> {
    if faults.of("code").is_some()
        && let Some(id) = id_of(form).map(FactorId)
        && let Some(enrolment) =
            factors::totp_again(pages, &mut *pages.db.read().await?, member.caller.person, id).await?
    {
        return enrol_page(pages, member, &enrolment, faults);
    }
    page(pages, member, Some(form), faults).await
}

fn id_of(form: &Parameters) -> Option<i32> {
    form.one("id")?.parse().ok()
}

async fn acted(pages: &Pages, member: &Member, form: &Parameters) -> Result<Response> {
    let caller = &member.caller;
    match (form.one("act"), id_of(form)) {
        (Some("begin"), _) => {
            let enrolment = factors::begin_own(pages, caller, &name_in(form)?).await?;
            enrol_page(pages, member, &enrolment, Faults::default())
        }
        (Some("confirm"), Some(id)) => {
            let code = |field| Code::from(form.one(field).unwrap_or_default().to_owned());
            match factors::confirm_own(pages, caller, FactorId(id), [&code("code"), &code("next_code")]).await? {
                Some(codes) => codes_page(pages, member, &codes),
                None => member.go_on(pages, Told::FactorAdded),
            }
        }
        (Some("rename"), Some(id)) => {
            factors::rename_own(pages, caller, FactorId(id), &name_in(form)?).await?;
            member.go_on(pages, Told::Renamed)
        }
        (Some("remove"), Some(id)) => {
            factors::remove_own(pages, caller, FactorId(id)).await?;
            member.go_on(pages, Told::FactorRemoved)
        }
        (Some("codes"), _) => codes_page(pages, member, &factors::make_own_codes(pages, caller).await?),
        (Some("distrust"), Some(id)) => {
            factors::distrust_own(pages, caller, TrustedDeviceId(id)).await?;
            member.go_on(pages, Told::DeviceDistrusted)
        }
        _ => go(&pages.issuer.at(member.place.path())),
    }
}
