use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;

use super::gateway;
use super::shown::Shown;
use crate::base::attributes::Attributes;
use crate::base::error::{Error, Result};
use crate::base::id::{ApiKeyId, Id, IdOrDigits, IdOrName, PersonId, Ref, ServiceId, SessionId};
use crate::gate::check::must_be_an_api_key;
use crate::gate::sessions::Payload;
use crate::gate::{Confirmation, Effective, Gate, Passed, Rights};
use crate::platform::Platform;
use crate::platform::http::access_log::ClientAddress;
use crate::platform::http::credential::{self, Credential};
use crate::platform::http::{Deadline, Headers, Json, MAX_OF_STRANGERS, OptionalJson, Route, Routes, read};

/// How many permissions one check may ask for.
pub(super) const MAX_WANTED: usize = 100;

/// `/check-token`.
pub fn routes<S>() -> Routes<S>
where
    Gate: FromRef<S>,
    Platform: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    let check = Route::from(routes!(
        check_token,
        gateway::check_token_by_get,
        gateway::check_token_by_put,
        gateway::check_token_by_patch,
        gateway::check_token_by_delete
    ));
    Routes::new().routes(check.for_anyone().within(Deadline::Question))
}

/// What to check besides the token itself.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"service_id": 4, "permission": "read"}))]
struct Question {
    /// The id that the token's owner must have, as a number or a string of digits.
    #[serde(default)]
    #[schema(value_type = Option<IdOrDigits>)]
    user_id: Option<Ref<PersonId>>,
    /// Also return the person's roles and permissions in this service.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    service_id: Option<Ref<ServiceId>>,
    /// Also return whether the person holds this permission there, or all of these.
    #[serde(default)]
    permission: Option<Wanted>,
    /// The token to check instead of the header's.
    #[serde(default)]
    #[schema(
        value_type = Option<String>,
        example = "ptk_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273fb5fcb16"
    )]
    token: Option<String>,
    /// From where the token came, as you see it: the address of whoever sent it to you. An API key that may be used only from some
    /// networks is valid only with it, or where it comes from them in the header.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    address: Option<IpAddr>,
}

/// One permission's name, or a list of up to 100.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a permission, or a list of names")]
enum Wanted {
    One(String),
    All(Vec<String>),
}

impl PartialSchema for Wanted {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new().schema_type(Type::String).build();
        let names = ArrayBuilder::new().items(name.clone()).min_items(Some(1)).max_items(Some(MAX_WANTED));
        OneOfBuilder::new().item(name).item(names).examples(["read"]).into()
    }
}

impl ToSchema for Wanted {}

/// A valid token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answer {
    /// Always true: an invalid token is a 401.
    #[schema(example = true)]
    valid: bool,
    /// Whose it is.
    #[schema(value_type = Payload)]
    pub(super) payload: Arc<Payload>,
    /// Whether this very check renewed it.
    #[schema(example = false)]
    renewed: bool,
    /// When it expires unless a check renews it, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    expires_at: i64,
    /// What `GET /changes` calls this session when it ends.
    pub(super) session_id: SessionId,
    /// The key that the token is bound to (RFC 9449). Only if it is: then a request that carries the token must carry a proof by
    /// this key, too, which is for you to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cnf: Option<Confirmation>,
    /// The API key that it is. Only if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12)]
    api_key_id: Option<ApiKeyId>,
    /// The service. Only if the request named one, like the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 4)]
    service_id: Option<ServiceId>,
    /// Names of the roles held there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, example = json!(["Viewer"]))]
    roles: Option<Vec<Arc<str>>>,
    /// Names of the permissions in these roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, example = json!(["read"]))]
    pub(super) permissions: Option<Vec<Arc<str>>>,
    /// When the first of these grants expires, in Unix seconds: do not keep the answer longer. Only if one expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_924_905_600)]
    valid_until: Option<i64>,
    /// Of the person's attributes those that the service asks for (`claims` of the service). Only if it asks for some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Attributes>, nullable = false)]
    claims: Option<Arc<Attributes>>,
    /// Whether the person holds all requested permissions. Only if the request named some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    pub(super) allowed: Option<bool>,
    /// Requested permissions that do not exist: mistyped, or not created yet. Only if there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["raed"]))]
    unknown_permissions: Option<Vec<String>>,
}

/// Check a token
///
/// The main question of a backend: is this token valid now, whose is it, and what may they do in my service? Never
/// answered from a cache. Renews the token when it is near its end. A token of another issuer is taken where `service_id` names a
/// service that trusts that issuer. Every 401 also carries `"valid": false`. Query
/// parameters work as in `GET /check-token`: a question in the query replaces the body.
#[utoipa::path(post, path = "/check-token", tag = "auth", request_body = Option<Question>, responses(
    (status = 200, body = Answer),
    (status = 400, description = "`invalid_user_id`, `invalid_service_id`, `invalid_query`"),
    (status = 403, description = "`insufficient_permissions`: only where the query asks for permissions"),
    (status = 404, description = "`service_not_found`"),
))]
async fn check_token(
    State(gate): State<Gate>,
    ClientAddress(address): ClientAddress,
    credential: Result<Credential>,
    query: Result<gateway::GatewayQuery>,
    Headers(headers): Headers,
    asked: Asked,
) -> Result<Response> {
    if !matches!(&query, Ok(query) if !query.asks()) {
        // From a gateway that keeps the method of the request that it asks about: what it asks stands in the query.
        return Box::pin(gateway::answer(&gate, (&headers, credential, address), query)).await;
    }
    match answer(&gate, (&headers, credential, address), asked).await {
        Ok(answer) => Ok(Json(answer).into_response()),
        Err(error) => Err(marked(error)),
    }
}

