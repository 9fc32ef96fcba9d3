//! Access reviews: who holds what in a service since when, from whom, and whether it was used; and what somebody who
//! looked at it decided.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Grantable;
use crate::access::permissions::Permission;
use crate::access::roles::Role;
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, IdOrDigits, PermissionId, PersonId, Ref, RoleId};
use crate::gate::store::groups::Group;

/// How many grants one request may decide about.
pub const MAX_DECISIONS: usize = 1000;

/// A person who holds a grant.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewedPerson {
    /// Their id.
    pub id: PersonId,
    /// Their username.
    #[schema(example = "juan")]
    pub username: String,
    /// Their name.
    #[schema(example = "Juan Demo")]
    pub name: String,
    /// Whether they are disabled.
    #[schema(example = false)]
    pub disabled: bool,
}

/// The person who granted or confirmed it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reviewer {
    /// Their id.
    pub id: PersonId,
    /// Their username, or the last one they had.
    #[schema(example = "adm1")]
    pub username: String,
}

/// A resource on which a role is held.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewedResource {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "folder")]
    pub kind: String,
    /// What the service calls it.
    #[schema(example = "7")]
    pub id: String,
    /// The id of the grant, by which it is confirmed and revoked.
    #[schema(example = 1)]
    pub grant_id: i32,
}

/// A grant: a role, or a directly granted permission.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reviewed {
    /// The person who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub person: Option<ReviewedPerson>,
    /// The group whose people hold it, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub group: Option<Group>,
    /// The resource on which they hold it, and so on all beneath it. Not there where it is held in the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resource: Option<ReviewedResource>,
    /// The role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
    /// The directly granted permission, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub permission: Option<Permission>,
    /// When it was granted.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: OffsetDateTime,
    /// Who granted it; null for the command line, and for old grants without a record.
    pub granted_by: Option<Reviewer>,
    /// Why.
    #[schema(example = "stands in for Eva until she is back")]
    pub reason: Option<String>,
    /// When it expires; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
    /// When somebody last confirmed it in a review.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-10-01T08:00:00Z")]
    pub confirmed_at: Option<OffsetDateTime>,
    /// Who confirmed it.
    pub confirmed_by: Option<Reviewer>,
    /// The day (UTC) on which the person last got an answer about this service; null if never.
    #[schema(example = "2026-11-20")]
    pub last_used_on: Option<String>,
    /// Where the next page begins.
    #[serde(skip)]
    pub place: ReviewCursor,
}

/// A row's place among all in a service: by role, person, permission; after its people a role's groups, and after these who holds it on
/// resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewCursor {
    /// The role, or that of the direct grants.
    pub role: RoleId,
    pub person: PersonId,
    /// The permission, of a direct grant.
    pub permission: Option<PermissionId>,
    /// The group, after all people.
    pub group: Option<GroupId>,
    /// The grant on a resource, after all groups.
    pub on_resource: Option<i32>,
}

impl ReviewCursor {
    /// Before all others.
    pub const FIRST: Self =
        Self { role: RoleId(i32::MIN), person: PersonId(i32::MIN), permission: None, group: None, on_resource: None };

    /// Who stands for a person where groups are: beyond all people.
    pub const GROUPS: PersonId = PersonId(i32::MAX);
}

impl fmt::Display for ReviewCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(grant) = self.on_resource {
            return write!(f, "{}.r{grant}", self.role);
        }
        if let Some(group) = self.group {
            return write!(f, "{}.g{group}", self.role);
        }
        write!(f, "{}.{}", self.role, self.person)?;
        self.permission.map_or(Ok(()), |permission| write!(f, ".{permission}"))
    }
}

impl FromStr for ReviewCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        for after in [".g", ".r"] {
            let Some((role, id)) = text.split_once(after) else { continue };
            let (role, id) = (role.parse().map_err(|_| ())?, id.parse().map_err(|_| ())?);
            let place = Self { role: RoleId(role), person: Self::GROUPS, ..Self::FIRST };
            let place = match after {
                ".g" => Self { group: Some(GroupId(id)), ..place },
                _ => Self { on_resource: Some(id), ..place },
            };
            return if place.to_string() == text { Ok(place) } else { Err(()) };
        }
        let numbers: Vec<i32> =
            text.splitn(4, '.').map(|number| number.parse().map_err(|_| ())).collect::<Result<_, ()>>()?;
        let (role, person, permission) = match numbers[..] {
            [role, person] => (role, person, None),
            [role, person, permission] => (role, person, Some(PermissionId(permission))),
            _ => return Err(()),
        };
        let place = Self { role: RoleId(role), person: PersonId(person), permission, ..Self::FIRST };
        // As it was written, and in no other way.
        if place.to_string() == text { Ok(place) } else { Err(()) }
    }
}

