//! Many people from a file, all or none, for the command line and for the API. Everything that is wrong is named before
//! anything is written.

mod batches;
mod file;
mod format;
mod hashing;
mod line;
mod received;
mod remarks;
mod routes;
mod slots;
pub mod store;

pub use batches::{LineBatch, LineBatches};
pub use file::{FIELDS, PeopleFile};
pub use format::Format;
pub use hashing::hash_all;
pub use line::{ParsedPerson, PasswordRules};
pub use remarks::Remarks;
pub use routes::{ImportFault, routes};
pub use slots::ImportSlots;
