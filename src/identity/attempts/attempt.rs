use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{MOST_IN_A_ROW, Rules, store};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::names;
use crate::base::network::Network;
use crate::gate::audit::{AuditedTx, By, Event, Origin};
use crate::identity::Identity;
use crate::identity::devices::Device;
use crate::platform::http::rate_limit;
use crate::platform::shares::{Asker, Left, Reserved};

/// What stands against an attempt when it begins, as Postgres has it.
#[derive(Clone, Debug)]
pub struct Waits {
    /// Under which key its failure would count.
    pub key: String,
    /// How many there were in a row.
    pub failures: i32,
    /// Until when whoever is to be let in must wait.
    pub own: Option<OffsetDateTime>,
    /// Until when everybody at the address must.
    pub address: Option<OffsetDateTime>,
}

/// One try at somebody's password, by whatever path: where it counts, and when it began.
///
/// Begin it before the password is compared; then say [`Self::failed`] or, in the transaction of what it opens,
/// [`Self::succeeded`].
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where failures of the person or of the unknown username count, if they do.
    pub(crate) key: Option<String>,
    /// Where those of the address do.
    pub(crate) address_key: Option<String>,
    pub(super) person: Option<PersonId>,
    pub(crate) began: OffsetDateTime,
    pub(super) rules: Rules,
    failures: i32,
    asker: Asker,
    login: Option<Arc<Reserved<(PersonId, Network)>>>,
}

impl Attempt {
    /// An attempt at somebody who is known by their id.
    ///
    /// # Errors
    /// 429 `too_many_attempts` while they must wait: nothing must be compared then; 429 `too_many_logins`.
    pub async fn at(identity: &Identity, person: PersonId, origin: &Origin) -> Result<Self> {
        let (network, device, now) = (origin.network(), Device::of_origin(origin), identity.clock.now());
        let mut conn = identity.db.read().await?;
        let waits = store::waits_of_person(&mut conn, person, network, device, now).await?;
        Self::begin(identity, waits, Some(person), network, now)
    }

    /// An attempt at `network` which began `now`, at a person or at a username that nobody has.
    ///
    /// # Errors
    /// 429 `too_many_attempts` while they must wait; 429 `too_many_logins` when that person has given the right password too
    /// often there.
    pub fn begin(
        identity: &Identity,
        waits: Waits,
        person: Option<PersonId>,
        network: Network,
        now: OffsetDateTime,
    ) -> Result<Self> {
        let rules = identity.settings.waits;
        let known = is_known(&waits.key);
        let own = rules.person.and(waits.own);
        // Others at the address keep nobody out who is known there.
        let address = rules.address.and(waits.address).filter(|_| !known);
        if let Some(until) = own.max(address).filter(|until| *until > now) {
            return Err(too_many(rules, until - now));
        }
        let login = match (&identity.logins, person) {
            (Some(logins), Some(person)) => {
                let reserved = logins.reserve((person, network), identity.clock.uptime()).map_err(too_many_logins)?;
                Some(Arc::new(reserved))
            }
            _ => None,
        };
        Ok(Self {
            // However many devices they are known with.
            asker: Asker {
                who: waits.key.split_inclusive('#').next().unwrap_or_default().into(),
                network: Some(network),
                known,
            },
            login,
            key: rules.person.map(|_| waits.key),
            address_key: rules.address.map(|_| format!("address:{network}")),
            person,
            began: now,
            rules,
            failures: waits.failures,
        })
    }

    /// Whether even the right password is not enough here: it is to be answered as a wrong one is, so that strangers
    /// do not hear that there is such a person.
    pub fn is_barred(&self) -> bool {
        self.key.is_some() && self.failures >= MOST_IN_A_ROW && !self.is_known()
    }

    /// Whether it is made where the person has logged in lately, with what they did it with.
    pub fn is_known(&self) -> bool {
        self.asker.known
    }

    /// Who makes it, where turns go round.
    pub fn asker(&self) -> &Asker {
        &self.asker
    }

    /// The password was right: one more of the times that it may be.
    pub fn was_right(&self) {
        if let Some(login) = &self.login {
            login.spend();
        }
    }

    /// Counts a failure and tells of it, unless others have begun a wait since this began. That happens also when the
    /// caller has gone away meanwhile: nobody guesses for nothing by not waiting for the answer.
    ///
    /// # Errors
    /// 429 `too_many_attempts` when they have: then the answer must not tell what the comparison said.
    pub async fn failed(&self, identity: &Identity, by: By, event: Event) -> Result<()> {
        let counting = tokio::spawn(self.clone().count(identity.clone(), by, event));
        counting.await.map_err(|error| Error::Internal(error.into()))?
    }

    async fn count(self, identity: Identity, by: By, event: Event) -> Result<()> {
        let now = identity.clock.now();
        let mut tx = identity.db.begin().await?;
        if let Some(until) = store::count_failure(&mut tx, &self, now).await? {
            tx.rollback().await?;
            AuditedTx::new(identity.db.begin().await?, by).commit([event]).await?;
            return Err(too_many(self.rules, until - now));
        }
        AuditedTx::new(tx, by).commit([event]).await
    }

    /// Forgets the failures here, in the transaction of what the right password opens.
    ///
    /// # Errors
    /// 429 `too_many_attempts` when others have begun a wait since this began.
    pub async fn succeeded(&self, conn: &mut PgConnection, now: OffsetDateTime) -> Result<()> {
        match store::clear_after_success(conn, self).await? {
            Some(until) => Err(too_many(self.rules, until - now)),
            None => Ok(()),
        }
    }

    /// Why the right password has opened nothing: 429 `too_many_attempts` when others have begun a wait meanwhile.
    pub async fn must_not_wait(&self, identity: &Identity) -> Result<()> {
        let until = store::longest_wait(&mut *identity.db.read().await?, self).await?;
        match until.filter(|until| *until > self.began) {
            Some(until) => Err(too_many(self.rules, until - identity.clock.now())),
            None => Ok(()),
        }
    }
}

/// Where the failures of a username count that nobody has.
pub fn name_key(name: &str) -> String {
    format!("name:{}", hex::encode(Sha256::digest(names::fold(name.trim()))))
}

/// Whether a key is that of a device at a network where its owner is known.
fn is_known(key: &str) -> bool {
    key.contains('#')
}

fn too_many_logins(none: Left) -> Error {
    let wait = none.reset;
    rate_limit::refusal("too_many_logins", "too many logins of one person from one network", &[none], wait)
}

/// 429 `too_many_attempts`. It does not say whether the person or the address must wait.
fn too_many(rules: Rules, wait: Duration) -> Error {
    let free = rules.person.or(rules.address).map_or(0, |rule| rule.free);
    let wait = wait.max(Duration::ZERO).unsigned_abs();
    let left = Left { policy: "login", quota: free, window: None, remaining: 0, reset: wait };
    rate_limit::refusal("too_many_attempts", "too many failed attempts", &[left], wait)
}
