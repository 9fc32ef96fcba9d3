//! A file is applied: what it says is there afterwards, or nothing has changed. Each change is the act that it is through the API.

mod held;
mod vocabulary;

use std::collections::BTreeMap;

use anyhow::bail;

use super::check::check;
use super::compare::{Change, Plan, compare};
use super::providers::Secrets;
use super::read::{Desired, Reference};
use super::state::{Ids, State, now_there};
use super::store;
use super::thing::{Key, Thing};
use crate::access::policies::{self, TypeName};
use crate::base::error::Error;
use crate::base::id::ServiceId;
use crate::base::opaque::oauth::ClientSecret;
use crate::gate::Gate;
use crate::gate::audit::AuditedTx;
use crate::gate::store::queue_for_administrators;

/// What was done.
#[derive(Debug)]
pub struct Applied {
    pub plan: Plan,
    /// Of new clients: to be shown once, after the commit.
    pub secrets: Vec<Secret>,
    /// What is to be known of those concerned, and of what is to be done next.
    pub notices: Vec<String>,
}

/// A new client's secret.
#[derive(Debug)]
pub struct Secret {
    pub client_id: String,
    pub secret: ClientSecret,
}

impl State {
    /// What is there for this file.
    ///
    /// # Errors
    /// As [`now_there`].
    pub async fn of(
        conn: &mut sqlx::PgConnection,
        desired: &Desired,
        now: time::OffsetDateTime,
    ) -> anyhow::Result<Self> {
        let mut state = now_there(conn, now, desired.with_people).await?;
        let people = store::usernames(conn, &named_people(desired)).await?;
        state.ids.people.extend(people);
        if !desired.with_people {
            state.add_people_by_hand(conn, desired, now).await?;
        }
        Ok(state)
    }

    /// What the file would change of it.
    pub fn plan(&self, desired: &Desired, prune: bool) -> Plan {
        compare(&self.things, &self.managed(), &desired.things, prune)
    }
}

fn named_people(desired: &Desired) -> Vec<String> {
    let people = desired.references.iter().filter_map(|(_, reference)| match reference {
        Reference::Person(name) => Some(name.clone()),
        _ => None,
    });
    people.collect()
}

/// Applies a file in `tx`, whose read committed snapshots see what stood when the locks were granted. `sealed` are the secrets of
/// its new providers.
///
/// # Errors
/// All that is wrong with the file; what the acts refuse; that another file is being applied.
pub async fn apply(
    tx: &mut AuditedTx,
    gate: &Gate,
    (desired, sealed): (&Desired, Secrets),
    prune: bool,
) -> anyhow::Result<Applied> {
    if !store::begin_apply(tx).await? {
        bail!("another file is being applied at this moment; nothing was changed: plan again once that is done");
    }
    let now = tx.by().now;
    let foreseen = State::of(tx, desired, now).await?.plan(desired, prune);
    lock(tx, desired, &foreseen).await?;
    let state = State::of(tx, desired, now).await?;
    let plan = state.plan(desired, prune);
    check(desired, &state, &plan)?;
    let mut doing =
        Doing { tx, gate, ids: state.ids, state_rows: state.rows, sealed, secrets: Vec::new(), notices: Vec::new() };
    doing.all(&plan).await?;
    let Doing { secrets, mut notices, .. } = doing;
    notices.dedup();
    let state = State::of(tx, desired, now).await?;
    let rest = state.plan(desired, prune);
    if let Some(key) = rest.changes.first().and_then(Change::key) {
        bail!(
            "{key} is not as the file says after all: somebody changes it at this moment; nothing was changed, try again"
        );
    }
    mark(tx, desired, &state).await?;
    Ok(Applied { plan, secrets, notices })
}

/// In the order of all changes.
async fn lock(tx: &mut AuditedTx, desired: &Desired, plan: &Plan) -> anyhow::Result<()> {
    if desired.with_people {
        queue_for_administrators(tx).await?;
    }
    let (mut people, mut clients, mut gone) = (named_people(desired), Vec::new(), Vec::new());
    for (key, change) in plan.changes.iter().filter_map(|change| Some((change.key()?, change))) {
        match key {
            Key::Membership { person, .. } | Key::Grant { person, .. } => people.push(person.clone()),
            Key::Client(id) => clients.push(id.clone()),
            Key::Provider(name) if change.is_deletion() => gone.push(name.clone()),
            _ => {}
        }
    }
    let mut subjects = store::people_of_clients(tx, &clients).await?;
    subjects.extend(store::people_of_providers(tx, &gone).await?);
    store::lock_people(tx, &people, &subjects).await?;
    store::lock_vocabulary(tx).await?;
    Ok(())
}

