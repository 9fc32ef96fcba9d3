//! What a change of policies would do to people, before it is made. Nothing is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::differences::{About, PolicyDiff, RowExtent, Tallies, summary};
use crate::access::Access;
use crate::access::authzen::{Context, Entity, passed};
use crate::access::policies::language::{Request, Row, Subject};
use crate::access::policies::store::candidates;
use crate::access::policies::{
    ALL, Applying, Asking, Edits, Extent, Named, PolicySet, Question, Rule, Who, anonymous, decide, extent, overlay,
    request,
};
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// So many people are looked at together.
const AT_A_TIME: i64 = 500;

/// So many people are looked at in all.
const MOST_PEOPLE: usize = 20_000;

/// So many pairs of a type and an action are compared.
const MOST_PAIRS: usize = 500;

/// So many answers are compared: where there are many types and actions, fewer people are looked at.
const MOST_COMPARED: usize = 250_000;

/// So many of those who were not looked at are counted, and so many together.
const MOST_COUNTED: usize = 100_000;
const COUNTED_AT_A_TIME: i64 = 10_000;

/// After so many comparisons others have their turn.
const TURN: usize = 2_000;

/// What is supposed, and of which rows it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Supposed<'a> {
    pub edits: Edits<'a>,
    /// Rows: of their types these are asked about. Of others it is told whether it depends on the row.
    pub resources: &'a [Entity],
    pub context: Option<&'a Context>,
    /// After so long no further people are looked at.
    pub patience: Option<Duration>,
}

/// What may become otherwise.
struct Pair {
    about: About,
    row: Option<Row>,
}

/// Both sets, and where they differ.
struct Comparison<'a> {
    before: &'a PolicySet,
    after: &'a PolicySet,
    pairs: Vec<Pair>,
    request: Request,
}

/// Asks about everybody whom whoever asks may see, by the policies as they are and as they would be. Names are told where `tells_names`.
///
/// # Errors
/// 400 for policies that mean nothing; as of [`Asking::about`].
pub async fn diff(access: &Access, asking: &Asking, supposed: Supposed<'_>, tells_names: bool) -> Result<PolicyDiff> {
    let now = access.clock.now();
    let ends = supposed.patience.map(|patience| access.clock.uptime() + patience);
    let place = asking.beyond(access, vec![Named::Anonymous], now).await?.remove(0);
    let after = overlay(&place.set, &supposed.edits)?;
    let everybody = asking.sees(access).await?.everybody;
    let (pairs, is_cut) = pairs(&place.set, &after, supposed.resources);
    let request = request(now, passed(supposed.context, None));
    let comparison = Comparison { before: &place.set, after: &after, pairs, request };
    let mut tallies = Tallies::default();
    comparison.compare(None, &anonymous(), &mut tallies);
    let most = MOST_PEOPLE.min(MOST_COMPARED / comparison.pairs.len().max(1));
    let whom = (place.service, everybody);
    let (people, last) = look_at(access, asking, (whom, now), (most, ends), &comparison, &mut tallies).await?;
    let people_left_out = match last {
        Some(last) => count_after(access, whom, last, now).await?,
        None => 0,
    };
    let truncated = is_cut || tallies.left_out;
    let differences = tallies.differences(tells_names);
    Ok(PolicyDiff {
        summary: summary(&differences),
        differences,
        people,
        people_left_out,
        truncated,
        policies_decide: after.policies_decide,
    })
}

/// Compares for one person after another; answers how many they were, and the last one, where there may be more.
async fn look_at(
    access: &Access,
    asking: &Asking,
    (whom, now): ((ServiceId, bool), OffsetDateTime),
    (most, ends): (usize, Option<Duration>),
    comparison: &Comparison<'_>,
    tallies: &mut Tallies,
) -> Result<(usize, Option<PersonId>)> {
    let (mut looked_at, mut told, mut after) = (0, 0, PersonId(0));
    if comparison.pairs.is_empty() {
        return Ok((0, None));
    }
    loop {
        let limit = AT_A_TIME.min(i64::try_from(most - looked_at).unwrap_or(AT_A_TIME));
        let mut conn = access.db.read().await?;
        let people = candidates::next(&mut conn, whom, after, limit, now).await?;
        drop(conn);
        let named = people.iter().map(|person| Named::Id(*person)).collect();
        let there = asking.beyond(access, named, now).await?;
        for (person, there) in people.iter().zip(there) {
            if let Some(who) = there.who.as_deref() {
                comparison.compare(Some(who), &who.subject, tallies);
                told += 1;
            }
            (looked_at, after) = (looked_at + 1, *person);
            if looked_at % (TURN / comparison.pairs.len()).max(1) == 0 {
                tokio::task::yield_now().await;
            }
            if ends.is_some_and(|ends| access.clock.uptime() >= ends) {
                return Ok((told, Some(after)));
            }
        }
        if i64::try_from(people.len()).unwrap_or_default() < limit {
            return Ok((told, None));
        }
        if looked_at >= most {
            return Ok((told, Some(after)));
        }
    }
}

