use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::base::error::{Error, Result};
use crate::base::id::{PolicyId, ServiceId};
use crate::base::names::{self, Description, text_type};
use crate::base::patch::Patch;

/// Stands for every type of resource, and for every action.
pub const ALL: &str = "all";

text_type!(
    /// A type of resource: the name of a table, say.
    TypeName, |text| names::line(text, 128), max: 128,
    except: "", example: "invoice"
);

text_type!(
    /// What is done to a resource.
    ActionName, |text| names::line(text, 100), max: 100,
    except: "", example: "read"
);

/// The longest expression, in characters.
const LONGEST: usize = 4000;

/// What must be true, in SQL. Empty holds for everybody, also for the anonymous. Whether it means something is for its
/// compiler to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExpressionText(String);

impl ExpressionText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExpressionText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for ExpressionText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Before it is looked at character by character.
        if text.len() > LONGEST * 4 || text.chars().nth(LONGEST).is_some() {
            return Err(format!("too long: at most {LONGEST} characters"));
        }
        let is_allowed = |c: char| matches!(c, '\n' | '\r' | '\t') || names::is_seen(&c) && !c.is_control();
        match text.chars().find(|c| !is_allowed(*c)) {
            Some(c) => Err(format!("the character U+{:04X} is not allowed: nobody sees it", u32::from(c))),
            None => Ok(Self(text.trim().to_owned())),
        }
    }
}

impl From<ExpressionText> for String {
    fn from(text: ExpressionText) -> Self {
        text.0
    }
}

impl PartialSchema for ExpressionText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST))
            .description(Some("what must be true, in SQL; empty holds for everybody, also for the anonymous"))
            .examples(["user_id = auth_user.id"])
            .into()
    }
}

impl ToSchema for ExpressionText {}

/// How a policy counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Any one that holds is enough.
    #[default]
    Permissive,
    /// Each must hold.
    Restrictive,
}

impl Effect {
    /// As the database has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permissive => "permissive",
            Self::Restrictive => "restrictive",
        }
    }

    /// What the database says; of any other word nothing comes that would permit.
    pub fn read(text: &str) -> Self {
        if text == "permissive" { Self::Permissive } else { Self::Restrictive }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A policy.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// Whose it is.
    pub service_id: ServiceId,
    /// The type of resource that it is about, or `all`.
    #[schema(example = "invoice")]
    pub table_name: String,
    /// What is done to it, or `all`.
    #[schema(example = "read")]
    pub action: String,
    /// What must be true, in SQL; empty holds for everybody.
    #[schema(example = "user_id = auth_user.id")]
    pub expression: String,
    /// What it is for.
    #[schema(example = "everybody sees their own invoices")]
    pub description: Option<String>,
    /// How it counts.
    pub effect: Effect,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When it was changed last.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub updated_at: OffsetDateTime,
}

/// A policy to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// The type of resource that it is about, or `all`.
    pub table_name: TypeName,
    /// `create`, `read`, `update`, `delete`, `read_mine`, a name of your own, or `all`.
    pub action: ActionName,
    /// What must be true, in SQL; empty holds for everybody, also for the anonymous.
    pub expression: ExpressionText,
    /// What it is for. If left out, that of a policy that is there already is not compared.
    #[serde(default)]
    pub description: Option<Description>,
    /// How it counts.
    #[serde(default)]
    pub effect: Effect,
}

/// What to change of a policy; at least one field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"expression": "user_id = auth_user.id or auth_user.is_admin"}))]
pub struct PolicyChange {
    /// Another type of resource, or `all`.
    #[serde(default)]
    pub table_name: Option<TypeName>,
    /// Another action, or `all`.
    #[serde(default)]
    pub action: Option<ActionName>,
    /// Another expression.
    #[serde(default)]
    pub expression: Option<ExpressionText>,
    /// Another description; null for none.
    #[serde(default)]
    #[schema(value_type = Option<Description>)]
    pub description: Patch<Description>,
    /// How it counts from now on.
    #[serde(default)]
    pub effect: Option<Effect>,
}

impl PolicyChange {
    /// Refuses (400) a change of nothing.
    pub fn must_change_something(&self) -> Result<()> {
        let says_nothing = self.table_name.is_none()
            && self.action.is_none()
            && self.expression.is_none()
            && self.description.keeps()
            && self.effect.is_none();
        if says_nothing {
            return Err(Error::invalid_field("", "nothing to change: send at least one field"));
        }
        Ok(())
    }
}

/// A name as those of policies are stored, so that it is found by whatever way it is written.
pub fn normal(name: &str) -> std::borrow::Cow<'_, str> {
    if name.is_ascii() { name.into() } else { name.nfc().collect::<String>().into() }
}

/// What decides in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"policies_decide": null, "permissions_decide": true}))]
pub struct PolicySettings {
    /// Whether policies decide, and nothing else does; null: as soon as the service has one.
    pub policies_decide: Option<bool>,
    /// While policies do not decide: a permission that is called like the action, or `type:action`, permits.
    pub permissions_decide: bool,
}

/// What to change of that; at least one field.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"policies_decide": true}))]
pub struct PolicySettingsChange {
    /// Whether policies decide, and nothing else does; null: as soon as the service has one. When true and it has none, it gets
    /// three: its policies and people are for administrators, and everything else is for who it belongs to
    /// (`user_id = auth_user.id`).
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub policies_decide: Patch<bool>,
    /// While policies do not decide: a permission that is called like the action, or `type:action`, permits.
    #[serde(default)]
    pub permissions_decide: Option<bool>,
}
