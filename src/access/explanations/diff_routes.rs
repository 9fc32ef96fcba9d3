use std::time::Duration;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::diff::{Supposed, SupposedPolicies, diff};
use super::differences::PolicyDiff;
use crate::access::Access;
use crate::access::authzen::{Context, Entity, Properties};
use crate::access::policies::{Asking, Edits, PolicyEdit};
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::gate::Holds;
use crate::gate::effective::store::holds;
use crate::gate::permission::{BuiltIn, ReadGrants, WriteServices};
use crate::platform::http::{Json, Path, Routes};

/// For so long people are looked at: the answer must come before a change's deadline.
const PATIENCE: Duration = Duration::from_secs(8);

/// The largest body: all policies that a service may have, of a usual length.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// So many policies may be sent.
const MOST_POLICIES: usize = 10_000;

/// So many rows may be sent.
const MOST_RESOURCES: usize = 100;

/// `/services/{service}/policies/diff`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(routes!(diff_policies))
}

/// A change of policies, to be looked at before it is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "policies": [{"table_name": "invoice", "action": "delete", "expression": "'Editor' = any(auth_user.roles)"}],
}))]
struct PolicyChanges {
    /// Policies that are new or changed: at most 10000.
    #[serde(default)]
    #[schema(max_items = 10000)]
    policies: Vec<PolicyEdit>,
    /// Whether they are changes, or all policies that there are to be.
    #[serde(default)]
    replace: Replace,
    /// Policies that are to be deleted.
    #[serde(default)]
    #[schema(max_items = 10000, example = json!([]))]
    without_policies: Vec<i32>,
    /// Whether policies are to decide.
    #[serde(default)]
    #[schema(example = true)]
    policies_decide: Option<bool>,
    /// Rows to ask about: at most 100. Of their types these are looked at. Of others the resources that the service has told of, up to 200 of a type;
    /// of what is left it is told whether it depends on the row.
    #[serde(default)]
    #[schema(max_items = 100)]
    resources: Vec<Entity>,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
}

/// What a list of policies takes the place of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Replace {
    /// Of those that it names by id.
    #[default]
    Changes,
    /// Of all.
    All,
}

impl PolicyChanges {
    fn must_be_bounded(&self) -> Result<()> {
        for (field, count, most) in [
            ("policies", self.policies.len(), MOST_POLICIES),
            ("without_policies", self.without_policies.len(), MOST_POLICIES),
            ("resources", self.resources.len(), MOST_RESOURCES),
        ] {
            if count > most {
                return Err(Error::invalid_field(field, &format!("has too many elements: at most {most}")));
            }
        }
        if self.replace == Replace::All && !self.without_policies.is_empty() {
            return Err(Error::invalid_field("without_policies", "`replace: all` leaves out all others anyway"));
        }
        Ok(())
    }
}

/// Show what a change of policies would do
///
/// Who gains and who loses what, by type and action, counted and by name, if these policies were made, changed and deleted. Nothing is
/// written. Looked at are the people who hold something in the service, or all, if you may see these; at most 20000, fewer where many types and
/// actions are concerned or it takes long: `people_left_out` counts the others. Names are told if you may see what people hold there (`grants:read`).
#[utoipa::path(post, path = "/services/{service}/policies/diff", tag = "policies",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = PolicyChanges,
    responses(
        (status = 200, body = PolicyDiff),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn diff_policies(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    Json(said): Json<PolicyChanges, MAX_BODY>,
) -> Result<Json<PolicyDiff>> {
    said.must_be_bounded()?;
    let mut conn = access.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &service).await?;
    let now = Some(access.clock.now());
    let tells_names = holds(&mut conn, by.acting(), ReadGrants::ID, service, now).await?;
    drop(conn);
    let edits = Edits {
        policies: &said.policies,
        without: &said.without_policies,
        replaces_all: said.replace == Replace::All,
        policies_decide: said.policies_decide,
    };
    let supposed = Supposed {
        policies: SupposedPolicies::Edited(edits),
        resources: &said.resources,
        context: said.context.as_ref(),
        patience: Some(PATIENCE),
    };
    Ok(Json(diff(&access, &Asking::of_person(service, by.acting()), supposed, tells_names).await?))
}
