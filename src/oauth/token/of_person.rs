//! What all grants for a person have in common: the tokens of an authorization.

use serde_json::Map;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::answer::IssuedTokens;
use super::scope::requested;
use crate::base::id::AuthorizationId;
use crate::base::opaque::oauth::{ClientRefreshHash, ClientRefreshToken};
use crate::oauth::OAuth;
use crate::oauth::claims::{self, Place};
use crate::oauth::clients::Client;
use crate::oauth::dpop::Thumbprint;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::oauth::scopes::{OPENID, written};
use crate::oauth::tokens::store::refresh_tokens;
use crate::oauth::tokens::{
    Authorization, Grant, Minted, Subject, audience_of, id_token, issue, mint, while_administrator,
};

/// Tokens that are good once the access token and the refresh token are stored.
pub(super) struct Prepared {
    pub(super) access: Minted,
    pub(super) refresh: Option<ClientRefreshToken>,
    id_token: Option<String>,
    scope: String,
}

impl Prepared {
    /// Stores them, in the transaction of what they come of: the refresh token in the place of `parent`, if it has one. Answers
    /// whether they are good: not when the client has changed, or the client or the person has ended meanwhile.
    pub(super) async fn store(
        &self,
        conn: &mut PgConnection,
        authorization: AuthorizationId,
        parent: Option<ClientRefreshHash>,
        now: OffsetDateTime,
    ) -> Result<bool> {
        if !issue(conn, self.access.new.clone()).await? {
            return Ok(false);
        }
        if let Some(refresh) = &self.refresh {
            refresh_tokens::insert(conn, authorization, refresh.hash(), parent, now).await?;
        }
        Ok(true)
    }

    /// When all that they come of is over unless it is refreshed.
    pub(super) fn outlived_at(&self, oauth: &OAuth, now: OffsetDateTime) -> OffsetDateTime {
        let access = self.access.new.expires_at;
        if self.refresh.is_some() { access.max(now + oauth.sessions.families.idle) } else { access }
    }

    /// What the client is answered.
    pub(super) fn answer(self) -> IssuedTokens {
        IssuedTokens {
            expires_in: self.access.expires_in(),
            token_type: self.access.token_type(),
            access_token: self.access.text,
            scope: self.scope,
            refresh_token: self.refresh.map(|token| token.reveal().to_owned()),
            id_token: self.id_token,
            issued_token_type: None,
        }
    }
}

/// What comes back in the first ID token alone.
#[derive(Clone, Copy)]
pub(super) enum Nonce {
    Told,
    Left,
}

/// Signs what an authorization gives: less, where the request asks for less or the person holds less by now. Before any
/// transaction begins, since keys may have to be read.
///
/// # Errors
/// 400 `invalid_scope`, `invalid_target` for more than was granted, `invalid_grant` for whom the client lets in no longer.
pub(super) async fn prepare(
    oauth: &OAuth,
    client: &Client,
    authorization: &Authorization,
    (form, jkt): (&Form, Option<&Thumbprint>),
    (nonce, with_refresh): (Nonce, bool),
    now: OffsetDateTime,
) -> Result<Prepared> {
    let granted = &authorization.scopes;
    let asked = match form.get("scope") {
        Some(scope) => requested(scope, granted)?,
        None => granted.clone(),
    };
    let is_openid = asked.iter().any(|scope| scope == OPENID);
    let mut conn = oauth.db.read().await?;
    let audience = audience_of(oauth, &mut conn, (client, authorization), now).await?;
    let audience = audience.ok_or_else(|| Error::invalid_grant("this client does not let them in"))?;
    let told = match authorization.claims.as_ref().filter(|_| is_openid) {
        Some(wanted) => claims::asked(&mut conn, authorization.person, wanted, Place::IdToken).await?,
        None => Map::new(),
    };
    let audience = audience.narrowed(&oauth.issuer, form.all("resource"))?;
    // The client may have come to have permissions since it was granted all of a service.
    let (audience, scopes) = audience.granted(&[&granted[..], &client.scopes].concat(), &asked);
    let scopes = while_administrator(&mut conn, authorization.person, scopes, now).await?;
    drop(conn);
    let subject = Subject::Person(authorization.person);
    let login = Some(&authorization.login);
    let grant = Grant { client, subject, audience: &audience, scopes: &scopes, login, jkt };
    let access = mint(oauth, &grant, now).await?;
    let id_token = if is_openid {
        let nonce = authorization.nonce.as_deref().filter(|_| matches!(nonce, Nonce::Told));
        Some(id_token(oauth, &grant, &access, (nonce, authorization.sid.as_deref()), told, now).await?)
    } else {
        None
    };
    let refresh = if with_refresh { Some(oauth.generate(now)?) } else { None };
    Ok(Prepared { access, refresh, id_token, scope: written(&scopes) })
}

/// Refuses (400 `invalid_grant`) what is bound to a key to whoever does not prove to have it (RFC 9449 sections 5 and 10).
pub(super) fn must_have_key(authorization: &Authorization, jkt: Option<&Thumbprint>) -> Result<()> {
    match (authorization.jkt.as_deref(), jkt) {
        (None, _) => Ok(()),
        (Some(bound), Some(key)) if bound == key.as_str() => Ok(()),
        (Some(_), Some(_)) => Err(Error::invalid_grant("the DPoP proof is not by the key that this is bound to")),
        (Some(_), None) => Err(Error::invalid_grant("this is bound to a key: send a DPoP proof by it (RFC 9449)")),
    }
}
