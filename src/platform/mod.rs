//! What knows nobody's tables: Postgres, HTTP, password hashing, mail transport, metrics, traces, the log.

pub mod database;
pub mod files;
pub mod http;
pub mod log;
pub mod mail;
pub mod memory;
pub mod metrics;
pub mod ownership;
pub mod passwords;
pub mod shares;
pub mod spreadsheet;
pub mod traces;
