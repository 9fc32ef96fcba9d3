//! Checks, many in one statement: whose token is it, and what may they do in a service?

use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::effective::store::{self, Assignments};
use super::effective::{Effective, Evaluator, Vocabulary};
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{self, Session};
use crate::platform::database::{BatchQuery, distinct};

/// What one check asks.
#[derive(Clone, Debug)]
pub struct Ask {
    pub token: TokenHash,
    /// And what may they do here?
    pub service: Option<Ref<ServiceId>>,
    /// When it is asked. Of all in a batch the latest counts: nobody is answered what was over when they asked.
    pub now: OffsetDateTime,
}

/// What Postgres says.
#[derive(Clone, Debug)]
pub struct CheckResult {
    /// The session, as it is stored: whether it has expired is for the asker to say.
    pub session: Session,
    /// What the session's owner may do in the service asked about, if there is one.
    pub rights: Option<Rights>,
}

/// What somebody may do in a service.
#[derive(Clone, Debug)]
pub struct Rights {
    pub service: ServiceId,
    pub effective: Arc<Effective>,
    /// In which words.
    pub vocabulary: Arc<Vocabulary>,
}

impl Rights {
    /// What comes of what somebody holds.
    pub(super) fn of(vocabulary: &Arc<Vocabulary>, held: &Assignments) -> Self {
        Self {
            service: held.service,
            effective: Arc::new(vocabulary.effective(held)),
            vocabulary: Arc::clone(vocabulary),
        }
    }
}

/// See [`Ask`].
#[derive(Debug)]
pub struct Checks(pub Evaluator);

impl BatchQuery for Checks {
    const NAME: &'static str = "checks";
    type Ask = Ask;
    type Answer = Option<CheckResult>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Option<CheckResult>>> {
        loop {
            let vocabulary = self.0.vocabulary();
            let keys = asked.iter().map(|ask| {
                let service = ask.service.as_ref().and_then(|service| vocabulary.service(service));
                (ask.token, service)
            });
            let (once, places) = distinct(keys);
            if asked.iter().all(|ask| ask.service.is_none()) {
                let tokens: Vec<TokenHash> = once.iter().map(|(token, _)| *token).collect();
                let sessions = sessions::store::find_all(conn, &tokens).await?;
                let answer = |session: &Session| CheckResult { session: session.clone(), rights: None };
                return Ok(places.into_iter().map(|place| sessions[place].as_ref().map(answer)).collect());
            }
            let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let claiming = vocabulary.claiming(once.iter().filter_map(|(_, service)| *service));
            let found = store::check_all(conn, &once, &claiming, now).await?;
            if self.0.outdates(conn, &vocabulary, &found).await? {
                continue;
            }
            let answers = found.rows.into_iter().map(|row| {
                let (session, held) = row?;
                let rights = held.map(|held| Rights::of(&vocabulary, &held));
                Some(CheckResult { session, rights })
            });
            let answers: Vec<_> = answers.collect();
            return Ok(places.into_iter().map(|place| answers[place].clone()).collect());
        }
    }
}
