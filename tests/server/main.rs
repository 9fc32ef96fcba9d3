//! The real binary, its real Postgres, and what happens to them: started, stopped, killed, frozen, misconfigured.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod first_start;
mod hashing;
mod instances;
mod killed;
mod mail;
mod metrics;
mod process;
mod settings;
mod streams;
mod traces;
