//! Clients whose `client_id` is the address of a document that describes them (Client ID Metadata Documents,
//! draft-ietf-oauth-client-id-metadata-document). Off, unless the operator says of which service they are.

mod address;
mod budget;
mod document;
mod find;
mod service;
pub mod store;

pub use address::Address;
pub use budget::Budget;
pub use find::find;
pub use service::{Seen, are_admitted, missing};
