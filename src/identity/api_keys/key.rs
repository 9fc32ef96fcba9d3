use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use crate::base::error::{Error, Result};
use crate::base::id::{ApiKeyId, PermissionId, PersonId, ServiceId};
use crate::base::moment::Moment;
use crate::base::names::{self, text_type};
use crate::base::network::NamedNetwork;
use crate::base::opaque::api_key::ApiKey;

/// How many scopes a key has at most.
const MOST_SCOPES: usize = 100;

/// How many networks a key may be used from at most.
const MOST_NETWORKS: usize = 20;

text_type!(
    /// What a key is called: what it is for, say.
    ApiKeyName, |text| names::line(text, 100), max: 100,
    except: "", example: "nightly export"
);

text_type!(
    /// A permission in a service: `<service>:<permission>`, as an OAuth scope names it. The service may also be named by its id.
    ScopeText, |text| names::line(text, 250), max: 250,
    except: "", example: "UI Store:read"
);

/// The same, found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub service: ServiceId,
    pub permission: PermissionId,
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// A name for it.
    pub name: ApiKeyName,
    /// What it may be used for: permissions in services, as `<service>:<permission>`. Whoever it is for must hold them. It never
    /// opens more than they hold at the moment. A permission in service 0, Portero itself, is one everywhere.
    #[schema(min_items = 1, max_items = 100, example = json!(["UI Store:read"]))]
    pub scopes: Vec<ScopeText>,
    /// When it expires, to the second: in the future, and at most `API_KEY_MAX_DAYS` ahead; so far ahead without this
    /// field.
    #[serde(default)]
    pub expires_at: Option<Moment>,
    /// The networks that it may be used from, as CIDR or single addresses; any if there are none.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 20, example = json!(["203.0.113.0/24"]))]
    pub networks: Vec<NamedNetwork>,
}

/// What to change of a key; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"name": "weekly export"}))]
pub struct ApiKeyChange {
    /// A new name.
    #[serde(default)]
    pub name: Option<ApiKeyName>,
    /// A new end: in the future, and at most `API_KEY_MAX_DAYS` ahead.
    #[serde(default)]
    pub expires_at: Option<Moment>,
    /// The networks that it may be used from, all of them; any if there are none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 20, example = json!(["203.0.113.0/24"]))]
    pub networks: Option<Vec<NamedNetwork>>,
}

/// A key, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name.
    #[schema(example = "nightly export")]
    pub name: String,
    /// The first 8 hex digits of its SHA-256, as the log shows it.
    #[schema(example = "5f2b9d0c")]
    pub fingerprint: String,
    /// What it may be used for, as far as its owner holds it.
    #[schema(example = json!(["UI Store:read"]))]
    pub scopes: Vec<String>,
    /// The networks that it may be used from; any if there are none.
    #[schema(example = json!(["203.0.113.0/24"]))]
    pub networks: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who made it; null for the command line.
    pub created_by: Option<PersonId>,
    /// When it expires.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2027-11-22T08:00:00Z")]
    pub expires_at: OffsetDateTime,
    /// Whether it has: it is refused, and stays in lists for 30 days after its end.
    #[schema(example = false)]
    pub expired: bool,
    /// When it was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
    /// The address that it was used from then, where that is known.
    #[schema(example = "203.0.113.7")]
    pub last_used_from: Option<String>,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyMade {
    /// Send it in the header `token`, or as `Authorization: Bearer`. Shown only once.
    #[schema(
        value_type = String,
        pattern = "^pak_[0-9a-f]{72}$",
        example = "pak_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273c2f21a05"
    )]
    pub key: ApiKey,
    /// The rest of it.
    #[serde(flatten)]
    pub shown: ListedApiKey,
}

/// The key was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeyRevoked {
    #[schema(example = "api_key_revoked")]
    status: &'static str,
    id: ApiKeyId,
}

/// The keys were revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiKeysRevoked {
    #[schema(example = "api_keys_revoked")]
    status: &'static str,
    /// How many.
    #[schema(example = 2)]
    revoked: u64,
}

impl ApiKeyRevoked {
    /// This one.
    pub fn new(id: ApiKeyId) -> Self {
        Self { status: "api_key_revoked", id }
    }
}

impl ApiKeysRevoked {
    /// So many.
    pub fn new(revoked: u64) -> Self {
        Self { status: "api_keys_revoked", revoked }
    }
}

impl NewApiKey {
    /// Refuses (400) what no key can be.
    pub fn must_be_possible(&self) -> Result<()> {
        if !(1..=MOST_SCOPES).contains(&self.scopes.len()) {
            return Err(Error::invalid_field("scopes", "name 1 to 100 permissions, as `<service>:<permission>`"));
        }
        must_be_few(&self.networks)
    }
}

impl ApiKeyChange {
    /// Refuses (400) what changes nothing, and what no key can be.
    pub fn must_be_possible(&self) -> Result<()> {
        if self.changes_nothing() {
            return Err(Error::invalid_field("", "nothing to change: send `name`, `expires_at` or `networks`"));
        }
        must_be_few(self.networks.as_deref().unwrap_or_default())
    }

    /// Whether it says nothing.
    pub fn changes_nothing(&self) -> bool {
        self.name.is_none() && self.is_only_a_name()
    }

    /// Whether only what it is called changes.
    pub fn is_only_a_name(&self) -> bool {
        self.expires_at.is_none() && self.networks.is_none()
    }
}

fn must_be_few(networks: &[NamedNetwork]) -> Result<()> {
    if networks.len() > MOST_NETWORKS {
        return Err(Error::invalid_field("networks", "name at most 20 networks"));
    }
    Ok(())
}

/// When a key is to end, as somebody wants it: no later than `longest` from now, and that without a word about it.
///
/// # Errors
/// 400.
pub fn end(wanted: Option<Moment>, now: OffsetDateTime, longest: Duration) -> Result<OffsetDateTime> {
    match wanted {
        None => Ok(now + longest),
        Some(Moment(end)) if end <= now => {
            Err(Error::invalid_field("expires_at", "must be in the future; this moment has passed"))
        }
        Some(Moment(end)) if end > now + longest => {
            let days = longest.whole_days();
            Err(Error::invalid_field("expires_at", &format!("at most {days} days ahead (API_KEY_MAX_DAYS)")))
        }
        Some(Moment(end)) => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_within_the_longest_life() {
        let (now, longest) = (OffsetDateTime::UNIX_EPOCH, Duration::days(30));
        let after = |days| Some(Moment(now + Duration::days(days)));
        assert_eq!(end(None, now, longest).ok(), Some(now + longest));
        assert_eq!(end(after(30), now, longest).ok(), Some(now + longest));
        assert_eq!(end(after(1), now, longest).ok(), Some(now + Duration::DAY));
        for bad in [after(0), after(-1), after(31)] {
            assert!(end(bad, now, longest).is_err(), "{bad:?}");
        }
    }
}
