//! Issuers that a service trusts: their tokens are taken for people, in that service. What checks make of them is in
//! [`foreign`](crate::gate::foreign).

mod change;
mod issuer;
mod routes;
pub mod store;
mod terms;
mod trust;

pub use crate::base::names::ClaimName;
pub use change::{change, distrust};
pub use issuer::{AudienceName, IssuerChange, IssuerName, IssuerSecret, Leeway, NewIssuer, TrustedIssuer};
pub use routes::routes;
pub use terms::Keys;
pub use trust::trust;
