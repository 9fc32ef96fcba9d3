use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{ApiKey, store};
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::api_key::ApiKeyHash;
use crate::gate::checks::Rights;
use crate::gate::effective::Evaluator;
use crate::platform::database::{BatchQuery, distinct};

/// What one check of an API key asks.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which key is this?
    pub key: ApiKeyHash,
    /// And what may be done with it here?
    pub service: Option<Ref<ServiceId>>,
    /// When it is asked. Of all in a batch the latest counts.
    pub now: OffsetDateTime,
}

/// What Postgres says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The key, as it is stored: whether it has expired, and may be used from where it is, is for the asker to say.
    pub key: ApiKey,
    /// What may be done with it in the service asked about, if there is one.
    pub rights: Option<Rights>,
}

/// Checks of API keys, many in one statement. See [`Ask`].
#[derive(Debug)]
pub struct ApiKeyChecks(pub Evaluator);

impl BatchQuery for ApiKeyChecks {
    const NAME: &'static str = "API key checks";
    type Ask = Ask;
    type Answer = Option<Answer>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Option<Answer>>> {
        loop {
            let vocabulary = self.0.vocabulary();
            let keys = asked.iter().map(|ask| {
                let service = ask.service.as_ref().and_then(|service| vocabulary.service(service));
                (ask.key, service)
            });
            let (once, places) = distinct(keys);
            let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let claiming = vocabulary.claiming(once.iter().filter_map(|(_, service)| *service));
            let found = store::check_all(conn, &once, &claiming, now).await?;
            if self.0.outdates(conn, &vocabulary, &found).await? {
                continue;
            }
            let answers = found.rows.into_iter().map(|row| {
                let (key, held) = row?;
                let rights = held.map(|held| Rights::of(&vocabulary, &held));
                Some(Answer { key, rights })
            });
            let answers: Vec<_> = answers.collect();
            return Ok(places.into_iter().map(|place| answers[place].clone()).collect());
        }
    }
}
