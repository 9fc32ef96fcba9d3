//! A client gets another secret. The one before it stays good for a while, so that it is changed without a pause.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::cover::{must_cover_subject, must_manage};
use super::{Client, Secret, Shown, change, store};
use crate::base::error::{Error, Result};
use crate::base::id::ClientSecretId;
use crate::base::opaque::oauth::ClientSecret;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::platform::Platform;

/// How many secrets of a client are good at once.
pub const MOST_SECRETS: usize = 2;

/// Gives a client another secret, which ends at `until`; those before it end after `overlap`.
///
/// # Errors
/// 403 for a person who could not get what its tokens open; 404 `client_not_found`; 409 `client_without_secret`,
/// `too_many_secrets`, `built_in`.
pub async fn rotate(
    tx: &mut AuditedTx,
    platform: &Platform,
    client: &Client,
    overlap: Duration,
    until: Option<OffsetDateTime>,
) -> Result<(ClientSecret, Secret)> {
    change::must_not_be_built_in(client)?;
    store::lock(tx, client.id).await?;
    let client = change::find(tx, &client.client_id).await?;
    must_manage(tx, &client.audience).await?;
    must_cover_subject(tx, &client).await?;
    if !client.auth_method.has_secrets() {
        let method = client.auth_method.as_str();
        let detail = format!("this client proves itself by `{method}`: change its token_endpoint_auth_method first");
        return Err(Error::conflict("client_without_secret", detail));
    }
    let now = tx.by().now;
    // Nobody knows which of three a program has; the eldest must not end unseen.
    if !overlap.is_zero() && store::live_secrets(tx, client.id, now).await? >= MOST_SECRETS {
        let detail = "two secrets are good already: revoke the one that is not in use (`portero client secret revoke`), or \
                      send overlap_seconds 0 (`--overlap 0`) to end both";
        return Err(Error::conflict("too_many_secrets", detail));
    }
    store::end_secrets(tx, client.id, (now, now + overlap)).await?;
    let secret: ClientSecret = platform.generate(now)?;
    let shown = store::insert_secret(tx, client.id, secret.hash(), (now, until)).await?;
    let after = json!({
        "client_id": client.client_id, "secret": shown, "overlap_seconds": overlap.whole_seconds(),
    });
    tx.tell(Event::new(Action::ClientSecretCreated).within(client.service).after(after));
    Ok((secret, shown))
}

/// Gives a client its first secret, if it has come to need one.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn missing_secret(
    tx: &mut AuditedTx,
    platform: &Platform,
    client: &Shown,
    now: OffsetDateTime,
) -> Result<Option<ClientSecret>> {
    if !client.token_endpoint_auth_method.has_secrets() || store::live_secrets(tx, client.id, now).await? > 0 {
        return Ok(None);
    }
    let secret: ClientSecret = platform.generate(now)?;
    let shown = store::insert_secret(tx, client.id, secret.hash(), (now, None)).await?;
    let after = json!({"client_id": client.client_id, "secret": shown});
    tx.tell(Event::new(Action::ClientSecretCreated).within(client.service_id).after(after));
    Ok(Some(secret))
}

/// Ends one of a client's secrets at once.
///
/// # Errors
/// 404 `client_not_found`, `client_secret_not_found`; 409 `built_in`.
pub async fn end_secret(tx: &mut AuditedTx, client: &Client, secret: ClientSecretId) -> Result<()> {
    change::must_not_be_built_in(client)?;
    store::lock(tx, client.id).await?;
    store::end_secret(tx, client.id, secret).await?;
    let before = json!({"client_id": client.client_id, "id": secret});
    tx.tell(Event::new(Action::ClientSecretRevoked).within(client.service).before(before));
    Ok(())
}
