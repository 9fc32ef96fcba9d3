use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::reauthenticate::{Reproof, reauthenticate};
use super::second_step::{
    Finished, PasskeyStep, SecondStep, ask_for_passkey, finish, finish_by_passkey, invalid_mfa_token,
};
use super::{Entry, enrol, enrol_passkey};
use crate::base::error::{Error, Result};
use crate::base::locale::Language;
use crate::base::opaque::second_step::MfaTokenHash;
use crate::gate::Caller;
use crate::gate::audit::Origin;
use crate::gate::idempotency::once_of_strangers;
use crate::identity::Identity;
use crate::identity::factors::{Code, Enrolment, FactorName, Given, Method};
use crate::identity::passkeys::{PasskeyCredential, PasskeyName, PasskeyOptions, Purpose, ask};
use crate::platform::http::access_log::user_agent;
use crate::platform::http::{Json, MAX_OF_STRANGERS, Route, Routes};
use crate::platform::metrics::{Outcome, Way};
use crate::platform::passwords::Presented;

/// `/auth/mfa` and `/auth/reauthenticate`.
pub fn mfa_routes() -> Routes<Identity> {
    Routes::new()
        .routes(Route::from(routes!(finish_login)).short())
        .routes(once_of_strangers(routes!(enrol_at_login)))
        .routes(routes!(ask_for_passkey_at_login))
        .routes(Route::from(routes!(prove_anew)).for_anyone())
        .routes(Route::from(routes!(ask_for_passkey_anew)).for_anyone())
}

/// The second step of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"mfa_token": "pmf_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000", "method": "totp", "code": "123456"}))]
struct FinishLogin {
    /// From `POST /auth/login`.
    mfa_token: String,
    /// One of the `methods` of that answer.
    method: Method,
    /// From your authenticator, or one of your recovery codes.
    #[serde(default)]
    code: Option<Code>,
    /// For the method `passkey`, in the place of `code`: all that the browser answers to the options of `POST /auth/mfa/passkey-options`, or of
    /// `POST /auth/mfa/enrol`.
    #[serde(default)]
    #[schema(value_type = Option<PasskeyCredential>)]
    credential: Option<Value>,
    /// The code after that, to confirm an authenticator of `POST /auth/mfa/enrol`.
    #[serde(default)]
    next_code: Option<Code>,
    /// What to call the passkey of `POST /auth/mfa/enrol`.
    #[serde(default)]
    name: Option<PasskeyName>,
    /// Whether your password is to be enough on this device from now on: refused (400) where `TRUST_DEVICES` does not allow that.
    #[serde(default)]
    #[schema(default = false, example = false)]
    trust_device: bool,
}

/// Finish a login
///
/// With your second factor. Each code is good once, and `mfa_token` for one login. Wrong codes count as wrong passwords do, with the same waits; after ten
/// you log in again.
#[utoipa::path(post, path = "/auth/mfa", tag = "auth", request_body = FinishLogin, security(()), responses(
    (status = 200, body = Finished),
    (status = 400, description = "`invalid_passkey`"),
    (status = 401, description = "`invalid_mfa_token`, `invalid_code`, `passkey_refused`"),
    (status = 404, description = "`factor_not_found`"),
    (status = 409, description = "`passkey_exists`, `passkeys_unavailable`"),
    (status = 429, description = "`too_many_attempts`, `too_many_logins`, `too_many_at_once`"),
))]
async fn finish_login(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    headers: HeaderMap,
    Language(language): Language,
    Json(step): Json<FinishLogin, MAX_OF_STRANGERS>,
) -> Result<Json<Finished>> {
    if step.trust_device && identity.settings.trust_devices.is_none() {
        let fault = "this Portero trusts no devices (TRUST_DEVICES): leave it out, or send false";
        return Err(Error::invalid_field("trust_device", fault));
    }
    let attempt = identity.metrics.login(Way::SecondFactor);
    let finished = async {
        let FinishLogin { mfa_token, method, code, credential, next_code, name, trust_device: trust } = step;
        let user_agent = user_agent(&headers);
        let entry = Entry { origin: &origin, user_agent, refresh: false, before: None, device: None };
        let token = || MfaTokenHash::of(&mfa_token).ok_or_else(invalid_mfa_token);
        match (method, code, credential) {
            (Method::Passkey, None, Some(credential)) => {
                let step = PasskeyStep { token: token()?, credential, name, language, trust };
                finish_by_passkey(&identity, step, &entry).await
            }
            (Method::Totp | Method::RecoveryCode, Some(code), None) => {
                let step = SecondStep { token: token()?, given: Given { method, code }, next_code, trust };
                finish(&identity, &step, &entry).await
            }
            (Method::Passkey, ..) => Err(Error::invalid_field("credential", "send this, and no code, for a passkey")),
            _ => Err(Error::invalid_field("code", "send this, and no credential, for the method that you name")),
        }
    };
    let finished = finished.await;
    attempt.ends(Outcome::of(&finished));
    finished.map(Json)
}

