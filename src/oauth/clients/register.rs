//! A client is registered.

use time::OffsetDateTime;

use super::cover::{hold, must_manage};
use super::{Identifier, Registration, Secret, Shown, change, store};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::base::opaque::oauth::ClientSecret;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::platform::Platform;

/// A client that was registered just now, and its secret, if it has one: shown only once.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub shown: Shown,
    /// Its secret.
    pub secret: Option<(ClientSecret, Secret)>,
}

/// Registers a client of `service`, whose secret ends at `secret_until`.
///
/// # Errors
/// As [`register_anywhere`]; 409 `built_in` for Portero itself.
pub async fn register(
    tx: &mut AuditedTx,
    platform: &Platform,
    (service, client_id): (ServiceId, Identifier),
    new: &Registration,
    secret_until: Option<OffsetDateTime>,
) -> Result<Registered> {
    if service == ServiceId::PORTERO {
        return Err(Error::conflict("built_in", "a client is of one of your own services: Portero itself has none"));
    }
    register_anywhere(tx, platform, (service, client_id), new, secret_until).await
}

/// The same also for Portero itself, to which clients of before belong: they knew no services.
///
/// # Errors
/// 400 for a scope that means nothing; 403 for a person who does not manage a service of the audience; 404
/// `service_not_found`; 409 `client_exists`, `too_many_clients`, `user_exists`.
pub async fn register_anywhere(
    tx: &mut AuditedTx,
    platform: &Platform,
    (service, client_id): (ServiceId, Identifier),
    new: &Registration,
    secret_until: Option<OffsetDateTime>,
) -> Result<Registered> {
    new.must_be_callable(&platform.outbound, None)?;
    hold(tx, service, &new.audience).await?;
    must_manage(tx, &new.audience).await?;
    change::must_be_known(tx, new).await?;
    let (now, by) = (tx.by().now, tx.by().person());
    let id = store::insert(tx, &client_id, service, new, (now, by)).await?;
    store::set_audience(tx, id, &new.audience).await?;
    if new.acts_for_itself() {
        store::begin_subject(tx, id, (client_id.as_str(), &new.name), now).await?;
    }
    let secret = if new.auth_method.has_secrets() {
        let secret: ClientSecret = platform.generate(now)?;
        let shown = store::insert_secret(tx, id, secret.hash(), (now, secret_until)).await?;
        Some((secret, shown))
    } else {
        None
    };
    let shown = Shown::from(change::find(tx, client_id.as_str()).await?);
    tx.tell(Event::new(Action::ClientCreated).within(service).after(&shown));
    Ok(Registered { shown, secret })
}
