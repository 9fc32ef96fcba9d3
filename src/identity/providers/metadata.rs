//! What providers tell of themselves (OpenID Connect Discovery 1.0): read when it is first needed, and again when it is old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::account::Fault;
use crate::base::id::ProviderId;
use crate::platform::cores::spawn_beside;
use crate::platform::outbound::{Call, Outbound, must_be_for_calls};

/// What was read is read anew after so long.
const FRESH: Duration = Duration::hours(1);

/// While it can't be read anew, it is good for so long.
const LONGEST: Duration = Duration::days(1);

/// A provider is asked no more often, whatever comes of it.
const PAUSE: Duration = Duration::seconds(10);

/// Where a provider is asked what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    /// Whether its answers name it (RFC 9207).
    pub names_itself: bool,
    /// Whether it takes a secret in the form alone.
    pub takes_secret_in_form: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads a provider's document: it must be its own, and lead nowhere that we don't call.
    fn read(issuer: &str, body: &[u8]) -> Result<Self, Fault> {
        let document: Document =
            serde_json::from_slice(body).map_err(|_| Fault::because("its discovery document can't be read"))?;
        if document.issuer != issuer {
            return Err(Fault::because("its discovery document is of another issuer"));
        }
        let called = [Some(&document.authorization_endpoint), Some(&document.token_endpoint), Some(&document.jwks_uri)];
        for address in called.into_iter().chain([document.userinfo_endpoint.as_ref()]).flatten() {
            must_be_for_calls(address)
                .map_err(|why| Fault(format!("its discovery document has {address}, which {why}")))?;
        }
        let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
        let takes = |method: &str| methods.iter().any(|taken| taken == method);
        Ok(Self {
            takes_secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
            names_itself: document.authorization_response_iss_parameter_supported,
            authorization_endpoint: document.authorization_endpoint,
            token_endpoint: document.token_endpoint,
            jwks_uri: document.jwks_uri,
            userinfo_endpoint: document.userinfo_endpoint,
        })
    }
}

/// What is known of all providers. A clone costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct KnownMetadata(Arc<Mutex<HashMap<ProviderId, Place>>>);

type Place = Arc<tokio::sync::Mutex<Kept>>;

#[derive(Debug, Default)]
struct Kept {
    asked_at: Option<OffsetDateTime>,
    read: Option<(OffsetDateTime, Arc<Metadata>)>,
}

impl Kept {
    fn within(&self, age: Duration, now: OffsetDateTime) -> Option<Arc<Metadata>> {
        let read = self.read.as_ref().filter(|(at, _)| (now - *at).abs() < age);
        read.map(|(_, metadata)| Arc::clone(metadata))
    }

    fn may_ask(&self, now: OffsetDateTime) -> bool {
        self.asked_at.is_none_or(|at| (now - at).abs() >= PAUSE)
    }
}

impl KnownMetadata {
    /// What a provider tells of itself.
    ///
    /// # Errors
    /// While it can't be read.
    pub async fn of(
        &self,
        outbound: &Outbound,
        (provider, issuer): (ProviderId, &str),
        now: OffsetDateTime,
    ) -> Result<Arc<Metadata>, Fault> {
        let mut kept = self.place(provider).lock_owned().await;
        if let Some(fresh) = kept.within(FRESH, now) {
            return Ok(fresh);
        }
        let absent = || Fault::because("its discovery document could not be read a moment ago");
        if !kept.may_ask(now) {
            return kept.within(LONGEST, now).ok_or_else(absent);
        }
        kept.asked_at = Some(now);
        let (outbound, issuer) = (outbound.clone(), issuer.to_owned());
        // By itself: whoever gives up meanwhile must not keep the others waiting.
        let asked = spawn_beside(async move {
            match read(&outbound, &issuer).await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    kept.read = Some((now, Arc::clone(&metadata)));
                    Ok(metadata)
                }
                Err(why) => kept.within(LONGEST, now).ok_or(why),
            }
        });
        asked.await.map_err(|_| absent())?
    }

    fn place(&self, provider: ProviderId) -> Place {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(provider).or_default())
    }
}

async fn read(outbound: &Outbound, issuer: &str) -> Result<Metadata, Fault> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let answer = outbound.send(&Call::get(&address, "application/json")).await;
    let answer = answer.map_err(|failure| Fault(format!("its discovery document can't be read: {failure}")))?;
    if answer.status != StatusCode::OK {
        return Err(Fault(format!("its discovery document was answered with {}", answer.status)));
    }
    Metadata::read(issuer, &answer.body)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn document(more: &Value) -> Result<Metadata, Fault> {
        let mut document = json!({
            "issuer": "https://a.example", "authorization_endpoint": "https://a.example/auth",
            "token_endpoint": "https://a.example/token", "jwks_uri": "https://a.example/jwks",
        });
        document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Metadata::read("https://a.example", document.to_string().as_bytes())
    }

    #[test]
    fn a_document_is_of_its_issuer_and_leads_to_https_alone() {
        assert!(document(&json!({})).is_ok());
        for bad in [
            json!({"issuer": "https://a.example/"}),
            json!({"issuer": "https://b.example"}),
            json!({"token_endpoint": "http://a.example/token"}),
            json!({"jwks_uri": "file:///etc/passwd"}),
            json!({"authorization_endpoint": "javascript:alert(1)"}),
            json!({"userinfo_endpoint": "https://u:p@a.example/"}),
            json!({"token_endpoint": null}),
        ] {
            assert!(document(&bad).is_err(), "{bad}");
        }
        let takes = |methods: Value| {
            let read = document(&json!({"token_endpoint_auth_methods_supported": methods}));
            read.map(|metadata| metadata.takes_secret_in_form)
        };
        assert_eq!(takes(json!(null)), Ok(false));
        assert_eq!(takes(json!(["client_secret_post"])), Ok(true));
        assert_eq!(takes(json!(["client_secret_post", "client_secret_basic"])), Ok(false));
    }
}
