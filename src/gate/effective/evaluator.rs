//! The one place that says what somebody may do in a service.

use std::sync::Arc;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store::{self, Assignments, Versioned};
use super::vocabulary::{Latest, Vocabulary};
use super::{Effective, HeldInService};
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// Puts what people hold, which is asked each time, and what that means, which is in memory, together. A clone costs next to
/// nothing and knows the same.
///
/// Not for the transaction of a change, which may see a vocabulary that nobody else ever will: that asks `auth.held_where`.
#[derive(Clone, Debug, Default)]
pub struct Evaluator(Arc<Latest>);

impl Evaluator {
    /// In which words it would answer now.
    pub fn vocabulary(&self) -> Arc<Vocabulary> {
        self.0.get()
    }

    /// Whether all of this is to be asked again, under the vocabulary that is loaded by then: ids of one moment with names and
    /// permissions of another might add up to what never was.
    pub async fn outdates<T>(
        &self,
        conn: &mut PgConnection,
        vocabulary: &Vocabulary,
        found: &Versioned<T>,
    ) -> Result<bool> {
        let outdates = found.version.is_some_and(|version| version != vocabulary.version);
        if outdates {
            self.0.reload(conn).await?;
        }
        Ok(outdates)
    }

    /// What people may do in services at `now`, one answer each, in order.
    pub async fn of_all(
        &self,
        conn: &mut PgConnection,
        asked: &[(PersonId, ServiceId)],
        now: OffsetDateTime,
    ) -> Result<Vec<Effective>> {
        self.ask(conn, asked, false, now).await
    }

    /// Likewise, with what these services are told of their attributes.
    pub async fn of_all_with_claims(
        &self,
        conn: &mut PgConnection,
        asked: &[(PersonId, ServiceId)],
        now: OffsetDateTime,
    ) -> Result<Vec<Effective>> {
        self.ask(conn, asked, true, now).await
    }

    async fn ask(
        &self,
        conn: &mut PgConnection,
        asked: &[(PersonId, ServiceId)],
        with_claims: bool,
        now: OffsetDateTime,
    ) -> Result<Vec<Effective>> {
        loop {
            let vocabulary = self.vocabulary();
            let services = asked.iter().filter(|_| with_claims).map(|(_, service)| *service);
            let found = store::held_in_all(conn, asked, &vocabulary.claiming(services), now).await?;
            if !self.outdates(conn, &vocabulary, &found).await? {
                return Ok(found.rows.iter().map(|held| vocabulary.effective(held)).collect());
            }
        }
    }

    /// What a person may do in a service at `now`.
    pub async fn of(
        &self,
        conn: &mut PgConnection,
        person: PersonId,
        service: ServiceId,
        now: OffsetDateTime,
    ) -> Result<Effective> {
        Ok(self.of_all(conn, &[(person, service)], now).await?.pop().unwrap_or_default())
    }

    /// What a person may do at `now`, service by service, in up to `limit` of them; Portero itself is the first.
    pub async fn by_service(
        &self,
        conn: &mut PgConnection,
        person: PersonId,
        limit: i64,
        now: OffsetDateTime,
    ) -> Result<Vec<HeldInService>> {
        loop {
            let vocabulary = self.vocabulary();
            let found = store::held_by(conn, person, limit, now).await?;
            if !self.outdates(conn, &vocabulary, &found).await? {
                return Ok(found.rows.iter().filter_map(|held| in_service(&vocabulary, held)).collect());
            }
        }
    }
}

fn in_service(vocabulary: &Vocabulary, held: &Assignments) -> Option<HeldInService> {
    let service = vocabulary.service_name(held.service)?;
    let Effective { roles, permissions, .. } = vocabulary.effective(held);
    Some(HeldInService { service_id: held.service, service, roles, permissions })
}
