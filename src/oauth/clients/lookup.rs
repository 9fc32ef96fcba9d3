//! Which client is this, and does it know its secret? Many in one statement.

use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Client, store};
use crate::base::error::Result;
use crate::base::id::ServiceId;
use crate::base::opaque::oauth::ClientSecretHash;
use crate::gate::access_tokens::scope::is_of_a_service;
use crate::gate::{Effective, Evaluator};
use crate::oauth::audience::Audience;
use crate::oauth::scopes::{GROUPS, PERMISSIONS, ROLES};
use crate::platform::database::{BatchQuery, distinct};

/// What one caller asks.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which client it says it is.
    pub client_id: String,
    /// The secret that it came with. One that can't be any is none.
    pub secret: Option<ClientSecretHash>,
    /// When it is asked. Of all in a batch the latest counts.
    pub now: OffsetDateTime,
}

/// A client that there is.
#[derive(Clone, Debug)]
pub struct Known {
    /// The client.
    pub client: Arc<Client>,
    /// Whether the secret is its own.
    pub knows_secret: bool,
    /// What its tokens are for. What it holds there itself is looked up where its scopes ask for that.
    pub audience: Arc<Audience>,
}

/// See [`Ask`].
#[derive(Debug)]
pub struct ClientLookups(pub Evaluator);

impl BatchQuery for ClientLookups {
    const NAME: &'static str = "client lookups";
    type Ask = Ask;
    type Answer = Option<Known>;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Ask]) -> Result<Vec<Option<Known>>> {
        look_up(conn, &self.0, asked, Holdings::WhereAsked).await
    }
}

/// Whether what a client holds itself is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holdings {
    /// Where its scopes ask for that.
    WhereAsked,
    /// Never: its audience is as if it held nothing.
    Never,
}

/// The answers, in order.
pub async fn look_up(
    conn: &mut PgConnection,
    evaluator: &Evaluator,
    asked: &[Ask],
    holdings: Holdings,
) -> Result<Vec<Option<Known>>> {
    let (once, places) = distinct(asked.iter().map(|ask| (ask.client_id.as_str(), ask.secret)));
    let now = asked.iter().map(|ask| ask.now).max().unwrap_or(OffsetDateTime::UNIX_EPOCH);
    loop {
        let vocabulary = evaluator.vocabulary();
        let found = store::find_all(conn, &once, now).await?;
        if evaluator.outdates(conn, &vocabulary, &found).await? {
            continue;
        }
        let used = once.iter().zip(&found.rows);
        let used =
            used.filter_map(|((_, secret), found)| secret.filter(|_| found.as_ref().is_some_and(|f| f.is_to_note)));
        let used: Vec<ClientSecretHash> = used.collect();
        if !used.is_empty() {
            store::note_uses(conn, &used, now).await?;
        }
        let mut known = Vec::with_capacity(once.len());
        for found in found.rows {
            let Some(found) = found else {
                known.push(None);
                continue;
            };
            let held = held_by_itself(conn, evaluator, (&found.client, holdings), now).await?;
            let audience = Audience::new(&vocabulary, held).into();
            known.push(Some(Known { client: found.client.into(), knows_secret: found.knows_secret, audience }));
        }
        return Ok(places.into_iter().map(|place| known[place].clone()).collect());
    }
}

async fn held_by_itself(
    conn: &mut PgConnection,
    evaluator: &Evaluator,
    (client, holdings): (&Client, Holdings),
    now: OffsetDateTime,
) -> Result<Vec<(ServiceId, Effective)>> {
    let services = client.audience.iter().copied();
    let is_asked = holdings == Holdings::WhereAsked && client.scopes.iter().any(|scope| asks_what_is_held(scope));
    let Some(subject) = client.subject.filter(|_| is_asked) else {
        return Ok(services.map(|service| (service, Effective::default())).collect());
    };
    let asked: Vec<_> = services.clone().map(|service| (subject, service)).collect();
    let held = evaluator.of_all(conn, &asked, now).await?;
    Ok(services.zip(held).collect())
}

/// Whether a scope asks for what is held in services: only then that must be known.
fn asks_what_is_held(scope: &str) -> bool {
    is_of_a_service(scope) || [ROLES, PERMISSIONS, GROUPS].contains(&scope)
}