/// Every 401 of this path says so in its body, too.
pub(super) fn marked(error: Error) -> Error {
    if error.status() == StatusCode::UNAUTHORIZED { error.with("valid", false) } else { error }
}

async fn answer(
    gate: &Gate,
    (headers, credential, address): (&HeaderMap, Result<Credential>, IpAddr),
    asked: Asked,
) -> Result<Answer> {
    let question = match asked {
        Asked::Question(question) => question,
        Asked::Fault { fault, names_token: true } => return Err(fault),
        Asked::Fault { fault, names_token: false } => {
            Box::pin(must_be_somebody(gate, credential?, headers)).await?;
            return Err(fault);
        }
    };
    let (token, from) = match &question.token {
        // Who asks is not who has shown it.
        Some(token) => (Shown::of(gate, token).ok_or_else(credential::invalid)?, question.address),
        None => (Shown::by(gate, credential?, headers).await?, question.address.or(Some(address))),
    };
    let passed = token.check_telling_key(gate, question.service_id.clone(), from).await?;
    if let Some(expected) = &question.user_id {
        match expected {
            Ref::Id(id) if *id == passed.person => {}
            Ref::Id(_) | Ref::NoSuchId => return Err(credential::invalid()),
            Ref::Name(_) | Ref::NoSuchName => return Err(PersonId::invalid()),
        }
    }
    let wanted = match question.permission {
        None => None,
        Some(_) if question.service_id.is_none() => {
            return Err(Error::invalid_field("service_id", "name the service that the permission is for"));
        }
        Some(Wanted::One(name)) => Some(vec![name]),
        Some(Wanted::All(names)) if (1..=MAX_WANTED).contains(&names.len()) => Some(names),
        Some(Wanted::All(_)) => return Err(Error::invalid_field("permission", "name 1 to 100 permissions")),
    };
    Answer::new(passed, question.service_id.as_ref(), wanted.as_deref())
}

/// What a body asks. Of one with a fault a stranger hears nothing, unless it brings the token: who asks then may be nobody.
enum Asked {
    Question(Question),
    Fault { fault: Error, names_token: bool },
}

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> std::result::Result<Self, Infallible> {
        let body = match read(request.into_body(), MAX_OF_STRANGERS).await {
            Ok(body) => body,
            Err(fault) => return Ok(Self::Fault { fault, names_token: false }),
        };
        Ok(match OptionalJson::<Question>::of(&body) {
            Ok(OptionalJson(question)) => Self::Question(question),
            Err(fault) => {
                let object = serde_json::from_slice::<Map<String, Value>>(&body).unwrap_or_default();
                Self::Fault { fault, names_token: object.contains_key("token") }
            }
        })
    }
}

/// Refuses who shows nothing that is good, wherever they show it.
async fn must_be_somebody(gate: &Gate, credential: Credential, headers: &HeaderMap) -> Result<()> {
    match credential {
        Credential::ApiKey(key) => must_be_an_api_key(gate, key).await,
        other => Shown::by(gate, other, headers).await?.check_telling_key(gate, None, None).await.map(|_| ()),
    }
}

impl Answer {
    /// What is said of a valid token: in `service`, if one was asked about, where somebody wants these permissions.
    ///
    /// # Errors
    /// 400 or 404 where there is no such service.
    pub(super) fn new(passed: Passed, service: Option<&Ref<ServiceId>>, wanted: Option<&[String]>) -> Result<Self> {
        let mut answer = Self {
            valid: true,
            payload: passed.payload,
            renewed: passed.renewed,
            expires_at: passed.expires_at.unix_timestamp(),
            session_id: passed.id,
            cnf: passed.cnf,
            api_key_id: passed.api_key,
            service_id: None,
            roles: None,
            permissions: None,
            valid_until: None,
            claims: None,
            allowed: None,
            unknown_permissions: None,
        };
        let Some(service) = service else { return Ok(answer) };
        let Rights { service, effective, vocabulary } = passed.rights.ok_or_else(|| service.absent())?;
        answer.allowed = wanted.map(|wanted| effective.allows(wanted));
        if answer.allowed == Some(false) {
            let unknown = wanted.unwrap_or_default().iter().filter(|name| !vocabulary.has_permission(name));
            let unknown: Vec<String> = unknown.cloned().collect();
            answer.unknown_permissions = (!unknown.is_empty()).then_some(unknown);
        }
        answer.service_id = Some(service);
        answer.valid_until = effective.valid_until();
        let Effective { roles, permissions, claims, .. } = Arc::unwrap_or_clone(effective);
        answer.roles = Some(roles);
        answer.permissions = Some(permissions);
        answer.claims = claims;
        Ok(answer)
    }
}
