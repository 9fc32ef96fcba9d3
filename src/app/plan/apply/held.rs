//! Clients, groups, identity providers, and who holds what.

use super::super::clients::registration;
use super::super::file::{Client, Described, Provider};
use super::super::thing::{Key, Terms, Thing};
use super::{Doing, Secret, missing, read};
use crate::access::grants::{
    self, Grantable, Notice, RequestedEnd, RequestedReason, RequestedTerms, give_to_group, take_from_group,
};
use crate::access::groups::{self, GroupChange, NewGroup};
use crate::base::id::{PersonId, ProviderId, Ref, ServiceId};
use crate::base::patch::Patch;
use crate::identity::providers::{self, NewProvider, ProviderChange, Sealed, WantedMapping};
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
            Key::Provider(name) => {
                providers::remove(self.gate, self.tx, self.provider(name)?, None).await?;
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
            (Key::Provider(name), Thing::Provider(provider)) => {
                self.put_provider(name, provider, before.map(|(_, thing)| thing)).await?;
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
            let shown = clients::change::replace(self.tx, &self.gate.outbound, client, whole.clone()).await?;
            if whole.auth_method.has_secrets() && !had_secrets {
                self.notice(format!("client {id} has no secret yet: `portero client rotate {id}`"));
            }
            self.acts_as(id, shown.person_id);
            return Ok(());
        }
        let made = clients::register(self.tx, self.gate, (service, read(id)?), &whole, None).await?;
        if let Some((secret, _)) = made.secret {
            self.secrets.push(Secret { client_id: id.to_owned(), secret });
        }
        self.acts_as(id, made.shown.person_id);
        Ok(())
    }

    fn provider(&self, name: &str) -> anyhow::Result<ProviderId> {
        self.ids.providers.get(name).copied().ok_or_else(|| missing("provider", name))
    }

    async fn put_provider(&mut self, name: &str, said: &Provider, before: Option<&Thing>) -> anyhow::Result<()> {
        let (had_secret, stands) = match before {
            Some(Thing::Provider(before)) => (!before.no_secret, true),
            _ => (false, false),
        };
        let secret = match (said.no_secret, had_secret) {
            (true, true) => Patch::Clear,
            (true, false) | (false, true) => Patch::Keep,
            (false, false) => Patch::Set(self.sealed.remove(name).ok_or_else(|| missing("secret of provider", name))?),
        };
        if stands {
            return self.change_provider(name, said, secret).await;
        }
        let new = NewProvider {
            name: read(name)?,
            display_name: said.display_name.clone(),
            kind: said.kind,
            issuer: said.issuer.clone(),
            client_id: said.client_id.clone(),
            client_secret: None,
            scopes: said.scopes.clone(),
            newcomers: said.newcomers,
            attributes: said.attributes.clone(),
            groups_claim: said.groups_claim.clone(),
            groups: self.mappings(said)?,
        };
        let sealed = if let Patch::Set(sealed) = secret { Some(sealed) } else { None };
        let made = providers::add(self.gate, self.tx, &new, sealed).await?;
        self.notice(format!("provider {name}: register there as redirect URI: {}", made.redirect_uri));
        self.ids.providers.insert(name.to_owned(), made.id);
        if !said.enabled {
            let disable = ProviderChange { enabled: Some(false), ..ProviderChange::default() };
            providers::change(self.gate, self.tx, made.id, (&disable, Patch::Keep), None).await?;
        }
        Ok(())
    }

    async fn change_provider(&mut self, name: &str, said: &Provider, secret: Patch<Sealed>) -> anyhow::Result<()> {
        let whole = ProviderChange {
            display_name: said.display_name.clone(),
            client_id: Some(said.client_id.clone()),
            client_secret: Patch::Keep,
            scopes: said.scopes.clone(),
            newcomers: Some(said.newcomers),
            attributes: Some(said.attributes.clone()),
            groups_claim: said.groups_claim.clone().map_or(Patch::Clear, Patch::Set),
            groups: Some(self.mappings(said)?),
            enabled: Some(said.enabled),
            ..ProviderChange::default()
        };
        providers::change(self.gate, self.tx, self.provider(name)?, (&whole, secret), None).await?;
        Ok(())
    }

    fn mappings(&self, said: &Provider) -> anyhow::Result<Vec<WantedMapping>> {
        let mappings = said.groups.iter().map(|mapping| {
            let group_id = Ref::Id(self.group(mapping.group.get_ref())?);
            Ok(WantedMapping { value: mapping.value.clone(), group_id })
        });
        mappings.collect()
    }

    /// Notes whom a client is that acts for itself: roles are given to it as to anybody.
    fn acts_as(&mut self, id: &str, person: Option<PersonId>) {
        if let Some(person) = person {
            self.ids.people.insert(format!("client:{id}"), person);
        }
    }
}
