//! Many people at once: all or none.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Removed, remove};
use crate::base::error::{Error, Result};
use crate::base::id::{Id, IdOrDigits, PersonId, Ref};
use crate::gate::idempotency::once;
use crate::gate::permission::WriteUsers;
use crate::gate::{Can, LockScope};
use crate::identity::Identity;
use crate::platform::http::{Json, Route, Routes};

/// The most people that one request removes.
const MOST: usize = 1000;

/// `/users/delete` and `/users/export`.
pub fn bulk_routes() -> Routes<Identity> {
    Routes::new().routes(once(routes!(delete_users))).routes(Route::from(routes!(super::export::export_users)).long())
}

/// People to remove.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Removal {
    /// Their ids. Duplicates count once.
    #[schema(value_type = Vec<IdOrDigits>, min_items = 1, max_items = 1000, example = json!([7, 8]))]
    user_ids: Vec<Ref<PersonId>>,
}

impl Removal {
    fn people(&self) -> Result<Vec<PersonId>> {
        if !(1..=MOST).contains(&self.user_ids.len()) {
            return Err(Error::invalid_field("user_ids", "send 1 to 1000 ids"));
        }
        let people = self.user_ids.iter().map(Ref::id).collect::<Result<BTreeSet<_>>>()?;
        Ok(people.into_iter().collect())
    }
}

/// The people were removed.
#[derive(Debug, Serialize, ToSchema)]
struct UsersDeleted {
    #[schema(example = "users_deleted")]
    status: &'static str,
    /// The ids of the removed people, in order.
    user_ids: Vec<PersonId>,
    /// How many sessions ended.
    #[schema(example = 3)]
    revoked_tokens: u64,
}

/// Remove many people
///
/// All or none: if an id is unknown or you may not remove somebody, nobody is removed. Otherwise like `DELETE
/// /users/{id}`.
#[utoipa::path(post, path = "/users/delete", tag = "users", request_body = Removal, responses(
    (status = 200, body = UsersDeleted),
    (status = 400, description = "`invalid_user_id`"),
    (status = 404, description = "`user_not_found`"),
    (status = 409, description = "`last_administrator`"),
))]
async fn delete_users(
    State(identity): State<Identity>,
    by: Can<WriteUsers>,
    Json(removal): Json<Removal>,
) -> Result<Json<UsersDeleted>> {
    let people = removal.people()?;
    let mut tx = by.begin(&identity, LockScope::removal(people.iter().copied())).await?;
    let ended = match remove(&mut tx, &people, None).await? {
        Removed::All { ended } => ended,
        Removed::Unknown(unknown) => {
            let unknown: Vec<i32> = unknown.iter().map(|id| id.0).collect();
            return Err(PersonId::not_found().with("unknown_user_ids", unknown));
        }
    };
    tx.commit([]).await?;
    Ok(Json(UsersDeleted { status: "users_deleted", user_ids: people, revoked_tokens: ended }))
}
