//! Whom decisions are about, and what decides: many in one statement.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::language::Row;
use super::latest::Latest;
use super::policy::normal;
use super::store::resources::{self, FoundResource, SoughtResource};
use super::store::subjects::{self, Asked, Found, Named};
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
    /// The resource, where a question is about one: its type and its id.
    pub resource: Option<(String, String)>,
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
    /// Whether the service has told of any resources.
    pub has_resources: bool,
    /// The subject, if it is somebody who may log in: with what they hold on the resource and above it.
    pub who: Option<Arc<Who>>,
    /// What the service has said of the resource.
    pub stored: Option<Arc<Row>>,
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
    pub async fn of_all(&self, conn: &mut PgConnection, asks: &[Ask], now: OffsetDateTime) -> Result<Vec<Known>> {
        let (once, places) = once(asks.iter().map(|ask| &ask.asked));
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
            let asked = found.rows.into_iter().zip(&once);
            let known = asked.map(|(found, asked)| known(&vocabulary, &sets, found, &asked.subject));
            let known: Vec<Known> = known.collect();
            let mut all: Vec<Known> = places.into_iter().map(|place| known[place].clone()).collect();
            look_at_resources(conn, asks, &mut all, now).await?;
            return Ok(all);
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

fn known(vocabulary: &Arc<Vocabulary>, sets: &Sets, found: Found, subject: &Named) -> Known {
    let service = found.service.map(|(service, _)| service);
    let place = service.and_then(|service| Some((service, Arc::clone(sets.get(&service)?))));
    let who = |(person, service)| Arc::new(Who::new(vocabulary, service, person, subject.within()));
    let who = found.person.zip(service).map(who);
    Known { key: found.key, place, has_resources: found.has_resources, who, stored: None }
}

/// Adds what is known of the resources that are asked about, in one more statement: none where no service has told of any.
async fn look_at_resources(
    conn: &mut PgConnection,
    asks: &[Ask],
    all: &mut [Known],
    now: OffsetDateTime,
) -> Result<()> {
    let (mut sought, mut places) = (Vec::new(), Vec::new());
    for (place, (ask, known)) in asks.iter().zip(&*all).enumerate() {
        let Some(((kind, key), (service, _))) = ask.resource.as_ref().zip(known.place.as_ref()) else { continue };
        if known.has_resources {
            let person = known.who.as_ref().map(|who| who.id);
            let (kind, key) = (normal(kind).into_owned(), normal(key).into_owned());
            sought.push(SoughtResource { service: *service, person, kind, key });
            places.push(place);
        }
    }
    if sought.is_empty() {
        return Ok(());
    }
    let found = resources::find_all(conn, &sought, now).await?;
    for (place, found) in places.into_iter().zip(found) {
        let Some(FoundResource { properties, ways, .. }) = found else { continue };
        all[place].stored = Some(Arc::new(properties));
        if !ways.is_empty() {
            all[place].who = all[place].who.as_ref().map(|who| Arc::new(who.holding_too(ways)));
        }
    }
    Ok(())
}

impl BatchQuery for Subjects {
    const NAME: &'static str = "decisions";
    type Ask = Ask;
    type Answer = Known;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Known>> {
        let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        self.of_all(conn, asked, now).await
    }
}

/// Each different one once, and for each its place among those.
fn once<'a>(asked: impl Iterator<Item = &'a Asked>) -> (Vec<Asked>, Vec<usize>) {
    let mut places: HashMap<&Asked, usize> = HashMap::new();
    let mut once = Vec::new();
    let of_each = asked.map(|one| {
        *places.entry(one).or_insert_with(|| {
            once.push(one.clone());
            once.len() - 1
        })
    });
    let of_each = of_each.collect();
    (once, of_each)
}
