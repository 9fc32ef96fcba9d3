//! The second step of a login: a code of one's authenticator, a recovery code or a passkey, or a second factor to be set up first.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::page::{Frame, answered, failed, go, page_status, refused, show, show_with_passkeys, with_cookies};
use super::purpose::{Carried, For, Purpose};
use super::sent::Sent;
use super::words::Words;
use crate::base::error::{Error, Result};
use crate::base::opaque::second_step::MfaTokenHash;
use crate::identity::factors::{Code, Enrolment, FactorName, Given, Method, Pending};
use crate::identity::login::{
    Entry, Finished, PasskeyStep, SecondStep, Ways, enrol_on_a_page, finish, finish_by_passkey, offer_new_passkey,
    offer_ways,
};
use crate::identity::passkeys::PasskeyOptions;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::visit::{Visit, trusted};
use crate::platform::http::Routes;
use crate::platform::metrics::{Outcome, Way};

/// `/login/code`.
pub fn routes() -> Routes<Pages> {
    Routes::new().routes(routes!(take_second_step))
}

/// What each form of a second step carries.
#[derive(Clone, Copy)]
struct Fields<'a> {
    form_token: &'a str,
    mfa_token: &'a str,
    request: Option<&'a str>,
    device: Option<&'a str>,
    join: Option<&'a str>,
    page: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/second_step.html")]
struct SecondStepPage<'a> {
    frame: Frame<'a>,
    carried: Fields<'a>,
    why: &'static str,
    /// Whether they have what a code comes from.
    by_code: bool,
    /// For how many days this device could be trusted, in words.
    trust: Option<&'a str>,
    /// What to ask the browser for, where they have a passkey.
    passkey: Option<&'a str>,
    fault: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/enrol.html")]
struct EnrolPage<'a> {
    frame: Frame<'a>,
    carried: Fields<'a>,
    qr_svg: &'a str,
    secret: &'a str,
    otpauth_uri: &'a str,
    /// What to ask the browser for, where there are passkeys.
    passkey: Option<&'a str>,
    fault: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "pages/recovery_codes.html")]
struct RecoveryCodesPage<'a> {
    frame: Frame<'a>,
    codes: &'a [String],
    on: &'a str,
}

#[derive(Template)]
#[template(path = "pages/login_over.html")]
struct LoginOver<'a> {
    frame: Frame<'a>,
    anew: &'a str,
}

/// A login that waits, as its page has it.
#[derive(Clone, Copy)]
struct Waits<'a> {
    mfa_token: &'a str,
    /// Whether a second factor is set up first.
    enrols: bool,
}

/// The page that asks for the second step of a login that waits.
pub async fn second_step_page(pages: &Pages, visit: &Visit, what_for: For<'_>, pending: &Pending) -> Result<Response> {
    let waits = Waits { mfa_token: pending.token().reveal(), enrols: pending.methods().is_empty() };
    step_page(pages, visit, (what_for, waits), (StatusCode::OK, None)).await
}

async fn step_page(
    pages: &Pages,
    visit: &Visit,
    (what_for, waits): (For<'_>, Waits<'_>),
    (status, fault): (StatusCode, Option<&str>),
) -> Result<Response> {
    let (form_token, cookie) = visit.form_token(pages)?;
    let Carried { request, device, page } = &what_for.carried();
    let carried = Fields {
        form_token: &form_token,
        mfa_token: waits.mfa_token,
        request: request.as_deref(),
        device: device.as_deref(),
        join: what_for.offer().map(|offer| offer.token.as_str()),
        page: *page,
    };
    let also = what_for.request().map(|request| request.target.redirect_uri());
    let frame = Frame::of(pages, visit);
    let words = frame.words;
    let Some(token) = MfaTokenHash::of(waits.mfa_token) else { return over(pages, visit, what_for) };
    let shown = if waits.enrols {
        let name = words.authenticator.parse::<FactorName>();
        let name = name.map_err(|fault| Error::Internal(anyhow::anyhow!(fault)))?;
        let Enrolment { qr_svg, secret, otpauth_uri, .. } =
            &enrol_on_a_page(pages, &visit.origin, token, &name).await?;
        let passkey = written(offer_new_passkey(pages, &visit.origin, token).await?)?;
        let passkey = passkey.as_deref();
        let page = EnrolPage { frame, carried, qr_svg, secret, otpauth_uri, passkey, fault };
        show_with_passkeys(pages, status, &page, also)?
    } else {
        let trust = pages.settings.trust_devices.map(|lasts| words.trust_device(lasts));
        let Ways { methods, passkey } = offer_ways(pages, &visit.origin, token).await?;
        let (passkey, trust) = (written(passkey)?, trust.as_deref());
        let (why, by_code) = (words.second_step_why.by(&methods), takes_code(&methods));
        let page = SecondStepPage { frame, carried, why, by_code, trust, passkey: passkey.as_deref(), fault };
        show_with_passkeys(pages, status, &page, also)?
    };
    Ok(with_cookies(shown, cookie))
}

