//! People: who can log in. They are called users in paths, people where they meet services.

mod bulk_routes;
pub mod cell;
mod change;
mod credentials;
mod disable;
mod email;
mod export;
pub mod import;
mod keys;
mod oneself;
mod person;
mod routes;
pub mod store;

pub use bulk_routes::bulk_routes;
pub use change::{Changed, Wanted, change};
pub use credentials::{Claim, StoredCredentials};
pub use disable::{disable, enable};
pub use email::Email;
pub use export::{EXPORTS_OF_A_PERSON, Export, exports_share};
pub use person::{
    DocumentNumber, DocumentType, NewPerson, Person, PersonChange, PersonId, PersonName, PersonType, Username,
    named_in_path, person_not_found, unknown_person,
};
pub use routes::routes;
