//! The OpenAPI document: what the handlers say of themselves, and what is true of all of them.

#[cfg(test)]
mod patterns;
mod related;

use axum::http::StatusCode;
use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};

use crate::platform::http::Facts;
use crate::platform::http::operation::answer as add;
use crate::platform::passwords::Strength;

pub use related::relate_fields;

/// The shape of every error (RFC 9457).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what `Error` writes")]
struct Problem {
    /// The code to branch on.
    #[schema(example = "service_not_found")]
    error: String,
    /// What happened and what to do.
    #[schema(example = "no service has that id")]
    detail: String,
    /// Always `about:blank`.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: String,
    /// The status.
    #[schema(example = 404)]
    status: u16,
    /// The id of the request in the log.
    #[schema(example = "5f2b9d0c5a0f4a3f8f0a4d6d3b1c2e90")]
    request_id: Option<String>,
    /// Only on a 401 of `POST /check-token`: always false.
    valid: Option<bool>,
    /// Only on a 401 `expired_token` for an API key: when it expired.
    #[schema(format = DateTime, example = "2027-11-22T08:00:00Z")]
    expired_at: Option<String>,
    /// Only on some 403: the missing permission.
    permission: Option<String>,
    /// Only on a 400 for a password that is too easily guessed: why, and what to do.
    feedback: Option<Strength>,
    /// Only on a 409 `ambiguous_name`: the ids that the name may mean.
    ids: Option<Vec<i32>>,
    /// Only on a 409 `resource_has_children`: how many lie beneath.
    beneath: Option<i64>,
    /// Only on a 409 `group_circle` or `resource_circle`: the groups, or resources, on the way, the first again at its end.
    circle: Option<Vec<String>>,
    /// Only on a 404 of `POST /users/delete`: the unknown ids.
    unknown_user_ids: Option<Vec<i32>>,
    /// Only on a 400 `invalid_import` or `invalid_resources`: the first hundred faults.
    faults: Option<Vec<crate::identity::people::import::ImportFault>>,
    /// Likewise: how many faults there are.
    fault_count: Option<i64>,
    /// Only on a 409 `policies_in_the_way`: the policies that would mean nothing any more.
    policy_ids: Option<Vec<i32>>,
}

/// The shape of every error of OAuth (RFC 6749 section 5.2).
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what `oauth::error::Error` writes")]
struct OAuthError {
    /// The code to branch on.
    #[schema(example = "invalid_grant")]
    error: String,
    /// What happened and what to do.
    #[schema(example = "this code has expired: begin again at /oauth/authorize")]
    error_description: String,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Portero",
        description = "Central authentication and authorization for teams with several backends. Log in at \
            `POST /auth/login`, send the token in the header `token` (or `Authorization: Bearer`), and ask \
            `POST /check-token` or `GET /people/{person}/services/{service}` what its holder may do.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(Problem, OAuthError)),
    tags(
        (name = "auth", description = "Log in, log out, check a token"),
        (name = "users", description = "People"),
        (name = "robots", description = "People of programs, and their API keys"),
        (name = "roles", description = "Roles and the permissions they carry"),
        (name = "permissions", description = "Permissions"),
        (name = "services", description = "Services and the roles they offer"),
        (name = "keys", description = "Keys of services"),
        (name = "providers", description = "Other identity providers, by which people log in here"),
        (name = "issuers", description = "Issuers whose tokens a service takes"),
        (name = "policies", description = "Policies of services, and what decides in them"),
        (name = "resources", description = "What services tell of, and roles on it"),
        (name = "decisions", description = "May they do this? AuthZEN 1.0, and filters"),
        (name = "clients", description = "Applications that log people in by OAuth 2.1 and OpenID Connect"),
        (name = "grants", description = "Who holds what in which service"),
        (name = "groups", description = "People and other groups, and what whoever is in them holds"),
        (name = "people", description = "What people may do"),
        (name = "backends", description = "For backends with a service key"),
        (name = "audit", description = "Who did what"),
        (name = "oauth", description = "OAuth 2.1 and OpenID Connect, for standard programs"),
        (name = "tokens", description = "OAuth 2.1 and OpenID Connect: tokens"),
        (name = "pages", description = "What people see in a browser"),
        (name = "server", description = "The server itself"),
    ),
    security(("token" = []), ("bearer" = [])),
)]
struct Base;

/// What is said before any route.
pub fn base() -> OpenApi {
    let mut document = Base::openapi();
    if let Some(components) = document.components.as_mut() {
        let token = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "token",
            "the token from POST /auth/login, or an API key from POST /auth/me/keys",
        )));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("the same token, as RFC 6750 sends it"))
            .build();
        let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "token",
            "a service's key from POST /services/{service}/keys",
        )));
        let key_bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("the same key, as RFC 6750 sends it"))
            .build();
        let client = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("a client's id and secret, each form-encoded (RFC 6749 section 2.3.1)"))
            .build();
        let access_token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an access token from POST /oauth/token"))
            .build();
        let registration = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an initial access token, or the registration access token of a client"))
            .build();
        components.add_security_scheme("registration", SecurityScheme::Http(registration));
        components.add_security_scheme("client", SecurityScheme::Http(client));
        components.add_security_scheme("access_token", SecurityScheme::Http(access_token));
        components.add_security_scheme("token", token);
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("service_key", key);
        components.add_security_scheme("service_key_bearer", SecurityScheme::Http(key_bearer));
    }
    document
}

