use time::{Duration, OffsetDateTime};

use super::{UserCode, store};
use crate::base::error::Result;
use crate::gate::audit::Origin;
use crate::identity::attempts::Quota;
use crate::oauth::OAuth;
use crate::oauth::authorizations::Browser;
use crate::oauth::authorizations::store::{Service, services};
use crate::oauth::clients::{self, Client, GrantType};

/// So many codes a person tries: each is seen twice, typed and confirmed.
const TRIES: Quota = Quota { of: "user-codes", code: "too_many_attempts", most: 40, within: Duration::hours(1) };

/// And all people in a network.
const TRIES_OF_NETWORK: Quota =
    Quota { of: "user-codes-of-network", code: "too_many_attempts", most: 400, within: Duration::hours(1) };

/// A device that waits for somebody to let it in.
#[derive(Debug)]
pub struct Pending {
    /// Its row.
    pub(super) id: i64,
    /// What it shows.
    pub user_code: UserCode,
    /// The client that it is.
    pub client: Client,
    /// What is asked for: all of it is allowed to the client.
    pub(super) scopes: Vec<String>,
    /// The services that the tokens are to be for.
    pub(super) audience: Vec<Service>,
    /// When it is over.
    pub(super) expires_at: OffsetDateTime,
}

/// What waits under the code that somebody typed. Each code counts before it is looked up, good or not: so many tries are no way
/// to guess one, however many come at once.
///
/// # Errors
/// 429 `too_many_attempts`.
pub async fn find(oauth: &OAuth, browser: &Browser, origin: &Origin, typed: &str) -> Result<Option<Pending>> {
    let Some(user_code) = UserCode::typed(typed) else { return Ok(None) };
    let now = oauth.clock.now();
    let mut tx = oauth.db.begin().await?;
    TRIES.take(&mut tx, browser.person, now).await?;
    TRIES_OF_NETWORK.take(&mut tx, origin.network(), now).await?;
    tx.commit().await?;
    let mut conn = oauth.db.read().await?;
    let Some(waiting) = store::waiting(&mut conn, &user_code, now).await? else { return Ok(None) };
    let Some(client) = clients::store::find(&mut conn, &waiting.client_id).await? else { return Ok(None) };
    // With fewer of its scopes a token might open more.
    if !client.may(GrantType::DeviceCode) || waiting.scopes.iter().any(|scope| !client.scopes.contains(scope)) {
        return Ok(None);
    }
    let audience = services(&mut conn, client.id).await?;
    let audience = audience.into_iter().filter(|service| waiting.services.contains(&service.id)).collect();
    let (id, scopes, expires_at) = (waiting.id, waiting.scopes, waiting.expires_at);
    Ok(Some(Pending { id, user_code, client, scopes, audience, expires_at }))
}