/// How many people are left; at most so many are counted.
async fn count_after(
    access: &Access,
    whom: (ServiceId, bool),
    mut last: PersonId,
    now: OffsetDateTime,
) -> Result<usize> {
    let mut count = 0;
    while count < MOST_COUNTED {
        let mut conn = access.db.read().await?;
        let people = candidates::next(&mut conn, whom, last, COUNTED_AT_A_TIME, now).await?;
        drop(conn);
        count += people.len();
        match people.last() {
            Some(person) => last = *person,
            None => break,
        }
    }
    Ok(count)
}

impl Comparison<'_> {
    fn compare(&self, who: Option<&Who>, subject: &Subject, tallies: &mut Tallies) {
        let name = who.map(|who| who.username.as_str());
        for Pair { about, row } in &self.pairs {
            let what = (about.kind.as_str(), about.action.as_str());
            if let Some(row) = row {
                let ask = |set: &PolicySet| {
                    let (resource_type, action) = what;
                    let question = Question { set, who, subject, resource_type, action, row, request: &self.request };
                    if decide(&question).allowed { RowExtent::All } else { RowExtent::None }
                };
                tallies.note(about, (ask(self.before), ask(self.after)), false, name);
            } else {
                let before = extent(self.before, (who, subject), what, &self.request);
                let after = extent(self.after, (who, subject), what, &self.request);
                tallies.note(about, (rows(&before), rows(&after)), before != after, name);
            }
        }
    }
}

fn rows(extent: &Extent) -> RowExtent {
    match extent {
        Extent::None => RowExtent::None,
        Extent::Some(_) => RowExtent::Some,
        Extent::All => RowExtent::All,
    }
}

/// The types and actions to which other policies apply than before, and whether they were too many. Rows are those that were sent; those
/// that a service has told Portero of would come here, too.
fn pairs(before: &PolicySet, after: &PolicySet, resources: &[Entity]) -> (Vec<Pair>, bool) {
    if !before.policies_decide && !after.policies_decide {
        return (Vec::new(), false);
    }
    let begins = before.policies_decide != after.policies_decide;
    let mut types: BTreeSet<&str> = before.types();
    types.extend(after.types());
    types.extend(resources.iter().map(|resource| resource.kind.as_str()));
    types.insert(ALL);
    let mut pairs = Vec::new();
    for kind in types {
        let (was, is) = (before.of_type(kind), after.of_type(kind));
        let mut actions: BTreeSet<&str> = was.actions();
        actions.extend(is.actions());
        // Permissions decide of no action that has no name.
        if !begins {
            actions.insert(ALL);
        }
        for action in actions {
            if !begins && is_same(was.of_action(action), is.of_action(action)) {
                continue;
            }
            let about = |resource: Option<&Entity>| About {
                kind: kind.to_owned(),
                resource: resource.map(|resource| resource.id.clone()),
                action: action.to_owned(),
            };
            let sent = || resources.iter().filter(|resource| resource.kind == kind);
            pairs.extend(sent().map(|resource| Pair { about: about(Some(resource)), row: Some(resource.row()) }));
            if sent().next().is_none() {
                pairs.push(Pair { about: about(None), row: None });
            }
        }
    }
    let is_cut = pairs.len() > MOST_PAIRS;
    pairs.truncate(MOST_PAIRS);
    (pairs, is_cut)
}

fn is_same(was: &Applying, is: &Applying) -> bool {
    let same = |was: &[Arc<Rule>], is: &[Arc<Rule>]| {
        was.len() == is.len() && was.iter().zip(is).all(|(was, is)| Arc::ptr_eq(&was.policy, &is.policy))
    };
    same(&was.permissive, &is.permissive) && same(&was.restrictive, &is.restrictive)
}