/// Adds to every operation of a path what is true of all: the refusals of the layers and of the extractors, and one shape
/// for all of them.
pub fn complete(path: &str, item: &mut PathItem, facts: Facts) {
    tell_totals(item);
    let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
    for operation in operations.into_iter().flatten() {
        complete_operation(path, operation, facts);
    }
}

/// `X-Total-Count`, where a list is counted.
fn tell_totals(item: &mut PathItem) {
    let Some(operation) = item.get.as_mut() else { return };
    let counts = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.name == "count");
    if !operation.parameters.iter().flatten().any(counts) {
        return;
    }
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
        let description = "with `count=true`: how many rows the list has on all its pages";
        let total = HeaderBuilder::new().schema(Some(number)).description(Some(description)).build();
        response.headers.insert("X-Total-Count".to_owned(), total.into());
    }
}

fn complete_operation(path: &str, operation: &mut Operation, facts: Facts) {
    if is_of_oauth(operation) {
        return complete_of_oauth(operation);
    }
    let security = operation.security.as_deref().unwrap_or_default();
    let is_public = security.contains(&SecurityRequirement::default());
    let takes = |scheme: &str| security.contains(&SecurityRequirement::new(scheme, Vec::<String>::new()));
    let (for_people, for_backends) = (security.is_empty() || takes("token"), takes("service_key"));
    if !is_public {
        add(operation, "401", "`missing_token_header`, `invalid_token`, `expired_token`");
        match (for_people, for_backends) {
            (true, true) => {}
            (true, false) if facts.is_for_anyone => {
                add(operation, "403", "`service_key_not_allowed`, `api_key_not_allowed`");
            }
            (true, false) => add(operation, "403", "`insufficient_permissions`, `service_key_not_allowed`"),
            (false, _) => add(operation, "403", "`service_key_required`"),
        }
    }
    if operation.request_body.is_some() {
        add(operation, "400", "`invalid_request_body`");
        add(operation, "408", "`request_timeout`");
        add(operation, "413", "`request_body_too_large`");
    }
    if path.contains('{') {
        add(operation, "400", "`invalid_path`");
    }
    let pages = operation.parameters.as_ref().is_some_and(|list| list.iter().any(is_limit));
    if pages {
        add(operation, "400", "`invalid_query`");
    }
    if !facts.is_unlimited {
        add(operation, "429", "`rate_limited`");
    }
    if !facts.needs_no_postgres {
        add(operation, "503", "`unavailable`");
    }
    for (status, response) in &mut operation.responses.responses {
        let (RefOr::T(response), Ok(status)) = (response, status.parse::<StatusCode>()) else { continue };
        // The specification asks for one.
        if response.description.is_empty() {
            response.description.push_str(reason(status));
        }
        let codes = response.description.contains('`');
        if (status.is_client_error() || status.is_server_error()) && codes {
            explain(status, response);
        }
    }
}

/// Whether the standards of OAuth say how it refuses.
fn is_of_oauth(operation: &Operation) -> bool {
    operation.tags.as_deref().unwrap_or_default().iter().any(|tag| tag == "tokens")
}

/// What is refused before its handler has a say, as everywhere; the rest as the standards have it.
fn complete_of_oauth(operation: &mut Operation) {
    if operation.request_body.is_some() {
        for status in ["400", "408", "413"] {
            let known = operation.responses.responses.get(status);
            if !matches!(known, Some(RefOr::T(known)) if known.description.contains("`invalid_request`")) {
                add(operation, status, "`invalid_request`");
            }
        }
    }
    add(operation, "503", "`temporarily_unavailable`");
    for (status, response) in &mut operation.responses.responses {
        let (RefOr::T(response), Ok(status)) = (response, status.parse::<StatusCode>()) else { continue };
        // The specification asks for one.
        if response.description.is_empty() {
            response.description.push_str(reason(status));
        }
        if status.is_client_error() || status.is_server_error() {
            let examples = response.description.split('`').skip(1).step_by(2).map(|code| {
                let body = json!({"error": code, "error_description": "what happened and what to do"});
                let example = utoipa::openapi::example::ExampleBuilder::new().value(Some(body)).build();
                (code.to_owned(), RefOr::T(example))
            });
            let schema = Some(Ref::from_schema_name("OAuthError"));
            let content: Content = ContentBuilder::new().schema(schema).examples_from_iter(examples).build();
            response.content.insert("application/json".to_owned(), content.into());
        }
    }
    for (status, ours) in [("429", "`rate_limited`"), ("503", "`unavailable`")] {
        let mut response = ResponseBuilder::new().description(ours).build();
        explain(StatusCode::from_bytes(status.as_bytes()).unwrap_or_default(), &mut response);
        add(operation, status, ours);
        if let Some(RefOr::T(known)) = operation.responses.responses.get_mut(status) {
            known.content.extend(response.content);
        }
    }
}

fn is_limit(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == "limit")
}

/// Gives a refusal its body: a problem, with an example for each code that its description names.
fn explain(status: StatusCode, response: &mut Response) {
    let codes: Vec<&str> = response.description.split('`').skip(1).step_by(2).collect();
    let examples = codes.iter().map(|code| {
        let body = json!({
            "error": code,
            "detail": "what happened and what to do",
            "type": "about:blank",
            "title": reason(status),
            "status": status.as_u16(),
            "request_id": "5f2b9d0c5a0f4a3f8f0a4d6d3b1c2e90",
        });
        let example = utoipa::openapi::example::ExampleBuilder::new().value(Some(body)).build();
        ((*code).to_owned(), RefOr::T(example))
    });
    let content: Content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).examples_from_iter(examples).build();
    response.content.insert("application/problem+json".to_owned(), content.into());
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or_default()
}
