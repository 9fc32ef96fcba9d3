//! People: who can log in. They are called users in paths, people where they meet services.

mod credentials;
mod disable;
mod email;
mod person;
mod routes;
pub mod store;

pub use credentials::{Claim, StoredCredentials};
pub use disable::{disable, enable};
pub use email::Email;
pub use person::{
    DocumentNumber, DocumentType, NewPerson, Person, PersonChange, PersonId, PersonName, PersonType, Username,
    person_not_found, unknown_person,
};
pub use routes::routes;
