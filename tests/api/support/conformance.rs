//! What is true of every answer, held against every answer of every test: it is documented with its status and code,
//! has the documented shape, has the headers that each or its kind must have, and shows no secret.

use axum::http::{HeaderMap, Method};
use serde_json::Value;

use super::caller::Response;
use super::document::{self, Operation};
use super::schema;
use super::secrets::Secrets;

#[track_caller]
pub fn check(method: &Method, path: &str, response: &Response, secrets: &Secrets) {
    let context = format!("{method} {path} answered {} {}", response.status, response.text);
    assert_ne!(response.status, 500, "{context}");
    check_headers(path, response, &context);
    let operation = document::operation(method, path);
    let media = response.header("content-type");
    if is_page(response) {
        check_page(response, &context);
    } else if response.status >= 400 {
        if operation.is_some_and(Operation::is_of_oauth) && media == "application/json" {
            check_error_of_oauth(response, &context);
        } else {
            check_problem(response, &context);
        }
    }
    if let Some(operation) = operation {
        check_documented(operation, response, &context);
    }
    check_secrecy(method, path, response, secrets);
}

fn is_page(response: &Response) -> bool {
    response.header("content-type").starts_with("text/html")
}

/// What a browser must be told of every page, and that none has a script but that for passkeys, where its policy allows it.
fn check_page(response: &Response, context: &str) {
    if context.starts_with("GET /docs") {
        return;
    }
    let policy = response.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"),
        "{context}"
    );
    let ending = "; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
    assert!(policy.ends_with(ending), "{context}");
    assert_eq!(response.header("referrer-policy"), "no-referrer", "{context}");
    assert_eq!(response.header("x-frame-options"), "DENY", "{context}");
    let tags = response.text.split('<').filter_map(|tag| tag.split('>').next());
    let active = tags.map(str::to_lowercase).find(|tag| {
        tag.starts_with("script") && !(tag.contains("/pages/passkey.js?v=") && policy.contains("; script-src 'self'; "))
            || [" style=", " onload=", " onclick=", "javascript:"].iter().any(|it| tag.contains(it))
    });
    assert_eq!(active, None, "{context}");
}

