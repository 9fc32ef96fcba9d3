use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::entities::{ActionEntity, Context, Entity, FoundEntity, Properties, Sought};
use super::page::{Cursor, PageOfRequest};
use super::routes::question;
use super::search::{self, FoundAction, FoundActions, FoundEntities, Results};
use super::search_resources;
use crate::access::Access;
use crate::access::policies::{Asker, OfService};
use crate::base::error::Result;
use crate::base::object;
use crate::platform::http::{DeclaredJson, Json, Routes};

/// `/access/v1/search/…`.
pub fn routes() -> Routes<Access> {
    Routes::new()
        .routes(question(routes!(search_subjects)).long())
        .routes(question(routes!(search_resources)).long())
        .routes(question(routes!(search_actions)).long())
}

/// Who may do it?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "subject": {"type": "user"}, "action": {"name": "read"},
    "resource": {"type": "invoice", "id": "12", "properties": {"user_id": 7}},
}))]
struct SubjectSearch {
    /// Whom to find: type `user`.
    #[serde(deserialize_with = "object::required")]
    subject: Sought,
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

/// To what may they do it?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "subject": {"type": "user", "id": "juan"}, "action": {"name": "read"}, "resource": {"type": "invoice"},
}))]
struct ResourceSearch {
    /// Who.
    #[serde(deserialize_with = "object::required")]
    subject: Entity,
    /// Does what.
    #[serde(deserialize_with = "object::required")]
    action: ActionEntity,
    /// What to find.
    #[serde(deserialize_with = "object::required")]
    resource: Sought,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
    /// Which results.
    #[serde(default, deserialize_with = "object::optional")]
    page: Option<PageOfRequest>,
}

/// What may they do to it?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "subject": {"type": "user", "id": "juan"},
    "resource": {"type": "invoice", "id": "12", "properties": {"user_id": 7}},
}))]
struct ActionSearch {
    /// Who.
    #[serde(deserialize_with = "object::required")]
    subject: Entity,
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

/// Search subjects
///
/// AuthZEN 1.0: who may do this to this resource? Users, by their usernames, in order of id. A service key finds people who hold
/// something in its service; a person who may see all people finds these. `page.next_token` leads to the next page.
#[utoipa::path(post, path = "/access/v1/search/subject", tag = "decisions", params(OfService),
    request_body = SubjectSearch,
    responses(
        (status = 200, body = FoundEntities),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn search_subjects(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<SubjectSearch>>,
) -> Result<Json<Results<FoundEntity>>> {
    let read = body.and_then(|DeclaredJson(asked)| {
        let cursor =
            Cursor::of(asked.page.as_ref(), &(&asked.subject, &asked.action, &asked.resource, &asked.context))?;
        Ok((asked, cursor))
    });
    let (asking, (asked, cursor)) = by.begin_with(&access, read).await?;
    let SubjectSearch { subject, action, resource, context, .. } = &asked;
    let question = (subject, action, resource, context.as_ref());
    Ok(Json(search::subjects(&access, &asking, question, &cursor).await?))
}

/// Search resources
///
/// AuthZEN 1.0: to which resources of a type may this subject do this? Of those that the service has told Portero of, in that order.
/// A page may have fewer results than it has room for, and go on all the same: `page.next_token` leads to the next one.
/// `POST /access/v1/filter` answers what your own database can be asked with.
#[utoipa::path(post, path = "/access/v1/search/resource", tag = "decisions", params(OfService),
    request_body = ResourceSearch,
    responses(
        (status = 200, body = FoundEntities),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn search_resources(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<ResourceSearch>>,
) -> Result<Json<Results<FoundEntity>>> {
    let read = body.and_then(|DeclaredJson(asked)| {
        let cursor =
            Cursor::of(asked.page.as_ref(), &(&asked.subject, &asked.action, &asked.resource, &asked.context))?;
        Ok((asked, cursor))
    });
    let (asking, (asked, cursor)) = by.begin_with(&access, read).await?;
    let there = asking.about(&access, asked.subject.named()).await?;
    let ResourceSearch { subject, action, resource, context, .. } = &asked;
    let question = (subject, action, resource, context.as_ref());
    Ok(Json(search_resources::resources(&access, &there, question, &cursor).await?))
}

/// Search actions
///
/// AuthZEN 1.0: what may this subject do to this resource? Of the actions that the service's policies name, and of `create`, `delete`,
/// `read`, `read_mine` and `update`; in order.
#[utoipa::path(post, path = "/access/v1/search/action", tag = "decisions", params(OfService),
    request_body = ActionSearch,
    responses(
        (status = 200, body = FoundActions),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn search_actions(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<ActionSearch>>,
) -> Result<Json<Results<FoundAction>>> {
    let read = body.and_then(|DeclaredJson(asked)| {
        let cursor = Cursor::of(asked.page.as_ref(), &(&asked.subject, &asked.resource, &asked.context))?;
        Ok((asked, cursor))
    });
    let (asking, (asked, cursor)) = by.begin_with(&access, read).await?;
    let place = Some(asked.resource.place());
    let there = asking.about_it(&access, asked.subject.named(), place).await?;
    let ActionSearch { subject, resource, context, .. } = &asked;
    let question = (subject, resource, context.as_ref());
    Ok(Json(search::actions(&access, &there, question, &cursor, access.clock.now()).await?))
}
