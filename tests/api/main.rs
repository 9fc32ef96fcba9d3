//! The server as its callers see it. One file a feature; `support` is the cast.
//!
//! Nothing needs to be started or set: the tests start a Postgres of their own and take it away again.

#![allow(clippy::disallowed_methods, reason = "tests look at Postgres from outside")]

mod access;
mod access_review;
mod administrators;
mod audit;
mod batches;
mod bodies;
mod bulk;
mod changes;
mod check_token;
mod check_tokens;
mod credentials;
mod devices;
mod direct_grants;
mod document;
mod escalation;
mod etags;
mod expiry;
mod floods;
mod foreign_hashes;
mod gateways;
mod grants;
mod idempotency;
mod imports;
mod keep_out;
mod keys;
mod login;
mod mail;
mod mail_server;
mod matrix;
mod me;
mod midway;
mod model;
mod namesakes;
mod new_device;
mod oneself;
mod outdated;
mod pages;
mod passwords;
mod people;
mod plans;
mod planted;
mod power;
mod races;
mod rate_limits;
mod refresh;
mod register;
mod reset;
mod role_permissions;
mod round_trip;
mod secrecy;
mod sessions;
mod shapes;
mod streams;
mod subjects;
mod support;
mod takeover;
mod time_boxed;
mod unavailable;
mod users;
mod verification;
mod vocabulary;
mod who_is_there;
