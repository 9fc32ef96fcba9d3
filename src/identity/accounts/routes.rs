use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{reset, verify};
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::locale::Language;
use crate::base::names;
use crate::base::person::Username;
use crate::gate::Caller;
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::identity::mail::Content;
use crate::platform::http::{Json, MAX_OF_STRANGERS, Route, Routes, Success};
use crate::platform::passwords::{Password, Presented, Strength};
use crate::platform::shares::Asker;

/// `/auth/…`, where people help themselves.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(routes!(forgot_password))
        .routes(routes!(reset_password))
        .routes(routes!(password_strength))
        .routes(Route::from(routes!(send_verification)).for_anyone())
        .routes(routes!(verify_email))
}

/// The person who forgot their password: send one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.com"}))]
struct Forgotten {
    /// Their e-mail address,
    #[serde(default)]
    email: Option<Email>,
    /// or by their username.
    #[serde(default, alias = "login")]
    #[schema(value_type = Option<Username>)]
    username: Option<String>,
}

/// The request was accepted.
#[derive(Debug, Serialize, ToSchema)]
struct Accepted {
    /// Always `accepted`.
    #[schema(example = "accepted")]
    status: &'static str,
}

/// Request a password reset
///
/// Always returns the same answer in the same time. If somebody has that address, or that username and an address,
/// they get a mail with a token for `POST /auth/reset-password`. At most one mail a minute.
#[utoipa::path(post, path = "/auth/forgot-password", tag = "auth", request_body = Forgotten, security(()), responses(
    (status = 202, body = Accepted),
))]
async fn forgot_password(
    State(identity): State<Identity>,
    origin: Origin,
    Language(language): Language,
    Json(who): Json<Forgotten, MAX_OF_STRANGERS>,
) -> Result<(StatusCode, Json<Accepted>)> {
    if who.email.is_some() == who.username.is_some() {
        return Err(Error::invalid_field("", "send either `email` or `username`"));
    }
    let username = who.username.map(|typed| {
        names::typed(&typed).ok_or_else(|| {
            Error::invalid_field("username", "can't be a username: too long, or with characters that none has")
        })
    });
    let (email, username) = (who.email.map(Into::into), username.transpose()?);
    let asked = Content::PasswordReset { email, username, origin: origin.into() };
    reset::ask_for_reset(&identity, &asked, language).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { status: "accepted" })))
}

/// A new password, and the token that allows it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reset {
    /// From the mail.
    token: PresentedToken,
    /// The new password.
    password: Password,
}

/// The token of a mail, as somebody presents it.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    value_type = String,
    example = "pmt_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273e9f1c9f2"
)]
struct PresentedToken(String);

impl std::fmt::Debug for PresentedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PresentedToken(***)")
    }
}

/// Set a new password
///
/// The token works once, until ten minutes after the request. A newer mail or a changed password invalidates it. Ends
/// all sessions of the person. A refused password does not use up the token.
#[utoipa::path(post, path = "/auth/reset-password", tag = "auth", request_body = Reset, security(()), responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_reset_token`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn reset_password(
    State(identity): State<Identity>,
    origin: Origin,
    Language(language): Language,
    Json(reset): Json<Reset, MAX_OF_STRANGERS>,
) -> Result<Json<Success>> {
    reset::reset_password(&identity, origin, &reset.token.0, reset.password, language).await?;
    Ok(Json(Success::default()))
}

/// A password to rate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Candidate {
    /// The password.
    password: Presented,
    /// The username of the person it is for.
    #[serde(default, alias = "login")]
    #[schema(example = "ada")]
    username: Option<String>,
    /// Their name.
    #[serde(default)]
    #[schema(example = "Ada Quispe")]
    name: Option<String>,
    /// Their e-mail address.
    #[serde(default)]
    #[schema(example = "ada@example.com")]
    email: Option<String>,
}

/// The rating.
#[derive(Debug, Serialize, ToSchema)]
struct Judgement {
    /// Whether it would be accepted.
    #[schema(example = false)]
    acceptable: bool,
    /// Why not.
    #[schema(example = "too short: 5 characters, at least 8 are needed")]
    reason: Option<String>,
    #[serde(flatten)]
    strength: Strength,
}

/// Rate a password
///
/// For a form, while somebody types. Nothing is stored. Each network has one request in progress and one waiting.
#[utoipa::path(post, path = "/auth/password-strength", tag = "auth", request_body = Candidate, security(()), responses(
    (status = 200, body = Judgement),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn password_strength(
    State(identity): State<Identity>,
    origin: Origin,
    Json(candidate): Json<Candidate, MAX_OF_STRANGERS>,
) -> Result<Json<Judgement>> {
    let Candidate { password, username, name, email } = candidate;
    let about: Vec<&str> = [&username, &name, &email].into_iter().filter_map(Option::as_deref).collect();
    let asker = Asker::strangers("strength", origin.address);
    let (strength, reason) = identity.judge.look(&asker, password, &about).await?;
    Ok(Json(Judgement { acceptable: reason.is_none(), reason, strength }))
}

/// The result of requesting the mail again.
#[derive(Debug, Serialize, ToSchema)]
struct Sent {
    /// `verification_sent`, or `nothing_to_verify`: the caller's address is verified, or they have none.
    #[schema(example = "verification_sent")]
    status: &'static str,
}

/// Resend the verification mail
///
/// At most one mail a minute.
#[utoipa::path(post, path = "/auth/send-verification", tag = "auth", responses(
    (status = 200, body = Sent),
    (status = 409, description = "`mail_not_configured`"),
))]
async fn send_verification(
    State(identity): State<Identity>,
    caller: Caller,
    Language(language): Language,
) -> Result<Json<Sent>> {
    let sent = verify::verify_again(&identity, caller.person, language).await?;
    Ok(Json(Sent { status: if sent { "verification_sent" } else { "nothing_to_verify" } }))
}

/// The token that verifies an address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Proof {
    /// From the mail.
    token: PresentedToken,
}

/// Verify an e-mail address
///
/// Confirms the address that the token was sent to. The token works once, for 24 hours.
#[utoipa::path(post, path = "/auth/verify-email", tag = "auth", request_body = Proof, security(()), responses(
    (status = 200, body = Success),
    (status = 400, description = "`invalid_verification_token`"),
    (status = 409, description = "`email_taken`"),
))]
async fn verify_email(
    State(identity): State<Identity>,
    origin: Origin,
    Language(language): Language,
    Json(proof): Json<Proof, MAX_OF_STRANGERS>,
) -> Result<Json<Success>> {
    verify::verify_email(&identity, origin, &proof.token.0, language).await?;
    Ok(Json(Success::default()))
}
