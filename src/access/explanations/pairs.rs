//! Which types and actions a change of policies concerns, and of which rows it is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use time::OffsetDateTime;

use super::differences::About;
use crate::access::Access;
use crate::access::authzen::Entity;
use crate::access::policies::language::Row;
use crate::access::policies::store::resources::{self, FoundResource, SoughtResource};
use crate::access::policies::store::walk::{self, Among, Walk};
use crate::access::policies::{ALL, Applying, PolicySet, Rule, There, normal};
use crate::base::error::Result;

/// So many resources of a type are asked about, where the service has told of them. Where there are more, none is.
const MOST_TOLD: usize = 200;

/// So many pairs of a type and an action are compared.
const MOST_PAIRS: usize = 500;

/// What may become otherwise.
pub(super) struct Pair {
    pub about: About,
    pub rows: Rows,
}

/// Of which rows it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows {
    /// Of one of those that are known.
    One(usize),
    /// Of each that is known.
    Each,
    /// Of whichever there are.
    Any,
}

/// The rows of a type that are known: their ids, and what is known of them.
pub(super) type Known = BTreeMap<String, Vec<(String, Row)>>;

/// By type, the actions to which other policies apply than before.
pub(super) type Differing = BTreeMap<String, BTreeSet<String>>;

pub(super) fn differing(before: &PolicySet, after: &PolicySet, resources: &[Entity]) -> Differing {
    let mut differing = Differing::new();
    if !before.policies_decide && !after.policies_decide {
        return differing;
    }
    let begins = before.policies_decide != after.policies_decide;
    let mut types: BTreeSet<&str> = before.types();
    types.extend(after.types());
    types.extend(resources.iter().map(|resource| resource.kind.as_str()));
    types.insert(ALL);
    for kind in types {
        let (was, is) = (before.of_type(kind), after.of_type(kind));
        let mut actions: BTreeSet<&str> = was.actions();
        actions.extend(is.actions());
        // Permissions decide of no action that has no name.
        if !begins {
            actions.insert(ALL);
        }
        let other =
            actions.into_iter().filter(|action| begins || !is_same(was.of_action(action), is.of_action(action)));
        let other: BTreeSet<String> = other.map(str::to_owned).collect();
        if !other.is_empty() {
            differing.insert(kind.to_owned(), other);
        }
    }
    differing
}

/// The rows that were sent, with what the service has told of them, and of other types those that it has told of, unless these are too many.
pub(super) async fn known(
    access: &Access,
    there: &There,
    (sent, differing): (&[Entity], &Differing),
    now: OffsetDateTime,
) -> Result<Known> {
    let mut known = Known::new();
    let mut conn = access.db.read().await?;
    let sought = sent.iter().map(|resource| SoughtResource {
        service: there.service,
        person: None,
        kind: normal(&resource.kind).into_owned(),
        key: normal(&resource.id).into_owned(),
    });
    let told = if there.has_resources {
        resources::find_all(&mut conn, &sought.collect::<Vec<_>>(), now).await?
    } else {
        vec![None; sent.len()]
    };
    for (resource, told) in sent.iter().zip(told) {
        let row = resource.row(told.map(|told| told.properties).as_ref());
        known.entry(resource.kind.clone()).or_default().push((normal(&resource.id).into_owned(), row));
    }
    if !there.has_resources {
        return Ok(known);
    }
    for kind in differing.keys().filter(|kind| *kind != ALL) {
        if known.contains_key(kind) {
            continue;
        }
        let every = Walk { service: there.service, kind: &normal(kind), person: None, among: Among::All };
        let most = i64::try_from(MOST_TOLD).unwrap_or(i64::MAX);
        let told = walk::next(&mut conn, every, 0, most + 1, now).await?;
        if (1..=MOST_TOLD).contains(&told.len()) {
            let row = |FoundResource { key, properties, .. }: FoundResource| {
                let row = properties.with_id(&key);
                (key, row)
            };
            known.insert(kind.clone(), told.into_iter().map(row).collect());
        }
    }
    Ok(known)
}

/// What is compared, and whether there is too much of it.
pub(super) fn pairs(differing: Differing, sent: &[Entity], known: &Known) -> (BTreeMap<String, Vec<Pair>>, bool) {
    let (mut pairs, mut count) = (BTreeMap::<String, Vec<Pair>>::new(), 0);
    for (kind, actions) in differing {
        let sent: Vec<&Entity> = sent.iter().filter(|resource| resource.kind == kind).collect();
        for action in actions {
            let about = |resource: Option<&Entity>, looked_at: Option<usize>| About {
                kind: kind.clone(),
                resource: resource.map(|resource| resource.id.clone()),
                action: action.clone(),
                looked_at,
            };
            let of_each: Vec<Pair> = match known.get(&kind) {
                Some(_) if !sent.is_empty() => {
                    let one = |(place, resource): (usize, &&Entity)| Pair {
                        about: about(Some(resource), None),
                        rows: Rows::One(place),
                    };
                    sent.iter().enumerate().map(one).collect()
                }
                Some(told) => vec![Pair { about: about(None, Some(told.len())), rows: Rows::Each }],
                None => vec![Pair { about: about(None, None), rows: Rows::Any }],
            };
            for pair in of_each {
                if count >= MOST_PAIRS {
                    return (pairs, true);
                }
                count += 1;
                pairs.entry(kind.clone()).or_default().push(pair);
            }
        }
    }
    (pairs, false)
}

fn is_same(was: &Applying, is: &Applying) -> bool {
    let same = |was: &[Arc<Rule>], is: &[Arc<Rule>]| {
        was.len() == is.len() && was.iter().zip(is).all(|(was, is)| was.is_same(is))
    };
    same(&was.permissive, &is.permissive) && same(&was.restrictive, &is.restrictive)
}