/// A second factor to be set up before the login is finished.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnrolAtLogin {
    /// From `POST /auth/login`.
    #[schema(example = "pmf_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    mfa_token: String,
    /// What it is: `totp`, an authenticator, unless you say `passkey`.
    #[serde(default, rename = "type")]
    kind: EnrolmentType,
    /// What you call an authenticator. A passkey gets its name where it finishes the login.
    #[serde(default)]
    name: Option<FactorName>,
}

/// What can be set up.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EnrolmentType {
    #[default]
    Totp,
    Passkey,
}

/// What is set up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum EnrolmentBegun {
    Totp(Enrolment),
    Passkey(NewPasskey),
}

/// A passkey that the browser is to have made, for five minutes and one answer.
#[derive(Debug, Serialize, ToSchema)]
struct NewPasskey {
    /// `passkey`.
    #[serde(rename = "type")]
    kind: Method,
    #[serde(flatten)]
    options: PasskeyOptions,
}

/// Set up a second factor to finish a login
///
/// For who must have one and has none (`"enrolment_required": true`). An authenticator opens nothing until `POST /auth/mfa` has confirmed it by two codes that
/// follow each other, which finishes the login, too; its secret is shown once. A passkey is made by the browser, and finishes the login there.
#[utoipa::path(post, path = "/auth/mfa/enrol", tag = "auth", request_body = EnrolAtLogin, security(()), responses(
    (status = 201, body = EnrolmentBegun),
    (status = 401, description = "`invalid_mfa_token`"),
    (status = 409, description = "`enrolment_not_required`, `passkeys_unavailable`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn enrol_at_login(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    Json(EnrolAtLogin { mfa_token, kind, name }): Json<EnrolAtLogin, MAX_OF_STRANGERS>,
) -> Result<(StatusCode, Json<EnrolmentBegun>)> {
    let token = || MfaTokenHash::of(&mfa_token).ok_or_else(invalid_mfa_token);
    let begun = match (kind, name) {
        (EnrolmentType::Totp, Some(name)) => EnrolmentBegun::Totp(enrol(&identity, &origin, token()?, &name).await?),
        (EnrolmentType::Passkey, None) => {
            let options = enrol_passkey(&identity, &origin, token()?).await?;
            EnrolmentBegun::Passkey(NewPasskey { kind: Method::Passkey, options })
        }
        (EnrolmentType::Totp, None) => {
            return Err(Error::invalid_field("name", "say what you call your authenticator"));
        }
        (EnrolmentType::Passkey, Some(_)) => {
            return Err(Error::invalid_field("name", "a passkey gets its name at POST /auth/mfa, with the credential"));
        }
    };
    Ok((StatusCode::CREATED, Json(begun)))
}

/// Which login it is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyAtLogin {
    /// From `POST /auth/login`.
    #[schema(example = "pmf_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000")]
    mfa_token: String,
}

