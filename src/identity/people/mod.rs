//! People: who can log in. They are called users in paths, people where they meet services.

mod attributes;
mod bulk_routes;
mod change;
mod claims;
mod credential_guard;
mod credentials;
mod disable;
mod export;
pub mod import;
mod old_address;
mod person;
mod reauthentication;
mod register;
mod remove;
mod routes;
mod set_password;
pub mod store;
mod wanted;

pub use bulk_routes::bulk_routes;
pub use change::{RequestedChange, change};
pub use claims::{Address, ClaimsChange, StandardClaims};
pub use credentials::{LoginClaim, StoredCredentials};
pub use disable::{disable, enable};
pub use export::{EXPORTS_OF_A_PERSON, PeopleExport, exports_share};
pub use old_address::tell_the_old_address;
pub use person::{DocumentNumber, DocumentType, NewPerson, PersonChange, PersonType, named_in_path};
pub use register::{RegisteredBy, register};
pub use remove::{Removed, remove};
pub use routes::routes;
pub use set_password::{ChosenBy, set_password};
pub use wanted::WantedAttributes;
