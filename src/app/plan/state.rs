//! What stands in a server, as things, and the rows that they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::bail;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::clients;
use super::file::{Described, End, Name, Role, name};
use super::providers;
use super::read::Desired;
use super::store;
use super::thing::{Empty, Key, OfPolicy, OfService, OfType, Terms, Thing, Things};
use crate::base::id::{GroupId, PermissionId, PersonId, ProviderId, RoleId, ServiceId};
use crate::identity::providers::store as stored_providers;
use crate::oauth::clients::{Client, Registration, store as registered};
use crate::platform::http::Page;

/// A row, by the columns of its key.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub ids: Vec<i32>,
    pub managed: bool,
}

/// What a server has.
#[derive(Debug, Default)]
pub struct State {
    pub things: Things,
    pub(super) rows: BTreeMap<Key, Row>,
    pub(super) ids: Ids,
}

/// What names mean. Of two things with one name the users' own comes before Portero's.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub permissions: HashMap<String, PermissionId>,
    pub roles: HashMap<String, RoleId>,
    pub services: HashMap<String, ServiceId>,
    pub groups: HashMap<String, GroupId>,
    pub people: HashMap<String, PersonId>,
    pub clients: HashMap<String, Client>,
    pub providers: HashMap<String, ProviderId>,
}

impl State {
    /// The things that a file manages.
    pub fn managed(&self) -> BTreeSet<Key> {
        self.rows.iter().filter(|(_, row)| row.managed).map(|(key, _)| key.clone()).collect()
    }

    /// Adds, of what is in no file, what keeps things that are managed and no longer in this one: people in groups and with roles, and
    /// roles on resources. One of them for each is enough.
    ///
    /// # Errors
    /// Of Postgres.
    pub(super) async fn add_people_by_hand(
        &mut self,
        conn: &mut PgConnection,
        desired: &Desired,
        now: OffsetDateTime,
    ) -> anyhow::Result<()> {
        let gone = self.rows.iter().filter(|(key, row)| row.managed && !desired.things.contains_key(*key));
        let (mut groups, mut services, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for (key, row) in gone {
            match (key, &row.ids[..]) {
                (Key::Group(_), [id]) => groups.push(*id),
                (Key::Offer { .. }, [service, role]) => {
                    services.push(*service);
                    roles.push(*role);
                }
                // What Portero itself offers is no thing of a file.
                (Key::Role(_), [role]) => {
                    services.push(ServiceId::PORTERO.0);
                    roles.push(*role);
                }
                _ => {}
            }
        }
        if groups.is_empty() && roles.is_empty() {
            return Ok(());
        }
        let members = store::somebody_in(conn, &groups, now).await?;
        let mut held: Vec<Key> = members.into_iter().map(|(person, group)| Key::Membership { person, group }).collect();
        for row in store::somebody_with(conn, (&services, &roles), &groups, now).await? {
            let (service, role) = (row.service, row.role);
            held.extend(match (row.person, row.group) {
                (Some(person), _) => Some(Key::Grant { person, service, role }),
                (None, Some(group)) => Some(Key::GroupGrant { group, service, role }),
                (None, None) => None,
            });
        }
        held.retain(|key| !self.things.contains_key(key));
        self.things.extend(held.into_iter().map(|key| (key, Thing::Nothing(Empty {}))));
        Ok(())
    }

    fn add(&mut self, key: Key, thing: Thing, ids: Vec<i32>, managed: bool) {
        self.rows.insert(key.clone(), Row { ids, managed });
        self.things.insert(key, thing);
    }
}

/// Reads what is there at `now`, of people only if that is asked for.
///
/// # Errors
/// Where a name says two things, so that no file can say what is there.
pub async fn now_there(conn: &mut PgConnection, now: OffsetDateTime, with_people: bool) -> anyhow::Result<State> {
    let mut reader = Reader::default();
    reader.vocabulary(conn).await?;
    reader.services(conn).await?;
    reader.clients(conn).await?;
    reader.groups(conn, now).await?;
    reader.providers(conn).await?;
    if with_people {
        reader.people(conn, now).await?;
    }
    Ok(reader.state)
}

#[derive(Default)]
struct Reader {
    state: State,
    permissions: HashMap<i32, String>,
    roles: HashMap<i32, String>,
    services: HashMap<i32, String>,
    groups: HashMap<i32, String>,
}

impl Reader {
    async fn vocabulary(&mut self, conn: &mut PgConnection) -> anyhow::Result<()> {
        for row in store::permissions(conn).await? {
            self.permissions.insert(row.id, row.name.clone());
            self.state.ids.permissions.insert(row.name.clone(), PermissionId(row.id));
            if row.id > 0 {
                let thing = Thing::Described(Described { description: read(row.description)? });
                self.state.add(Key::Permission(row.name), thing, vec![row.id], row.managed);
            }
        }
        let roles = store::roles(conn).await?;
        for row in &roles {
            self.roles.insert(row.id, row.name.clone());
            self.state.ids.roles.insert(row.name.clone(), RoleId(row.id));
        }
        for row in roles.into_iter().filter(|row| row.id > 0) {
            let mut permissions: Vec<Name> = Vec::new();
            for id in row.permissions {
                let Some(named) = self.permissions.get(&id) else { continue };
                if self.state.ids.permissions.get(named).is_some_and(|meant| meant.0 != id) {
                    bail!(two_of("permission", named));
                }
                permissions.push(name(named));
            }
            permissions.sort();
            let thing = Thing::Role(Role { description: read(row.description)?, permissions });
            self.state.add(Key::Role(row.name), thing, vec![row.id], row.managed);
        }
        Ok(())
    }

