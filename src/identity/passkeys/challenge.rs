//! A question to authenticators is written down, and answered once.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::RelyingParty;
use super::ceremony::{self, Question};
use super::store::challenges::{self, NewChallenge};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::second_step::MfaTokenHash;
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::platform::database::BatchQuery;
use crate::platform::http::rate_limit;

/// So long an answer is waited for.
pub(super) const GOOD_FOR: Duration = Duration::minutes(5);

/// What a signature is for: it opens nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// This person adds a passkey.
    Registration(PersonId),
    /// This person, who must have a second factor, gets their first passkey in the login that waits for that.
    Enrolment(PersonId, MfaTokenHash),
    /// Somebody signs in.
    Login,
    /// This person, who knew their password, proves themselves further.
    SecondFactor(PersonId),
    /// This person, who is logged in, proves once more who they are.
    Reauthentication(PersonId),
}

impl Purpose {
    /// As it is stored.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Registration(_) | Self::Enrolment(..) => "registration",
            Self::Login => "login",
            Self::SecondFactor(_) => "second-factor",
            Self::Reauthentication(_) => "reauthentication",
        }
    }

    /// Who is to answer; none: whoever has a passkey.
    pub(super) fn person(self) -> Option<PersonId> {
        match self {
            Self::Login => None,
            Self::Registration(person)
            | Self::Enrolment(person, _)
            | Self::SecondFactor(person)
            | Self::Reauthentication(person) => Some(person),
        }
    }

    /// Who asks, and alone is to answer: a person, or one login of theirs. None: whoever has a passkey.
    pub(super) fn asker(self) -> Option<String> {
        match self {
            Self::Enrolment(_, login) => Some(format!("login:{}", hex::encode(login.as_bytes()))),
            _ => self.person().map(|person| format!("person:{person}")),
        }
    }
}

/// What a browser is to be asked, for five minutes and one answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyOptions {
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`.
    #[serde(rename = "publicKey")]
    pub public_key: PublicKeyOptions,
}

/// As the standard has it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct PublicKeyOptions(Value);

impl PartialSchema for PublicKeyOptions {
    fn schema() -> RefOr<Schema> {
        let options = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true)));
        let example =
            json!({"challenge": "2kLr1V3mT0qfQ9vJm5b7Yg", "rpId": "id.example.com", "userVerification": "required"});
        options.examples([example]).into()
    }
}

impl ToSchema for PublicKeyOptions {}

/// Challenges to be kept, many in one statement.
#[derive(Debug)]
pub struct Challenges;

impl BatchQuery for Challenges {
    const NAME: &'static str = "challenges";
    const MAY_BE_ASKED_TWICE: bool = false;
    type Ask = NewChallenge;
    type Answer = bool;

    async fn ask(&self, conn: &mut PgConnection, asked: &[NewChallenge]) -> Result<Vec<bool>> {
        challenges::insert_all(conn, asked).await
    }
}

/// Writes a question down, in a transaction.
///
/// # Errors
/// 429 `too_many_at_once` while too many of the same person, login, or network of strangers are unanswered.
pub(super) async fn write(
    conn: &mut PgConnection,
    origin: &Origin,
    purpose: Purpose,
    question: Question,
    now: OffsetDateTime,
) -> Result<PasskeyOptions> {
    let (new, options) = split(origin, purpose, question, now);
    let kept = challenges::insert_all(conn, &[new]).await?;
    to_be_asked(purpose, options, kept.contains(&true))
}

/// What is kept of a question, and what the browser is asked.
fn split(origin: &Origin, purpose: Purpose, question: Question, now: OffsetDateTime) -> (NewChallenge, Value) {
    let Question { challenge, state, options } = question;
    let asker = purpose.asker().unwrap_or_else(|| format!("network:{}", origin.network()));
    (NewChallenge { challenge, state, purpose, asker, now }, options)
}

fn to_be_asked(purpose: Purpose, options: Value, is_kept: bool) -> Result<PasskeyOptions> {
    if !is_kept {
        let what = "too many passkeys have been asked for and not shown";
        let share = ("passkeys", challenges::share(purpose));
        return Err(rate_limit::share_is_taken("too_many_at_once", what, share, GOOD_FOR.unsigned_abs()));
    }
    Ok(PasskeyOptions { public_key: PublicKeyOptions(options) })
}

/// Asks for a signature.
///
/// # Errors
/// 409 `passkeys_unavailable`; 429 `too_many_at_once`.
pub async fn ask(identity: &Identity, origin: &Origin, purpose: Purpose) -> Result<PasskeyOptions> {
    let question = ceremony::ask_to_sign(RelyingParty::here(identity)?)?;
    let (new, options) = split(origin, purpose, question, identity.clock.now());
    to_be_asked(purpose, options, identity.challenges.ask(new).await?)
}
