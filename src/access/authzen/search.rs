//! Who may do it, and what may they do?

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::entities::{ANONYMOUS, ActionEntity, Context, Entity, FoundEntity, Sought, USER};
use super::evaluate::{Asked, Decision, allows, allows_one, evaluate, needs};
use super::page::{Cursor, PageOfAnswer};
use crate::access::Access;
use crate::access::policies::store::candidates;
use crate::access::policies::{Asking, Named, There, Who, permissions_for, reach};
use crate::base::error::Result;
use crate::base::id::PersonId;

/// So many people are looked at together.
const AT_A_TIME: i64 = 500;

/// So many are looked at for one page: it may have fewer results than it has room for, and go on all the same.
const MOST_LOOKED_AT: usize = 10_000;

/// So many where each is a question of its own to Postgres: which resources they reach.
const MOST_ASKED_ABOUT: usize = 500;

/// A page of results.
#[derive(Debug, Serialize)]
pub struct Results<T> {
    /// Where they go on.
    pub page: PageOfAnswer,
    /// What was found.
    pub results: Vec<T>,
}

/// A page of subjects or resources.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents `Results`")]
pub(super) struct FoundEntities {
    /// Where they go on.
    page: PageOfAnswer,
    /// What was found.
    results: Vec<FoundEntity>,
}

/// A page of actions.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents `Results`")]
pub(super) struct FoundActions {
    /// Where they go on.
    page: PageOfAnswer,
    /// What was found.
    results: Vec<FoundAction>,
}

impl<T> Results<T> {
    pub fn new(results: Vec<T>, next_token: String) -> Self {
        Self { page: PageOfAnswer { next_token, count: results.len() }, results }
    }

    pub(super) fn none() -> Self {
        Self::new(Vec::new(), String::new())
    }
}

/// Whom `action` on `resource` is permitted to: of the people who hold something in the service, or of all, where whoever asks sees
/// these.
pub(super) async fn subjects(
    access: &Access,
    asking: &Asking,
    (sought, action, resource, context): (&Sought, &ActionEntity, &Entity, Option<&Context>),
    cursor: &Cursor,
) -> Result<Results<FoundEntity>> {
    let found = |who: &Who, _: Decision| FoundEntity { kind: USER.to_owned(), id: who.username.clone() };
    permitted(access, asking, (sought, action, resource, context), cursor, found).await
}

/// The same, each as `show` has them and what was decided. Does not count as use of the service.
pub async fn permitted<T>(
    access: &Access,
    asking: &Asking,
    (sought, action, resource, context): (&Sought, &ActionEntity, &Entity, Option<&Context>),
    cursor: &Cursor,
    show: impl Fn(&Who, Decision) -> T,
) -> Result<Results<T>> {
    let place = asking.about(access, Named::Nobody).await?;
    if sought.kind != USER {
        return Ok(Results::none());
    }
    let everybody = asking.sees_everybody(access).await?;
    let mut after = PersonId(cursor.after_id()?);
    let mut found: Vec<T> = Vec::new();
    let mut looked_at = 0;
    let of_type = place.set.of_type(&resource.kind);
    let asks = of_type.of_action(&action.name).expressions().any(|expression| expression.resources().next().is_some());
    let most = if asks && place.has_resources { MOST_ASKED_ABOUT } else { MOST_LOOKED_AT };
    loop {
        let now = access.clock.now();
        let mut conn = access.db.read().await?;
        let people = candidates::next(&mut conn, (place.service, everybody), after, AT_A_TIME, now).await?;
        drop(conn);
        let is_last = people.len() < usize::try_from(AT_A_TIME).unwrap_or_default();
        let named = people.iter().map(|person| (Named::Id(*person), Some(resource.place())));
        for (person, there) in people.iter().zip(asking.beyond(access, named, now).await?) {
            let Some(who) = there.who.as_ref() else { continue };
            let subject =
                Entity { kind: USER.to_owned(), id: who.username.clone(), properties: sought.properties.clone() };
            let asked = Asked { subject: &subject, action, resource, context };
            let reached = reach(&access.db, &there, needs(&there, asked, now), now).await?;
            if !allows(&there, asked, reached.clone(), now) {
                continue;
            }
            if found.len() >= cursor.limit as usize {
                return Ok(Results::new(found, cursor.next(after.to_string())?));
            }
            found.push(show(who, evaluate(&there, asked, reached, now)));
            after = *person;
        }
        looked_at += people.len();
        if is_last {
            return Ok(Results::new(found, String::new()));
        }
        after = people.last().copied().unwrap_or(after);
        if looked_at >= most {
            return Ok(Results::new(found, cursor.next(after.to_string())?));
        }
    }
}

/// The actions that `subject` may do to `resource`: of those that policies name, and of those that there always are.
pub(super) async fn actions(
    access: &Access,
    there: &There,
    (subject, resource, context): (&Entity, &Entity, Option<&Context>),
    cursor: &Cursor,
    now: time::OffsetDateTime,
) -> Result<Results<FoundAction>> {
    if there.who.is_none() && subject.kind != ANONYMOUS {
        return Ok(Results::none());
    }
    let mut found = Vec::new();
    let held = there.who.as_ref().map(|who| &who.effective.permissions[..]).unwrap_or_default();
    for name in known(there, &resource.kind, held) {
        if name <= cursor.after {
            continue;
        }
        let action = ActionEntity { name, properties: None };
        let asked = Asked { subject, action: &action, resource, context };
        if !allows_one(access, there, asked, now).await? {
            continue;
        }
        if found.len() >= cursor.limit as usize {
            let after = found.last().map_or_else(|| cursor.after.clone(), |last: &FoundAction| last.name.clone());
            return Ok(Results::new(found, cursor.next(after)?));
        }
        found.push(FoundAction { name: action.name });
    }
    Ok(Results::new(found, String::new()))
}

/// An action that may be done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundAction {
    /// Its name.
    #[schema(example = "read")]
    pub name: String,
}

/// The actions that may be asked about, in order, of a subject who may hold these permissions.
pub fn known(there: &There, resource_type: &str, permissions: &[Arc<str>]) -> Vec<String> {
    let of_type = there.set.of_type(resource_type);
    let mut names: Vec<String> = of_type.actions().into_iter().map(str::to_owned).collect();
    if !there.set.policies_decide {
        let [_, of_this_type] = permissions_for(resource_type, "");
        names.extend(permissions.iter().map(|name| name.strip_prefix(&*of_this_type).unwrap_or(name).to_owned()));
        names.sort_unstable();
        names.dedup();
    }
    names
}