/// Whether there is a code to type for somebody who has these.
pub fn takes_code(methods: &[Method]) -> bool {
    methods.iter().any(|method| *method != Method::Passkey)
}

/// As the page has it.
fn written(options: Option<PasskeyOptions>) -> Result<Option<String>> {
    let text = options.map(|options| serde_json::to_string(&options)).transpose();
    text.map_err(|error| Error::Internal(error.into()))
}

/// The login waits no longer.
fn over(pages: &Pages, visit: &Visit, what_for: For<'_>) -> Result<Response> {
    let anew = pages.issuer.at(&what_for.anew());
    show(StatusCode::FORBIDDEN, &LoginOver { frame: Frame::of(pages, visit), anew: &anew }, None)
}

/// What the page of the second step posts.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `take_second_step` reads")]
struct SecondStepForm {
    /// What the page has given it.
    #[schema(example = "pfm_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    form_token: String,
    /// The login that waits.
    #[schema(example = "pmf_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    mfa_token: String,
    /// The authorization request that the login is for, if there is one.
    request: Option<String>,
    /// The query of the page of devices, if it is for that.
    device: Option<String>,
    /// What an identity provider's account is joined by, if it is for that.
    join: Option<String>,
    /// The page of the account that it is for, by its name.
    page: Option<String>,
    /// Of an authenticator, or a recovery code.
    #[schema(example = "123456")]
    code: String,
    /// What the browser says of a passkey, in its place.
    passkey: Option<String>,
    /// The one after it, where an authenticator is set up.
    next_code: Option<String>,
    /// Whether a second factor is set up: `yes`.
    enrols: Option<String>,
    /// Whether the password is enough on this device from now on: `yes`.
    trust: Option<String>,
}

/// Take the second step on the login page
///
/// As `POST /auth/mfa`, with the same waits after failures; the token comes as a cookie.
#[utoipa::path(post, path = "/login/code", tag = "pages", security(()),
    request_body(content = SecondStepForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 303, description = "on to what the login was for"),
        (status = 400, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 403, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 415, description = "`unsupported_media_type`"),
        (status = 429, description = "an HTML page", body = String, content_type = "text/html"),
        (status = 503, description = "an HTML page", body = String, content_type = "text/html"),
    ))]
async fn take_second_step(State(pages): State<Pages>, Sent { visit, form }: Sent) -> Response {
    let answer = posted(&pages, &visit, &form).await;
    answered(&pages, &visit, answer)
}

async fn posted(pages: &Pages, visit: &Visit, form: &Parameters) -> Result<Response> {
    let purpose = match Purpose::read(pages, form).await? {
        Ok(purpose) => purpose,
        Err(why) => return refused(pages, visit, &why).await,
    };
    let (what_for, visit) = (purpose.what_for(), &purpose.read_by(visit));
    let words = Words::of(visit.locale);
    let mfa_token = form.one("mfa_token").unwrap_or_default();
    let Some(token) = MfaTokenHash::of(mfa_token) else { return over(pages, visit, what_for) };
    let waits = Waits { mfa_token, enrols: form.one("enrols").is_some() };
    let Some(step) = Step::read(form, waits, (token, visit))? else {
        let asked = (StatusCode::BAD_REQUEST, Some(words.say_code));
        return step_page(pages, visit, (what_for, waits), asked)
            .await
            .or_else(|error| gone(pages, visit, what_for, error));
    };
    let is_passkey = matches!(step, Step::Passkey(_));
    let is_recovery_code = matches!(&step, Step::Code(step) if step.given.method == Method::RecoveryCode);
    match let_in(pages, visit, step).await {
        Ok(finished) => opened(pages, visit, what_for, &finished).await,
        Err(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::NoPrimary(_))) => Err(error),
        Err(error) if is_over(&error) => over(pages, visit, what_for),
        Err(error) => {
            let fault = match error.status() {
                StatusCode::TOO_MANY_REQUESTS => words.faults.too_many,
                StatusCode::SERVICE_UNAVAILABLE => words.faults.unavailable,
                _ if is_passkey && waits.enrols => words.security.passkey_invalid,
                _ if is_passkey => words.faults.passkey_refused,
                _ if is_recovery_code => words.faults.wrong_recovery_code,
                _ => words.faults.wrong_code,
            };
            let page = step_page(pages, visit, (what_for, waits), (page_status(&error), Some(fault))).await;
            let page = page.or_else(|error| gone(pages, visit, what_for, error));
            Ok(failed(error, |_| page))
        }
    }
}

