//! Policies: who may do what to which row of a service, as SQL expressions, and the decisions that come of them.

mod asker;
mod asking;
mod change;
mod compile;
mod create;
mod decide;
mod declare;
mod filter;
pub mod language;
mod latest;
mod narrow;
mod overlay;
mod personal;
mod policy;
mod predecessor_routes;
mod reach;
mod reason;
mod resource_type;
mod routes;
pub mod row_security;
mod set;
mod settings_routes;
mod settle;
pub mod store;
mod subjects;
mod type_routes;
mod who;

pub use asker::{Asker, OfService};
pub use asking::{Asking, Sees, There};
pub use change::{change, remove};
pub use compile::{must_be_columns, must_compile};
pub use create::create;
pub use decide::{Because, Consulted, Decision, Outcome, Question, decide, permissions_for};
pub use declare::{declare, declare_ahead, must_all_compile, undeclare, undeclare_ahead};
pub use filter::{Extent, Filter, Whose, depends_on_roles, extent, filter};
pub use narrow::equalities;
pub use overlay::{Edits, PolicyEdit, overlay};
pub use personal::{must_be_theirs_to_bind, must_be_theirs_to_suppose};
pub use policy::{
    ALL, ActionName, Effect, ExpressionText, NewPolicy, Policy, PolicyChange, PolicySettings, PolicySettingsChange,
    TypeName, normal,
};
pub use predecessor_routes::routes as predecessor_routes;
pub use reach::{HoldingMore, Pairs, add_pairs, holding_more, pairs, reach};
pub use reason::{DecidingResource, Reason, grounds_of, lacked_by};
pub use resource_type::{Columns, NewResourceType, ResourceType};
pub use routes::routes;
pub use set::{Applying, OfType, PolicySet, Rule};
pub use settings_routes::routes as settings_routes;
pub use settle::{settle, settle_alone, tagged as settings};
pub use store::subjects::Named;
pub use subjects::{Ask, Known, Subjects};
pub use type_routes::routes as type_routes;
pub use who::{Ground, Who};

use time::OffsetDateTime;

use language::{Request, Row, Subject};

/// Whoever is not logged in, as expressions see them.
pub fn anonymous() -> Subject {
    Subject::default()
}

/// What a request brings to expressions.
pub fn request(now: OffsetDateTime, passed: Row) -> Request {
    let address = passed.text("address").and_then(|address| address.parse().ok());
    Request { now, address, passed }
}
