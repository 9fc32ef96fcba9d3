//! An account at a provider becomes somebody's here, or is theirs no longer.

use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::store::{links, sessions};
use super::{Partner, Refusal, Told};
use crate::base::error::{Error, Result};
use crate::base::id::{Id, PersonId, ProviderLinkId};
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};

/// How many accounts one person may link.
const MOST: i64 = 20;

/// An account at an identity provider by which somebody logs in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkedAccount {
    /// The link's id.
    pub id: ProviderLinkId,
    /// The provider's name.
    #[schema(example = "google")]
    pub provider: String,
    /// What people read.
    #[schema(example = "Google")]
    pub display_name: String,
    /// What the provider calls them.
    #[schema(example = "ada@example.com")]
    pub account: Option<String>,
    /// When they linked it.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When they last logged in by it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-23T10:15:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// Links an account with somebody, and tells of it: the audit trail, and them by mail. Twice is safe. Wake the post after the
/// commit.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn link(
    tx: &mut AuditedTx,
    identity: &Identity,
    partner: &Partner,
    (subject, shown): (&str, Option<&str>),
    person: PersonId,
) -> Result<Told<ProviderLinkId>> {
    gate::store::people::lock(tx, person).await?;
    let now = tx.by().now;
    if links::count(tx, person).await? >= MOST {
        return Ok(Err(Refusal::TooMany));
    }
    let Some(id) = links::insert(tx, (partner.id, subject, shown), person, now).await? else {
        let found = links::find(tx, partner.id, subject).await?;
        return Ok(found.filter(|(_, whose)| *whose == person).map(|(id, _)| id).ok_or(Refusal::OfAnother));
    };
    let told = json!({"id": id, "provider": partner.name, "subject": subject});
    tx.tell(Event::new(Action::AccountLinked).about(person).after(told));
    let content = Content::AccountLinked { provider: partner.display_name.clone() };
    mail::queue(tx, identity, person, &content, None).await?;
    Ok(Ok(id))
}

/// Unlinks an account of somebody's, and tells of it: the audit trail, and them by mail. The sessions that began by it end, but
/// the `kept` one. Wake the post after the commit.
///
/// # Errors
/// 404 `linked_account_not_found`; 409 `last_way_in`.
pub async fn unlink(
    tx: &mut AuditedTx,
    identity: &Identity,
    (person, id): (PersonId, ProviderLinkId),
    kept: TokenHash,
) -> Result<LinkedAccount> {
    let before = links::get(tx, person, id).await?.ok_or_else(ProviderLinkId::not_found)?;
    if !links::has_another_way_in(tx, person, id).await? {
        return Err(Error::conflict(
            "last_way_in",
            "you have no other way to log in: choose a password first, or link another account",
        ));
    }
    let mut begun = sessions::of_link(tx, id).await?;
    begun.retain(|session| session.token != kept);
    let ended = sessions::end(tx, &begun).await?;
    links::delete(tx, id).await?;
    let told = json!({"id": id, "provider": before.provider, "sessions_ended": ended});
    tx.tell(Event::new(Action::AccountUnlinked).about(person).before(told));
    let content = Content::AccountUnlinked { provider: before.display_name.clone() };
    mail::queue(tx, identity, person, &content, None).await?;
    Ok(before)
}
