//! Why, who, and what if: decisions explained, looked for, and simulated. The one evaluator answers all of it; what is supposed is a
//! changed set of policies, a changed subject, or another moment.

mod abilities;
mod can_routes;
mod chain;
mod diff;
mod diff_routes;
mod differences;
mod explain;
mod explain_routes;
mod explanation;
mod pairs;
mod seen;
mod simulate;
mod store;

pub use abilities::{Abilities, Able, Concerned, abilities, who_can};
pub use can_routes::routes as can_routes;
pub use diff::{Supposed, SupposedPolicies, diff};
pub use diff_routes::routes as diff_routes;
pub use differences::{Difference, PolicyDiff, RowExtent, Turn};
pub use explain::explain;
pub use explain_routes::routes as explain_routes;
pub use explanation::{ExplainedGrant, ExplainedPolicy, Explanation};
pub use simulate::{Change, Simulated, simulate};
