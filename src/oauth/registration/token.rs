//! Initial access tokens (RFC 7591 section 3): each registers so many clients of one service, for a while.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use super::store;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ServiceId, id_type};
use crate::base::names::{self, text_type};
use crate::base::opaque::oauth::InitialAccessToken;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::platform::Platform;

id_type!(
    /// An initial access token's id.
    RegistrationTokenId, "registration token", "invalid_registration_token_id", "registration_token_not_found"
);

text_type!(
    /// What an initial access token is called: whom it is for, say.
    TokenName, |text| names::line(text, 100), max: 100,
    except: "", example: "assistants of the sales team"
);

/// How many clients one registers at most.
pub const MOST_USES: i32 = 1000;

/// How long one lasts at most, in seconds: a year.
pub const LONGEST_SECONDS: u32 = 31_536_000;

/// An initial access token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "assistants of the sales team", "uses": 5}))]
pub struct NewToken {
    /// A name for it.
    pub name: TokenName,
    /// How many clients it registers: one by default.
    #[serde(default = "once")]
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    pub uses: i32,
    /// How long it lasts, in seconds: a day by default, and no longer than your `services:write`.
    #[serde(default = "a_day")]
    #[schema(minimum = 60, maximum = 31_536_000, default = 86_400)]
    pub expires_in_seconds: u32,
}

fn once() -> i32 {
    1
}

fn a_day() -> u32 {
    86_400
}

/// An initial access token, as lists show it: never itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegistrationToken {
    /// Its id.
    pub id: RegistrationTokenId,
    /// Its name.
    #[schema(example = "assistants of the sales team")]
    pub name: String,
    /// The first 8 hex digits of its SHA-256.
    #[schema(example = "5f2b9d0c")]
    pub fingerprint: String,
    /// How many clients it registers yet.
    #[schema(example = 5)]
    pub uses_left: i32,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who made it; null for the command line.
    pub created_by: Option<PersonId>,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T08:00:00Z")]
    pub expires_at: OffsetDateTime,
}

/// Makes one for a service, which ends at `until` at the latest. It is shown only once.
///
/// # Errors
/// 400 `invalid_request_body`; 404 `service_not_found`; 409 `built_in`, `too_many_registration_tokens`.
pub async fn make(
    tx: &mut AuditedTx,
    platform: &Platform,
    service: ServiceId,
    new: &NewToken,
    until: Option<OffsetDateTime>,
) -> Result<(InitialAccessToken, RegistrationToken)> {
    if !(1..=MOST_USES).contains(&new.uses) {
        return Err(Error::invalid_field("uses", "must be a number from 1 to 1000"));
    }
    if !(60..=LONGEST_SECONDS).contains(&new.expires_in_seconds) {
        return Err(Error::invalid_field("expires_in_seconds", "must be a number from 60 to 31536000 (a year)"));
    }
    if service == ServiceId::PORTERO {
        return Err(Error::conflict("built_in", "a client is of one of your own services: Portero itself has none"));
    }
    gate::store::services::lock(tx, service).await?;
    let (now, by) = (tx.by().now, tx.by().person());
    let wanted = now + Duration::seconds(new.expires_in_seconds.into());
    let expires_at = until.map_or(wanted, |until| wanted.min(until));
    let token: InitialAccessToken = platform.generate(now)?;
    let terms = store::Terms { name: &new.name, uses: new.uses, expires_at };
    let shown = store::insert(tx, service, token.hash(), &terms, (now, by)).await?;
    tx.tell(Event::new(Action::RegistrationTokenCreated).within(service).after(&shown));
    Ok((token, shown))
}