fn check_headers(path: &str, response: &Response, context: &str) {
    let id = response.header("x-request-id");
    // Decisions are asked under ids of whoever asks.
    let is_of_caller = path.starts_with("/access/v1/") && (1..=128).contains(&id.len());
    let is_ours = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(is_ours || is_of_caller, "x-request-id: {context}");
    assert_eq!(response.header("x-content-type-options"), "nosniff", "{context}");
    let kept = match path {
        path if path.starts_with("/.well-known/") && [200, 304].contains(&response.status) => "public, max-age=300",
        path if path.starts_with("/pages/") && [200, 304].contains(&response.status) => {
            "public, max-age=31536000, immutable"
        }
        _ => "no-store",
    };
    assert_eq!(response.header("cache-control"), kept, "{context}");
    let later = [429, 503].contains(&response.status);
    assert_eq!(later, response.headers.contains_key("retry-after"), "Retry-After: {context}");
    assert!(!later || response.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{context}");
    // How many somebody has at once is no rate.
    let is_rate = response.status == 429 && response.error() != "too_many_at_once" && !is_page(response);
    assert!(!is_rate || response.headers.contains_key("ratelimit"), "RateLimit: {context}");
    assert!(response.status != 405 || response.headers.contains_key("allow"), "Allow: {context}");
    let challenge = response.header("www-authenticate");
    let challenges = ["Bearer", "Basic", "DPoP"]
        .iter()
        .map(|scheme| format!("{scheme} realm=\"portero\""))
        .any(|one| challenge.starts_with(&one));
    // RFC 9470.
    let is_old = challenge.contains(r#"error="insufficient_user_authentication""#);
    assert!(!is_old || response.error() == "reauthentication_required", "{challenge}: {context}");
    let wants_more = response.error() == "insufficient_scope" || is_old;
    assert_eq!(response.status == 401 || wants_more, challenges, "{challenge}: {context}");
    // A device's code expires, too, and is no credential (RFC 8628 section 3.5).
    let is_a_poll = response.status == 400 && response.error() == "expired_token";
    let presented = ["invalid_token", "expired_token"].contains(&response.error()) && !is_a_poll;
    assert_eq!(presented, challenge.contains(r#"error="invalid_token""#), "{challenge}: {context}");
}

/// RFC 9457, and the contract's `error` and `detail`.
fn check_problem(response: &Response, context: &str) {
    assert_eq!(response.header("content-type"), "application/problem+json", "{context}");
    assert_eq!(response.body["status"], response.status, "{context}");
    assert_eq!(response.body["request_id"], response.header("x-request-id"), "{context}");
    for member in ["error", "detail", "type", "title"] {
        assert!(response.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {context}");
    }
    if response.status >= 500 {
        for leak in ["select", "auth.", "sqlx", "panicked", "src/"] {
            assert!(!response.text.contains(leak), "{leak}: {context}");
        }
    }
}

/// RFC 6749 section 5.2.
fn check_error_of_oauth(response: &Response, context: &str) {
    for member in ["error", "error_description"] {
        let text = response.body[member].as_str().unwrap_or_default();
        let is_allowed = text.chars().all(|c| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~'));
        assert!(!text.is_empty() && is_allowed, "{member}: {context}");
    }
    for leak in ["select", "sqlx", "panicked", "src/"] {
        assert!(!response.text.contains(leak), "{leak}: {context}");
    }
}

fn check_documented(operation: &Operation, response: &Response, context: &str) {
    let documented = &operation.json["responses"][response.status.to_string()];
    assert!(documented.is_object(), "the document of {operation} lacks this status: {context}");
    if (300..400).contains(&response.status) {
        return;
    }
    if response.status >= 400 && !is_page(response) {
        let codes = operation.codes(response.status);
        assert!(codes.iter().any(|code| code == response.error()), "{operation} documents {codes:?}: {context}");
    }
    let media = response.header("content-type").split(';').next().unwrap_or_default();
    if response.text.is_empty() && documented.get("content").is_none() {
        return;
    }
    let shape = &documented["content"][media];
    assert!(shape.is_object(), "the document of {operation} lacks `{media}`: {context}");
    if media.ends_with("json")
        && let Err(fault) = schema::validate(&shape["schema"], &response.body)
    {
        panic!("the document of {operation} says otherwise: {fault}: {context}");
    }
}

/// Which fields of an answer reveal a secret: its own, new one.
fn revealing(method: &Method, path: &str) -> &'static [&'static str] {
    match (method.as_str(), path) {
        ("POST", "/auth/login" | "/auth/passkeys/login" | "/auth/register" | "/auth/refresh") => {
            &["token", "refresh_token", "mfa_token"]
        }
        ("POST", "/auth/mfa") => &["token", "refresh_token", "device_token", "recovery_codes"],
        ("POST", "/auth/mfa/enrol" | "/auth/me/factors") => &["secret"],
        ("POST", "/auth/me/passkeys" | "/auth/me/recovery-codes") => &["recovery_codes"],
        ("POST", path) if path.starts_with("/auth/me/factors/") => &["recovery_codes"],
        ("POST", "/oauth/token" | "/api/v1/token") => &["access_token", "refresh_token", "id_token"],
        ("POST", "/oauth/device_authorization") => &["device_code"],
        ("POST", "/invitations") => &["invitation"],
        ("POST", "/auth/setup") => &["password"],
        ("POST", "/oauth/register") => &["client_secret", "registration_access_token"],
        ("GET" | "PUT", path) if path.starts_with("/oauth/register/") => {
            &["client_secret", "registration_access_token"]
        }
        ("POST", path) if path.ends_with("/registration-tokens") => &["initial_access_token"],
        ("POST", path) if path.starts_with("/services/") && path.ends_with("/keys") => &["key"],
        ("POST", "/auth/me/keys") => &["key"],
        ("POST", path) if path.starts_with("/robots/") && path.ends_with("/keys") => &["key"],
        ("POST", "/clients" | "/api/v1/client") => &["client_secret"],
        ("POST", path) if path.starts_with("/clients/") && path.ends_with("/secrets") => &["client_secret"],
        _ => &[],
    }
}

/// Secrets are revealed once, to whom they are for.
fn check_secrecy(method: &Method, path: &str, response: &Response, secrets: &Secrets) {
    let mut shown = response.text.clone();
    let new = revealing(method, path).iter().flat_map(|field| texts(&response.body[field]));
    let new: Vec<&str> = new.collect();
    for secret in &new {
        shown = shown.replace(secret, "");
    }
    if is_page(response) && OF_MAILS.iter().any(|page| path.starts_with(page)) {
        shown = without_value(&without_field(&shown, "token"), "?invitation=");
    }
    if is_page(response) && path.starts_with("/login") {
        shown = without_field(&shown, "mfa_token");
    }
    if path != "/openapi.json" && !path.starts_with("/docs") {
        let all = shown + &spelled(&response.headers);
        assert_eq!(secrets.shown_in(&all), None, "{method} {path} shows a secret");
    }
    for secret in new {
        secrets.add(secret);
    }
}

/// Where the links of mails lead: these pages carry the token on to their forms.
const OF_MAILS: [&str; 3] = ["/reset-password", "/verify-email", "/register"];

/// One text, or several.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().chain([value]).filter_map(Value::as_str)
}

fn without_field(page: &str, name: &str) -> String {
    without_value(page, &format!(r#"name="{name}" value=""#))
}

/// Without what stands between this and the next quotation mark.
fn without_value(page: &str, beginning: &str) -> String {
    let Some((before, rest)) = page.split_once(beginning) else { return page.to_owned() };
    let (_, after) = rest.split_once('"').unwrap_or_default();
    format!("{before}{after}")
}

fn spelled(headers: &HeaderMap) -> String {
    headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()) + "\n").collect()
}
