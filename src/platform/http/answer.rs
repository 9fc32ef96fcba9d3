use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Json;
use crate::base::made::Made;

/// The change was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
}

impl Default for Success {
    fn default() -> Self {
        Self { status: "success" }
    }
}

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        match self {
            Self::New(made) => (StatusCode::CREATED, Json(made)).into_response(),
            Self::Standing(standing) => Json(standing).into_response(),
        }
    }
}
