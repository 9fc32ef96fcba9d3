//! Permissions, roles, services, and what belongs to a service.

use super::super::file::{Described, Role};
use super::super::thing::{Key, OfPolicy, OfService, OfType, Thing};
use super::{Doing, missing, read};
use crate::access::grants;
use crate::access::permissions::{self, NewPermission, PermissionChange};
use crate::access::policies::{self, Effect, NewPolicy, NewResourceType, PolicyChange, PolicySettingsChange};
use crate::access::roles::{self, NewRole, RoleChange, events};
use crate::access::services::{self, ClaimNames, NewService, ServiceChange};
use crate::base::error::Error;
use crate::base::id::{PermissionId, PolicyId, RoleId, ServiceId};
use crate::base::names::Description;
use crate::base::patch::Patch;

/// All of a description: none is no other than none.
fn whole(description: Option<&Description>) -> Patch<Description> {
    description.cloned().map_or(Patch::Clear, Patch::Set)
}

impl Doing<'_> {
    pub(super) async fn delete_vocabulary(&mut self, key: &Key) -> anyhow::Result<()> {
        match key {
            Key::Permission(name) => {
                let id = self.permission(name)?;
                let permission = permissions::store::lock(self.tx, id).await?;
                permissions::remove(self.tx, &permission).await?;
            }
            Key::Role(name) => {
                let id = self.role(name)?;
                roles::store::lock(self.tx, id).await?.map_err(Error::from)?;
                let role = roles::store::get(self.tx, id).await?;
                roles::remove(self.tx, &role).await?;
            }
            Key::Service(name) => {
                let id = self.service(name)?;
                let service = services::store::get(self.tx, id).await?;
                services::remove(self.tx, &service).await?;
            }
            Key::Offer { service, role } => {
                grants::withdraw(self.tx, self.service(service)?, self.role(role)?).await?;
            }
            Key::ResourceType { service, name } => {
                policies::undeclare_ahead(self.tx, self.service(service)?, &read(name)?).await?;
            }
            Key::Policy { service, .. } => {
                policies::remove(self.tx, (self.service(service)?, self.policy(key)?), None).await?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) async fn put_vocabulary(
        &mut self,
        key: &Key,
        thing: &Thing,
        before: Option<(&Key, &Thing)>,
    ) -> anyhow::Result<()> {
        match (key, thing) {
            (Key::Permission(name), Thing::Described(described)) => {
                self.put_permission(name, described, before.is_some()).await
            }
            (Key::Role(name), Thing::Role(role)) => self.put_role(name, role, before.map(|(_, thing)| thing)).await,
            (Key::Service(name), Thing::Service(own)) => self.put_service(name, own, before.is_some()).await,
            (Key::Offer { service, role }, _) => {
                Ok(grants::offer(self.tx, self.service(service)?, self.role(role)?).await?)
            }
            (Key::ResourceType { service, name }, Thing::Columns(OfType { columns })) => {
                let new = NewResourceType { columns: columns.clone() };
                Ok(policies::declare_ahead(self.tx, self.service(service)?, &read(name)?, &new).await?)
            }
            (Key::Policy { .. }, Thing::Policy(own)) => self.put_policy(key, own, before.map(|(key, _)| key)).await,
            _ => Ok(()),
        }
    }

    fn permission(&self, name: &str) -> anyhow::Result<PermissionId> {
        self.ids.permissions.get(name).copied().ok_or_else(|| missing("permission", name))
    }

    fn policy(&self, key: &Key) -> anyhow::Result<PolicyId> {
        let id = self.state_rows.get(key).and_then(|row| row.ids.first().copied());
        id.map(PolicyId).ok_or_else(|| missing("policy", &key.to_string()))
    }

    async fn put_permission(&mut self, name: &str, said: &Described, stands: bool) -> anyhow::Result<()> {
        if stands {
            let id = self.permission(name)?;
            let before = permissions::store::lock(self.tx, id).await?;
            let change = PermissionChange { name: None, description: whole(said.description.as_ref()) };
            permissions::change(self.tx, before, &change).await?;
        } else {
            let new = NewPermission { name: read(name)?, description: said.description.clone() };
            let made = permissions::create(self.tx, &new).await?;
            self.ids.permissions.insert(name.to_owned(), made.get().id);
        }
        Ok(())
    }

    async fn put_role(&mut self, name: &str, said: &Role, before: Option<&Thing>) -> anyhow::Result<()> {
        let was = if let Some(Thing::Role(was)) = before { was.clone() } else { Role::default() };
        if before.is_none() {
            let new = NewRole { name: read(name)?, description: said.description.clone() };
            let made = roles::create(self.tx, &new).await?;
            self.ids.roles.insert(name.to_owned(), made.get().id);
        } else if was.description != said.description {
            let id = self.role(name)?;
            let role = roles::store::get(self.tx, id).await?;
            let change = RoleChange { name: None, description: whole(said.description.as_ref()) };
            roles::change(self.tx, role, &change).await?;
        }
        let role = self.role(name)?;
        for permission in said.permissions.iter().filter(|named| !was.permissions.contains(named)) {
            self.carry(role, permission.get_ref()).await?;
        }
        for permission in was.permissions.iter().filter(|named| !said.permissions.contains(named)) {
            // One that was deleted just now is gone from it.
            let Some(permission) = self.ids.permissions.get(permission.get_ref()).copied() else { continue };
            if roles::store::remove_permission(self.tx, role, permission).await? {
                self.tx.tell(events::lost(role, permission));
            }
        }
        Ok(())
    }

    async fn carry(&mut self, role: RoleId, permission: &str) -> anyhow::Result<()> {
        let permission = self.permission(permission)?;
        if roles::store::add_permission(self.tx, role, permission).await? {
            self.tx.tell(events::carries(role, permission));
            let now = self.tx.by().now;
            for notice in grants::notices_of_holders(self.tx, role, permission, now).await? {
                self.notice(notice.detail);
            }
        }
        Ok(())
    }

    async fn put_service(&mut self, name: &str, said: &OfService, stands: bool) -> anyhow::Result<()> {
        let claims: ClaimNames = serde_json::from_value(serde_json::to_value(&said.claims)?)?;
        if stands {
            let id = self.service(name)?;
            let before = services::store::get(self.tx, id).await?;
            let is_same = (before.description.as_deref(), &before.claims)
                == (said.description.as_ref().map(Description::as_str), &said.claims);
            if !is_same {
                let description = whole(said.description.as_ref());
                let change = ServiceChange { name: None, description, claims: Patch::Set(claims) };
                services::change(self.tx, before, &change).await?;
            }
        } else {
            let new = NewService { name: read(name)?, description: said.description.clone(), claims: Some(claims) };
            let made = services::create(self.tx, &new).await?;
            self.ids.services.insert(name.to_owned(), made.get().id);
        }
        self.settle(self.service(name)?, said).await
    }

    async fn settle(&mut self, service: ServiceId, said: &OfService) -> anyhow::Result<()> {
        let change = PolicySettingsChange {
            policies_decide: said.policies_decide.map_or(Patch::Clear, Patch::Set),
            permissions_decide: Some(said.permissions_decide),
        };
        policies::settle_alone(self.tx, service, change, None).await?;
        Ok(())
    }

    async fn put_policy(&mut self, key: &Key, said: &OfPolicy, before: Option<&Key>) -> anyhow::Result<()> {
        let Key::Policy { service, table_name, action, restrictive, expression } = key else { return Ok(()) };
        let service = self.service(service)?;
        if let Some(before) = before {
            let change = PolicyChange {
                expression: Some(read(expression)?),
                description: whole(said.description.as_ref()),
                ..PolicyChange::default()
            };
            policies::change(self.tx, (service, self.policy(before)?), &change, None).await?;
        } else {
            let new = NewPolicy {
                table_name: read(table_name)?,
                action: read(action)?,
                expression: read(expression)?,
                description: said.description.clone(),
                effect: if *restrictive { Effect::Restrictive } else { Effect::Permissive },
            };
            policies::create(self.tx, service, &new).await?;
        }
        Ok(())
    }
}
