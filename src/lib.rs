//! Portero: central authentication and authorization for teams with several backends.
//!
//! The house has floors. Each uses those below it and none above; `tests/house.rs` holds every import against that, and
//! `ARCHITECTURE.md` says why. From the ground up:
//!
//! 1. [`base`] knows nobody: ids, names, addresses, moments, the texts of secrets, and what can go wrong.
//! 2. [`platform`] knows nobody's tables: Postgres, HTTP, password hashing, mail transport, metrics, traces, the log.
//! 3. [`gate`]: who is calling, and what may they do? Sessions, keys, permission as a parameter, the locks in their order,
//!    the audit trail as it is written, `/check-token`.
//! 4. [`identity`]: people, how they log in, their sessions, how they come by an account and look after it, their mail.
//! 5. [`access`]: services, roles, permissions, grants, keys, administrators.
//! 6. [`oauth`]: the standard doors: clients, the keys that tokens are signed with, authorizations, consents.
//! 7. [`pages`]: what people see in a browser to log in, to agree, to log out.
//! 8. [`app`] is the roof: settings, the router, the change feed, the audit trail as it is read, the command line.
//!
//! A request walks [`app::router`] → a room's `routes` → its `store`. Read one room of [`access`], `services` say, and you have
//! seen them all.

pub mod access;
pub mod app;
pub mod base;
pub mod gate;
pub mod identity;
pub mod oauth;
pub mod pages;
pub mod platform;
