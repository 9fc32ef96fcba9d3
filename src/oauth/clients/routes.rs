use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{
    Client, ClientChange, Identifier, NewClient, Registered, Registration, Secret, Shown, change, register, remove,
    store,
};
use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, Id, Ref, ServiceId};
use crate::base::opaque::oauth::ClientSecret;
use crate::gate::idempotency::once;
use crate::gate::permission::{BuiltIn, ReadServices, WriteServices};
use crate::gate::{self, Can, Holds, LockScope};
use crate::oauth::OAuth;
use crate::platform::http::{
    IfMatch, Json, Next, Page, PageQuery, Part, Path, Routes, Tagged, part_of_list, query, tagged,
};

/// The most services of an audience.
const MOST_SERVICES: usize = 100;

/// `/clients`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(once(routes!(list_clients, create_client))).routes(tagged(routes!(
        get_client,
        patch_client,
        delete_client
    )))
}

/// Whose clients to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ServiceQuery {
    /// Only those of this service: id or name.
    #[param(max_length = 100)]
    service: Option<String>,
}

/// The page and the service that are asked for.
struct Asked {
    path: String,
    page: Page,
    service: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let page = Page::from_request_parts(parts, state).await?;
        let service = query::<ServiceQuery>(parts)?.service.filter(|service| !service.is_empty());
        Ok(Self { path: parts.uri.path().to_owned(), page, service })
    }
}

impl Asked {
    fn respond(self, clients: Vec<Shown>) -> Response {
        let (shown, total) = (self.page.shown(), self.page.total());
        part_of_list(clients, shown, total, |last| {
            let next = Next::at(&self.path, "after", last.id.0).limit(shown);
            next.filter("q", self.page.prefix()).filter("service", self.service.as_deref()).rest(total.in_link())
        })
    }
}

/// List clients
///
/// Those of the services where you hold `services:read`; `q` is the beginning of a client_id or a name. Never includes secrets.
#[utoipa::path(get, path = "/clients", tag = "clients", params(PageQuery, ServiceQuery), responses(
    (status = 200, body = Vec<Shown>),
    (status = 400, description = "`invalid_service_id`"),
    (status = 404, description = "`service_not_found`"),
))]
async fn list_clients(State(oauth): State<OAuth>, by: Holds<ReadServices>, asked: Asked) -> Result<Response> {
    let mut conn = oauth.db.read().await?;
    let clients = match &asked.service {
        Some(service) => {
            let (service, _) = by.resolve_within(&mut conn, &Ref::parse(service)).await?;
            store::list(&mut conn, Some(&[service]), &asked.page).await?
        }
        None => store::list(&mut conn, by.places(), &asked.page).await?,
    };
    Ok(asked.respond(clients.into_iter().map(Shown::from).collect()))
}

/// A client that was registered.
#[derive(Debug, Serialize, ToSchema)]
struct ClientMade {
    #[serde(flatten)]
    client: Shown,
    /// Its secret, if it has one. Shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<String>,
        pattern = "^pcs_[0-9a-f]{72}$",
        example = "pcs_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d1a5b6c7"
    )]
    client_secret: Option<ClientSecret>,
    /// When that ends; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = json!(null))]
    client_secret_expires_at: Option<OffsetDateTime>,
}

impl From<Registered> for ClientMade {
    fn from(registered: Registered) -> Self {
        let (client_secret, secret): (_, Option<Secret>) = registered.secret.unzip();
        let client_secret_expires_at = secret.and_then(|secret| secret.expires_at);
        Self { client: registered.shown, client_secret, client_secret_expires_at }
    }
}

/// Register a client
///
/// A program that logs people in here by OAuth 2.1 or OpenID Connect, or acts for itself. It belongs to a service: who manages
/// that service (`services:write`) manages it. You must manage every service of its audience. Its secret is shown once. If your
/// `services:write` expires, the secret expires with it. With the grant `client_credentials` it becomes somebody to whom roles
/// are given, by its `person_id` or as `client:` and its client_id. A client_id is never given again. At most 1000 clients per
/// service.
#[utoipa::path(post, path = "/clients", tag = "clients", request_body = NewClient, responses(
    (status = 201, body = ClientMade),
    (status = 400, description = "`invalid_service_id`"),
    (status = 404, description = "`service_not_found`"),
    (status = 409, description = "`client_exists`, `too_many_clients`, `user_exists`, `built_in`"),
))]
async fn create_client(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Json(mut new): Json<NewClient>,
) -> Result<(StatusCode, Json<ClientMade>)> {
    let mut conn = oauth.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &new.service_id).await?;
    let said = new.rest();
    let audience = audience(&mut conn, said.audience.as_deref()).await?;
    drop(conn);
    let client_id = match new.client_id {
        Some(client_id) => client_id,
        None => Identifier::of_random(oauth.random_id()?),
    };
    let registration = Registration::begin(new.client_name, service, said, audience)?;
    let mut tx = by.begin(&oauth, LockScope::default()).await?;
    let secret_until = by.end_of_what_is_made(&mut tx, None).await?;
    let registered = register(&mut tx, &oauth, (service, client_id), &registration, secret_until).await?;
    tx.commit([]).await?;
    Ok((StatusCode::CREATED, Json(registered.into())))
}