/// What somebody takes the second step with.
enum Step {
    Code(SecondStep),
    Passkey(PasskeyStep),
}

impl Step {
    /// `None` where nothing was typed or shown.
    fn read(form: &Parameters, waits: Waits<'_>, (token, visit): (MfaTokenHash, &Visit)) -> Result<Option<Self>> {
        let trust = form.one("trust").is_some();
        if let Some(credential) = form.one("passkey").filter(|text| !text.is_empty()) {
            let credential = serde_json::from_str(credential).unwrap_or_default();
            let name = Words::of(visit.locale).passkey.parse().map_err(anyhow::Error::msg)?;
            let (name, language) = (Some(name), Some(visit.locale));
            return Ok(Some(Self::Passkey(PasskeyStep { token, credential, name, language, trust })));
        }
        let code_of = |field: &str| form.one(field).map(|typed| Code::from(typed.to_owned()));
        let next_code = code_of("next_code");
        let code = code_of("code").filter(|_| !waits.enrols || next_code.is_some());
        let Some(code) = code else { return Ok(None) };
        let is_totp = waits.enrols || code.is_of_an_authenticator();
        let method = if is_totp { Method::Totp } else { Method::RecoveryCode };
        Ok(Some(Self::Code(SecondStep { token, given: Given { method, code }, next_code, trust })))
    }
}

/// Whether the login has to begin again.
fn is_over(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if ["invalid_mfa_token", "factor_not_found", "enrolment_not_required"].contains(&refusal.code))
}

fn gone(pages: &Pages, visit: &Visit, what_for: For<'_>, error: Error) -> Result<Response> {
    if is_over(&error) { over(pages, visit, what_for) } else { Err(error) }
}

/// Begins a session in the place of the one that this browser has had.
async fn let_in(pages: &Pages, visit: &Visit, step: Step) -> Result<Finished> {
    let attempt = pages.metrics.login(Way::SecondFactor);
    let finished = async {
        let before = visit.browser(pages).await?.map(|before| (before.person, before.token));
        let (origin, user_agent) = (&visit.origin, visit.origin.user_agent.as_deref());
        let entry = Entry { origin, user_agent, refresh: false, before, device: None };
        match step {
            Step::Code(step) => finish(pages, &step, &entry).await,
            Step::Passkey(step) => finish_by_passkey(pages, step, &entry).await,
        }
    };
    let finished = finished.await;
    attempt.ends(Outcome::of(&finished));
    finished
}

/// They go on; who has got recovery codes writes them down first.
async fn opened(pages: &Pages, visit: &Visit, what_for: For<'_>, finished: &Finished) -> Result<Response> {
    let token = finished.began.token();
    let onto = what_for.on(pages, token.hash()).await?;
    let on = onto.address(pages);
    let response = match &finished.recovery_codes {
        Some(codes) => {
            let page = RecoveryCodesPage { frame: Frame::of(pages, visit), codes, on: &on };
            show(StatusCode::OK, &page, None)?
        }
        None => go(&on)?,
    };
    let response = with_cookies(response, onto.cookies(pages, token)?);
    match &finished.device_token {
        Some(device) => Ok(with_cookies(response, trusted(pages, device)?)),
        None => Ok(response),
    }
}
