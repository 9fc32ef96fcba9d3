use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::id::{IdOrName, PersonId, Ref};
use crate::base::person::{PersonName, Username};

/// A robot to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "nightly-export", "name": "Nightly export", "owner": "juan"}))]
pub struct NewRobot {
    /// How it is called where people have usernames.
    pub username: Username,
    /// Its name; the username by default.
    #[serde(default)]
    pub name: Option<PersonName>,
    /// Whose it is: a person, by id or username; you by default.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub owner: Option<Ref<PersonId>>,
}

/// What to change of a robot; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"name": "Weekly export"}))]
pub struct RobotChange {
    /// A new name.
    #[serde(default)]
    pub name: Option<PersonName>,
    /// Another owner: a person who is not disabled, by id or username.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub owner: Option<Ref<PersonId>>,
}

/// A robot.
#[derive(Debug, Serialize, ToSchema)]
pub struct Robot {
    /// Its id, among those of people.
    pub id: PersonId,
    /// How it is called where people have usernames.
    #[schema(example = "nightly-export")]
    pub username: String,
    /// Its name.
    #[schema(example = "Nightly export")]
    pub name: String,
    /// Whose it is.
    pub owner_id: PersonId,
    /// Their username.
    #[schema(example = "juan")]
    pub owner_username: String,
    /// Since when it is disabled: its keys are refused.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub disabled_at: Option<OffsetDateTime>,
    /// When it was registered.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
}
