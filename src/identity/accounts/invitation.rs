use serde::{Deserialize, Deserializer, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::{InvitationId, PersonId};
use crate::base::names::{self, text_type};
use crate::base::opaque::invitation::{Invitation, InvitationHash};
use crate::base::opaque::mail_token::MailTokenHash;

/// How long an invitation is good, unless its maker says otherwise, and at most.
const GOOD_FOR: Duration = Duration::days(7);
const GOOD_FOR_AT_MOST: Duration = Duration::days(90);

text_type!(
    /// What an invitation is for: whom it was given to, say.
    Note, |text| names::line(text, 200), max: 200,
    except: "", example: "for Ada, of the warehouse"
);

/// Whatever somebody presents as an invitation: hashed as it is read, and not kept.
#[derive(Clone, Copy, Debug)]
pub enum PresentedInvitation {
    /// As the answer to its making had it.
    HandedOver(InvitationHash),
    /// As a mail had it.
    Mailed(MailTokenHash),
    /// None of ours.
    Other,
}

impl PresentedInvitation {
    /// What a text is of ours.
    pub fn read(text: &str) -> Self {
        let handed_over = InvitationHash::of(text).map(Self::HandedOver);
        handed_over.or_else(|| MailTokenHash::of(text).map(Self::Mailed)).unwrap_or(Self::Other)
    }
}

impl<'de> Deserialize<'de> for PresentedInvitation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(&Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

/// An invitation to create.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"note": "for Ada, of the warehouse", "expires_in": 604_800}))]
pub struct Invite {
    /// What it is for.
    #[serde(default)]
    pub note: Option<Note>,
    /// An address to send it to.
    #[serde(default)]
    pub email: Option<Email>,
    /// How many seconds it is valid: a week by default, 90 days at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 7_776_000, default = 604_800)]
    pub expires_in: Option<i64>,
}

impl Invite {
    /// When it ends that is made `now`.
    ///
    /// # Errors
    /// 400 when it would be good for too long, or not at all.
    pub fn expires_at(&self, now: OffsetDateTime) -> Result<OffsetDateTime> {
        let most = GOOD_FOR_AT_MOST.whole_seconds();
        match self.expires_in {
            None => Ok(now + GOOD_FOR),
            Some(seconds) if (1..=most).contains(&seconds) => Ok(now + Duration::seconds(seconds)),
            Some(_) => Err(Error::invalid_field("expires_in", &format!("a number of seconds from 1 to {most}"))),
        }
    }
}

/// An invitation, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedInvitation {
    /// Its id.
    pub id: InvitationId,
    /// What it is for.
    #[schema(example = "for Ada, of the warehouse")]
    pub note: Option<String>,
    /// The address it was sent to.
    #[schema(example = "ada@example.com")]
    pub email: Option<String>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who created it; null for the command line.
    pub created_by: Option<PersonId>,
    /// When it expires, unless it is used before.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-29T08:00:00Z")]
    pub expires_at: OffsetDateTime,
    /// When somebody registered with it.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-23T10:15:00Z")]
    pub used_at: Option<OffsetDateTime>,
    /// The person who registered with it.
    pub used_by: Option<PersonId>,
}

/// A new invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationMade {
    /// Send it as `invitation` to `POST /auth/register`. Shown only once.
    #[schema(
        value_type = String,
        pattern = "^pin_[0-9a-f]{72}$",
        example = "pin_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273a5b2d1d7"
    )]
    pub invitation: Invitation,
    /// The rest of it.
    #[serde(flatten)]
    pub shown: ListedInvitation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_known_by_its_own_hash_and_shown_by_no_debug() {
        let invitation = Invitation::generate(b"secret", &[7; 32], OffsetDateTime::UNIX_EPOCH);
        assert_eq!(InvitationHash::of(invitation.reveal()), Some(invitation.hash()));
        assert_eq!(InvitationHash::of(&invitation.reveal().replace("pin_", "ptk_")), None);
        assert_eq!(format!("{invitation:?}"), "Invitation(***)");
        let hash = hex::encode(invitation.hash().as_bytes());
        assert!(!format!("{:?}", invitation.hash()).contains(&hash));
    }

    #[test]
    fn it_is_good_for_a_week_or_as_long_as_its_maker_says_within_bounds() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let end =
            |expires_in| Invite { expires_in, ..Invite::default() }.expires_at(now).map(|end| (end - now).whole_days());
        assert_eq!(end(None).ok(), Some(7));
        assert_eq!(end(Some(7_776_000)).ok(), Some(90));
        for bad in [0, -1, 7_776_001, i64::MAX, i64::MIN] {
            assert!(end(Some(bad)).is_err(), "{bad}");
        }
    }
}
