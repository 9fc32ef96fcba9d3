//! Rows as people name them on the command line: by id or by name.

use std::convert::Infallible;
use std::str::FromStr;

use sqlx::PgConnection;

use crate::access::{groups, permissions, roles, services};
use crate::base::id::{GroupId, Id, PermissionId, PersonId, Ref, RoleId, ServiceId};
use crate::base::person::Person;
use crate::gate;

/// A row, as it was typed.
#[derive(Clone, Debug)]
pub(super) struct TypedRef<T> {
    pub text: String,
    /// What it means.
    pub row: Ref<T>,
}

impl<T: Id> FromStr for TypedRef<T> {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self { text: text.to_owned(), row: Ref::parse(text) })
    }
}

impl<T: Id> TypedRef<T> {
    fn absent(&self) -> anyhow::Error {
        let (text, noun) = (&self.text, T::NOUN);
        anyhow::anyhow!("there is no {noun} with the id or name `{text}`; `portero {noun} list` shows all")
    }
}

impl TypedRef<PersonId> {
    pub(super) async fn find(&self, conn: &mut PgConnection) -> anyhow::Result<Person> {
        gate::store::people::find(conn, &self.row).await?.ok_or_else(|| self.absent())
    }
}

impl TypedRef<ServiceId> {
    pub(super) async fn find(&self, conn: &mut PgConnection) -> anyhow::Result<ServiceId> {
        gate::store::services::find(conn, &self.row).await?.ok_or_else(|| self.absent())
    }
}

/// A service, as sentences name it.
pub(super) async fn name_of_service(conn: &mut PgConnection, id: ServiceId) -> anyhow::Result<String> {
    Ok(format!("service `{}`", services::store::get(conn, id).await?.name))
}

/// A group, as sentences name it.
pub(super) async fn name_of_group(conn: &mut PgConnection, id: GroupId) -> anyhow::Result<String> {
    Ok(format!("group `{}`", groups::store::tagged(conn, id).await?.shown.name))
}

impl TypedRef<GroupId> {
    pub(super) async fn find(&self, conn: &mut PgConnection) -> anyhow::Result<GroupId> {
        gate::store::groups::find(conn, &self.row).await?.ok_or_else(|| self.absent())
    }
}

impl TypedRef<RoleId> {
    pub(super) async fn find(&self, conn: &mut PgConnection) -> anyhow::Result<RoleId> {
        roles::store::find(conn, &self.row).await?.ok_or_else(|| self.absent())
    }

    /// Likewise, unless the name means two.
    pub(super) async fn find_one(&self, conn: &mut PgConnection) -> anyhow::Result<RoleId> {
        roles::store::find_one(conn, &self.row).await?.ok_or_else(|| self.absent())
    }
}

impl TypedRef<PermissionId> {
    pub(super) async fn find(&self, conn: &mut PgConnection) -> anyhow::Result<PermissionId> {
        permissions::store::find(conn, &self.row).await?.ok_or_else(|| self.absent())
    }

    /// Likewise, unless the name means two.
    pub(super) async fn find_one(&self, conn: &mut PgConnection) -> anyhow::Result<PermissionId> {
        permissions::store::find_one(conn, &self.row).await?.ok_or_else(|| self.absent())
    }
}