/// Get a client
#[utoipa::path(get, path = "/clients/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    responses((status = 200, body = Shown), (status = 404, description = "`client_not_found`")))]
async fn get_client(
    State(oauth): State<OAuth>,
    by: Holds<ReadServices>,
    Path(client_id): Path<String>,
) -> Result<Tagged<Shown>> {
    let (client, _) = find(&mut *oauth.db.read().await?, by, &client_id).await?;
    Tagged::whole(client.into())
}

/// Change a client
///
/// A list replaces the one before it. What the client was given with a service or a scope that it loses ends at once. You must
/// manage every service of its audience.
#[utoipa::path(patch, path = "/clients/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    request_body = ClientChange,
    responses(
        (status = 200, body = Shown),
        (status = 404, description = "`client_not_found`, `service_not_found`"),
        (status = 409, description = "`user_exists`, `built_in`, `client_of_document`"),
    ))]
async fn patch_client(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path(client_id): Path<String>,
    if_match: IfMatch,
    Json(said): Json<ClientChange>,
) -> Result<Tagged<Shown>> {
    if said.is_empty() {
        return Err(Error::invalid_field("", "nothing to change: send at least one field"));
    }
    let mut conn = oauth.db.read().await?;
    let (client, by) = find(&mut conn, by, &client_id).await?;
    let audience = audience(&mut conn, said.audience.as_deref()).await?;
    drop(conn);
    let mut tx = by.begin(&oauth, about(&client)).await?;
    let changed = change(&mut tx, &oauth.outbound, &client, said, audience, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(changed)
}

/// The client was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct ClientDeleted {
    #[schema(example = "client_deleted")]
    status: &'static str,
    #[schema(example = "wiki")]
    client_id: String,
}

/// Delete a client
///
/// Its tokens, its secrets and what people allowed it end at once, and so does what it holds itself. Its client_id is never
/// given again.
#[utoipa::path(delete, path = "/clients/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    responses(
        (status = 200, body = ClientDeleted),
        (status = 404, description = "`client_not_found`"),
    ))]
async fn delete_client(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path(client_id): Path<String>,
    if_match: IfMatch,
) -> Result<Json<ClientDeleted>> {
    let (client, by) = find(&mut *oauth.db.read().await?, by, &client_id).await?;
    let mut tx = by.begin(&oauth, about(&client)).await?;
    let removed = remove(&mut tx, &client, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(ClientDeleted { status: "client_deleted", client_id: removed.client_id }))
}

/// The client that a path names, and proof for its service. Only who holds `P` everywhere hears which clients there are.
pub(super) async fn find<P: BuiltIn>(
    conn: &mut PgConnection,
    by: Holds<P>,
    client_id: &str,
) -> Result<(Client, Can<P>)> {
    // What Postgres could not be asked for is no client.
    let found = if client_id.contains('\0') { None } else { store::find(conn, client_id).await? };
    match found {
        Some(client) => {
            let by = by.within(client.service)?;
            Ok((client, by))
        }
        None => by.everywhere().and(Err(ClientId::not_found())),
    }
}

/// The subject that a client is, to be locked before it is changed.
pub(super) fn about(client: &Client) -> LockScope {
    client.subject.map(LockScope::person).unwrap_or_default()
}

/// The services that a caller named as an audience.
async fn audience(conn: &mut PgConnection, named: Option<&[Ref<ServiceId>]>) -> Result<Option<Vec<ServiceId>>> {
    let Some(named) = named else { return Ok(None) };
    if named.len() > MOST_SERVICES {
        return Err(Error::invalid_field("audience", "must have at most 100 services"));
    }
    let mut found = Vec::with_capacity(named.len());
    for (place, service) in named.iter().enumerate() {
        let fault = |fault: &str| Error::invalid_field(&format!("audience[{place}]"), fault);
        match gate::store::services::find(conn, service).await? {
            None => return Err(fault(&unfound(service))),
            Some(ServiceId::PORTERO) => {
                return Err(fault("Portero itself takes no clients' tokens: name other services"));
            }
            Some(service) => found.push(service),
        }
    }
    Ok(Some(found))
}

fn unfound(service: &Ref<ServiceId>) -> String {
    match service {
        Ref::Name(name) => format!("no service is called `{name}`"),
        Ref::Id(_) | Ref::NoSuchId | Ref::NoSuchName => "no service has that id or name".to_owned(),
    }
}
