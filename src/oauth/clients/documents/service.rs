//! The service that clients of documents are of. It may be made after the start, and be removed again.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::gate;
use crate::oauth::OAuth;

/// Whether that service was there when somebody last looked.
#[derive(Debug, Default)]
pub struct Seen(AtomicBool);

/// That service, where one is named and there is one: never Portero itself.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn service(oauth: &OAuth, conn: &mut PgConnection) -> Result<Option<ServiceId>> {
    let Some(named) = &oauth.rules.document_service else { return Ok(None) };
    let found = find(conn, named).await?;
    oauth.document_service.0.store(found.is_some(), Ordering::Relaxed);
    Ok(found)
}

/// What to say where no service is the one that is named.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn missing(conn: &mut PgConnection, named: &Ref<ServiceId>) -> Result<Option<String>> {
    if find(conn, named).await?.is_some() {
        return Ok(None);
    }
    let named = match named {
        Ref::Name(name) => format!("`{name}`"),
        Ref::Id(id) => id.to_string(),
        Ref::NoSuchId | Ref::NoSuchName => "what it says".to_owned(),
    };
    let until = "until there is one, clients that are described by documents are not known";
    Ok(Some(format!("CLIENT_ID_METADATA_SERVICE: no service of yours is {named}; {until}")))
}

async fn find(conn: &mut PgConnection, named: &Ref<ServiceId>) -> Result<Option<ServiceId>> {
    let found = gate::store::services::find(conn, named).await?;
    Ok(found.filter(|service| *service != ServiceId::PORTERO))
}

/// Whether clients of documents are admitted. Postgres is asked only until that service is there.
pub async fn are_admitted(oauth: &OAuth) -> bool {
    if oauth.rules.document_service.is_none() || oauth.document_service.0.load(Ordering::Relaxed) {
        return oauth.rules.document_service.is_some();
    }
    let found = async { service(oauth, &mut *oauth.db.read().await?).await };
    found.await.is_ok_and(|found| found.is_some())
}
