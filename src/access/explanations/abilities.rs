//! Who can do something, and what can somebody do.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::seen::{Depends, Seen};
use crate::access::Access;
use crate::access::authzen::{
    ANONYMOUS, ActionEntity, Asked, Context, Cursor, Decision, Entity, PageOfAnswer, Sought, USER, allows_one,
    known_actions, passed, permitted, to_expressions,
};
use crate::access::policies::store::resources;
use crate::access::policies::{
    ALL, Asking, Extent, Named, Pairs, Reason, There, Who, add_pairs, depends_on_roles, extent, pairs, request,
};
use crate::base::error::Result;
use crate::base::id::PersonId;

/// So many actions of a type are looked at.
const MOST_ACTIONS: usize = 1_000;

/// So many types are looked at for one page: it may have fewer results than it has room for, and go on all the same.
const MOST_TYPES: usize = 200;

/// So many types are looked at of which a service has told resources and nothing else.
const MOST_TOLD_TYPES: i64 = 1_000;

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
    let there = asking.one_beyond(access, Named::Anonymous, Some(resource.place()), now).await?;
    let asked = Asked { subject: &nobody, action, resource, context };
    let anonymous = allows_one(access, &there, asked, now).await?;
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
pub async fn abilities(
    access: &Access,
    asking: &Asking,
    (subject, concerned): (&Entity, Concerned<'_>),
    cursor: &Cursor,
) -> Result<WhatCan> {
    let now = access.clock.now();
    let there = asking.one_beyond(access, subject.named(), concerned.row.map(Entity::place), now).await?;
    if there.who.is_none() && subject.kind != ANONYMOUS {
        return Ok(WhatCan::new(Vec::new(), String::new()));
    }
    let types = match concerned.kind {
        Some(kind) => BTreeSet::from([kind.to_owned()]),
        None => types(access, &there).await?,
    };
    let mut found: Vec<Abilities> = Vec::new();
    for (looked_at, kind) in types.into_iter().filter(|kind| *kind > cursor.after).enumerate() {
        tokio::task::yield_now().await;
        let actions = match concerned.row {
            Some(row) => on_row(access, &there, (subject, row, concerned.context), now).await?,
            None => on_type(access, &there, (subject, &kind, concerned.context), now).await?,
        };
        if !actions.is_empty() {
            if found.len() >= cursor.limit as usize {
                let after = found.last().map_or_else(|| cursor.after.clone(), |last| last.kind.clone());
                return Ok(WhatCan::new(found, cursor.next(after)?));
            }
            found.push(Abilities { kind: kind.clone(), actions });
        }
        if looked_at + 1 == MOST_TYPES {
            return Ok(WhatCan::new(found, cursor.next(kind)?));
        }
    }
    Ok(WhatCan::new(found, String::new()))
}

/// Types that something is known of, and `all` for the others.
async fn types(access: &Access, there: &There) -> Result<BTreeSet<String>> {
    let mut types: BTreeSet<String> = there.set.types().into_iter().map(str::to_owned).collect();
    types.insert(ALL.to_owned());
    if !there.set.policies_decide {
        let of_type = |name: &str| name.split_once(':').map(|(kind, _)| kind.to_owned());
        types.extend(permissions(there).iter().filter_map(|name| of_type(name)));
    }
    if there.has_resources {
        types.extend(resources::kinds(&mut *access.db.read().await?, there.service, MOST_TOLD_TYPES).await?);
    }
    Ok(types)
}

/// The permissions that the subject may hold: on single resources, any.
fn permissions(there: &There) -> Vec<Arc<str>> {
    match &there.who {
        Some(who) if there.has_resources => who.permissions_here(),
        Some(who) => who.effective.permissions.clone(),
        None => Vec::new(),
    }
}

fn actions(there: &There, kind: &str) -> Vec<String> {
    let mut names = known_actions(there, kind, &permissions(there));
    if there.set.policies_decide {
        names.push(ALL.to_owned());
    }
    names.truncate(MOST_ACTIONS);
    names
}

/// What they can do to one row.
async fn on_row(
    access: &Access,
    there: &There,
    (subject, row, context): (&Entity, &Entity, Option<&Context>),
    now: OffsetDateTime,
) -> Result<Vec<Ability>> {
    let mut able = Vec::new();
    for name in actions(there, &row.kind) {
        let action = ActionEntity { name, properties: None };
        if allows_one(access, there, Asked { subject, action: &action, resource: row, context }, now).await? {
            able.push(Ability { name: action.name, rows: "all" });
        }
    }
    Ok(able)
}

/// What they can do to rows of a type, as far as that is known without the rows.
async fn on_type(
    access: &Access,
    there: &There,
    (subject, kind, context): (&Entity, &str, Option<&Context>),
    now: OffsetDateTime,
) -> Result<Vec<Ability>> {
    let (who, said) = (there.who.as_deref(), subject.properties.as_ref());
    let names = actions(there, kind);
    let request = request(now, passed(context, None));
    let mut depends = Depends { reached: Pairs::new(), roles: false };
    for name in &names {
        let needed = pairs(&there.set, (kind, name), &[], (&to_expressions(who, said), &request));
        add_pairs(&mut depends.reached, needed);
        depends.roles |= depends_on_roles(&there.set, (kind, name));
    }
    let seen = Seen::of(access, there, said, (kind, depends), now).await?;
    let able = names.into_iter().filter_map(|name| {
        let rows = match extent(&there.set, seen.whose(who), (kind, &name), &request) {
            Extent::None => return None,
            Extent::Some(_) => "some",
            Extent::All => "all",
        };
        Some(Ability { name, rows })
    });
    Ok(able.collect())
}
