//! By attributes backends decide what people may do: whoever changes them hands that out.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store;
use crate::base::attributes::{Attributes, AttributesChange};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::patch::Patch;
use crate::gate::permission::WriteGrants;
use crate::gate::store::must_hold_everywhere;

/// Refuses (403) whoever may not hand out roles everywhere at `now`.
pub(super) async fn must_hand_out_attributes(
    conn: &mut PgConnection,
    actor: PersonId,
    now: OffsetDateTime,
) -> Result<()> {
    must_hold_everywhere::<WriteGrants>(conn, actor, "to set attributes of people", now).await
}

/// Whether a change says anything of them.
pub(super) fn changes_any(change: &Patch<AttributesChange>) -> bool {
    match change {
        Patch::Keep => false,
        Patch::Clear => true,
        Patch::Set(change) => !change.is_empty(),
    }
}

/// Writes what becomes of somebody's by a change. Nobody else may change them meanwhile.
pub(super) async fn change_attributes(
    conn: &mut PgConnection,
    id: PersonId,
    change: &Patch<AttributesChange>,
) -> Result<()> {
    let attributes = match change {
        Patch::Keep => return Ok(()),
        Patch::Clear => Attributes::default(),
        Patch::Set(change) => store::attributes(conn, id).await?.with(change.clone()),
    };
    store::set_attributes(conn, id, &attributes).await
}
