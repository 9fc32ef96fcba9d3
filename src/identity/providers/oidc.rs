//! A login by OpenID Connect: the authorization code flow with PKCE (RFC 7636) and a nonce.

use axum::http::StatusCode;
use base64ct::{Base64, Encoding};
use form_urlencoded::Serializer;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::account::{Account, Fault};
use super::id_token::{Expected, ID_TOKEN, header, read_id_token};
use super::metadata::Metadata;
use super::{Partner, Proofs};
use crate::base::secret::Secret;
use crate::identity::Identity;
use crate::platform::outbound::{Answer, Call};

/// What else is asked of a provider.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// That they log in anew.
    pub anew: bool,
    /// How old their login there may be, in seconds.
    pub max_age: Option<i64>,
    /// Who they probably are.
    pub login_hint: Option<String>,
}

/// The address that a browser is sent to.
pub fn address(metadata: &Metadata, partner: &Partner, proofs: &Proofs, wishes: &Wishes) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("response_type", "code");
    query.append_pair("client_id", &partner.client_id);
    query.append_pair("redirect_uri", &partner.redirect_uri);
    query.append_pair("scope", &partner.scopes.join(" "));
    query.append_pair("state", proofs.state.expose());
    query.append_pair("nonce", &proofs.nonce());
    query.append_pair("code_challenge", &proofs.challenge());
    query.append_pair("code_challenge_method", "S256");
    if wishes.anew {
        query.append_pair("prompt", "login");
    }
    if let Some(age) = wishes.max_age {
        query.append_pair("max_age", &age.to_string());
    }
    if let Some(hint) = &wishes.login_hint {
        query.append_pair("login_hint", hint);
    }
    with_query(&metadata.authorization_endpoint, &query.finish())
}

/// An address with this query, besides the one that it may have.
pub(super) fn with_query(address: &str, query: &str) -> String {
    let sign = if address.contains('?') { '&' } else { '?' };
    format!("{address}{sign}{query}")
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// Exchanges a code for what the provider says of who has brought it.
///
/// # Errors
/// For whatever is not as it must be.
pub async fn redeem(
    identity: &Identity,
    metadata: &Metadata,
    (partner, proofs): (&Partner, &Proofs),
    code: &str,
) -> Result<Account, Fault> {
    let tokens: Tokens = {
        let answer = ask_for_tokens(identity, metadata, (partner, proofs), code).await?;
        serde_json::from_slice(&answer.body).map_err(|_| Fault::because("its answer has no ID token"))?
    };
    let now = identity.clock.now();
    let header = header(&tokens.id_token, ID_TOKEN)?;
    let keys =
        identity.providers.keys.of(&identity.outbound, (partner.id, &metadata.jwks_uri), header.kid.as_deref(), now);
    let keys = keys.await.ok_or_else(|| Fault::because("its keys can't be read"))?;
    let expected = Expected { issuer: &partner.issuer, client_id: &partner.client_id, now };
    let claims = read_id_token((&keys, &header, &tokens.id_token), &expected, &proofs.nonce())?;
    let claims = match (&metadata.userinfo_endpoint, tokens.access_token) {
        (Some(endpoint), Some(token)) if partner.wants.iter().any(|claim| lacks(&claims, claim)) => {
            with_userinfo(identity, claims, endpoint, &token.into()).await?
        }
        _ => claims,
    };
    Account::of(claims)
}

fn lacks(claims: &Map<String, Value>, claim: &str) -> bool {
    !claims.contains_key(claim) && !claim.split('.').next().is_some_and(|first| claims.contains_key(first))
}

async fn ask_for_tokens(
    identity: &Identity,
    metadata: &Metadata,
    (partner, proofs): (&Partner, &Proofs),
    code: &str,
) -> Result<Answer, Fault> {
    let in_header = partner.secret.as_ref().filter(|_| !metadata.takes_secret_in_form);
    let form = form((partner, proofs), code, in_header.is_none());
    let call = Call::post_form(&metadata.token_endpoint, form).accepting("application/json");
    let call = match in_header {
        Some(secret) => call.authorized(basic(&partner.client_id, secret.expose())),
        None => call,
    };
    let answer = identity.outbound.send(&call).await;
    let answer = answer.map_err(|failure| Fault(format!("its token endpoint does not answer: {failure}")))?;
    if answer.status == StatusCode::OK { Ok(answer) } else { Err(refused("its token endpoint", &answer)) }
}

fn form((partner, proofs): (&Partner, &Proofs), code: &str, says_who_asks: bool) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code");
    form.append_pair("code", code);
    form.append_pair("redirect_uri", &partner.redirect_uri);
    form.append_pair("code_verifier", &proofs.verifier());
    if says_who_asks {
        form.append_pair("client_id", &partner.client_id);
    }
    if let Some(secret) = partner.secret.as_ref().filter(|_| says_who_asks) {
        form.append_pair("client_secret", secret.expose());
    }
    form.finish()
}

/// HTTP Basic as OAuth has it (RFC 6749 section 2.3.1): both parts are encoded as forms are.
fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    format!("Basic {}", Base64::encode_string(pair.as_bytes()))
}

/// Adds what the ID token does not say. The subject must be the same (OpenID Connect Core section 5.3.2).
async fn with_userinfo(
    identity: &Identity,
    claims: Map<String, Value>,
    endpoint: &str,
    token: &Secret,
) -> Result<Map<String, Value>, Fault> {
    let call = Call::get(endpoint, "application/json").authorized(format!("Bearer {}", token.expose()));
    let answer = identity.outbound.send(&call).await;
    let answer = answer.map_err(|failure| Fault(format!("its userinfo endpoint does not answer: {failure}")))?;
    if answer.status != StatusCode::OK {
        return Err(refused("its userinfo endpoint", &answer));
    }
    let mut told: Map<String, Value> =
        serde_json::from_slice(&answer.body).map_err(|_| Fault::because("its userinfo can't be read"))?;
    if told.get("sub") != claims.get("sub") {
        return Err(Fault::because("its userinfo is of somebody else"));
    }
    // What is signed counts.
    told.extend(claims);
    Ok(told)
}

/// What a refusal says, as far as it is safe to log: the code alone.
pub(super) fn refused(what: &str, answer: &Answer) -> Fault {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let code = serde_json::from_slice::<Refusal>(&answer.body).map(|refusal| refusal.error).unwrap_or_default();
    let code: String = code.chars().filter(char::is_ascii_graphic).take(80).collect();
    Fault(format!("{what} answered {} {code}", answer.status.as_u16()))
}
