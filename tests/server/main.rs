//! The real binary, its real Postgres, and what happens to them: started, stopped, killed, frozen, misconfigured.

#![allow(clippy::disallowed_methods, reason = "tests look from outside, at the real clock too")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod connections;
mod cores;
mod examples;
mod failover;
mod first_start;
mod hashing;
mod instances;
mod killed;
mod logouts;
mod mail;
mod metrics;
#[path = "../api/support/place.rs"]
#[allow(dead_code, reason = "others say more")]
mod place;
mod process;
#[path = "../support/scratch.rs"]
mod scratch;
mod settings;
mod streams;
mod tls;
mod traces;
