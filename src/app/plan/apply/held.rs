//! Clients, groups, and who holds what.

use super::super::file::{Client, Described};
use super::super::read::registration;
use super::super::thing::{Key, Terms, Thing};
use super::{Doing, Secret, missing, read};
use crate::access::grants::{
    self, Grantable, Notice, RequestedEnd, RequestedReason, RequestedTerms, give_to_group, take_from_group,
};
use crate::access::groups::{self, GroupChange, NewGroup};
use crate::base::id::{PersonId, ServiceId};
use crate::base::patch::Patch;
use crate::oauth::clients;

impl Doing<'_> {
    pub(super) async fn delete_held(&mut self, key: &Key) -> anyhow::Result<()> {
        match key {
            Key::Client(id) => {
                let client = self.ids.clients.get(id).ok_or_else(|| missing("client", id))?;
                clients::remove(self.tx, client, None).await?;
            }
            Key::Group(name) => {
                groups::remove(self.tx, self.group(name)?, None).await?;
            }
            Key::Nesting { group, member } => {
                groups::unnest(self.tx, self.group(group)?, self.group(member)?).await?;
            }
            Key::GroupGrant { group, service, role } => {
                take_from_group(self.tx, (self.group(group)?, self.service(service)?, self.role(role)?)).await?;
            }
            Key::Membership { person, group } => {
                groups::leave(self.tx, self.group(group)?, self.person(person)?).await?;
            }
            Key::Grant { person, service, role } => {
                let what = Grantable::Role(self.role(role)?);
                grants::take(self.tx, (self.person(person)?, self.service(service)?, what)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) async fn put_held(
        &mut self,
        key: &Key,
        thing: &Thing,
        before: Option<(&Key, &Thing)>,
    ) -> anyhow::Result<()> {
        let notices = match (key, thing) {
            (Key::Client(id), Thing::Client(client)) => {
                self.put_client(id, client).await?;
                Vec::new()
            }
            (Key::Group(name), Thing::Described(described)) => {
                self.put_group(name, described, before.is_some()).await?;
                Vec::new()
            }
            (Key::Nesting { group, member }, Thing::Terms(terms)) => {
                let terms = self.terms(terms)?;
                groups::nest(self.tx, self.group(group)?, self.group(member)?, &terms).await?
            }
            (Key::GroupGrant { group, service, role }, Thing::Terms(terms)) => {
                let terms = self.terms(terms)?;
                let given = (self.group(group)?, self.service(service)?, self.role(role)?);
                give_to_group(self.tx, given, &terms).await?
            }
            (Key::Membership { person, group }, Thing::Terms(terms)) => {
                let terms = self.terms(terms)?;
                groups::join(self.tx, self.group(group)?, self.person(person)?, &terms).await?
            }
            (Key::Grant { person, service, role }, Thing::Terms(terms)) => {
                let terms = self.terms(terms)?;
                let what = Grantable::Role(self.role(role)?);
                grants::give(self.tx, (self.person(person)?, self.service(service)?, what), &terms).await?.notices
            }
            _ => Vec::new(),
        };
        for Notice { detail, .. } in notices {
            self.notice(detail);
        }
        Ok(())
    }

    fn person(&self, username: &str) -> anyhow::Result<PersonId> {
        self.ids.people.get(username).copied().ok_or_else(|| missing("person", username))
    }

    /// All of the terms: what the file leaves out is not so.
    fn terms(&self, said: &Terms) -> anyhow::Result<RequestedTerms> {
        let now = self.tx.by().now;
        let end = said.expires_at.map_or(RequestedEnd::Never, |end| RequestedEnd::At(end.0)).seen_from(now)?;
        let why = said.reason.clone().map_or(RequestedReason::Unsaid, RequestedReason::Because);
        Ok(RequestedTerms { end, why, by: None, now })
    }

    async fn put_group(&mut self, name: &str, said: &Described, stands: bool) -> anyhow::Result<()> {
        if stands {
            let description = said.description.clone().map_or(Patch::Clear, Patch::Set);
            groups::change(self.tx, self.group(name)?, None, &GroupChange { name: None, description }).await?;
        } else {
            let new = NewGroup { name: read(name)?, description: said.description.clone() };
            let made = groups::create(self.tx, &new).await?;
            self.ids.groups.insert(name.to_owned(), made.get().id);
        }
        Ok(())
    }

    async fn put_client(&mut self, id: &str, said: &Client) -> anyhow::Result<()> {
        let service = self.service(said.service.get_ref())?;
        let audience: anyhow::Result<Vec<ServiceId>> =
            said.audience.iter().flatten().map(|service| self.service(service.get_ref())).collect();
        let whole = registration(said, service, audience?)?;
        if let Some(client) = self.ids.clients.get(id) {
            let had_secrets = client.auth_method.has_secrets();
            let shown = clients::change::replace(self.tx, client, whole.clone()).await?;
            if whole.auth_method.has_secrets() && !had_secrets {
                self.notice(format!("client {id} has no secret yet: `portero client rotate {id}`"));
            }
            self.acts_as(id, shown.person_id);
            return Ok(());
        }
        let made = clients::register(self.tx, self.platform, (service, read(id)?), &whole, None).await?;
        if let Some((secret, _)) = made.secret {
            self.secrets.push(Secret { client_id: id.to_owned(), secret });
        }
        self.acts_as(id, made.shown.person_id);
        Ok(())
    }

    /// Notes whom a client is that acts for itself: roles are given to it as to anybody.
    fn acts_as(&mut self, id: &str, person: Option<PersonId>) {
        if let Some(person) = person {
            self.ids.people.insert(format!("client:{id}"), person);
        }
    }
}
