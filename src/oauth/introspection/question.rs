//! Introspections, many in a few statements: who asks, which token is it, and what does its subject hold?

use std::collections::HashMap;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::service_key::KeyHash;
use crate::gate::access_tokens::scope::is_of_a_service;
use crate::gate::access_tokens::{self, AccessToken, Logins};
use crate::gate::effective::store::Assignments;
use crate::gate::keys::{self, CheckedKey};
use crate::gate::{Effective, Evaluator, Vocabulary};
use crate::oauth::audience::Audience;
use crate::oauth::clients::{self, Holdings, Known};
use crate::platform::database::{BatchQuery, distinct};

/// Who asks, as they say.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A backend, with a key of its service.
    Key(KeyHash),
    /// A client.
    Client(clients::Ask),
}

/// What one of them asks.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who.
    pub by: Asked,
    /// Which token is this? `None` for what can't be one.
    pub token: Option<AccessTokenHash>,
    /// When it is asked. Of all in a batch the latest counts.
    pub now: OffsetDateTime,
}

/// What Postgres says. Whether the asker is who they say they are, and may hear it, is for the asker's side to say.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The key, if a key came and is known.
    pub key: Option<CheckedKey>,
    /// The client, if a client came and is known.
    pub client: Option<Known>,
    /// The token.
    pub seen: Option<Seen>,
}

/// An access token that is stored, whether its time is over or not.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The token.
    pub token: AccessToken,
    /// What it is for, and what its subject holds there. To a backend only what they hold in its service.
    pub audience: Audience,
}

/// See [`Ask`].
#[derive(Debug)]
pub struct Introspections(pub Evaluator);

impl BatchQuery for Introspections {
    const NAME: &'static str = "introspections";
    type Ask = Ask;
    type Answer = Answer;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Answer>> {
        let keys = self.keys(conn, asked).await?;
        let clients = self.clients(conn, asked).await?;
        let wanted: Vec<_> =
            asked.iter().zip(&keys).map(|(ask, key)| (ask.token, key.map(|key| key.service))).collect();
        let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let seen = self.tokens(conn, &wanted, now).await?;
        let answers = keys.into_iter().zip(clients).zip(seen);
        Ok(answers.map(|((key, client), seen)| Answer { key, client, seen }).collect())
    }
}

impl Introspections {
    async fn keys(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Option<CheckedKey>>> {
        let keys = asked.iter().filter_map(|ask| match &ask.by {
            Asked::Key(key) => Some(*key),
            Asked::Client(_) => None,
        });
        let (once, _) = distinct(keys);
        let found = if once.is_empty() { Vec::new() } else { keys::store::find_all(conn, &once).await? };
        let known: HashMap<KeyHash, CheckedKey> =
            once.into_iter().zip(found).filter_map(|(k, f)| Some((k, f?))).collect();
        let of = |ask: &Ask| match &ask.by {
            Asked::Key(key) => known.get(key).copied(),
            Asked::Client(_) => None,
        };
        Ok(asked.iter().map(of).collect())
    }

    async fn clients(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Option<Known>>> {
        let clients = asked.iter().filter_map(|ask| match &ask.by {
            Asked::Client(client) => Some(client.clone()),
            Asked::Key(_) => None,
        });
        let clients: Vec<_> = clients.collect();
        if clients.is_empty() {
            return Ok(vec![None; asked.len()]);
        }
        let mut found = clients::look_up(conn, &self.0, &clients, Holdings::Never).await?.into_iter();
        let answers = asked.iter().map(|ask| match &ask.by {
            Asked::Client(_) => found.next().flatten(),
            Asked::Key(_) => None,
        });
        Ok(answers.collect())
    }

    /// Each token, and what its subject holds in the service asked for; without one, in all of its audience.
    async fn tokens(
        &self,
        conn: &mut PgConnection,
        wanted: &[(Option<AccessTokenHash>, Option<ServiceId>)],
        now: OffsetDateTime,
    ) -> Result<Vec<Option<Seen>>> {
        let (once, places) = distinct(wanted.iter().filter_map(|(token, service)| Some(((*token)?, *service))));
        if once.is_empty() {
            return Ok(wanted.iter().map(|_| None).collect());
        }
        let (vocabulary, rows) = loop {
            let vocabulary = self.0.vocabulary();
            let found = access_tokens::store::check_all(conn, &once, &[], Logins::Asked, now).await?;
            if !self.0.outdates(conn, &vocabulary, &found).await? {
                break (vocabulary, found.rows);
            }
        };
        let everywhere = self.everywhere(conn, &once, &rows, now).await?;
        let seen = rows.into_iter().map(|row| {
            let (token, held) = row?;
            let audience = audience(&vocabulary, &token, held.as_ref(), &everywhere);
            Some(Seen { token, audience })
        });
        let seen: Vec<Option<Seen>> = seen.collect();
        let mut places = places.into_iter();
        let answers = wanted.iter().map(|(token, _)| token.and(places.next()).and_then(|place| seen[place].clone()));
        Ok(answers.collect())
    }

    /// What the subjects of tokens hold in all of their audience, where no service was named and a scope is of one.
    async fn everywhere(
        &self,
        conn: &mut PgConnection,
        asked: &[(AccessTokenHash, Option<ServiceId>)],
        rows: &[Option<(AccessToken, Option<Assignments>)>],
        now: OffsetDateTime,
    ) -> Result<HashMap<(PersonId, ServiceId), Effective>> {
        let tokens = asked.iter().zip(rows).filter(|((_, service), _)| service.is_none());
        let tokens = tokens.filter_map(|(_, row)| row.as_ref().map(|(token, _)| token));
        let tokens = tokens.filter(|token| token.scopes.iter().any(|scope| is_of_a_service(scope)));
        let (pairs, _) =
            distinct(tokens.flat_map(|token| token.services.iter().map(|service| (token.person, *service))));
        if pairs.is_empty() {
            return Ok(HashMap::new());
        }
        let held = self.0.of_all(conn, &pairs, now).await?;
        Ok(pairs.into_iter().zip(held).collect())
    }
}

fn audience(
    vocabulary: &Vocabulary,
    token: &AccessToken,
    there: Option<&Assignments>,
    everywhere: &HashMap<(PersonId, ServiceId), Effective>,
) -> Audience {
    let held = token.services.iter().map(|service| {
        let held = match there.filter(|held| held.service == *service) {
            Some(held) => vocabulary.effective(held),
            None => everywhere.get(&(token.person, *service)).cloned().unwrap_or_default(),
        };
        (*service, held)
    });
    Audience::new(vocabulary, held).narrowed_in(&token.narrowed)
}
