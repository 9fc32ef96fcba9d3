//! What knows nobody: ids, names, moments, addresses, the texts of secrets, and what can go wrong.

#![warn(missing_docs)]

pub mod amr;
pub mod attributes;
pub mod clock;
pub mod email;
pub mod error;
pub mod id;
pub mod locale;
pub mod made;
pub mod masked;
pub mod moment;
pub mod names;
pub mod network;
pub mod no_primary;
pub mod object;
pub mod opaque;
pub mod patch;
pub mod person;
pub mod request_id;
pub mod secret;