/// Ask for a passkey to finish a login
///
/// What the browser is to ask for. It can be answered once, at `POST /auth/mfa` with the method `passkey`, within five minutes.
#[utoipa::path(post, path = "/auth/mfa/passkey-options", tag = "auth", request_body = PasskeyAtLogin, security(()), responses(
    (status = 200, body = PasskeyOptions),
    (status = 401, description = "`invalid_mfa_token`"),
    (status = 409, description = "`no_second_factor`, `passkeys_unavailable`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn ask_for_passkey_at_login(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    Json(PasskeyAtLogin { mfa_token }): Json<PasskeyAtLogin, MAX_OF_STRANGERS>,
) -> Result<Json<PasskeyOptions>> {
    let token = MfaTokenHash::of(&mfa_token).ok_or_else(invalid_mfa_token)?;
    ask_for_passkey(&identity, &origin, token).await.map(Json)
}

/// Ask for a passkey to prove once more who you are
///
/// What the browser is to ask for. It can be answered once, at `POST /auth/reauthenticate`, within five minutes.
#[utoipa::path(post, path = "/auth/reauthenticate/passkey-options", tag = "auth", responses(
    (status = 200, body = PasskeyOptions),
    (status = 409, description = "`passkeys_unavailable`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn ask_for_passkey_anew(State(identity): State<Identity>, caller: Caller) -> Result<Json<PasskeyOptions>> {
    ask(&identity, &caller.origin, Purpose::Reauthentication(caller.person)).await.map(Json)
}

/// What you prove it with: your password, or, if you have a second factor, a code or a passkey.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "correct horse battery"}))]
struct Reauthentication {
    /// Your password, if you have no second factor.
    #[serde(default)]
    password: Option<Presented>,
    /// How you take a second step,
    #[serde(default)]
    method: Option<Method>,
    /// and its code.
    #[serde(default)]
    code: Option<Code>,
    /// A passkey: all that the browser answers to the options of `POST /auth/reauthenticate/passkey-options`.
    #[serde(default)]
    #[schema(value_type = Option<PasskeyCredential>)]
    credential: Option<Value>,
}

/// You have proved who you are.
#[derive(Debug, Serialize, ToSchema)]
struct Reauthenticated {
    #[schema(example = "reauthenticated")]
    status: &'static str,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    authenticated_at: OffsetDateTime,
    /// How strong your session is: `2` with a second factor, else `1`.
    #[schema(example = "2")]
    acr: &'static str,
    /// By what means you have proved it (RFC 8176).
    #[schema(example = json!(["pwd", "otp", "mfa"]))]
    amr: Vec<String>,
}

/// Prove once more who you are
///
/// For what answers `reauthentication_required`. Your session counts as one of just now, for 15 minutes. If you have a second factor, a code or a passkey is asked for.
/// Wrong passwords and codes count as failed logins.
#[utoipa::path(post, path = "/auth/reauthenticate", tag = "auth", request_body = Reauthentication, responses(
    (status = 200, body = Reauthenticated),
    (status = 400, description = "`invalid_current_password`, `invalid_code`, `passkey_refused`"),
    (status = 403, description = "`mfa_required`"),
    (status = 409, description = "`passkeys_unavailable`"),
    (status = 429, description = "`too_many_attempts`, `too_many_logins`, `too_many_at_once`"),
))]
async fn prove_anew(
    State(identity): State<Identity>,
    caller: Caller,
    Json(Reauthentication { password, method, code, credential }): Json<Reauthentication>,
) -> Result<Json<Reauthenticated>> {
    let with = match (password, method, code, credential) {
        (Some(password), None, None, None) => Reproof::Password(password),
        (None, Some(method), Some(code), None) => Reproof::Factor(Given { method, code }),
        (None, None | Some(Method::Passkey), None, Some(credential)) => Reproof::Passkey(credential),
        (None, Some(Method::Passkey), _, None) => {
            let options = "POST /auth/reauthenticate/passkey-options";
            return Err(Error::invalid_field(
                "credential",
                &format!("what the browser answers to the options of {options} is missing"),
            ));
        }
        (None, Some(_), None, None) => {
            return Err(Error::invalid_field("code", "the code of that `method` is missing"));
        }
        _ => return Err(Error::invalid_field("", "send `password`, or `method` and `code`, or `credential`")),
    };
    let proved = reauthenticate(&identity, &caller, with).await?;
    let (acr, amr) = (proved.amr.acr(), proved.amr.words());
    Ok(Json(Reauthenticated { status: "reauthenticated", authenticated_at: proved.at, acr, amr }))
}
