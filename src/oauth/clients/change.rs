//! A client is changed.

use sqlx::PgConnection;

use super::cover::{hold, must_cover_subject, must_manage};
use super::{Client, ClientChange, Registration, Shown, store};
use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, Id, ServiceId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::oauth::scopes;
use crate::platform::http::{IfMatch, Tagged};
use crate::platform::outbound::Outbound;

/// Changes a client. What it was given with services and scopes that it loses ends; so does the subject that it was, where it
/// acts for itself no longer.
///
/// # Errors
/// 400 for a field at fault; 403 for a person who could not get what its tokens open; 404 `client_not_found`; 409 `built_in`,
/// `user_exists`; 412 where it is not as `if_match` says.
pub async fn change(
    tx: &mut AuditedTx,
    outbound: &Outbound,
    client: &Client,
    said: ClientChange,
    audience: Option<Vec<ServiceId>>,
    if_match: Option<&IfMatch>,
) -> Result<Tagged<Shown>> {
    must_not_be_built_in(client)?;
    if client.is_of_document() {
        let detail =
            "this client is as the document at its client_id says: change that; deleting the client here bars it";
        return Err(Error::conflict("client_of_document", detail));
    }
    let gets_credentials = said.token_endpoint_auth_method.is_some() || !said.jwks.keeps() || !said.jwks_uri.keeps();
    let is_widened = said.scope.is_some() || audience.is_some();
    hold(tx, client.service, audience.as_deref().unwrap_or_default()).await?;
    store::lock(tx, client.id).await?;
    let before = find(tx, &client.client_id).await?;
    if gets_credentials {
        must_cover_subject(tx, &before).await?;
    }
    let new = Registration::from(&before).with(said, audience)?;
    must_manage(tx, &new.audience).await?;
    if is_widened {
        must_be_known(tx, &new).await?;
    }
    let was = Tagged::whole(Shown::from(before.clone()))?;
    if let Some(if_match) = if_match {
        if_match.allows(&was.etag)?;
    }
    write(tx, outbound, &before, &new).await?;
    let after = Tagged::whole(Shown::from(find(tx, &client.client_id).await?))?;
    tx.tell(Event::new(Action::ClientChanged).within(client.service).changed(was.shown, &after.shown));
    Ok(after)
}

/// Writes all of a client anew, as it says of itself. Nothing is told where nothing changes.
///
/// # Errors
/// 400 for a scope that means nothing, or an address that is never called; 404 `client_not_found`; 409 `built_in`.
pub async fn replace(tx: &mut AuditedTx, outbound: &Outbound, client: &Client, new: Registration) -> Result<Shown> {
    must_not_be_built_in(client)?;
    hold(tx, client.service, &new.audience).await?;
    store::lock(tx, client.id).await?;
    must_be_known(tx, &new).await?;
    let before = find(tx, &client.client_id).await?;
    let was = Tagged::whole(Shown::from(before.clone()))?;
    write(tx, outbound, &before, &new).await?;
    let after = Tagged::whole(Shown::from(find(tx, &client.client_id).await?))?;
    if was.etag != after.etag {
        tx.tell(Event::new(Action::ClientChanged).within(client.service).changed(was.shown, &after.shown));
    }
    Ok(after.shown)
}

async fn write(tx: &mut AuditedTx, outbound: &Outbound, before: &Client, new: &Registration) -> Result<()> {
    new.must_be_callable(outbound, Some(before))?;
    let now = tx.by().now;
    store::update(tx, before.id, new).await?;
    store::set_audience(tx, before.id, &new.audience).await?;
    let mut lost_services: Vec<ServiceId> = lost(&before.audience, &new.audience);
    // Where it could do all, it may do some things from now on.
    lost_services.extend(store::narrowed(tx, &new.audience, (&before.scopes, &new.scopes)).await?);
    let lost_scopes: Vec<String> = lost(&before.scopes, &new.scopes);
    if !lost_services.is_empty() || !lost_scopes.is_empty() {
        store::narrow(tx, before.id, &lost_services, &lost_scopes).await?;
    }
    if !new.auth_method.has_secrets() {
        store::end_secrets(tx, before.id, (now, now)).await?;
    }
    match (before.subject.is_some(), new.acts_for_itself()) {
        (false, true) => {
            store::begin_subject(tx, before.id, (&before.client_id, &new.name), now).await?;
        }
        (true, false) => store::end_subject(tx, before.id, now).await?,
        (true, true) => store::rename_subject(tx, before.id, &new.name).await?,
        (false, false) => {}
    }
    Ok(())
}

fn lost<T: Clone + PartialEq>(before: &[T], after: &[T]) -> Vec<T> {
    before.iter().filter(|one| !after.contains(one)).cloned().collect()
}

/// Refuses (409 `built_in`) the client of Portero's own.
pub(in crate::oauth) fn must_not_be_built_in(client: &Client) -> Result<()> {
    if client.is_built_in() {
        return Err(Error::conflict("built_in", "this client is Portero's own: it can be deleted, but not changed"));
    }
    Ok(())
}

/// Refuses (400) scopes that stand for nothing.
pub(super) async fn must_be_known(conn: &mut PgConnection, new: &Registration) -> Result<()> {
    let unknown = store::unknown_scopes(conn, &new.permission_scopes(), &new.audience).await?;
    let Some(first) = unknown.first() else { return Ok(()) };
    let how = match first.rsplit_once(':') {
        Some((_, permission)) if !permission.is_empty() => {
            format!("; create it with `portero permission add {permission}`")
        }
        _ => String::new(),
    };
    let fault = format!(
        "`{first}` is neither one of {} nor a permission in a service of the audience, as service:permission{how}",
        scopes::STANDARD.join(", "),
    );
    Err(Error::invalid_field("scope", &fault))
}

/// The client that requests name so.
///
/// # Errors
/// 404 `client_not_found`.
pub(super) async fn find(conn: &mut PgConnection, client_id: &str) -> Result<Client> {
    store::find(conn, client_id).await?.ok_or_else(ClientId::not_found)
}
