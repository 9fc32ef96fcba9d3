use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::words::{DisplayName, GroupValue, ProviderIssuer, ProviderName, ProviderSecret, RemoteClientId, Scope};
use crate::base::attributes::AttributeName;
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, IdOrName, PersonId, ProviderId, Ref};
use crate::base::names::ClaimName;
use crate::base::patch::Patch;

/// What a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// OpenID Connect.
    #[default]
    Oidc,
    /// GitHub's OAuth: of github.com, or of a GitHub Enterprise Server.
    Github,
}

impl Kind {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Github => "github",
        }
    }

    /// What is asked for, unless somebody says otherwise.
    fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Oidc => &["openid", "email", "profile"],
            Self::Github => &["read:user", "user:email"],
        }
    }
}

/// Who may come that nobody here is linked with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Newcomers {
    /// Nobody: people link their accounts themselves.
    #[default]
    Off,
    /// Whoever has an invitation.
    Invite,
    /// Anybody whom the provider knows.
    Open,
}

impl Newcomers {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Invite => "invite",
            Self::Open => "open",
        }
    }
}

/// Into which group people come who have a value in the claim of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GroupMapping {
    /// What the claim says: the whole of it, or one of its items.
    #[schema(example = "staff")]
    pub value: String,
    /// The group.
    pub group_id: GroupId,
}

/// The same, as it is asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"value": "staff", "group_id": "Editors"}))]
pub struct WantedMapping {
    /// What the claim says: the whole of it, or one of its items.
    pub value: GroupValue,
    /// The group: id or name.
    #[schema(value_type = IdOrName)]
    pub group_id: Ref<GroupId>,
}

/// Another identity provider: people log in here by an account that they have there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// What addresses name it by.
    #[schema(example = "google")]
    pub name: String,
    /// What people read.
    #[schema(example = "Google")]
    pub display_name: String,
    /// What it speaks.
    pub kind: Kind,
    /// The claim `iss` of its ID tokens; of GitHub's kind the address of the site.
    #[schema(example = "https://accounts.google.com")]
    pub issuer: String,
    /// What it calls Portero.
    #[schema(example = "1234.apps.example.com")]
    pub client_id: String,
    /// Whether Portero proves itself there by a secret. The secret is never shown.
    #[schema(example = true)]
    pub has_secret: bool,
    /// What is asked for.
    #[schema(example = json!(["openid", "email", "profile"]))]
    pub scopes: Vec<String>,
    /// Who may come that nobody here is linked with.
    pub newcomers: Newcomers,
    /// Attributes of people, each with the claim that it is read from at each login.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"department": "dept"}))]
    pub attributes: BTreeMap<String, String>,
    /// The claim that names groups.
    #[schema(example = "groups")]
    pub groups_claim: Option<String>,
    /// Into which groups people come by it, at each login.
    pub groups: Vec<GroupMapping>,
    /// Whether people can log in by it.
    #[schema(example = true)]
    pub enabled: bool,
    /// Register this there, as the address that it sends people back to.
    #[schema(example = "https://id.example.com/login/callback/google")]
    pub redirect_uri: String,
    /// Register this there, if it tells of logouts (back-channel logout).
    #[schema(example = "https://id.example.com/login/providers/google/backchannel-logout")]
    pub backchannel_logout_uri: String,
    /// When it was added.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who added it; null for the command line.
    pub created_by: Option<PersonId>,
    /// One more with each change.
    #[schema(example = 1)]
    pub version: i32,
}

impl Provider {
    /// Where it sends people back to who have logged in there.
    pub fn redirect_uri(own_issuer: &str, name: &str) -> String {
        format!("{own_issuer}/login/callback/{name}")
    }

    /// Where it tells of logouts.
    pub fn backchannel_logout_uri(own_issuer: &str, name: &str) -> String {
        format!("{own_issuer}/login/providers/{name}/backchannel-logout")
    }
}

/// A provider to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "google", "display_name": "Google", "issuer": "https://accounts.google.com", "client_id": "1234.apps.example.com",
    "client_secret": "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",
}))]
pub struct NewProvider {
    /// What addresses name it by.
    pub name: ProviderName,
    /// What people read; the name by default.
    #[serde(default)]
    pub display_name: Option<DisplayName>,
    /// What it speaks: OpenID Connect by default.
    #[serde(default)]
    #[schema(default = "oidc")]
    pub kind: Kind,
    /// What it calls itself in its ID tokens, to the letter; of GitHub's kind `https://github.com`, or the address of your GitHub Enterprise Server.
    pub issuer: ProviderIssuer,
    /// What it calls Portero.
    pub client_id: RemoteClientId,
    /// What proves Portero there; left out where it is a public client.
    #[serde(default)]
    pub client_secret: Option<ProviderSecret>,
    /// What to ask for; `openid email profile` by default, and `read:user user:email` of GitHub's kind.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub scopes: Option<Vec<Scope>>,
    /// Who may come that nobody here is linked with: nobody by default.
    #[serde(default)]
    #[schema(default = "off")]
    pub newcomers: Newcomers,
    /// Attributes of people, each with the claim that it is read from at each login.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>, example = json!({"department": "dept"}))]
    pub attributes: BTreeMap<AttributeName, ClaimName>,
    /// The claim that names groups.
    #[serde(default)]
    pub groups_claim: Option<ClaimName>,
    /// Into which groups people come by it, at each login.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub groups: Vec<WantedMapping>,
}

