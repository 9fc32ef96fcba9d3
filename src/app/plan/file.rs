//! The file's shape. What stands in it by name keeps its place, so that faults can say where.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use toml::Spanned;

use crate::access::grants::Reason;
use crate::access::policies::{ActionName, Columns, Effect, ExpressionText, TypeName};
use crate::base::attributes::AttributeName;
use crate::base::moment::Moment;
use crate::base::names::{ClaimName, Description};
use crate::identity::providers::{DisplayName, GroupValue, Kind, Newcomers, ProviderIssuer, RemoteClientId, Scope};
use crate::oauth::clients::{Admits, AuthMethod, Consent, GrantType, TokenFormat};
use crate::oauth::keys::Algorithm;

/// A name, and where it stands.
pub(super) type Name = Spanned<String>;

/// Things by their names.
pub(super) type Named<T> = BTreeMap<Name, T>;

/// A name that stands nowhere.
pub(super) fn name(text: &str) -> Name {
    Spanned::new(0..0, text.to_owned())
}

/// All that a file says.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: Named<Described>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: Named<Role>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub services: Named<Service>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: Named<Client>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: Named<Group>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: Named<Provider>,
    /// Without this table a file says nothing of people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<Named<Person>>,
}

/// A permission, or what is said of a group itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
}

/// A role, with all that it carries.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Role {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Name>,
}

/// A service, and what belongs to it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Service {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<AttributeName>,
    /// The roles that it offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Name>,
    /// Without it: as soon as the service has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies_decide: Option<bool>,
    pub permissions_decide: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_types: Named<Columns>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            description: None,
            claims: Vec::new(),
            roles: Vec::new(),
            policies_decide: None,
            permissions_decide: true,
            resource_types: BTreeMap::new(),
            policies: Vec::new(),
        }
    }
}

/// A policy. It has no name: what it says is what it is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    pub table_name: Spanned<TypeName>,
    pub action: ActionName,
    #[serde(default, skip_serializing_if = "is_permissive")]
    pub effect: Effect,
    pub expression: Spanned<ExpressionText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks it")]
fn is_permissive(effect: &Effect) -> bool {
    *effect == Effect::Permissive
}

/// A client, in the words of its registration. What is left out is as it is by default.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the registry of client metadata has it so")]
pub struct Client {
    pub service: Name,
    pub client_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<AuthMethod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<GrantType>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Vec<Name>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<TokenFormat>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_lifetime_seconds: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_pkce: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_bound_access_tokens: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_pushed_authorization_requests: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who_may_use: Option<Admits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
}

/// A group, the groups in it, and what it holds.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The groups that are in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<InGroup>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// An identity provider. What is left out is as it is by default.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,
    #[serde(default)]
    pub kind: Kind,
    pub issuer: ProviderIssuer,
    pub client_id: RemoteClientId,
    /// The environment variable of the apply that has its secret, while it has none. It is written nowhere.
    #[serde(default, skip_serializing)]
    pub client_secret_env: Option<Spanned<String>>,
    /// Whether Portero is a public client there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_secret: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
    #[serde(default)]
    pub newcomers: Newcomers,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<ClaimName>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<AttributeName, ClaimName>,
    /// Into which groups people come by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Mapping>,
}

/// What the claim of groups says, and the group that people come into by it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub value: GroupValue,
    pub group: Name,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks it")]
fn is_false(says: &bool) -> bool {
    !*says
}

/// A person, who must be there: the groups that they are in, and the roles that they hold themselves.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Person {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<InGroup>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// A membership: of the group in what it stands under, or of the person in the group.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InGroup {
    pub group: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<End>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// A role in a service.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub service: Name,
    pub role: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<End>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// When something ends, in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End(pub OffsetDateTime);

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Moment::deserialize(deserializer).map(|moment| Self(moment.0))
    }
}

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
    }
}
