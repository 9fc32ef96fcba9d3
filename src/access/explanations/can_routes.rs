use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::abilities::{self, Concerned, WhatCan, WhoCan, who_can};
use crate::access::Access;
use crate::access::authzen::{ActionEntity, Context, Cursor, Entity, PageOfRequest, Properties, question};
use crate::access::policies::language::Row;
use crate::access::policies::{Asker, OfService};
use crate::base::error::Result;
use crate::base::object;
use crate::platform::http::{DeclaredJson, Json, Routes};

/// `/access/v1/who-can`, `/access/v1/what-can`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(question(routes!(find_who_can)).long()).routes(question(routes!(find_what_can)).long())
}

/// Who can do it?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "action": {"name": "read"}, "resource": {"type": "invoice", "id": "12", "properties": {"user_id": 7}},
}))]
struct WhoCanRequest {
    /// Does what.
    #[serde(deserialize_with = "object::required")]
    action: ActionEntity,
    /// To what.
    #[serde(deserialize_with = "object::required")]
    resource: Entity,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
    /// Which results.
    #[serde(default, deserialize_with = "object::optional")]
    page: Option<PageOfRequest>,
}

/// What can they do?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"subject": {"type": "user", "id": "juan"}, "resource": {"type": "invoice"}}))]
struct WhatCanRequest {
    /// Who.
    #[serde(deserialize_with = "object::required")]
    subject: Entity,
    /// To what: a type, or one row. Left out: to each type.
    #[serde(default, deserialize_with = "object::optional")]
    resource: Option<AboutResource>,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
    /// Which results.
    #[serde(default, deserialize_with = "object::optional")]
    page: Option<PageOfRequest>,
}

/// A type of resources, or one of them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
struct AboutResource {
    /// The type.
    #[serde(rename = "type")]
    #[schema(example = "invoice")]
    kind: String,
    /// Its id: with this, or with `properties`, it is one row.
    #[serde(default)]
    #[schema(example = "12")]
    id: Option<String>,
    /// What is known of it.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    properties: Option<Row>,
}

impl AboutResource {
    fn row(&self) -> Option<Entity> {
        let is_row = self.id.is_some() || self.properties.is_some();
        let id = self.id.clone().unwrap_or_default();
        is_row.then(|| Entity { kind: self.kind.clone(), id, properties: self.properties.clone() })
    }
}

/// Find who can do something
///
/// The people who may do this to this resource, in order of id, each with what permits it. A service key finds people who hold something in its
/// service; a person who may see all people finds these.
#[utoipa::path(post, path = "/access/v1/who-can", tag = "decisions", params(OfService),
    request_body = WhoCanRequest,
    responses(
        (status = 200, body = WhoCan),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn find_who_can(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<WhoCanRequest>>,
) -> Result<Json<WhoCan>> {
    let read = body.and_then(|DeclaredJson(asked)| {
        let cursor = Cursor::of(asked.page.as_ref(), &(&asked.action, &asked.resource, &asked.context))?;
        Ok((asked, cursor))
    });
    let (asking, (asked, cursor)) = by.begin_with(&access, read).await?;
    let question = (&asked.action, &asked.resource, asked.context.as_ref());
    Ok(Json(who_can(&access, &asking, question, &cursor).await?))
}

/// Find what somebody can do
///
/// By type of resource, the actions that a subject can do: to every row, or to some, where it depends on the row. With a row, to that one.
#[utoipa::path(post, path = "/access/v1/what-can", tag = "decisions", params(OfService),
    request_body = WhatCanRequest,
    responses(
        (status = 200, body = WhatCan),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn find_what_can(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<WhatCanRequest>>,
) -> Result<Json<WhatCan>> {
    let read = body.and_then(|DeclaredJson(asked)| {
        let cursor = Cursor::of(asked.page.as_ref(), &(&asked.subject, &asked.resource, &asked.context))?;
        Ok((asked, cursor))
    });
    let (asking, (asked, cursor)) = by.begin_with(&access, read).await?;
    let row = asked.resource.as_ref().and_then(AboutResource::row);
    let kind = asked.resource.as_ref().map(|resource| resource.kind.as_str());
    let concerned = Concerned { kind, row: row.as_ref(), context: asked.context.as_ref() };
    Ok(Json(abilities::abilities(&access, &asking, (&asked.subject, concerned), &cursor).await?))
}