/// What to change of a provider; at least one field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"newcomers": "invite"}))]
pub struct ProviderChange {
    /// What people read.
    #[serde(default)]
    pub display_name: Option<DisplayName>,
    /// What it calls Portero.
    #[serde(default)]
    pub client_id: Option<RemoteClientId>,
    /// Another secret; null: Portero is a public client there.
    #[serde(default)]
    #[schema(value_type = Option<ProviderSecret>)]
    pub client_secret: Patch<ProviderSecret>,
    /// What to ask for, all of it.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub scopes: Option<Vec<Scope>>,
    /// Who may come that nobody here is linked with.
    #[serde(default)]
    pub newcomers: Option<Newcomers>,
    /// Attributes of people, all of them, each with its claim. What was read before stays.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>, example = json!({"department": "dept"}))]
    pub attributes: Option<BTreeMap<AttributeName, ClaimName>>,
    /// The claim that names groups; null for none.
    #[serde(default)]
    #[schema(value_type = Option<ClaimName>)]
    pub groups_claim: Patch<ClaimName>,
    /// Into which groups people come by it, all of them.
    #[serde(default)]
    #[schema(max_items = 200)]
    pub groups: Option<Vec<WantedMapping>>,
    /// Whether people can log in by it.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Known, so that who sends it is told what to do instead; and so are the two below.
    #[serde(default, deserialize_with = "stays")]
    #[schema(ignore)]
    pub issuer: (),
    #[serde(default, deserialize_with = "stays")]
    #[schema(ignore)]
    pub name: (),
    #[serde(default, deserialize_with = "stays")]
    #[schema(ignore)]
    pub kind: (),
}

/// Refuses what can't be changed.
fn stays<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(de::Error::custom(
        "can't be changed: people are linked by it. Add another provider at POST /providers, let people link their accounts there, and \
         remove this one",
    ))
}

impl ProviderChange {
    /// Refuses (400) to change nothing.
    pub fn must_change_something(&self) -> Result<()> {
        let says_nothing = self.display_name.is_none()
            && self.client_id.is_none()
            && self.client_secret.keeps()
            && self.scopes.is_none()
            && self.newcomers.is_none()
            && self.attributes.is_none()
            && self.groups_claim.keeps()
            && self.groups.is_none()
            && self.enabled.is_none();
        if says_nothing {
            return Err(Error::invalid_field("", "nothing to change: send at least one field"));
        }
        Ok(())
    }
}

/// The most scopes, attributes and groups of one.
const MOST_SCOPES: usize = 20;
const MOST_ATTRIBUTES: usize = 20;
pub(super) const MOST_GROUPS: usize = 200;

/// The scopes as they are stored.
///
/// # Errors
/// 400 for too many, or where `openid` is missing.
pub fn scopes(kind: Kind, wanted: Option<&[Scope]>) -> Result<Vec<String>> {
    let Some(wanted) = wanted else { return Ok(kind.scopes().iter().map(|scope| (*scope).to_owned()).collect()) };
    if wanted.len() > MOST_SCOPES {
        return Err(Error::invalid_field("scopes", "at most 20"));
    }
    let mut scopes: Vec<String> = Vec::new();
    for scope in wanted {
        if !scopes.iter().any(|taken| taken == scope.as_str()) {
            scopes.push(scope.as_str().to_owned());
        }
    }
    if kind == Kind::Oidc && !scopes.iter().any(|scope| scope == "openid") {
        return Err(Error::invalid_field("scopes", "must have `openid`: without it there is no ID token"));
    }
    Ok(scopes)
}

/// The attributes as they are stored.
///
/// # Errors
/// 400 for too many.
pub fn attributes(wanted: &BTreeMap<AttributeName, ClaimName>) -> Result<BTreeMap<String, String>> {
    if wanted.len() > MOST_ATTRIBUTES {
        return Err(Error::invalid_field("attributes", "at most 20"));
    }
    Ok(wanted.iter().map(|(name, claim)| (name.as_str().to_owned(), claim.as_str().to_owned())).collect())
}