/// What the file says is its own from now on.
async fn mark(tx: &mut AuditedTx, desired: &Desired, state: &State) -> anyhow::Result<()> {
    let mut rows: BTreeMap<&str, Vec<Vec<i32>>> = BTreeMap::new();
    for key in desired.things.keys() {
        if let Some(row) = state.rows.get(key).filter(|row| !row.managed) {
            rows.entry(key.kind()).or_default().push(row.ids.clone());
        }
    }
    for (kind, rows) in rows {
        store::mark(tx, kind, &rows).await?;
    }
    Ok(())
}

/// The changes, one after the other.
struct Doing<'a> {
    tx: &'a mut AuditedTx,
    gate: &'a Gate,
    /// What names mean by now.
    ids: Ids,
    /// The rows of what stood in the beginning.
    state_rows: BTreeMap<Key, super::state::Row>,
    sealed: Secrets,
    secrets: Vec<Secret>,
    notices: Vec<String>,
}

impl Doing<'_> {
    async fn all(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let gone: Vec<&Key> =
            plan.changes.iter().filter(|change| change.is_deletion()).filter_map(Change::key).collect();
        // What is in something goes before it; of a service that goes, with it.
        for key in gone.iter().rev().filter(|key| !goes_with_service(key, &gone)) {
            self.delete(key).await?;
        }
        for change in &plan.changes {
            if let Some((key, thing)) = &change.after {
                let before = change.before.as_ref().map(|(key, thing)| (key, thing));
                self.put(key, thing, before).await.map_err(|error| error.context(format!("{key}")))?;
            }
        }
        for key in plan.changes.iter().filter_map(Change::key).filter(|key| !goes_with_service(key, &gone)) {
            if let Key::ResourceType { service, name } = key {
                policies::must_all_compile(self.tx, self.service(service)?, &read::<TypeName>(name)?).await?;
            }
        }
        Ok(())
    }

    async fn delete(&mut self, key: &Key) -> anyhow::Result<()> {
        let done = match key {
            Key::Permission(_)
            | Key::Role(_)
            | Key::Service(_)
            | Key::Offer { .. }
            | Key::ResourceType { .. }
            | Key::Policy { .. } => self.delete_vocabulary(key).await,
            _ => self.delete_held(key).await,
        };
        done.map_err(|error| error.context(format!("{key}")))
    }

    async fn put(&mut self, key: &Key, thing: &Thing, before: Option<(&Key, &Thing)>) -> anyhow::Result<()> {
        match key {
            Key::Permission(_)
            | Key::Role(_)
            | Key::Service(_)
            | Key::Offer { .. }
            | Key::ResourceType { .. }
            | Key::Policy { .. } => self.put_vocabulary(key, thing, before).await,
            _ => self.put_held(key, thing, before).await,
        }
    }

    fn service(&self, name: &str) -> anyhow::Result<ServiceId> {
        self.ids.services.get(name).copied().ok_or_else(|| missing("service", name))
    }

    fn role(&self, name: &str) -> anyhow::Result<crate::base::id::RoleId> {
        self.ids.roles.get(name).copied().ok_or_else(|| missing("role", name))
    }

    fn group(&self, name: &str) -> anyhow::Result<crate::base::id::GroupId> {
        self.ids.groups.get(name).copied().ok_or_else(|| missing("group", name))
    }

    fn notice(&mut self, text: String) {
        if !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }
}

/// What was there when the file was checked.
fn missing(noun: &str, name: &str) -> anyhow::Error {
    Error::Internal(anyhow::anyhow!("the {noun} `{name}` is not there, though it was checked")).into()
}

/// A text that was checked when the file was read.
fn read<T: std::str::FromStr<Err = String>>(text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|fault| anyhow::anyhow!("{text:?}: {fault}"))
}

/// Whether the act that deletes its service deletes it, too.
fn goes_with_service(key: &Key, gone: &[&Key]) -> bool {
    let (Key::Offer { service, .. } | Key::ResourceType { service, .. } | Key::Policy { service, .. }) = key else {
        return false;
    };
    gone.iter().any(|key| matches!(key, Key::Service(name) if name == service))
}
