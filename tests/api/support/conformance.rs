//! What is true of every answer, held against every answer of every test: it is documented with its status and code,
//! has the documented shape, has the headers that each or its kind must have, and shows no secret.

use axum::http::{HeaderMap, Method};

use super::caller::Response;
use super::document::{self, Operation};
use super::schema;
use super::secrets::Secrets;

#[track_caller]
pub fn check(method: &Method, path: &str, response: &Response, secrets: &Secrets) {
    let context = format!("{method} {path} answered {} {}", response.status, response.text);
    assert_ne!(response.status, 500, "{context}");
    check_headers(response, &context);
    if response.status >= 400 {
        check_problem(response, &context);
    }
    if let Some(operation) = document::operation(method, path) {
        check_documented(operation, response, &context);
    }
    check_secrecy(method, path, response, secrets);
}

fn check_headers(response: &Response, context: &str) {
    let id = response.header("x-request-id");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "x-request-id: {context}");
    assert_eq!(response.header("x-content-type-options"), "nosniff", "{context}");
    assert_eq!(response.header("cache-control"), "no-store", "{context}");
    let later = [429, 503].contains(&response.status);
    assert_eq!(later, response.headers.contains_key("retry-after"), "Retry-After: {context}");
    assert!(!later || response.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{context}");
    // How many somebody has at once is no rate.
    let is_rate = response.status == 429 && response.error() != "too_many_at_once";
    assert!(!is_rate || response.headers.contains_key("ratelimit"), "RateLimit: {context}");
    assert!(response.status != 405 || response.headers.contains_key("allow"), "Allow: {context}");
    let challenge = response.header("www-authenticate");
    assert_eq!(response.status == 401, challenge.starts_with(r#"Bearer realm="portero""#), "{challenge}: {context}");
    let presented = ["invalid_token", "expired_token"].contains(&response.error());
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

fn check_documented(operation: &Operation, response: &Response, context: &str) {
    let documented = &operation.json["responses"][response.status.to_string()];
    assert!(documented.is_object(), "the document of {operation} lacks this status: {context}");
    if response.status >= 400 {
        let codes = operation.codes(response.status);
        assert!(codes.iter().any(|code| code == response.error()), "{operation} documents {codes:?}: {context}");
    }
    let media = response.header("content-type").split(';').next().unwrap_or_default();
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
        ("POST", "/auth/login" | "/auth/register" | "/auth/refresh") => &["token", "refresh_token"],
        ("POST", "/invitations") => &["invitation"],
        ("POST", path) if path.starts_with("/services/") && path.ends_with("/keys") => &["key"],
        _ => &[],
    }
}

/// Secrets are revealed once, to whom they are for.
fn check_secrecy(method: &Method, path: &str, response: &Response, secrets: &Secrets) {
    let mut shown = response.text.clone();
    let new = revealing(method, path).iter().filter_map(|field| response.body[field].as_str());
    let new: Vec<&str> = new.collect();
    for secret in &new {
        shown = shown.replace(secret, "");
    }
    if path != "/openapi.json" && !path.starts_with("/docs") {
        let all = shown + &spelled(&response.headers);
        assert_eq!(secrets.shown_in(&all), None, "{method} {path} shows a secret");
    }
    for secret in new {
        secrets.add(secret);
    }
}

fn spelled(headers: &HeaderMap) -> String {
    headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()) + "\n").collect()
}
