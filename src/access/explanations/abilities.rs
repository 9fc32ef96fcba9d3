//! Who can do something, and what can somebody do.

use std::collections::BTreeSet;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::access::Access;
use crate::access::authzen::{
    ANONYMOUS, ActionEntity, Asked, Context, Cursor, Decision, Entity, PageOfAnswer, Sought, USER, evaluate,
    known_actions, passed, permitted, to_expressions,
};
use crate::access::policies::language::Row;
use crate::access::policies::{ALL, Asking, Extent, Named, Reason, There, Who, extent, request};
use crate::base::error::Result;
use crate::base::id::PersonId;

/// So many actions of a type are looked at.
const MOST_ACTIONS: usize = 1_000;

/// Somebody who can do it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Able {
    /// Their id.
    pub id: PersonId,
    /// Their username.
    #[schema(example = "juan")]
    pub username: String,
    /// By what.
    pub how: Reason,
}

/// A page of the people who can do it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoCan {
    /// Whether whoever is not logged in can, and so everybody.
    #[schema(example = false)]
    pub anonymous: bool,
    /// Where they go on.
    pub page: PageOfAnswer,
    /// Who they are.
    pub results: Vec<Able>,
}

/// A page of those who can do this to a resource: of the people who hold something in the service, or of all, where whoever asks sees
/// these.
pub async fn who_can(
    access: &Access,
    asking: &Asking,
    (action, resource, context): (&ActionEntity, &Entity, Option<&Context>),
    cursor: &Cursor,
) -> Result<WhoCan> {
    let now = access.clock.now();
    let nobody = Entity { kind: ANONYMOUS.to_owned(), id: String::new(), properties: None };
    let there = asking.beyond(access, vec![Named::Anonymous], now).await?;
    let asked = Asked { subject: &nobody, action, resource, context };
    let anonymous = there.first().is_some_and(|there| evaluate(there, asked, now).decision);
    let sought = Sought { kind: USER.to_owned(), properties: None };
    let show =
        |who: &Who, decision: Decision| Able { id: who.id, username: who.username.clone(), how: decision.context };
    let people = permitted(access, asking, (&sought, action, resource, context), cursor, show).await?;
    Ok(WhoCan { anonymous, page: people.page, results: people.results })
}

/// A page of the types to which somebody can do something.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhatCan {
    /// Where they go on.
    pub page: PageOfAnswer,
    /// What they can do.
    pub results: Vec<Abilities>,
}

impl WhatCan {
    fn new(results: Vec<Abilities>, next_token: String) -> Self {
        Self { page: PageOfAnswer { next_token, count: results.len() }, results }
    }
}

/// What somebody can do to resources of one type.
#[derive(Debug, Serialize, ToSchema)]
pub struct Abilities {
    /// The type; `all` for each that nothing more particular is known of.
    #[serde(rename = "type")]
    #[schema(example = "invoice")]
    pub kind: String,
    /// What they can do, in order.
    pub actions: Vec<Ability>,
}

/// An action that somebody can do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ability {
    /// Its name; `all` for each that nothing more particular is known of.
    #[schema(example = "read")]
    pub name: String,
    /// `all` for whatever the row, `some` where it depends on the row.
    #[schema(example = "some")]
    pub rows: &'static str,
}

/// Of what is asked.
#[derive(Clone, Copy, Debug)]
pub struct Concerned<'a> {
    /// Of one type, or of all.
    pub kind: Option<&'a str>,
    /// Of one row, or of whichever there are.
    pub row: Option<&'a Entity>,
    pub context: Option<&'a Context>,
}

/// What `subject` can do, a page of types. Types of which they can do nothing are left out.
pub fn abilities(
    there: &There,
    (subject, concerned): (&Entity, Concerned<'_>),
    cursor: &Cursor,
    now: OffsetDateTime,
) -> Result<WhatCan> {
    if there.who.is_none() && subject.kind != ANONYMOUS {
        return Ok(WhatCan::new(Vec::new(), String::new()));
    }
    let types = match concerned.kind {
        Some(kind) => BTreeSet::from([kind.to_owned()]),
        None => types(there),
    };
    let mut found: Vec<Abilities> = Vec::new();
    for kind in types.into_iter().filter(|kind| *kind > cursor.after) {
        let actions = of_type(there, (subject, concerned), &kind, now);
        if actions.is_empty() {
            continue;
        }
        if found.len() >= cursor.limit as usize {
            let after = found.last().map_or_else(|| cursor.after.clone(), |last| last.kind.clone());
            return Ok(WhatCan::new(found, cursor.next(after)?));
        }
        found.push(Abilities { kind, actions });
    }
    Ok(WhatCan::new(found, String::new()))
}

/// Types that something is known of, and `all` for the others.
fn types(there: &There) -> BTreeSet<String> {
    let mut types: BTreeSet<String> = there.set.types().into_iter().map(str::to_owned).collect();
    types.insert(ALL.to_owned());
    if !there.set.policies_decide {
        let held = there.who.iter().flat_map(|who| who.effective.permissions.iter());
        types.extend(held.filter_map(|name| name.split_once(':')).map(|(kind, _)| kind.to_owned()));
    }
    types
}

fn of_type(
    there: &There,
    (subject, concerned): (&Entity, Concerned<'_>),
    kind: &str,
    now: OffsetDateTime,
) -> Vec<Ability> {
    let mut names = known_actions(there, kind);
    if there.set.policies_decide {
        names.push(ALL.to_owned());
    }
    names.truncate(MOST_ACTIONS);
    let actions = names.into_iter().filter_map(|name| {
        let rows = match concerned.row {
            Some(row) => {
                let action = ActionEntity { name: name.clone(), properties: None };
                let asked = Asked { subject, action: &action, resource: row, context: concerned.context };
                evaluate(there, asked, now).decision.then_some("all")?
            }
            None => rows(there, (subject, concerned.context), (kind, &name), now)?,
        };
        Some(Ability { name, rows })
    });
    actions.collect()
}

fn rows(
    there: &There,
    (subject, context): (&Entity, Option<&Context>),
    what: (&str, &str),
    now: OffsetDateTime,
) -> Option<&'static str> {
    let who = there.who.as_deref();
    let seen = to_expressions(who, subject.properties.as_ref());
    let passed: Row = passed(context, None);
    match extent(&there.set, (who, &seen), what, &request(now, passed)) {
        Extent::None => None,
        Extent::Some(_) => Some("some"),
        Extent::All => Some("all"),
    }
}
