use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Login, store};
use crate::base::error::Result;
use crate::base::id::{AuthorizationId, ClientId, PersonId, ServiceId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::oauth::OAuth;
use crate::oauth::audience::Audience;
use crate::oauth::clients::Client;

/// What a person lets a client do, from one login on. None of this changes while it lasts.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its row.
    pub id: AuthorizationId,
    /// Which client.
    pub client: ClientId,
    /// Who lets it.
    pub person: PersonId,
    /// What the ID token calls the session in the browser.
    pub sid: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The audience.
    pub services: Vec<ServiceId>,
    /// Those of these services where only what the scopes name is allowed, whatever they are called by now.
    pub narrowed: Vec<ServiceId>,
    /// Comes back in the ID token.
    pub nonce: Option<String>,
    /// The claims that were asked for one by one.
    pub claims: Option<Value>,
    /// The login.
    pub login: Login,
    /// Where the code went.
    pub redirect_uri: Option<String>,
    /// The challenge of its verifier (RFC 7636).
    pub code_challenge: Option<String>,
    /// The key that the code is bound to (RFC 9449 section 10), and then the refresh tokens of a public client (section 5).
    pub jkt: Option<String>,
    /// When the code is over.
    pub code_expires_at: Option<OffsetDateTime>,
    /// The last refresh, or the beginning.
    pub refreshed_at: OffsetDateTime,
}

impl Authorization {
    /// Whether it is good for a refresh at `now`.
    pub fn is_live(&self, oauth: &OAuth, now: OffsetDateTime) -> bool {
        now < self.ends_at(oauth)
    }

    /// When it ends unless it is refreshed.
    pub fn ends_at(&self, oauth: &OAuth) -> OffsetDateTime {
        self.login.expires_at.min(self.refreshed_at + oauth.sessions.families.idle)
    }
}

/// What an authorization's tokens are for, and what its person holds there at `now`; `None` for whom its client does not let in.
pub async fn audience_of(
    oauth: &OAuth,
    conn: &mut PgConnection,
    (client, authorization): (&Client, &Authorization),
    now: OffsetDateTime,
) -> Result<Option<Audience>> {
    let services = authorization.services.iter().copied().chain([client.service]);
    let asked: Vec<_> = services.map(|service| (authorization.person, service)).collect();
    let mut held = oauth.rights.of_all(conn, &asked, now).await?;
    let in_its_own = held.pop().unwrap_or_default();
    if !client.lets_in(&in_its_own) {
        return Ok(None);
    }
    let held = authorization.services.iter().copied().zip(held);
    Ok(Some(Audience::new(&oauth.rights.vocabulary(), held).narrowed_in(&authorization.narrowed)))
}

/// Ends an authorization and all its tokens, if it has not ended already, and tells why.
pub async fn end(
    mut tx: AuditedTx,
    authorization: &Authorization,
    client_id: &str,
    (action, reason): (Action, &str),
) -> Result<()> {
    let ended = store::authorizations::end(&mut tx, authorization.id).await?;
    let what = json!({"client_id": client_id, "authorization": authorization.id, "reason": reason});
    let event = Event::new(action).about(authorization.person).before(what);
    tx.commit(ended.then_some(event)).await
}
