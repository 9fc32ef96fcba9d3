use axum::http::StatusCode;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::document::{Document, is_json, kept_for};
use super::{Address, service, store};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::oauth::OAuth;
use crate::oauth::clients::{self, Client, Consent, Identifier, MOST_CLIENTS, Registration, change, register};
use crate::platform::outbound::Call;

/// A document has no more bytes.
const LARGEST: usize = 16 * 1024;

/// While its place does not answer, a document that was read is good for so long.
const GRACE: Duration = Duration::days(1);

/// Why a document was not read.
enum NotRead {
    /// It says something else than it should, or is gone.
    Wrong(String),
    /// Its place does not answer, or is asked too often.
    Away(String),
}

/// The client that requests name so: one that is registered, or one of a document, which is read where that is due.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn find(oauth: &OAuth, client_id: &str) -> Result<Option<Client>> {
    let known = clients::store::find(&mut *oauth.db.read().await?, client_id).await?;
    if known.as_ref().is_some_and(|client| client.document_expires_at.is_none()) {
        return Ok(known);
    }
    let (true, Some(address)) = (oauth.rules.document_service.is_some(), Address::read(client_id)) else {
        return Ok(None);
    };
    let service = match &known {
        Some(client) => Some(client.service),
        None => service::service(oauth, &mut *oauth.db.read().await?).await?,
    };
    let Some(service) = service else {
        tracing::info!(client = address.as_str(), "CLIENT_ID_METADATA_SERVICE names no service");
        return Ok(None);
    };
    let now = oauth.clock.now();
    let is_good = |client: &Client, grace: Duration| client.document_expires_at.is_some_and(|end| now < end + grace);
    if known.as_ref().is_some_and(|client| is_good(client, Duration::ZERO)) {
        return Ok(known);
    }
    match read(oauth, &address).await {
        Ok((document, kept_for)) => keep(oauth, (&address, service), known, document, now + kept_for).await,
        Err(NotRead::Wrong(why)) => {
            tracing::info!(client = address.as_str(), %why, "the document of a client is not good");
            Ok(None)
        }
        Err(NotRead::Away(why)) => {
            tracing::info!(client = address.as_str(), %why, "can't read the document of a client");
            Ok(known.filter(|client| is_good(client, GRACE)))
        }
    }
}

async fn read(oauth: &OAuth, address: &Address) -> std::result::Result<(Document, Duration), NotRead> {
    let place = oauth.document_reads.take(address.host(), oauth.clock.uptime());
    let _place = place.ok_or_else(|| NotRead::Away("it is asked for too often".to_owned()))?;
    let answer = oauth.outbound.send(&Call::get(address.as_str(), "application/json").at_most(LARGEST)).await;
    let answer = answer.map_err(|failure| NotRead::Away(failure.to_string()))?;
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(NotRead::Away(format!("answered {}", answer.status)));
    }
    if answer.status != StatusCode::OK {
        return Err(NotRead::Wrong(format!("answered {}", answer.status)));
    }
    if !is_json(&answer.headers) {
        return Err(NotRead::Wrong("its Content-Type is not application/json".to_owned()));
    }
    let document = Document::read(address, &answer.body).map_err(NotRead::Wrong)?;
    Ok((document, kept_for(&answer.headers)))
}

/// Writes what a document says. `None` where it can't be a client, or somebody has deleted the client: that is for good.
async fn keep(
    oauth: &OAuth,
    (address, service): (&Address, ServiceId),
    known: Option<Client>,
    document: Document,
    expires_at: OffsetDateTime,
) -> Result<Option<Client>> {
    let by = By { actor: Actor::System, origin: Origin::default(), now: oauth.clock.now() };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    let written = async {
        let registration = registration(&mut tx, service, document).await?;
        let id = if let Some(client) = known {
            change::replace(&mut tx, &oauth.outbound, &client, registration).await?.id
        } else {
            gate::store::services::lock(&mut tx, service).await?;
            if let Some(forgotten) = store::make_room(&mut tx, service, MOST_CLIENTS).await? {
                let why = json!({"client_id": forgotten, "reason": "gave way to a newer document"});
                tx.tell(Event::new(Action::ClientDeleted).within(service).before(why));
            }
            let identifier = Identifier::of_document(address);
            register(&mut tx, oauth, (service, identifier), &registration, None).await?.shown.id
        };
        store::keep(&mut tx, id, expires_at).await
    };
    match written.await {
        Ok(()) => tx.commit([]).await?,
        // Somebody else has just read it, or it was deleted; or it says what no client may.
        Err(Error::Refused(refusal)) => {
            tracing::info!(client = address.as_str(), why = %refusal.detail, "a document makes no client");
            drop(tx);
        }
        Err(error) => return Err(error),
    }
    let found = clients::store::find(&mut *oauth.db.read().await?, address.as_str()).await?;
    Ok(found.filter(|client| client.document_expires_at.is_some_and(|end| oauth.clock.now() < end)))
}

/// What such a client is registered with: people are always asked, and it may ask for no more than there is in its service.
async fn registration(tx: &mut AuditedTx, service: ServiceId, document: Document) -> Result<Registration> {
    let mut new = Registration::begin(document.name, service, document.rest, None)?;
    new.consent = Consent::Ask;
    let unknown = clients::store::unknown_scopes(tx, &new.permission_scopes(), &new.audience).await?;
    new.scopes.retain(|scope| !unknown.contains(scope));
    if !unknown.is_empty() && new.permission_scopes().is_empty() {
        // It wanted some things there, of which nothing is left: that is not all.
        new.audience.clear();
    }
    Ok(new)
}
