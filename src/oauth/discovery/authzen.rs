//! What backends that ask for decisions read first: the metadata of the policy decision point (AuthZEN 1.0).

use std::convert::Infallible;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{KEPT, public};
use crate::oauth::OAuth;
use crate::oauth::issuer::Issuer;
use crate::platform::http::{Document, IfNoneMatch, Route};

const PATH: &str = "/.well-known/authzen-configuration";

/// Where decisions are asked for. The members are those of the registry "AuthZEN Policy Decision Point Metadata".
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!(PolicyDecisionPoint::of(&Issuer::of_this_machine("https://id.example.com"))))]
#[expect(clippy::struct_field_names, reason = "as the standard calls it")]
struct PolicyDecisionPoint {
    /// `PUBLIC_URL`.
    policy_decision_point: String,
    access_evaluation_endpoint: String,
    access_evaluations_endpoint: String,
    search_subject_endpoint: String,
    search_resource_endpoint: String,
    search_action_endpoint: String,
}

impl PolicyDecisionPoint {
    fn of(issuer: &Issuer) -> Self {
        Self {
            policy_decision_point: issuer.as_str().to_owned(),
            access_evaluation_endpoint: issuer.at("/access/v1/evaluation"),
            access_evaluations_endpoint: issuer.at("/access/v1/evaluations"),
            search_subject_endpoint: issuer.at("/access/v1/search/subject"),
            search_resource_endpoint: issuer.at("/access/v1/search/resource"),
            search_action_endpoint: issuer.at("/access/v1/search/action"),
        }
    }
}

/// The metadata of an issuer's policy decision point, as it is sent.
pub fn metadata(issuer: &Issuer) -> Document {
    Document::of(&PolicyDecisionPoint::of(issuer)).unwrap_or_default()
}

/// Where it is.
pub(super) fn route() -> Route<OAuth> {
    public(routes!(authzen_configuration))
}

/// And where it is of an issuer with a path: between its host and its path.
pub(super) fn route_of_path(path: &str) -> Route<OAuth> {
    route().moved_to(&format!("{PATH}{path}"))
}

/// Get the metadata of the policy decision point
///
/// AuthZEN 1.0: where decisions are asked for.
#[utoipa::path(get, path = PATH, tag = "server", security(()), responses((status = 200, body = PolicyDecisionPoint)))]
async fn authzen_configuration(
    State(oauth): State<OAuth>,
    Ok(seen): std::result::Result<IfNoneMatch, Infallible>,
) -> Response {
    oauth.decision_point.answer(&seen, KEPT)
}
