use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::access::grants::{Reason, RequestedEnd, RequestedReason, Reviewer};
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, IdOrName, PersonId, Ref};
use crate::base::moment::Moment;
use crate::base::names::{self, Description, text_type};
use crate::base::patch::Patch;
use crate::base::person::Person;
use crate::gate::store::groups::Group;

text_type!(
    /// A group's name.
    GroupName, group_name, max: 100,
    except: r"(?![-+]?[0-9]+$)(?!.*;)", example: "Editors"
);

fn group_name(text: &str) -> Result<String, String> {
    let name = names::name(text)?;
    if name.contains(';') { Err("`;` parts the names of groups in files: leave it out".to_owned()) } else { Ok(name) }
}

/// A group to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its name.
    pub name: GroupName,
    /// Who it is for. If left out, an existing group's description is not compared.
    #[serde(default)]
    pub description: Option<Description>,
}

/// What to change of a group; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"description": "Whoever edits the catalog"}))]
pub struct GroupChange {
    /// A new name.
    #[serde(default)]
    pub name: Option<GroupName>,
    /// A new description; null for none.
    #[serde(default)]
    #[schema(value_type = Option<Description>)]
    pub description: Patch<Description>,
}

/// Who is in a group: a person, or a group and so everybody in it. Send `person_id` or `group_id`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"person_id": "juan"}))]
pub struct NamedMember {
    /// The person: id, username or `person-<id>`.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub person_id: Option<Ref<PersonId>>,
    /// The group: id or name.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub group_id: Option<Ref<GroupId>>,
}

/// A member to add to a group, or new terms for it. Send `person_id` or `group_id`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"person_id": "juan", "expires_at": "2030-12-31T00:00:00Z"}))]
pub struct NewMember {
    /// The person: id, username or `person-<id>`.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub person_id: Option<Ref<PersonId>>,
    /// The group: id or name.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub group_id: Option<Ref<GroupId>>,
    /// When the membership expires, to the second: in the future, at most ten years ahead; null for never. Without this
    /// field a new one does not expire, and an existing one keeps its expiry.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    pub expires_at: RequestedEnd,
    /// The reason, in one line; null for none. Without this field an existing membership keeps its reason.
    #[serde(default)]
    #[schema(value_type = Option<Reason>)]
    pub reason: RequestedReason,
}

/// Which of the two a caller named.
#[derive(Clone, Debug)]
pub enum Named {
    Person(Ref<PersonId>),
    Group(Ref<GroupId>),
}

impl Named {
    /// # Errors
    /// 400 unless it is one of them.
    pub fn of(person: Option<Ref<PersonId>>, group: Option<Ref<GroupId>>) -> Result<Self> {
        match (person, group) {
            (Some(person), None) => Ok(Self::Person(person)),
            (None, Some(group)) => Ok(Self::Group(group)),
            (..) => Err(Error::invalid_field("person_id", "send either person_id or group_id")),
        }
    }
}

/// Who is in a group.
#[derive(Debug, Serialize, ToSchema)]
pub struct Member {
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub person: Option<Person>,
    /// The group, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub group: Option<Group>,
    /// Whether it was added to this group itself, and not to one that is in it.
    #[schema(example = true)]
    pub direct: bool,
    /// When it was added to this group itself.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: Option<OffsetDateTime>,
    /// Who added it; null for the command line.
    pub added_by: Option<Reviewer>,
    /// Why.
    #[schema(example = "stands in for Eva until she is back")]
    pub reason: Option<String>,
    /// When that ends; null for never. With `deep` the last of all ways to be in this group.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
    /// Where the next page begins.
    #[serde(skip)]
    pub place: i32,
}

/// A group that somebody is in.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupOfPerson {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    #[schema(example = "Editors")]
    pub name: String,
    /// Who it is for.
    #[schema(example = "Whoever edits the catalog")]
    pub description: Option<String>,
    /// Whether they were added to this group itself, and not only to one that is in it.
    #[schema(example = true)]
    pub direct: bool,
    /// When that ends; null for never. Of several ways to be in it the last.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
}
