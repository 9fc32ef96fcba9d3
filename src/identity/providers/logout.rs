//! A provider tells that somebody has logged out there (OpenID Connect Back-Channel Logout 1.0): their sessions that began there
//! end.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Kind;
use super::account::Fault;
use super::id_token::{Expected, LOGOUT_TOKEN, Logout, header, read_logout_token};
use super::store::{self, Row, sessions};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref};
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::identity::Identity;

/// Ends the sessions that a logout token of the provider of this name means; answers how many.
///
/// # Errors
/// 400 `invalid_logout_token` for whatever is not good, or was told before.
pub async fn end_by_logout_token(identity: &Identity, provider: &str, token: &str, origin: &Origin) -> Result<u64> {
    let row = store::find(&mut *identity.db.read().await?, &Ref::parse_name(provider)).await?;
    let row = row.filter(|row| row.stored.kind == Kind::Oidc).ok_or_else(invalid)?;
    let logout = match read(identity, &row, token).await {
        Ok(logout) => logout,
        Err(why) => {
            tracing::warn!(provider = row.stored.name, %why, "a logout token is refused");
            return Err(invalid());
        }
    };
    let now = identity.clock.now();
    let by = By { actor: Actor::System, origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    let jti: [u8; 32] = Sha256::digest(logout.jti.as_bytes()).into();
    if !sessions::spend_logout(&mut tx, row.id, &jti, (now, logout.expires_at)).await? {
        return Err(invalid());
    }
    let which = (logout.subject.as_deref(), logout.sid.as_deref());
    sessions::forget_pending(&mut tx, row.id, which).await?;
    let mut people: Vec<PersonId> =
        sessions::of_account(&mut tx, row.id, which).await?.iter().map(|s| s.person).collect();
    people.dedup();
    gate::store::people::lock_all(&mut tx, &people).await?;
    let begun = sessions::of_account(&mut tx, row.id, which).await?;
    let ended = sessions::end(&mut tx, &begun).await?;
    for session in begun {
        let before = json!({"session_id": session.token.session_id()});
        let after = json!({"reason": "logged out at the provider", "provider": row.stored.name});
        tx.tell(Event::new(Action::SessionRevoked).about(session.person).before(before).after(after));
    }
    tx.commit([]).await?;
    Ok(ended)
}

async fn read(identity: &Identity, row: &Row, token: &str) -> std::result::Result<Logout, Fault> {
    let (now, stored) = (identity.clock.now(), &row.stored);
    let header = header(token, LOGOUT_TOKEN)?;
    let known = &identity.providers.metadata;
    let metadata = known.of(&identity.outbound, (row.id, &stored.issuer), now).await?;
    let keys = identity.providers.keys.of(&identity.outbound, (row.id, &metadata.jwks_uri), header.kid.as_deref(), now);
    let keys = keys.await.ok_or_else(|| Fault::because("its keys can't be read"))?;
    let expected = Expected { issuer: &stored.issuer, client_id: &stored.client_id, now };
    read_logout_token((&keys, &header, token), &expected)
}

fn invalid() -> Error {
    Error::bad_request(
        "invalid_logout_token",
        "`logout_token` is not one of this provider's for this server, is over, or came before",
    )
}
