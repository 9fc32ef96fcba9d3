//! Somebody, as the policies of one type see them, wherever they hold something.

use time::OffsetDateTime;

use crate::access::Access;
use crate::access::authzen::{reaching, to_expressions};
use crate::access::policies::language::{MOST_REACHED, Reached, Row, Subject};
use crate::access::policies::{Pairs, There, Who, Whose, holding_more, reach};
use crate::base::error::Result;

/// Who they are in the service, and who they are where they hold more.
#[derive(Debug)]
pub(super) struct Seen {
    subject: Subject,
    /// Ids of resources of the type, and who they are there.
    holding_more: Vec<(Vec<String>, (Who, Subject))>,
}

/// What an answer depends on.
#[derive(Clone, Debug)]
pub(super) struct Depends {
    /// Which resources they reach.
    pub reached: Pairs,
    /// Which roles they hold.
    pub roles: bool,
}

impl Seen {
    /// By what is known of them, and what whoever asks says of them, so far as an answer about resources of type `kind` depends on it.
    pub async fn of(
        access: &Access,
        there: &There,
        said: Option<&Row>,
        (kind, depends): (&str, Depends),
        now: OffsetDateTime,
    ) -> Result<Self> {
        let mut reached = reach(&access.db, there, depends.reached, now).await?;
        for Reached { ids, .. } in &mut reached {
            // The first are as good as all of them for what only asks whether there are any.
            if ids.len() > MOST_REACHED {
                *ids = ids[..MOST_REACHED].into();
            }
        }
        let more = if depends.roles { holding_more(&access.db, there, kind, now).await?.on } else { Vec::new() };
        let seen = |who: Option<&Who>| reaching(to_expressions(who, said), reached.clone()).into_owned();
        let more = more.into_iter().map(|(ids, who)| {
            let seen = seen(Some(&who));
            (ids, (who, seen))
        });
        Ok(Self { subject: seen(there.who.as_deref()), holding_more: more.collect() })
    }

    /// For a question about any resource of the type.
    pub fn whose<'a>(&'a self, who: Option<&'a Who>) -> Whose<'a> {
        Whose { who, subject: &self.subject, holding_more: &self.holding_more }
    }

    /// For a question about one of them.
    pub fn on<'a>(&'a self, who: Option<&'a Who>, id: &str) -> (Option<&'a Who>, &'a Subject) {
        let there = self.holding_more.iter().find(|(ids, _)| ids.iter().any(|one| one == id));
        there.map_or((who, &self.subject), |(_, (who, subject))| (Some(who), subject))
    }
}
