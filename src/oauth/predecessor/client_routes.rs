use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::caller::{Reader, Writer};
use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, Id, IdOrName, Ref, ServiceId};
use crate::base::opaque::oauth::ClientSecret;
use crate::gate;
use crate::oauth::OAuth;
use crate::oauth::clients::{
    AuthMethod, Client, ClientChange, ClientName, GrantType, Identifier, Registration, register_anywhere, store,
};
use crate::oauth::scopes::{self, SUPERUSER};
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/api/v1/client`.
pub(super) fn routes() -> Routes<OAuth> {
    Routes::new().routes(routes!(list_clients_by_v1, create_client_by_v1)).routes(routes!(get_client_by_v1))
}

/// A client, as of old.
#[derive(Debug, Serialize, ToSchema)]
struct ClientV1 {
    #[serde(skip)]
    id: ClientId,
    /// What requests name it by.
    #[schema(example = "loopback")]
    client_id: String,
    /// Its name.
    #[schema(example = "loopback")]
    client_name: String,
    /// How it gets tokens.
    #[schema(example = json!(["password"]))]
    grants: Vec<GrantType>,
    /// What it may ask for.
    #[schema(example = json!(["superuser"]))]
    scopes: Vec<String>,
}

impl From<Client> for ClientV1 {
    fn from(client: Client) -> Self {
        let Client { id, client_id, name, grant_types, scopes, .. } = client;
        Self { id, client_id, client_name: name, grants: grant_types, scopes }
    }
}

/// List clients, as of old
///
/// Those that `GET /clients` lists, to an administrator with a token of the scope `superuser`, too.
#[utoipa::path(get, path = "/api/v1/client", tag = "clients", params(PageQuery),
    responses((status = 200, body = Vec<ClientV1>)),
    security(("token" = []), ("bearer" = []), ("access_token" = [])))]
async fn list_clients_by_v1(State(oauth): State<OAuth>, by: Reader, page: Page) -> Result<Response> {
    let places = match &by {
        Reader::Superuser => None,
        Reader::Person(by) => by.places(),
    };
    let clients = store::list(&mut *oauth.db.read().await?, places, &page).await?;
    let clients: Vec<ClientV1> = clients.into_iter().map(ClientV1::from).collect();
    Ok(page.respond(clients, |client: &ClientV1| client.id.0))
}

/// Get a client, as of old
#[utoipa::path(get, path = "/api/v1/client/{client_id}", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "loopback")),
    responses((status = 200, body = ClientV1), (status = 404, description = "`client_not_found`")),
    security(("token" = []), ("bearer" = []), ("access_token" = [])))]
async fn get_client_by_v1(
    State(oauth): State<OAuth>,
    by: Reader,
    Path(client_id): Path<String>,
) -> Result<Json<ClientV1>> {
    let mut conn = oauth.db.read().await?;
    // What Postgres could not be asked for is no client.
    let found = if client_id.contains('\0') { None } else { store::find(&mut conn, &client_id).await? };
    match (by, found) {
        (Reader::Superuser, None) => Err(ClientId::not_found()),
        (Reader::Person(by), None) => by.everywhere().and(Err(ClientId::not_found())),
        (Reader::Superuser, Some(client)) => Ok(Json(client.into())),
        (Reader::Person(by), Some(client)) => by.within(client.service).map(|_| Json(client.into())),
    }
}

/// A client to register, as of old.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"client_name": "foo", "scopes": ["superuser"], "grants": ["password", "refresh_token"]}))]
struct NewClientV1 {
    /// What requests name it by, for good. At random by default.
    #[serde(default)]
    client_id: Option<Identifier>,
    /// Its name.
    client_name: ClientName,
    /// How it gets tokens.
    #[schema(max_items = 6)]
    grants: Vec<GrantType>,
    /// What it may ask for. With `superuser` it is good on this machine only.
    #[serde(default)]
    #[schema(max_items = 100)]
    scopes: Vec<String>,
    /// For the authorization code grant: where people are sent back to.
    #[serde(default)]
    #[schema(max_items = 50)]
    redirect_uris: Vec<String>,
    /// The service that it belongs to, and that its tokens are for. By default it belongs to Portero itself, and its tokens are for
    /// no service.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    service_id: Option<Ref<ServiceId>>,
}

impl NewClientV1 {
    fn registration(&self, service: Option<ServiceId>) -> Result<Registration> {
        let keeps_secrets = [GrantType::ClientCredentials, GrantType::TokenExchange, GrantType::AuthorizationCode];
        let auth_method = if self.grants.iter().any(|grant| keeps_secrets.contains(grant)) {
            AuthMethod::ClientSecretBasic
        } else {
            AuthMethod::None
        };
        let said = ClientChange {
            token_endpoint_auth_method: Some(auth_method),
            grant_types: Some(self.grants.clone()),
            redirect_uris: Some(self.redirect_uris.clone()),
            scope: Some(scopes::written(&self.scopes)),
            ..ClientChange::default()
        };
        let (service, audience) = (service.unwrap_or(ServiceId::PORTERO), service.is_none().then(Vec::new));
        let registration = Registration::begin(self.client_name.clone(), service, said, audience)?;
        let loopback_only = self.scopes.iter().any(|scope| scope == SUPERUSER);
        Ok(Registration { loopback_only, ..registration })
    }
}

/// A client that was registered, as of old.
#[derive(Debug, Serialize, ToSchema)]
struct ClientMadeV1 {
    /// What requests name it by.
    #[schema(example = "c76fea8eb7dab4db381584879d1a64a98")]
    client_id: String,
    /// Its secret, if it has one. Shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<String>,
        pattern = "^pcs_[0-9a-f]{72}$",
        example = "pcs_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d1a5b6c7"
    )]
    client_secret: Option<ClientSecret>,
}

/// Register a client, as of old
///
/// One that acts for itself or sends people to the login page gets a secret; others are public. `POST /clients` says more of a
/// client.
#[utoipa::path(post, path = "/api/v1/client", tag = "clients", request_body = NewClientV1,
    responses(
        (status = 200, body = ClientMadeV1),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`client_exists`, `too_many_clients`, `user_exists`"),
    ),
    security(("token" = []), ("bearer" = []), ("access_token" = [])))]
async fn create_client_by_v1(
    State(oauth): State<OAuth>,
    by: Writer,
    Json(new): Json<NewClientV1>,
) -> Result<Json<ClientMadeV1>> {
    let service = match &new.service_id {
        None => None,
        Some(named) => {
            let found = gate::store::services::find(&mut *oauth.db.read().await?, named).await?;
            Some(found.ok_or_else(|| named.absent())?)
        }
    };
    if service == Some(ServiceId::PORTERO) {
        return Err(Error::invalid_field("service_id", "is Portero itself, which takes no tokens: leave it out"));
    }
    let registration = new.registration(service)?;
    let client_id = match new.client_id {
        Some(client_id) => client_id,
        None => Identifier::of_random(oauth.random_id()?),
    };
    let (mut tx, secret_until) = by.begin(&oauth).await?;
    if registration.loopback_only {
        Writer::must_be_administrator(&mut tx).await?;
    }
    let of = (service.unwrap_or(ServiceId::PORTERO), client_id);
    let made = register_anywhere(&mut tx, &oauth, of, &registration, secret_until).await?;
    tx.commit([]).await?;
    let client_secret = made.secret.map(|(secret, _)| secret);
    Ok(Json(ClientMadeV1 { client_id: made.shown.client_id, client_secret }))
}
