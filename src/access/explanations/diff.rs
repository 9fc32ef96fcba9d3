//! What a change of policies would do to people, before it is made. Nothing is written.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use super::differences::{PolicyDiff, RowExtent, Tallies, summary};
use super::pairs::{Known, Pair, Rows, differing, known, pairs};
use super::seen::{Depends, Seen};
use crate::access::Access;
use crate::access::authzen::{Context, Entity as Resource, passed, to_expressions};
use crate::access::policies::language::{Request, Row};
use crate::access::policies::store::candidates;
use crate::access::policies::{
    self, Asking, Edits, Extent, Named, Pairs, PolicySet, Question, There, add_pairs, decide, depends_on_roles, extent,
    must_be_theirs_to_suppose, overlay, request,
};
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// So many people are looked at together.
const AT_A_TIME: i64 = 500;

/// So many people are looked at in all.
const MOST_PEOPLE: usize = 20_000;

/// To ask about a row costs less than to ask about any, by this.
const ROWS_A_PAIR: usize = 4;

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
    pub policies: SupposedPolicies<'a>,
    /// Rows: of their types these are asked about. Of others those that the service has told of; where these are none, or too many, it is told
    /// whether it depends on the row.
    pub resources: &'a [Resource],
    pub context: Option<&'a Context>,
    /// After so long no further people are looked at.
    pub patience: Option<Duration>,
}

/// What is to decide.
#[derive(Clone, Copy, Debug)]
pub enum SupposedPolicies<'a> {
    /// What decides now, with these changes.
    Edited(Edits<'a>),
    /// This.
    Set(&'a PolicySet),
}

/// Both sets, and where they differ.
struct Comparison<'a> {
    before: &'a PolicySet,
    after: &'a PolicySet,
    /// By type.
    pairs: BTreeMap<String, Vec<Pair>>,
    known: Known,
    request: Request,
}

/// Asks about everybody whom whoever asks may see, by the policies as they are and as they would be. Names are told where `tells_names`.
///
/// # Errors
/// 400 for policies that mean nothing; as of [`Asking::about`].
pub async fn diff(access: &Access, asking: &Asking, supposed: Supposed<'_>, tells_names: bool) -> Result<PolicyDiff> {
    let now = access.clock.now();
    let ends = supposed.patience.map(|patience| access.clock.uptime() + patience);
    let place = asking.one_beyond(access, Named::Anonymous, None, now).await?;
    let edited;
    let after = match supposed.policies {
        SupposedPolicies::Set(set) => set,
        SupposedPolicies::Edited(edits) => {
            edited = overlay(&place.set, &edits)?;
            &edited
        }
    };
    let sees = asking.sees(access).await?;
    must_be_theirs_to_suppose(&mut *access.db.read().await?, place.service, sees, (&place.set, after)).await?;
    let everybody = sees.everybody;
    let differing = differing(&place.set, after, supposed.resources);
    let known = known(access, &place, (supposed.resources, &differing), now).await?;
    let (pairs, is_cut) = pairs(differing, supposed.resources, &known);
    let request = request(now, passed(supposed.context, None));
    let comparison = Comparison { before: &place.set, after, pairs, known, request };
    let mut tallies = Tallies::default();
    comparison.compare(access, &place, &mut tallies, now).await?;
    let most = MOST_PEOPLE.min(MOST_COMPARED / comparison.weight());
    let whom = (place.service, everybody);
    let (people, last) = look_at(access, asking, (whom, now), (most, ends), &comparison, &mut tallies).await?;
    let people_left_out = match last {
        Some(last) => count_after(access, whom, last, now).await?,
        None => 0,
    };
    let truncated = is_cut || tallies.left_out;
    let differences = tallies.differences(tells_names);
    Ok(PolicyDiff {
        summary: summary(&differences, truncated || people_left_out > 0),
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
        let named = people.iter().map(|person| (Named::Id(*person), None));
        let there = asking.beyond(access, named, now).await?;
        for (person, there) in people.iter().zip(there) {
            if there.who.is_some() {
                comparison.compare(access, &there, tallies, now).await?;
                told += 1;
            }
            (looked_at, after) = (looked_at + 1, *person);
            if looked_at % (TURN / comparison.weight()).max(1) == 0 {
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
    /// How much it is to compare for one person.
    fn weight(&self) -> usize {
        let of_pair = |kind: &String, pair: &Pair| match pair.rows {
            Rows::One(_) | Rows::Any => 1,
            Rows::Each => self.known[kind].len() / ROWS_A_PAIR + 1,
        };
        self.pairs
            .iter()
            .flat_map(|(kind, pairs)| pairs.iter().map(move |pair| of_pair(kind, pair)))
            .sum::<usize>()
            .max(1)
    }

    /// Compares for somebody, or for whoever is not logged in.
    async fn compare(&self, access: &Access, there: &There, tallies: &mut Tallies, now: OffsetDateTime) -> Result<()> {
        let who = there.who.as_deref();
        let name = who.map(|who| who.username.as_str());
        for (kind, pairs) in &self.pairs {
            let rows = self.known.get(kind).map(Vec::as_slice).unwrap_or_default();
            let depends = self.depends(there, (kind, pairs), rows);
            let seen = Seen::of(access, there, None, (kind, depends), now).await?;
            for Pair { about, rows: asked } in pairs {
                let what = (kind.as_str(), about.action.as_str());
                let rows = match asked {
                    Rows::One(place) => &rows[*place..=*place],
                    Rows::Each => rows,
                    Rows::Any => {
                        let before = extent(self.before, seen.whose(who), what, &self.request);
                        let after = extent(self.after, seen.whose(who), what, &self.request);
                        tallies.note(about, (rows_of(&before), rows_of(&after)), before != after, name);
                        continue;
                    }
                };
                let permitted = |set: &PolicySet| -> Vec<bool> {
                    let permits = |(id, row): &(String, Row)| {
                        let (who, subject) = seen.on(who, id);
                        let (resource_type, action) = what;
                        decide(&Question { set, who, subject, resource_type, action, row, request: &self.request })
                            .allowed
                    };
                    rows.iter().map(permits).collect()
                };
                let (before, after) = (permitted(self.before), permitted(self.after));
                tallies.note(about, (counted(&before), counted(&after)), before != after, name);
            }
        }
        Ok(())
    }

    /// What their answers about a type depend on.
    fn depends(&self, there: &There, (kind, asked): (&str, &[Pair]), rows: &[(String, Row)]) -> Depends {
        let seen = to_expressions(there.who.as_deref(), None);
        let rows: Vec<&Row> = rows.iter().map(|(_, row)| row).collect();
        let mut depends = Depends { reached: Pairs::new(), roles: false };
        if !there.has_resources {
            return depends;
        }
        for (set, pair) in
            [self.before, self.after].into_iter().flat_map(|set| asked.iter().map(move |pair| (set, pair)))
        {
            let what = (kind, pair.about.action.as_str());
            depends.roles |= depends_on_roles(set, what);
            add_pairs(&mut depends.reached, policies::pairs(set, what, &rows, (&seen, &self.request)));
        }
        depends
    }
}

fn rows_of(extent: &Extent) -> RowExtent {
    match extent {
        Extent::None => RowExtent::None,
        Extent::Some(_) => RowExtent::Some,
        Extent::All => RowExtent::All,
    }
}

fn counted(permitted: &[bool]) -> RowExtent {
    match (permitted.contains(&true), permitted.contains(&false)) {
        (false, _) => RowExtent::None,
        (true, true) => RowExtent::Some,
        (true, false) => RowExtent::All,
    }
}
