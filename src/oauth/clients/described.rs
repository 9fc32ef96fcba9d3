//! What a program says of itself, in the words of RFC 7591 section 2: what we know of it is taken, the rest is ignored.

use serde_json::{Map, Value};

use super::{ClientChange, GrantType};
use crate::base::error::{Error, Result};
use crate::oauth::keys::Algorithm;
use crate::platform::http::fault;

/// The members that are read.
const READ: [&str; 12] = [
    "client_name",
    "token_endpoint_auth_method",
    "grant_types",
    "redirect_uris",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "scope",
    "id_token_signed_response_alg",
    "dpop_bound_access_tokens",
    "require_pushed_authorization_requests",
    "jwks",
    "jwks_uri",
];

/// How a client may get tokens that nobody here has registered: only by people who agree.
pub const GRANTS: [GrantType; 3] = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];

/// Reads what is said. Null is as good as left out.
///
/// # Errors
/// 400 `invalid_request_body`, which names a member at fault.
pub fn read(said: &Map<String, Value>) -> Result<ClientChange> {
    let is_read = |(name, value): &(&String, &Value)| READ.contains(&name.as_str()) && !value.is_null();
    let known: Map<String, Value> =
        said.iter().filter(is_read).map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut change: ClientChange = serde_path_to_error::deserialize(Value::Object(known))
        .map_err(|error| Error::invalid_field(&error.path().to_string(), &fault(error.inner(), b"null")))?;
    if let Some(types) = said.get("response_types").filter(|types| !types.is_null())
        && !types.as_array().is_some_and(|types| types.iter().all(|one| one == "code"))
    {
        return Err(Error::invalid_field("response_types", "must be a list with `code` alone"));
    }
    let other = change.grant_types.iter().flatten().find(|grant| !GRANTS.contains(grant));
    if let Some(other) = other {
        let fault = format!("`{}` is for clients that an administrator registers", other.as_str());
        return Err(Error::invalid_field("grant_types", &fault));
    }
    // As OpenID Connect Registration section 2 has it.
    change.id_token_signed_response_alg.get_or_insert(Algorithm::RS256);
    Ok(change)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(said: &Value) -> std::result::Result<ClientChange, String> {
        read(said.as_object().expect("an object")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_unknown_is_ignored_and_what_is_wrong_is_named() {
        let said = json!({
            "client_name": "Wiki", "redirect_uris": ["https://wiki.example/cb"], "response_types": ["code"],
            "client_uri": "https://wiki.example/", "contacts": 7, "consent": "none", "who_may_use": "everybody",
            "audience": [1], "jwks": null,
        });
        let read = read_all(&said).expect("metadata");
        assert_eq!((read.consent, read.audience.is_some(), read.who_may_use), (None, false, None), "not theirs to say");
        assert_eq!(read.id_token_signed_response_alg, Some(Algorithm::RS256));
        for (member, value) in [
            ("redirect_uris", json!("https://wiki.example/cb")),
            ("grant_types", json!(["client_credentials"])),
            ("grant_types", json!(["password"])),
            ("grant_types", json!(["implicit"])),
            ("response_types", json!(["token"])),
            ("response_types", json!("code")),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("client_name", json!("")),
        ] {
            let refused = read_all(&json!({member: value})).expect_err("a fault");
            assert!(refused.contains(member), "{member}: {refused}");
        }
    }
}
