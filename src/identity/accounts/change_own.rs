//! Somebody changes their own account.

use serde::Deserialize;
use utoipa::ToSchema;

use super::begin_verification;
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::base::object;
use crate::base::person::{PersonName, Username};
use crate::gate::Caller;
use crate::identity::Identity;
use crate::identity::attempts::Quota;
use crate::identity::factors::{is_fresh, reauthentication_required};
use crate::identity::login::prove;
use crate::identity::mail::GivenBy;
use crate::identity::people::{self, ClaimsChange, PersonChange, RequestedChange};
use crate::platform::passwords::Presented;

/// What to change of your account; at least one field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"name": "Ada Quispe"}))]
pub struct OwnChange {
    /// A new username. Accepted within 15 minutes of login, or with `current_password`.
    #[serde(default, alias = "login")]
    pub username: Option<Username>,
    /// A new name.
    #[serde(default, alias = "display_name")]
    pub name: Option<PersonName>,
    /// A new address, which takes effect once verified. Accepted within 15 minutes of login, or with
    /// `current_password`.
    #[serde(default)]
    pub email: Option<Email>,
    /// The language of your mails, and of the pages of your account.
    #[serde(default)]
    pub locale: Option<Locale>,
    /// What applications are told of you.
    #[serde(default, deserialize_with = "object::optional")]
    pub claims: Option<ClaimsChange>,
    /// Your password, for a new address or username more than 15 minutes after login.
    #[serde(default)]
    pub current_password: Option<Presented>,
}

/// Changes the caller's own account, as [`people::change`] does, once they have proved who they are where that opens it; a new
/// address awaits its verification.
///
/// # Errors
/// 400 `invalid_current_password`; 403 `reauthentication_required`; 409 `user_exists`, `mail_not_configured`; 429
/// `too_many_attempts`, `too_many_changes`, `too_many_mails`.
pub async fn change_own(
    identity: &Identity,
    caller: &Caller,
    change: OwnChange,
    language: Option<Locale>,
) -> Result<()> {
    let OwnChange { username, name, email, locale, claims, current_password } = change;
    claims.as_ref().map_or(Ok(()), ClaimsChange::must_be_of_ones_own)?;
    let row = PersonChange { username, name, locale, claims, ..PersonChange::default() };
    if row.is_empty() && email.is_none() {
        return Err(Error::invalid_field("", "nothing to change: send at least one field"));
    }
    let person = caller.person;
    let proof = match current_password {
        Some(current) => Some(prove(identity, caller, current, "current_password").await?),
        None => None,
    };
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    Quota::OWN_CHANGES.take(&mut tx, person, now).await?;
    if let Some(proof) = &proof {
        proof.attempt.succeeded(&mut tx, now).await?;
    }
    let is_at_stake = email.is_some() || row.username.is_some();
    if is_at_stake && proof.is_none() && !is_fresh(&mut tx, person, caller.token, now).await? {
        return Err(reauthentication_required(
            "for a new address or username send `current_password`, or log in again: your login was more than 15 minutes ago",
        ));
    }
    if let Some(username) = &row.username
        && let Err(taken) = people::store::must_be_free(&mut tx, person, username).await
    {
        // It counts: else usernames could be tried without end, to hear who is here.
        tx.commit([]).await?;
        return Err(taken);
    }
    if let Some(email) = &email {
        let asker = GivenBy { person: Some(person), address: caller.origin.address };
        begin_verification(&mut tx, identity, person, email, asker, language).await?;
    }
    if !row.is_empty() {
        let wanted = RequestedChange { change: &row, password_hash: None, if_match: None, language };
        people::change(&mut tx, identity, person, &wanted).await?;
    }
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}
