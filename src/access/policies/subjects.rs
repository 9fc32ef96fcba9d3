//! Whom decisions are about, and what decides: many in one statement.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::latest::Latest;
use super::store::subjects::{self, Asked, Found};
use super::{PolicySet, Who};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate::effective::store::Versioned;
use crate::gate::keys::CheckedKey;
use crate::gate::{Evaluator, Vocabulary};
use crate::platform::database::BatchQuery;

/// What one caller asks.
#[derive(Clone, Debug)]
pub struct Ask {
    pub asked: Asked,
    /// When. Of all in a batch the latest counts: nobody decides by what was over when they asked.
    pub now: OffsetDateTime,
}

/// What Postgres says.
#[derive(Clone, Debug)]
pub struct Known {
    /// The key that asks, if one came and is known: whether it is over is for the asker to say.
    pub key: Option<CheckedKey>,
    /// Where it is asked, and what decides there; nothing does in a service that is gone, or is Portero itself.
    pub place: Option<(ServiceId, Arc<PolicySet>)>,
    /// The subject, if it is somebody who may log in.
    pub who: Option<Arc<Who>>,
}

/// See [`Ask`]. A clone costs next to nothing and knows the same.
#[derive(Clone, Debug)]
pub struct Subjects {
    rights: Evaluator,
    latest: Latest,
}

impl Subjects {
    pub fn new(rights: Evaluator) -> Self {
        Self { rights, latest: Latest::default() }
    }

    /// Asks Postgres about all of `asked`; one answer each, in order.
    pub async fn of_all(&self, conn: &mut PgConnection, asked: &[Asked], now: OffsetDateTime) -> Result<Vec<Known>> {
        let (once, places) = once(asked);
        let mut sets = HashMap::new();
        loop {
            let vocabulary = self.rights.vocabulary();
            let found = subjects::find_all(conn, &once, now).await?.into_iter().collect::<Option<Vec<Found>>>();
            let rows = found.ok_or_else(|| Error::Internal(anyhow::anyhow!("a subject without an answer")))?;
            let found = Versioned { version: rows.first().map(|found| found.vocabulary), rows };
            let outdates = self.rights.outdates(conn, &vocabulary, &found).await?;
            if self.update(conn, &mut sets, &found.rows).await? || outdates {
                continue;
            }
            let known: Vec<Known> = found.rows.into_iter().map(|found| known(&vocabulary, &sets, found)).collect();
            return Ok(places.into_iter().map(|place| known[place].clone()).collect());
        }
    }

    /// Brings `sets` to the versions that were found; answers whether one had to be loaded, so that all is to be asked again.
    async fn update(&self, conn: &mut PgConnection, sets: &mut Sets, found: &[Found]) -> Result<bool> {
        let decides: BTreeSet<(ServiceId, i64)> = found.iter().filter_map(|found| found.service).collect();
        let mut loaded = false;
        for (service, version) in decides {
            if sets.get(&service).is_some_and(|set| set.version == version) {
                continue;
            }
            let mut set = self.latest.get(service, version);
            if set.is_none() {
                loaded = true;
                set = self.latest.load(conn, service).await?;
            }
            match set {
                Some(set) => sets.insert(service, set),
                None => sets.remove(&service),
            };
        }
        Ok(loaded)
    }
}

/// What decides in the services that are asked in.
type Sets = HashMap<ServiceId, Arc<PolicySet>>;

fn known(vocabulary: &Arc<Vocabulary>, sets: &Sets, found: Found) -> Known {
    let service = found.service.map(|(service, _)| service);
    let place = service.and_then(|service| Some((service, Arc::clone(sets.get(&service)?))));
    let who = found.person.zip(service).map(|(person, service)| Arc::new(Who::new(vocabulary, service, person)));
    Known { key: found.key, place, who }
}

impl BatchQuery for Subjects {
    const NAME: &'static str = "decisions";
    type Ask = Ask;
    type Answer = Known;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Known>> {
        let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let asked: Vec<Asked> = asked.iter().map(|ask| ask.asked.clone()).collect();
        self.of_all(conn, &asked, now).await
    }
}

/// Each different one once, and for each its place among those.
fn once(asked: &[Asked]) -> (Vec<Asked>, Vec<usize>) {
    let mut places: HashMap<&Asked, usize> = HashMap::with_capacity(asked.len());
    let mut once = Vec::new();
    let of_each = asked.iter().map(|one| {
        *places.entry(one).or_insert_with(|| {
            once.push(one.clone());
            once.len() - 1
        })
    });
    let of_each = of_each.collect();
    (once, of_each)
}