    async fn services(&mut self, conn: &mut PgConnection) -> anyhow::Result<()> {
        for row in store::services(conn).await? {
            self.services.insert(row.id, row.name.clone());
            self.state.ids.services.insert(row.name.clone(), ServiceId(row.id));
            if row.id > 0 {
                let own = OfService {
                    description: read(row.description)?,
                    claims: row.claims,
                    policies_decide: row.policies_decide,
                    permissions_decide: row.permissions_decide,
                };
                self.state.add(Key::Service(row.name), Thing::Service(own), vec![row.id], row.managed);
            }
        }
        for row in store::offers(conn).await? {
            let (Some(service), role) = (self.service(row.service_id), self.role(row.role_id)?) else { continue };
            let ids = vec![row.service_id, row.role_id];
            self.state.add(Key::Offer { service, role }, Thing::Nothing(Empty {}), ids, row.managed);
        }
        for row in store::resource_types(conn).await? {
            let Some(service) = self.service(row.service_id) else { continue };
            let key = Key::ResourceType { service, name: row.name };
            self.state.add(key, Thing::Columns(OfType { columns: row.columns.0 }), vec![row.id], row.managed);
        }
        for row in store::policies(conn).await? {
            let Some(service) = self.service(row.service_id) else { continue };
            let key = Key::Policy {
                service,
                table_name: row.table_name,
                action: row.action,
                restrictive: row.effect == "restrictive",
                expression: row.expression.clone(),
            };
            let own = OfPolicy { expression: row.expression, description: read(row.description)? };
            self.state.add(key, Thing::Policy(own), vec![row.id.0], row.managed);
        }
        Ok(())
    }

    /// Those that somebody here has registered: who came by themselves is in no file, nor is Portero's own.
    async fn clients(&mut self, conn: &mut PgConnection) -> anyhow::Result<()> {
        let managed: BTreeSet<i32> = store::managed_clients(conn).await?.into_iter().map(|id| id.0).collect();
        let mut next = Some(Page::first(None));
        while let Some(page) = next {
            let mut rows = registered::list(conn, None, &page).await?;
            next = page.next(&mut rows, |client| client.id.0);
            let of_files = |client: &Client| {
                client.service != ServiceId::PORTERO && !client.loopback_only && !client.is_of_stranger()
            };
            for client in rows.into_iter().filter(of_files) {
                let Some(service) = self.service(client.service.0) else { continue };
                let mut audience: Vec<Name> =
                    client.audience.iter().filter_map(|id| self.service(id.0)).map(|of| name(&of)).collect();
                audience.sort();
                let thing = clients::client(&Registration::from(&client), name(&service), audience);
                let key = Key::Client(client.client_id.clone());
                let is_managed = managed.contains(&client.id.0);
                self.state.add(key, Thing::Client(Box::new(thing)), vec![client.id.0], is_managed);
                self.state.ids.clients.insert(client.client_id.clone(), client);
            }
        }
        Ok(())
    }

