use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{FirstAdmin, ensure_an_administrator, random_password};
use crate::base::error::{Error, Result};
use crate::gate;
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::platform::http::{Json, Routes};

/// Who is made.
const USERNAME: &str = "admin";

/// `/auth/setup`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(routes!(set_up))
}

/// The first administrator.
#[derive(Serialize, ToSchema)]
struct SetUp {
    #[schema(example = "admin")]
    username: &'static str,
    /// Shown only once.
    #[schema(example = "0f4e8f5b7c1d2e3f405162738495a6b7")]
    password: String,
}

/// Make the first administrator, as of old
///
/// Once, while there is no administrator, for a program on the server's own machine: not through a proxy, and not for a page in a
/// browser.
#[utoipa::path(post, path = "/auth/setup", tag = "auth", security(()), responses(
    (status = 200, body = SetUp),
    (status = 403, description = "`not_on_this_machine`"),
    (status = 409, description = "`already_set_up`, `user_exists`"),
))]
async fn set_up(
    State(identity): State<Identity>,
    origin: std::result::Result<Origin, std::convert::Infallible>,
    headers: HeaderMap,
) -> Result<Json<SetUp>> {
    let Ok(origin) = origin;
    if !origin.is_of_this_machine || headers.contains_key(ORIGIN) {
        return Err(Error::forbidden(
            "not_on_this_machine",
            "this is for a program on the server's own machine, and not through a proxy: run `portero admin add` there",
        ));
    }
    // Nobody waits for a hash that is for nothing.
    let now = identity.clock.now();
    if gate::store::is_there_an_administrator(&mut *identity.db.read().await?, now).await? {
        return Err(already());
    }
    let password = random_password()?;
    let shown = String::from_utf8_lossy(password.as_bytes()).into_owned();
    let username = USERNAME.parse().map_err(|fault: String| Error::Internal(anyhow::anyhow!(fault)))?;
    match ensure_an_administrator(&identity, FirstAdmin { username, password }).await? {
        Ok(true) => Ok(Json(SetUp { username: USERNAME, password: shown })),
        Ok(false) => Err(already()),
        Err(taken) => Err(taken.into()),
    }
}

fn already() -> Error {
    Error::conflict("already_set_up", "there is an administrator already: log in as one, or run `portero admin add`")
}
