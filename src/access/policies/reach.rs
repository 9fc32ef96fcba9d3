//! What `auth_user.resources(type, permission)` answers: the ids of stored resources on which somebody has a permission, by a role on
//! them or above them, or in the service.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;

use super::language::{MOST_REACHED, Reached, Request, Row, Sought, Subject};
use super::policy::normal;
use super::store::reached::{self, Reach};
use super::store::resources::{self, HeldResource};
use super::store::subjects::Way;
use super::{PolicySet, There, Who};
use crate::base::error::Result;
use crate::platform::database::Db;

/// Pairs of type and permission, and which of their ids matter.
pub type Pairs = BTreeMap<(String, String), Sought>;

/// Adds more that matters.
pub fn add_pairs(all: &mut Pairs, more: impl IntoIterator<Item = ((String, String), Sought)>) {
    for (pair, sought) in more {
        all.entry(pair).or_insert_with(|| Sought::Ids(Vec::new())).add(sought);
    }
}

/// What an answer about an action on a type of resource needs to know: for these rows, or, where there are none, for whichever.
pub fn pairs(
    set: &PolicySet,
    (kind, action): (&str, &str),
    rows: &[&Row],
    (subject, request): (&Subject, &Request),
) -> Pairs {
    let mut pairs = Pairs::new();
    if !set.policies_decide {
        return pairs;
    }
    let of_type = set.of_type(kind);
    let applying = of_type.of_action(action);
    for expression in applying.expressions().filter(|expression| expression.resources().next().is_some()) {
        let mut note = |sought: Vec<Sought>| {
            let named = expression.resources().map(|(kind, permission)| (kind.to_owned(), permission.to_owned()));
            add_pairs(&mut pairs, named.zip(sought));
        };
        if rows.is_empty() {
            note(vec![Sought::All; expression.resources().count()]);
        }
        for row in rows {
            note(expression.sought(row, subject, request));
        }
    }
    pairs
}

/// The ids, so far as they matter, at `now`. More than [`MOST_REACHED`] are none that anything is compared with.
pub async fn reach(db: &Db, there: &There, pairs: Pairs, now: OffsetDateTime) -> Result<Vec<Reached>> {
    let Some(who) = there.who.as_ref().filter(|_| there.has_resources && !pairs.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut conn = db.read().await?;
    let mut all = Vec::with_capacity(pairs.len());
    for ((kind, permission), sought) in pairs {
        let roles = (!who.holds_in_service(&permission)).then(|| who.roles_carrying(&permission));
        let reach = Reach { service: there.service, person: who.id, kind: &normal(&kind), by_roles: roles.as_deref() };
        let ids = match sought {
            Sought::Ids(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                reached::among(&mut conn, reach, &ids, now).await?
            }
            Sought::All => {
                reached::up_to(&mut conn, reach, i64::try_from(MOST_REACHED).unwrap_or(i64::MAX) + 1, now).await?
            }
        };
        all.push(Reached { kind, permission, ids: Arc::from(ids) });
    }
    Ok(all)
}

/// Where somebody holds more than in the service.
#[derive(Debug, Default)]
pub struct HoldingMore {
    /// Ids of resources, and who they are there.
    pub on: Vec<(Vec<String>, Who)>,
    /// There are more than [`MOST_REACHED`]: these are the first.
    pub is_cut: bool,
}

/// On which resources of a type the subject holds more than in the service. Whether that can change an answer, [`depends_on_roles`] says.
///
/// [`depends_on_roles`]: super::depends_on_roles
pub async fn holding_more(db: &Db, there: &There, kind: &str, now: OffsetDateTime) -> Result<HoldingMore> {
    let Some(who) = there.who.as_ref().filter(|_| there.has_resources) else {
        return Ok(HoldingMore::default());
    };
    let kind = normal(kind);
    let most = i64::try_from(MOST_REACHED).unwrap_or(i64::MAX);
    let asked = (there.service, who.id, &*kind);
    let mut held = resources::held(&mut *db.read().await?, asked, most + 1, now).await?;
    let is_cut = held.len() > MOST_REACHED;
    held.truncate(MOST_REACHED);
    let mut by_roles: BTreeMap<Vec<i32>, (Vec<String>, Vec<Way>)> = BTreeMap::new();
    for HeldResource { key, ways } in held {
        let mut roles: Vec<i32> = ways.iter().map(|way| way.role).collect();
        roles.sort_unstable();
        roles.dedup();
        by_roles.entry(roles).or_insert_with(|| (Vec::new(), ways)).0.push(key);
    }
    Ok(HoldingMore { on: by_roles.into_values().map(|(ids, ways)| (ids, who.holding_too(ways))).collect(), is_cut })
}
