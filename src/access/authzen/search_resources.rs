//! To which of the resources that a service has told of may they do it?

use std::sync::Arc;

use time::OffsetDateTime;

use super::entities::{ANONYMOUS, ActionEntity, Context, Entity, FoundEntity, Sought, passed, to_expressions};
use super::evaluate::{Asked, allows};
use super::page::Cursor;
use super::search::Results;
use crate::access::Access;
use crate::access::policies::language::{Equality, Row, Subject};
use crate::access::policies::store::resources::FoundResource;
use crate::access::policies::store::walk::{self, Among, Walk};
use crate::access::policies::{
    Pairs, There, depends_on_roles, equalities, normal, pairs, permissions_for, reach, request,
};
use crate::base::error::Result;

/// So many are looked at for one page: it may have fewer results than it has room for, and go on all the same.
const MOST_LOOKED_AT: usize = 400;

/// What is asked.
pub(super) type Question<'a> = (&'a Entity, &'a ActionEntity, &'a Sought, Option<&'a Context>);

/// The resources of a type to which `subject` may do `action`, in the order in which they were told of.
pub(super) async fn resources(
    access: &Access,
    there: &There,
    question: Question<'_>,
    cursor: &Cursor,
) -> Result<Results<FoundEntity>> {
    let (subject, _, sought, _) = question;
    if !there.has_resources || there.who.is_none() && subject.kind != ANONYMOUS {
        return Ok(Results::none());
    }
    let kind = normal(&sought.kind);
    let ways = ways_to_permit(there, question, access.clock.now());
    let hashes = match &ways {
        Ways::Having { properties, .. } => {
            walk::hashes(&mut *access.db.read().await?, (there.service, &kind), properties).await?
        }
        Ways::Any | Ways::Held(_) => Vec::new(),
    };
    let among = match &ways {
        Ways::Any => Among::All,
        Ways::Held(roles) => Among::Held(roles.as_deref()),
        Ways::Having { or_held, .. } => Among::Having { hashes: &hashes, or_held: *or_held },
    };
    let all = Walk { service: there.service, kind: &kind, person: there.who.as_ref().map(|who| who.id), among };
    let mut after = cursor.after_id()?;
    let mut found: Vec<(i32, FoundEntity)> = Vec::new();
    let mut looked_at = 0;
    let at_a_time = cursor.limit.clamp(100, 1000) + 1;
    loop {
        let now = access.clock.now();
        let mut conn = access.db.read().await?;
        let next = walk::next(&mut conn, all, after, i64::from(at_a_time), now).await?;
        drop(conn);
        let count = next.len();
        after = next.last().map_or(after, |last| last.id);
        for (id, key) in permitted(access, there, question, next, now).await? {
            if found.len() >= cursor.limit as usize {
                let last = found.last().map_or(after, |(id, _)| *id);
                return Ok(page(found, cursor.next(last.to_string())?));
            }
            found.push((id, FoundEntity { kind: sought.kind.clone(), id: key }));
        }
        looked_at += count;
        if count < at_a_time as usize {
            return Ok(page(found, String::new()));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok(page(found, cursor.next(after.to_string())?));
        }
    }
}

fn page(found: Vec<(i32, FoundEntity)>, next_token: String) -> Results<FoundEntity> {
    Results::new(found.into_iter().map(|(_, found)| found).collect(), next_token)
}

/// Those of `found` of which the answer is yes: place and id.
async fn permitted(
    access: &Access,
    there: &There,
    (subject, action, sought, context): Question<'_>,
    found: Vec<FoundResource>,
    now: OffsetDateTime,
) -> Result<Vec<(i32, String)>> {
    let entity = |id: String| Entity { kind: sought.kind.clone(), id, properties: sought.properties.clone() };
    let looked_at: Vec<(i32, Entity, There)> = found
        .into_iter()
        .map(|FoundResource { id, key, properties, ways }| {
            let who = there.who.as_ref();
            let who = who.map(|who| if ways.is_empty() { Arc::clone(who) } else { Arc::new(who.holding_too(ways)) });
            (id, entity(key), There { who, stored: Some(Arc::new(properties)), ..there.clone() })
        })
        .collect();
    let rows: Vec<Row> = looked_at.iter().map(|(_, entity, there)| entity.row(there.stored.as_deref())).collect();
    let seen = to_expressions(there.who.as_deref(), subject.properties.as_ref());
    let request = request(now, passed(context, action.properties.as_ref()));
    let of_type = (&*sought.kind, &*action.name);
    let pairs = if rows.is_empty() {
        Pairs::new()
    } else {
        pairs(&there.set, of_type, &rows.iter().collect::<Vec<_>>(), (&seen, &request))
    };
    let reached = reach(&access.db, there, pairs, now).await?;
    let permitted = looked_at.into_iter().filter_map(|(id, resource, there)| {
        let asked = Asked { subject, action, resource: &resource, context };
        allows(&there, asked, reached.clone(), now).then_some((id, resource.id))
    });
    Ok(permitted.collect())
}

/// By what it can be permitted at all.
enum Ways {
    /// Whatever they hold.
    Any,
    /// By a role that they hold on a resource: any, or one of these.
    Held(Option<Vec<i32>>),
    /// Where a resource has one of these properties, and perhaps where they hold a role on it.
    Having { properties: Vec<Equality>, or_held: bool },
}

fn ways_to_permit(there: &There, (subject, action, sought, context): Question<'_>, now: OffsetDateTime) -> Ways {
    if !there.set.policies_decide {
        return by_permissions(there, (&sought.kind, &action.name));
    }
    let of_type = (&*sought.kind, &*action.name);
    let seen: &Subject = &to_expressions(there.who.as_deref(), subject.properties.as_ref());
    let request = request(now, passed(context, action.properties.as_ref()));
    // What the question says of the resources counts before what is stored.
    let stored_counts = sought.properties.is_none();
    match equalities(&there.set, of_type, seen, &request) {
        Some(none) if none.is_empty() && there.who.is_some() => Ways::Held(None),
        Some(properties) if stored_counts => {
            let or_held = there.who.is_some() && depends_on_roles(&there.set, of_type);
            Ways::Having { properties, or_held }
        }
        _ => Ways::Any,
    }
}

fn by_permissions(there: &There, (kind, action): (&str, &str)) -> Ways {
    let Some(who) = &there.who else { return Ways::Any };
    let names = permissions_for(kind, action);
    if names.iter().any(|name| who.holds_in_service(name)) {
        return Ways::Any;
    }
    Ways::Held(Some(names.iter().flat_map(|name| who.roles_carrying(name)).collect()))
}
