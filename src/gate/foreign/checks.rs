//! What is asked of the database of foreign tokens, many in one statement.

use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::claims::Subject;
use super::store::{self, Meant};
use super::trust::StoredTrust;
use crate::base::error::Result;
use crate::base::id::{IssuerId, PersonId, Ref, ServiceId};
use crate::gate::Rights;
use crate::gate::effective::Evaluator;
use crate::gate::sessions::Payload;
use crate::platform::database::BatchQuery;

/// What one check asks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Whether a service trusts an issuer; `""` is that of tokens without one.
    Trust { service: Ref<ServiceId>, issuer: Arc<str> },
    /// Whom a token means, if its issuer is still trusted as it was.
    Person(Whom),
}

/// A person whom a token of an issuer means.
#[derive(Clone, Debug)]
pub struct Whom {
    pub issuer: IssuerId,
    /// As it was verified by.
    pub version: i32,
    pub service: ServiceId,
    pub subject: Subject,
    /// When it is asked. Of all in a batch the latest counts.
    pub now: OffsetDateTime,
}

/// What Postgres says.
#[derive(Clone, Debug)]
pub enum Answer {
    Trust(Option<Box<StoredTrust>>),
    Person(Found),
}

/// Whom a token means.
#[derive(Clone, Debug)]
pub enum Found {
    /// Its issuer is trusted no longer, or otherwise.
    Outdated,
    /// Nobody who may log in.
    Nobody,
    Person {
        person: PersonId,
        payload: Arc<Payload>,
        rights: Rights,
    },
}

/// See [`Ask`]. A clone costs next to nothing and knows the same.
#[derive(Clone, Debug)]
pub struct ForeignChecks(pub Evaluator);

impl ForeignChecks {
    /// Whom tokens mean, one answer each, in order.
    pub async fn people(&self, conn: &mut PgConnection, asked: &[Whom]) -> Result<Vec<Found>> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let now = asked.iter().map(|whom| whom.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        loop {
            let vocabulary = self.0.vocabulary();
            let claiming = vocabulary.claiming(asked.iter().map(|whom| whom.service));
            let found = store::identify_all(conn, asked, &claiming, now).await?;
            if self.0.outdates(conn, &vocabulary, &found).await? {
                continue;
            }
            let answers = found.rows.into_iter().map(|meant| match meant {
                Meant::Outdated => Found::Outdated,
                Meant::Nobody => Found::Nobody,
                Meant::Person(payload, held) => {
                    Found::Person { person: held.person, payload, rights: Rights::of(&vocabulary, &held) }
                }
            });
            return Ok(answers.collect());
        }
    }
}

impl BatchQuery for ForeignChecks {
    const NAME: &'static str = "foreign token checks";
    type Ask = Ask;
    type Answer = Answer;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Answer>> {
        let (mut trusts, mut people) = (Vec::new(), Vec::new());
        for ask in asked {
            match ask {
                Ask::Trust { service, issuer } => trusts.push((service, &**issuer)),
                Ask::Person(whom) => people.push(whom.clone()),
            }
        }
        let mut trusts = store::find_trusts(conn, &trusts).await?.into_iter();
        let mut people = self.people(conn, &people).await?.into_iter();
        let answers = asked.iter().map(|ask| match ask {
            Ask::Trust { .. } => Answer::Trust(trusts.next().flatten().map(Box::new)),
            Ask::Person(_) => Answer::Person(people.next().unwrap_or(Found::Outdated)),
        });
        Ok(answers.collect())
    }
}