    async fn groups(&mut self, conn: &mut PgConnection, now: OffsetDateTime) -> anyhow::Result<()> {
        for row in store::groups(conn).await? {
            self.groups.insert(row.id, row.name.clone());
            self.state.ids.groups.insert(row.name.clone(), GroupId(row.id));
            let thing = Thing::Described(Described { description: read(row.description)? });
            self.state.add(Key::Group(row.name), thing, vec![row.id], row.managed);
        }
        for row in store::nestings(conn, now).await? {
            let (Some(group), Some(member)) = (self.group(row.group_id), self.group(row.member_id)) else { continue };
            let ids = vec![row.group_id, row.member_id];
            self.state.add(Key::Nesting { group, member }, terms(row.expires_at, row.reason)?, ids, row.managed);
        }
        for row in store::group_grants(conn, now).await? {
            let (Some(group), Some(service)) = (self.group(row.group_id), self.service(row.service_id)) else {
                continue;
            };
            let key = Key::GroupGrant { group, service, role: self.role(row.role_id)? };
            let ids = vec![row.group_id, row.service_id, row.role_id];
            self.state.add(key, terms(row.expires_at, row.reason)?, ids, row.managed);
        }
        Ok(())
    }

    async fn providers(&mut self, conn: &mut PgConnection) -> anyhow::Result<()> {
        let managed = store::managed_providers(conn).await?;
        let mut next = Some(Page::first(None));
        while let Some(page) = next {
            let mut rows = stored_providers::list(conn, &page).await?;
            next = page.next(&mut rows, |row| row.id.0);
            for row in rows {
                let (id, called) = (row.id, row.stored.name.clone());
                let provider = providers::standing(row, |group| self.group(group))?;
                self.state.ids.providers.insert(called.clone(), id);
                let thing = Thing::Provider(Box::new(provider));
                self.state.add(Key::Provider(called), thing, vec![id.0], managed.contains(&id));
            }
        }
        Ok(())
    }

    async fn people(&mut self, conn: &mut PgConnection, now: OffsetDateTime) -> anyhow::Result<()> {
        for row in store::memberships(conn, now).await? {
            let Some(group) = self.group(row.group_id) else { continue };
            self.state.ids.people.insert(row.username.clone(), PersonId(row.person_id));
            let key = Key::Membership { person: row.username, group };
            let ids = vec![row.group_id, row.person_id];
            self.state.add(key, terms(row.expires_at, row.reason)?, ids, row.managed);
        }
        for row in store::grants_of_people(conn, now).await? {
            // That of a direct grant is none that a file could name.
            let Some(service) = self.service(row.service_id).filter(|_| self.roles.contains_key(&row.role_id)) else {
                continue;
            };
            self.state.ids.people.insert(row.username.clone(), PersonId(row.person_id));
            let key = Key::Grant { person: row.username, service, role: self.role(row.role_id)? };
            let ids = vec![row.person_id, row.service_id, row.role_id];
            self.state.add(key, terms(row.expires_at, row.reason)?, ids, row.managed);
        }
        Ok(())
    }

    fn service(&self, id: i32) -> Option<String> {
        self.services.get(&id).cloned()
    }

    fn group(&self, id: i32) -> Option<String> {
        self.groups.get(&id).cloned()
    }

    fn role(&self, id: i32) -> anyhow::Result<String> {
        let named = self.roles.get(&id).cloned().unwrap_or_default();
        if self.state.ids.roles.get(&named).is_some_and(|meant| meant.0 != id) {
            bail!(two_of("role", &named));
        }
        Ok(named)
    }
}

fn two_of(noun: &str, named: &str) -> String {
    format!(
        "the {noun} `{named}` of Portero's own is in use, and another {noun} has its name: no file can say which of the two \
         is meant; rename the other one with `portero {noun} change`"
    )
}

fn terms(expires_at: Option<OffsetDateTime>, reason: Option<String>) -> anyhow::Result<Thing> {
    Ok(Thing::Terms(Terms { expires_at: expires_at.map(End), reason: read(reason)? }))
}

/// A text that was read before, when rules may have been others.
fn read<T: std::str::FromStr<Err = String>>(text: Option<String>) -> anyhow::Result<Option<T>> {
    text.map(|text| text.parse().map_err(|fault| anyhow::anyhow!("the text {text:?}: {fault}"))).transpose()
}
