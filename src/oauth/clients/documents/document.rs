//! What a document says of its client, as far as it may say it.

use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Map, Value, json};
use time::Duration;

use super::Address;
use crate::oauth::clients::described::{self, GRANTS};
use crate::oauth::clients::{ClientChange, ClientName, GrantType};

/// A document is read anew after so long, if it says nothing, and in any case after no less and no more.
const KEPT: Duration = Duration::hours(1);
const LEAST: Duration = Duration::minutes(5);
const MOST: Duration = Duration::days(1);

/// What a document says.
#[derive(Debug)]
pub(super) struct Document {
    pub name: ClientName,
    pub rest: ClientChange,
}

impl Document {
    /// Reads the document at an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(address: &Address, body: &[u8]) -> Result<Self, String> {
        let said: Result<Map<String, Value>, _> = serde_json::from_slice(body);
        let mut said = said.map_err(|_| "is not a JSON object".to_owned())?;
        if said.get("client_id").and_then(Value::as_str) != Some(address.as_str()) {
            return Err("has another client_id than its address".to_owned());
        }
        if said.contains_key("client_secret") || said.contains_key("client_secret_expires_at") {
            return Err("has a secret, which is none for all the world to read".to_owned());
        }
        let method = said.get("token_endpoint_auth_method").and_then(Value::as_str);
        let has_keys = ["jwks", "jwks_uri"].iter().any(|member| said.get(*member).is_some_and(|set| !set.is_null()));
        match (method, has_keys) {
            (Some("private_key_jwt"), _) => {}
            (Some("none"), _) | (None, false) => {
                said.remove("jwks");
                said.remove("jwks_uri");
                said.insert("token_endpoint_auth_method".to_owned(), json!("none"));
            }
            (None, true) => {
                said.insert("token_endpoint_auth_method".to_owned(), json!("private_key_jwt"));
            }
            (Some(_), _) => return Err("proves itself by a secret: it may by none, or by private_key_jwt".to_owned()),
        }
        // It is written for all servers: what is not for this one is left out, not refused.
        if let Some(Value::Array(grants)) = said.get_mut("grant_types") {
            grants.retain(|grant| GRANTS.iter().any(|known: &GrantType| grant == known.as_str()));
        }
        said.remove("response_types");
        let mut rest = described::read(&said).map_err(|error| error.to_string())?;
        let name = rest.client_name.take().or_else(|| address.host().to_owned().try_into().ok());
        Ok(Self { name: name.ok_or("has no client_name")?, rest })
    }
}

/// How long an answer may be kept (RFC 9111), within limits of our own.
pub(super) fn kept_for(headers: &HeaderMap) -> Duration {
    let said = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> =
        said.flat_map(|value| value.split(',')).map(|one| one.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|one| one == "no-store" || one == "no-cache") {
        return LEAST;
    }
    let seconds = directives.iter().find_map(|one| one.strip_prefix("max-age=")?.parse::<u32>().ok());
    seconds.map_or(KEPT, |seconds| Duration::seconds(seconds.into()).clamp(LEAST, MOST))
}

/// Whether an answer says that it is JSON: a place where anybody may leave texts does not.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::clients::AuthMethod;

    const ADDRESS: &str = "https://app.example/client.json";

    fn read(changes: &Value) -> Result<Document, String> {
        let mut said = json!({"client_id": ADDRESS, "redirect_uris": ["https://app.example/cb"]});
        for (member, value) in changes.as_object().expect("members") {
            said[member] = value.clone();
        }
        Document::read(&Address::read(ADDRESS).expect("an address"), said.to_string().as_bytes())
    }

    #[test]
    fn a_document_is_of_its_address_and_has_no_secrets() {
        let plain = read(&json!({})).expect("a document");
        assert_eq!(plain.rest.token_endpoint_auth_method, Some(AuthMethod::None));
        assert_eq!(String::from(plain.name), "app.example");
        let signing = read(&json!({"jwks_uri": "https://app.example/keys"})).expect("a document");
        assert_eq!(signing.rest.token_endpoint_auth_method, Some(AuthMethod::PrivateKeyJwt));
        let many = read(&json!({"grant_types": ["authorization_code", "implicit", "client_credentials"]}));
        assert_eq!(many.expect("a document").rest.grant_types, Some(vec![GrantType::AuthorizationCode]));
        for bad in [
            json!({"client_id": "https://app.example/other.json"}),
            json!({"client_id": "https://app.example/client.json/"}),
            json!({"client_id": null}),
            json!({"client_secret": "s3cret"}),
            json!({"client_secret_expires_at": 0}),
            json!({"token_endpoint_auth_method": "client_secret_basic"}),
            json!({"token_endpoint_auth_method": "client_secret_jwt"}),
            json!({"redirect_uris": "https://app.example/cb"}),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
        assert!(Document::read(&Address::read(ADDRESS).expect("an address"), b"[]").is_err());
    }

    #[test]
    fn a_document_is_kept_as_it_says_within_limits() {
        let kept = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CACHE_CONTROL, axum::http::HeaderValue::from_static(value));
            kept_for(&headers)
        };
        assert_eq!(kept_for(&HeaderMap::new()), Duration::hours(1));
        assert_eq!(kept("public, max-age=7200"), Duration::hours(2));
        assert_eq!(kept("max-age=1"), Duration::minutes(5));
        assert_eq!(kept("max-age=4000000000"), Duration::days(1));
        assert_eq!(kept("no-store, max-age=7200"), Duration::minutes(5));
    }
}