/// A grant to confirm or revoke. Send `person_id` with `role_id` or `permission_id`, or `group_id` with `role_id`, or
/// `resource_grant_id` alone.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"person_id": 7, "role_id": 4}))]
#[expect(clippy::struct_field_names, reason = "as they are called everywhere")]
pub struct ReviewedGrant {
    /// The person's id.
    #[serde(default)]
    #[schema(value_type = Option<IdOrDigits>)]
    person_id: Option<Ref<PersonId>>,
    /// The group's id, otherwise.
    #[serde(default)]
    #[schema(value_type = Option<IdOrDigits>)]
    group_id: Option<Ref<GroupId>>,
    /// The role's id.
    #[serde(default)]
    #[schema(value_type = Option<IdOrDigits>)]
    role_id: Option<Ref<RoleId>>,
    /// The id of a directly granted permission.
    #[serde(default)]
    #[schema(value_type = Option<IdOrDigits>)]
    permission_id: Option<Ref<PermissionId>>,
    /// The `grant_id` of a role on a resource.
    #[serde(default)]
    resource_grant_id: Option<i32>,
}

/// Grants of people and of groups, each once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecidedGrants {
    pub people: Grants,
    pub groups: GroupGrants,
    /// Those on resources, by the id of the grant.
    pub on_resources: BTreeSet<i32>,
}

impl DecidedGrants {
    pub fn len(&self) -> usize {
        self.people.len() + self.groups.len() + self.on_resources.len()
    }

    fn read(grants: &[ReviewedGrant]) -> Result<Self> {
        let mut read = Self::default();
        for grant in grants {
            if let Some(id) = grant.resource_grant_id {
                if grant.person_id.is_some() || grant.group_id.is_some() || grant.role_id.is_some() {
                    return Err(Error::invalid_field("resource_grant_id", "send it alone"));
                }
                read.on_resources.insert(id);
                continue;
            }
            match (&grant.person_id, &grant.group_id, &grant.role_id, &grant.permission_id) {
                (Some(person), None, Some(role), None) => {
                    let role = Grantable::Role(role.id()?);
                    read.people.insert((person.id()?, role));
                }
                (Some(person), None, None, Some(permission)) => {
                    let permission = Grantable::Permission(permission.id()?);
                    read.people.insert((person.id()?, permission));
                }
                (None, Some(group), Some(role), None) => {
                    let role = role.id()?;
                    read.groups.insert((group.id()?, role));
                }
                (Some(_), None, ..) => {
                    return Err(Error::invalid_field("role_id", "send either role_id or permission_id"));
                }
                (None, Some(_), ..) => {
                    return Err(Error::invalid_field("role_id", "of a group send role_id; it holds roles alone"));
                }
                (..) => return Err(Error::invalid_field("person_id", "send either person_id or group_id")),
            }
        }
        Ok(read)
    }

    /// One that both have, as it is told.
    fn common(&self, other: &Self) -> Option<String> {
        let of_person = self.people.intersection(&other.people).next();
        let of_group = self.groups.intersection(&other.groups).next();
        let on_resource = self.on_resources.intersection(&other.on_resources).next();
        of_person
            .map(|(person, what)| format!("person {person}'s {what}"))
            .or_else(|| of_group.map(|(group, role)| format!("group {group}'s role {role}")))
            .or_else(|| on_resource.map(|id| format!("grant {id} on a resource")))
    }
}

/// Decisions of a review: up to 1000 grants in all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"confirm": [{"person_id": 7, "role_id": 4}], "revoke": [{"person_id": 14, "role_id": 4}]}))]
pub struct Decisions {
    /// Grants to confirm.
    #[serde(default)]
    #[schema(max_items = 1000)]
    confirm: Vec<ReviewedGrant>,
    /// Grants to revoke.
    #[serde(default)]
    #[schema(max_items = 1000)]
    revoke: Vec<ReviewedGrant>,
}

/// Grants, each once, in the order of their people.
pub type Grants = BTreeSet<(PersonId, Grantable)>;

/// Roles of groups, each once, in the order of their groups.
pub type GroupGrants = BTreeSet<(GroupId, RoleId)>;

impl Decisions {
    /// What stays and what goes.
    ///
    /// # Errors
    /// 400 `invalid_request_body` when they are none, too many, or at odds.
    pub fn sorted(&self) -> Result<(DecidedGrants, DecidedGrants)> {
        if !(1..=MAX_DECISIONS).contains(&(self.confirm.len() + self.revoke.len())) {
            return Err(Error::invalid_field("confirm", "send 1 to 1000 grants, in `confirm` and `revoke` together"));
        }
        let (confirm, revoke) = (DecidedGrants::read(&self.confirm)?, DecidedGrants::read(&self.revoke)?);
        if let Some(both) = confirm.common(&revoke) {
            return Err(Error::invalid_field("revoke", &format!("{both} is also in `confirm`")));
        }
        Ok((confirm, revoke))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_in_no_other_way() {
        for text in ["4.7", "-3.7", "101.7.5", "101.7.-2", "-2147483648.-2147483648", "4.g7", "4.r7"] {
            assert_eq!(text.parse::<ReviewCursor>().map(|place| place.to_string()).as_deref(), Ok(text));
        }
        for text in [
            "4.g",
            "4.r",
            "4.r07",
            "4.g7.r7",
            "4.g07",
            ".g7",
            "4.7.g7",
            "",
            "4",
            "4.",
            ".7",
            "4.7.",
            "4.7.5.6",
            "+4.7",
            "04.7",
            "4.7e1",
            "4. 7",
            "-0.7",
            "4.99999999999",
        ] {
            assert!(text.parse::<ReviewCursor>().is_err(), "{text}");
        }
    }
}
