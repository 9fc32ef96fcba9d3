//! A login by GitHub's OAuth, which knows no ID token: who it is, its API says.

use axum::http::StatusCode;
use form_urlencoded::Serializer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::account::{Account, Fault};
use super::oidc::refused;
use super::{Partner, Proofs};
use crate::base::secret::Secret;
use crate::identity::Identity;
use crate::platform::outbound::Call;

/// Everybody's GitHub, whose API has a host of its own.
const EVERYBODYS: &str = "https://github.com";

/// The address that a browser is sent to.
pub fn address(partner: &Partner, proofs: &Proofs) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("response_type", "code");
    query.append_pair("client_id", &partner.client_id);
    query.append_pair("redirect_uri", &partner.redirect_uri);
    query.append_pair("scope", &partner.scopes.join(" "));
    query.append_pair("state", proofs.state.expose());
    query.append_pair("code_challenge", &proofs.challenge());
    query.append_pair("code_challenge_method", "S256");
    format!("{}/login/oauth/authorize?{}", site(partner), query.finish())
}

fn site(partner: &Partner) -> &str {
    partner.issuer.trim_end_matches('/')
}

fn api(partner: &Partner) -> String {
    match site(partner) {
        EVERYBODYS => "https://api.github.com".to_owned(),
        own => format!("{own}/api/v3"),
    }
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

/// Exchanges a code for what GitHub says of who has brought it.
///
/// # Errors
/// For whatever is not as it must be.
pub async fn redeem(identity: &Identity, (partner, proofs): (&Partner, &Proofs), code: &str) -> Result<Account, Fault> {
    let token = exchange(identity, (partner, proofs), code).await?;
    let api = api(partner);
    let mut claims: Map<String, Value> = get(identity, &format!("{api}/user"), &token).await?;
    // A number that is never given twice: usernames are.
    let id = claims.get("id").and_then(Value::as_u64).ok_or_else(|| Fault::because("its user has no id"))?;
    let login = claims.get("login").cloned().unwrap_or_default();
    // What the profile says of an address is for show.
    claims.remove("email");
    claims.remove("email_verified");
    claims.extend([("sub".to_owned(), json!(id.to_string())), ("preferred_username".to_owned(), login)]);
    if partner.scopes.iter().any(|scope| scope == "user:email" || scope == "user") {
        let addresses: Vec<Address> = get(identity, &format!("{api}/user/emails"), &token).await?;
        if let Some(address) = addresses.into_iter().find(|address| address.primary) {
            claims.extend([
                ("email".to_owned(), json!(address.email)),
                ("email_verified".to_owned(), json!(address.verified)),
            ]);
        }
    }
    for of_oidc in ["amr", "auth_time", "sid"] {
        claims.remove(of_oidc);
    }
    Account::of(claims)
}

async fn exchange(identity: &Identity, (partner, proofs): (&Partner, &Proofs), code: &str) -> Result<Secret, Fault> {
    let address = format!("{}/login/oauth/access_token", site(partner));
    let call = Call::post_form(&address, form((partner, proofs), code)).accepting("application/json");
    let answer = identity.outbound.send(&call).await;
    let answer = answer.map_err(|failure| Fault(format!("its token endpoint does not answer: {failure}")))?;
    // It answers 200 to what it refuses, too.
    match serde_json::from_slice::<Tokens>(&answer.body) {
        Ok(tokens) if answer.status == StatusCode::OK => Ok(tokens.access_token.into()),
        _ => Err(refused("its token endpoint", &answer)),
    }
}

fn form((partner, proofs): (&Partner, &Proofs), code: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("client_id", &partner.client_id);
    if let Some(secret) = &partner.secret {
        form.append_pair("client_secret", secret.expose());
    }
    form.append_pair("code", code);
    form.append_pair("redirect_uri", &partner.redirect_uri);
    form.append_pair("code_verifier", &proofs.verifier());
    form.finish()
}

async fn get<T: DeserializeOwned>(identity: &Identity, address: &str, token: &Secret) -> Result<T, Fault> {
    let call = Call::get(address, "application/vnd.github+json").authorized(format!("Bearer {}", token.expose()));
    let answer = identity.outbound.send(&call).await;
    let answer = answer.map_err(|failure| Fault(format!("its API does not answer: {failure}")))?;
    if answer.status != StatusCode::OK {
        return Err(refused("its API", &answer));
    }
    serde_json::from_slice(&answer.body).map_err(|_| Fault::because("its API says what can't be read"))
}
