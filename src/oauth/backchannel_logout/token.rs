use serde::Serialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::store::Claimed;
use crate::base::error::Result;
use crate::oauth::OAuth;
use crate::oauth::keys::TokenType;

/// A logout token is good for so long (section 2.4 recommends two minutes at most).
const LIFETIME: Duration = Duration::minutes(2);

/// The event that it tells of.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token says (section 2.4): never a `nonce`, so that it is no ID token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    events: Value,
    sid: &'a str,
}

/// One more logout token: each try has its own.
pub(super) async fn logout_token(oauth: &OAuth, logout: &Claimed, now: OffsetDateTime) -> Result<String> {
    let claims = Claims {
        iss: oauth.issuer.as_str(),
        sub: logout.person.to_string(),
        aud: &logout.client_id,
        iat: now.unix_timestamp(),
        exp: (now + LIFETIME).unix_timestamp(),
        jti: hex::encode(oauth.random_id()?),
        events: json!({EVENT: {}}),
        sid: &logout.sid,
    };
    oauth.keys.sign(&oauth.db, (logout.signing_alg, TokenType::Logout), &claims, now).await
}
