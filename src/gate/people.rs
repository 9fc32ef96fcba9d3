//! What backends ask of people, many in one statement: is the key live, who is this, and what may they do in its service?

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::effective::{Effective, Evaluator};
use super::keys::CheckedKey;
use super::store::people;
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::base::person::Person;
use crate::platform::database::BatchQuery;

/// What one backend asks.
#[derive(Clone, Debug)]
pub struct Ask {
    pub key: KeyHash,
    pub person: Ref<PersonId>,
    pub service: Ref<ServiceId>,
    /// When. Of all in a batch the latest counts: nobody hears what was over when they asked.
    pub now: OffsetDateTime,
}

/// What Postgres says.
#[derive(Debug)]
pub struct Answer {
    /// The key, if it is one: whether it is over is for the asker to say.
    pub key: Option<CheckedKey>,
    /// The service that was named, if there is one.
    pub service: Option<ServiceId>,
    /// The person who was named, if there is one, and what they may do in the key's service.
    pub person: Option<(Person, Effective)>,
}

/// See [`Ask`].
#[derive(Debug)]
pub struct AskedByBackends(pub Evaluator);

impl BatchQuery for AskedByBackends {
    const NAME: &'static str = "people asked about";
    type Ask = Ask;
    type Answer = Answer;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Answer>> {
        let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let sought: Vec<_> = asked.iter().map(|ask| (ask.key, &ask.person)).collect();
        loop {
            let vocabulary = self.0.vocabulary();
            let found = people::find_all_with_what_they_hold(conn, &sought, now).await?;
            if self.0.outdates(conn, &vocabulary, &found).await? {
                continue;
            }
            let answers = asked.iter().zip(found.rows).map(|(ask, found)| Answer {
                key: found.key,
                service: vocabulary.service(&ask.service),
                person: found.person.map(|(person, held)| (person, vocabulary.effective(&held))),
            });
            return Ok(answers.collect());
        }
    }
}
