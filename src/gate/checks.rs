//! Checks, many in one statement: whose is what was presented, and what may be done with it in a service?

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::effective::store::{self, Assignments, Versioned};
use super::effective::{Effective, Evaluator, Vocabulary};
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{self, Session};
use crate::platform::database::{BatchQuery, distinct};

/// What one check asks.
#[derive(Clone, Debug)]
pub struct Ask<H> {
    /// Whose is this?
    pub hash: H,
    /// And what may be done with it here?
    pub service: Option<Ref<ServiceId>>,
    /// When it is asked. Of all in a batch the latest counts: nobody is answered what was over when they asked.
    pub now: OffsetDateTime,
}

/// What Postgres says.
#[derive(Clone, Debug)]
pub struct Answer<P> {
    /// What was presented, as it is stored: whether it has expired, and allows what is asked, is for the asker to say.
    pub found: P,
    /// What its owner holds in the service asked about, if there is one.
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

/// What is asked in one statement.
#[derive(Debug)]
pub struct Asked<'a, H> {
    /// Each once, with the service asked about, if there is one of that name.
    pub each: &'a [(H, Option<ServiceId>)],
    /// Whether any asks about a service, be there one of that name or not.
    pub of_services: bool,
    /// The services that are told attributes.
    pub claiming: &'a [i32],
    /// The roles that are none of a direct grant, a bit each.
    pub known: &'a [u8],
    pub now: OffsetDateTime,
}

/// For each what is stored of it, if it is, and what its owner holds in the service asked about.
pub type Stored<P> = Versioned<Option<(P, Option<Assignments>)>>;

/// What may be presented, as it is stored.
pub trait Presentable: Clone + Send + Sync + 'static {
    /// What checks of it are called in logs and metrics.
    const CHECKS: &'static str;
    /// What it is known by.
    type Hash: Copy + Eq + Hash + Send + Sync + 'static;

    /// For each what is stored of it, if it is, and what its owner holds in the service asked about.
    fn find_all(
        conn: &mut PgConnection,
        asked: &Asked<'_, Self::Hash>,
    ) -> impl Future<Output = Result<Stored<Self>>> + Send;
}

impl Presentable for Session {
    const CHECKS: &'static str = "checks";
    type Hash = TokenHash;

    async fn find_all(conn: &mut PgConnection, asked: &Asked<'_, TokenHash>) -> Result<Stored<Self>> {
        if asked.of_services {
            return store::check_all(conn, asked.each, (asked.claiming, asked.known), asked.now).await;
        }
        let tokens: Vec<TokenHash> = asked.each.iter().map(|(token, _)| *token).collect();
        let sessions = sessions::store::find_all(conn, &tokens).await?.into_iter();
        Ok(Versioned { version: None, rows: sessions.map(|session| Some((session?, None))).collect() })
    }
}

/// See [`Ask`].
#[derive(Debug)]
pub struct Checks<P> {
    rights: Evaluator,
    of: PhantomData<P>,
}

impl<P> Checks<P> {
    /// Those that say by this what may be done.
    pub fn by(rights: Evaluator) -> Self {
        Self { rights, of: PhantomData }
    }
}

impl<P: Presentable> BatchQuery for Checks<P> {
    const NAME: &'static str = P::CHECKS;
    type Ask = Ask<P::Hash>;
    type Answer = Option<Answer<P>>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Self::Ask]) -> Result<Vec<Self::Answer>> {
        loop {
            let vocabulary = self.rights.vocabulary();
            let keys = asked.iter().map(|ask| {
                let service = ask.service.as_ref().and_then(|service| vocabulary.service(service));
                (ask.hash, service)
            });
            let (once, places) = distinct(keys);
            let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let claiming = vocabulary.claiming(once.iter().filter_map(|(_, service)| *service));
            let of_services = asked.iter().any(|ask| ask.service.is_some());
            let (claiming, known) = (&*claiming, vocabulary.known_roles());
            let all = P::find_all(conn, &Asked { each: &once, of_services, claiming, known, now }).await?;
            if self.rights.outdates(conn, &vocabulary, &all).await? {
                continue;
            }
            let answers = all.rows.into_iter().map(|row| {
                let (found, held) = row?;
                let rights = held.map(|held| Rights::of(&vocabulary, &held));
                Some(Answer { found, rights })
            });
            let answers: Vec<_> = answers.collect();
            return Ok(places.into_iter().map(|place| answers[place].clone()).collect());
        }
    }
}
