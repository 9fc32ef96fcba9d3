//! The keys of those who have them at an address of their own (`jwks_uri`): read when they are first needed, and again when they
//! are old, or when what is signed names one that is not among them.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::jwk::JwkSet;
use time::{Duration, OffsetDateTime};

use super::public_keys;
use crate::platform::cores::spawn_beside;
use crate::platform::outbound::{Call, Outbound};

/// What was read is read anew after so long: a key that its owner takes away signs no longer.
const FRESH: Duration = Duration::hours(1);

/// While it can't be read anew, it is good for so long.
const LONGEST: Duration = Duration::days(1);

/// An address is asked no more often, whatever comes of it: who sends ids of keys that they make up makes us call nobody more
/// often than this.
const PAUSE: Duration = Duration::minutes(1);

/// The keys of so many owners are kept.
const MOST: usize = 500;

/// The keys of owners, each known by an id, as they were read. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct RemoteKeys<Id>(Arc<Mutex<HashMap<Id, Place>>>);

impl<Id> Default for RemoteKeys<Id> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The keys of one owner. Whoever needs them while they are read waits for that.
type Place = Arc<tokio::sync::Mutex<Kept>>;

#[derive(Debug, Default)]
struct Kept {
    uri: String,
    asked_at: Option<OffsetDateTime>,
    read_at: Option<OffsetDateTime>,
    keys: Option<Arc<JwkSet>>,
}

impl Kept {
    /// Whether it is to be asked for anew at `now`.
    fn is_due(&self, kid: Option<&str>, now: OffsetDateTime) -> bool {
        let is_fresh = self.read_at.is_some_and(|at| (now - at).abs() < FRESH);
        let named = |keys: &JwkSet| kid.is_none_or(|kid| keys.keys.iter().any(|key| is_called(key, kid)));
        let has_it = self.keys.as_deref().is_some_and(named);
        let may_ask = self.asked_at.is_none_or(|at| (now - at).abs() >= PAUSE);
        may_ask && !(is_fresh && has_it)
    }

    fn good(&self, now: OffsetDateTime) -> Option<Arc<JwkSet>> {
        self.keys.clone().filter(|_| self.read_at.is_some_and(|at| (now - at).abs() < LONGEST))
    }
}

fn is_called(key: &jsonwebtoken::jwk::Jwk, kid: &str) -> bool {
    key.common.key_id.as_deref() == Some(kid)
}

impl<Id: Copy + Display + Eq + Hash> RemoteKeys<Id> {
    /// The keys at an owner's address, the one that is called `kid` among them if there is one; `None` while they can't be
    /// read.
    pub async fn of(
        &self,
        outbound: &Outbound,
        (owner, uri): (Id, &str),
        kid: Option<&str>,
        now: OffsetDateTime,
    ) -> Option<Arc<JwkSet>> {
        let mut kept = self.place(owner).lock_owned().await;
        if kept.uri != uri {
            *kept = Kept { uri: uri.to_owned(), asked_at: kept.asked_at, ..Kept::default() };
        }
        if !kept.is_due(kid, now) {
            return kept.good(now);
        }
        kept.asked_at = Some(now);
        let (outbound, owner) = (outbound.clone(), owner.to_string());
        // By itself: whoever gives up meanwhile must not keep the others waiting for a minute.
        let asked = spawn_beside(async move {
            match read(&outbound, &kept.uri).await {
                Ok(keys) => (kept.keys, kept.read_at) = (Some(Arc::new(keys)), Some(now)),
                Err(why) => tracing::warn!(owner, uri = kept.uri, %why, "can't read the keys at a jwks_uri"),
            }
            kept.good(now)
        });
        asked.await.ok().flatten()
    }

    fn place(&self, owner: Id) -> Place {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST
            && !all.contains_key(&owner)
            && let Some(other) = all.keys().next().copied()
        {
            all.remove(&other);
        }
        Arc::clone(all.entry(owner).or_default())
    }
}

async fn read(outbound: &Outbound, uri: &str) -> Result<JwkSet, String> {
    let call = Call::get(uri, "application/jwk-set+json, application/json");
    let answer = outbound.send(&call).await.map_err(|failure| failure.to_string())?;
    if answer.status != axum::http::StatusCode::OK {
        return Err(format!("answered {}", answer.status));
    }
    let set = serde_json::from_slice(&answer.body).map_err(|_| "is not JSON".to_owned())?;
    public_keys::read_usable(&set)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(now: OffsetDateTime) -> Kept {
        let key =
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let keys = public_keys::read_usable(&json!({"keys": [key]})).expect("keys");
        Kept { uri: String::new(), asked_at: Some(now), read_at: Some(now), keys: Some(Arc::new(keys)) }
    }

    #[test]
    fn keys_are_asked_for_when_they_are_old_or_lack_one_but_once_a_minute() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert!(Kept::default().is_due(None, now));
        let kept = kept(now);
        for (kid, after, due) in [
            (Some("a"), Duration::minutes(59), false),
            (None, Duration::minutes(59), false),
            (Some("b"), Duration::seconds(59), false),
            (Some("b"), Duration::seconds(60), true),
            (Some("a"), Duration::hours(1), true),
        ] {
            assert_eq!(kept.is_due(kid, now + after), due, "{kid:?} after {after}");
        }
        assert!(kept.good(now + Duration::hours(23)).is_some() && kept.good(now + Duration::days(1)).is_none());
    }
}
