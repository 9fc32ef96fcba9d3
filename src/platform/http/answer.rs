use serde::Serialize;
use utoipa::ToSchema;

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
