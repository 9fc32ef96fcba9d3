//! `/check-token` for gateways, which ask with a query and read headers: nginx' `auth_request`, Traefik's `ForwardAuth`,
//! Envoy's `ext_authz`.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::check_token::{Answer, MAX_WANTED, marked};
use super::shown::Shown;
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::gate::Gate;
use crate::platform::http::Headers;
use crate::platform::http::Json;
use crate::platform::http::access_log::ClientAddress;
use crate::platform::http::credential::Credential;

/// What a gateway asks besides whether the token is valid.
#[derive(Debug, Default)]
pub struct GatewayQuery {
    service: Option<Ref<ServiceId>>,
    permissions: Vec<String>,
}

impl GatewayQuery {
    /// Whether it asks anything.
    pub fn asks(&self) -> bool {
        self.service.is_some() || !self.permissions.is_empty()
    }

    /// Reads a query. What comes after `path=` is not ours: Envoy appends path and query of the request that it asks about,
    /// and whoever sends that request must not add to the question.
    fn read(query: &str) -> Result<Self> {
        let ours = match query.find("path=") {
            Some(0) => "",
            _ => query.split_once("&path=").map_or(query, |(ours, _)| ours),
        };
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(ours.as_bytes()) {
            match &*name {
                "service" if read.service.is_some() => {
                    return Err(refuse("`service` was sent twice; name one service"));
                }
                "service" if value.is_empty() => return Err(refuse("`service` is the id or the name of a service")),
                "service" => read.service = Some(Ref::parse(&value)),
                "permission" if value.is_empty() => return Err(refuse("`permission` is the name of a permission")),
                "permission" => read.permissions.push(value.into_owned()),
                // Left out in silence, it might be the mistyped name of what the caller must hold.
                _ => {
                    return Err(refuse(
                        "known are `service`, `permission` (may be repeated: all are needed) and `path`",
                    ));
                }
            }
        }
        if read.service.is_none() && !read.permissions.is_empty() {
            return Err(refuse("`permission` needs `service`: say in which service it is meant"));
        }
        if read.permissions.len() > MAX_WANTED {
            return Err(refuse("name at most 100 permissions"));
        }
        Ok(read)
    }
}

fn refuse(detail: &'static str) -> Error {
    Error::bad_request("invalid_query", detail)
}

impl<S: Sync> FromRequestParts<S> for GatewayQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

/// The same question by one method after the other.
macro_rules! by {
    ($method:ident, $handler:ident, $(#[$doc:meta])*) => {
        $(#[$doc])*
        #[utoipa::path($method, path = "/check-token", tag = "auth",
            params(
                ("service" = Option<String>, Query, example = "4",
                    description = "id or name: also return the person's roles and permissions there"),
                ("permission" = Option<Vec<String>>, Query,
                    description = "name of a permission that the person must hold there; may be repeated"),
                ("path" = Option<String>, Query, description = "ignored, with all that follows: Envoy appends it"),
            ),
            responses(
                (status = 200, body = Answer),
                (status = 400, description = "`invalid_query`, `invalid_service_id`"),
                (status = 403, description = "`insufficient_permissions`"),
                (status = 404, description = "`service_not_found`"),
            ))]
        pub async fn $handler(
            State(gate): State<Gate>,
            ClientAddress(address): ClientAddress,
            credential: Result<Credential>,
            query: Result<GatewayQuery>,
            Headers(headers): Headers,
        ) -> Result<Response> {
            answer(&gate, (&headers, credential, address), query).await
        }
    };
}

by! { get, check_token_by_get,
    /// Check a token, for a gateway
    ///
    /// For nginx' `auth_request`, Traefik's `ForwardAuth` and Envoy's `ext_authz`. Returns 200 with the person in
    /// `x-person-id`, `x-person-username`, `x-person-name` (percent-encoded UTF-8) and `x-session-id`; 401 without a valid
    /// token; 403 if the person lacks a permission asked for.
}
by! { put, check_token_by_put,
    /// Check a token, for a gateway that asks by `PUT`
    ///
    /// As `GET`, for gateways that keep the method of the original request.
}
by! { patch, check_token_by_patch,
    /// Check a token, for a gateway that asks by `PATCH`
    ///
    /// As `GET`.
}
by! { delete, check_token_by_delete,
    /// Check a token, for a gateway that asks by `DELETE`
    ///
    /// As `GET`.
}

/// The answer, its facts in headers, too: that is what gateways read.
pub(super) async fn answer(
    gate: &Gate,
    shown: (&HeaderMap, Result<Credential>, IpAddr),
    query: Result<GatewayQuery>,
) -> Result<Response> {
    let (query, fault) = match query {
        Ok(query) => (query, None),
        Err(fault) => (GatewayQuery::default(), Some(fault)),
    };
    // A stranger gets 401 whatever the query says.
    let answer = ask(gate, shown, &query).await.map_err(marked)?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    if answer.allowed == Some(false) {
        let held = answer.permissions.as_deref().unwrap_or_default();
        let lacking = query.permissions.into_iter().find(|name| !held.iter().any(|held| **held == **name));
        let refusal = Error::forbidden("insufficient_permissions", "the person lacks `permission` in this service");
        return Err(refusal.with("permission", lacking));
    }
    let headers = [
        (HeaderName::from_static("x-person-id"), answer.payload.user_id.to_string()),
        (HeaderName::from_static("x-person-username"), encoded(&answer.payload.username)),
        (HeaderName::from_static("x-person-name"), encoded(&answer.payload.name)),
        (HeaderName::from_static("x-session-id"), answer.session_id.as_str().to_owned()),
    ];
    let mut response = Json(answer).into_response();
    for (name, value) in headers {
        let value = HeaderValue::try_from(value).map_err(|error| Error::Internal(error.into()))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

async fn ask(
    gate: &Gate,
    (headers, credential, address): (&HeaderMap, Result<Credential>, IpAddr),
    query: &GatewayQuery,
) -> Result<Answer> {
    let shown = Shown::by(gate, credential?, headers).await?;
    let passed = shown.check(gate, query.service.clone(), Some(address)).await?;
    let wanted = (!query.permissions.is_empty()).then_some(query.permissions.as_slice());
    Answer::new(passed, query.service.as_ref(), wanted)
}

/// What a header can't hold, and the sign that says so.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_path_is_not_ours() {
        let asked = |query: &str| {
            let query = GatewayQuery::read(query).expect("a question");
            (query.service.is_some(), query.permissions)
        };
        let read = vec!["read".to_owned()];
        assert_eq!(asked("service=4&permission=read"), (true, read.clone()));
        assert_eq!(asked("service=4&permission=read&path=/orders?x=1&service=5&permission=a"), (true, read));
        assert_eq!(asked("path=/orders&service=4"), (false, vec![]));
        assert_eq!(asked(""), (false, vec![]));
        assert_eq!(asked("service=UI%20Store&permission=a&permission=b").1, ["a", "b"]);
    }

    #[test]
    fn a_question_that_may_be_mistyped_is_refused() {
        for bad in [
            "service=4&permision=read",
            "permission=read",
            "service=4&service=5",
            "service=",
            "service=4&permission=",
            "token=ptk_1",
            "services=4",
        ] {
            assert!(GatewayQuery::read(bad).is_err(), "{bad}");
        }
    }
}
