//! Foreign tokens: JWTs of issuers that a service trusts, taken for people whom Portero knows, in that service and nowhere else.
//!
//! Such a token opens none of Portero's own doors: it is no session, nothing renews or ends it, and what its owner may do in the
//! service is what Portero says.

mod check;
mod checks;
mod claims;
pub mod store;
mod token;
mod trust;
mod verify;

pub use check::{check, check_list};
pub use token::ForeignToken;
pub use trust::{PersonBy, Sealed, StoredTrust};

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::error::Result;
use crate::base::id::{IssuerId, Ref, ServiceId};
use crate::gate::Gate;
use crate::gate::effective::Evaluator;
use crate::platform::database::{Batch, BatchLimits, Db};
use crate::platform::jwks::RemoteKeys;
use crate::platform::metrics::Metrics;
use checks::{Answer, Ask, ForeignChecks};
use trust::Trust;

/// So many trusted issuers are kept in memory.
const MOST_KNOWN: usize = 1000;

/// The issuers that services trust, and what their tokens are verified by. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Foreign(Arc<Inner>);

/// A service, and what its tokens say has issued them.
type IssuerThere = (ServiceId, Arc<str>);

#[derive(Debug)]
struct Inner {
    /// Who issues our own tokens.
    own: String,
    checks: Batch<ForeignChecks>,
    /// The same, for many at once.
    many: ForeignChecks,
    /// As they were last read. Whether one still stands is asked each time.
    known: Mutex<HashMap<IssuerThere, Arc<Trust>>>,
    remote: RemoteKeys<IssuerId>,
}

impl Foreign {
    /// What asks the database about the tokens of all issuers but `own`.
    pub fn start(rights: Evaluator, (db, limits, metrics): (&Db, BatchLimits, &Metrics), own: &str) -> Self {
        let many = ForeignChecks(rights);
        let checks = Batch::start(many.clone(), db, limits, metrics);
        Self(Arc::new(Inner {
            own: own.to_owned(),
            checks,
            many,
            known: Mutex::default(),
            remote: RemoteKeys::default(),
        }))
    }

    /// Who issues our own tokens.
    pub fn own_issuer(&self) -> &str {
        &self.0.own
    }

    /// The token in a text that may be one: a JWT of somebody else.
    pub fn token(&self, text: &str) -> Option<ForeignToken> {
        ForeignToken::of(text).filter(|token| *token.issuer != *self.0.own)
    }

    /// What was last known of the issuer of a token in a service.
    fn known(&self, gate: &Gate, token: &ForeignToken, service: &Ref<ServiceId>) -> Option<Arc<Trust>> {
        let service = gate.rights.vocabulary().service(service)?;
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(service, Arc::clone(&token.issuer))).cloned()
    }

    /// What is now known of it; `None` where the service does not trust it.
    async fn look_up(&self, gate: &Gate, token: &ForeignToken, service: &Ref<ServiceId>) -> Result<Option<Arc<Trust>>> {
        let ask = Ask::Trust { service: service.clone(), issuer: Arc::clone(&token.issuer) };
        let Answer::Trust(Some(stored)) = self.0.checks.ask(ask).await? else { return Ok(None) };
        Ok(Some(self.keep(&token.issuer, Trust::of(gate, *stored).await?)))
    }

    /// The same of the issuers of many tokens, in one question. Those that the service does not trust are left out.
    async fn look_up_all(
        &self,
        gate: &Gate,
        tokens: &[&ForeignToken],
        service: ServiceId,
    ) -> Result<HashMap<Arc<str>, Arc<Trust>>> {
        let issuers: Vec<&Arc<str>> =
            tokens.iter().map(|token| &token.issuer).collect::<HashSet<_>>().into_iter().collect();
        let service = Ref::Id(service);
        let asked: Vec<(&Ref<ServiceId>, &str)> = issuers.iter().map(|issuer| (&service, &***issuer)).collect();
        let stored = store::find_trusts(&mut *gate.db.read().await?, &asked).await?;
        let mut trusts = HashMap::new();
        for (issuer, stored) in issuers.into_iter().zip(stored) {
            if let Some(stored) = stored {
                trusts.insert(Arc::clone(issuer), self.keep(issuer, Trust::of(gate, stored).await?));
            }
        }
        Ok(trusts)
    }

    /// Keeps what is known of an issuer.
    fn keep(&self, issuer: &Arc<str>, trust: Trust) -> Arc<Trust> {
        let (place, trust) = ((trust.service, Arc::clone(issuer)), Arc::new(trust));
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN
            && !known.contains_key(&place)
            && let Some(other) = known.keys().next().cloned()
        {
            known.remove(&other);
        }
        known.insert(place, Arc::clone(&trust));
        trust
    }
}
