//! The server as its callers see it. One file a feature; `support` is the cast.
//!
//! Nothing needs to be started or set: the tests start a Postgres of their own and take it away again.

mod access;
mod access_review;
mod audit;
mod batches;
mod bodies;
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
mod grants;
mod idempotency;
mod keep_out;
mod keys;
mod login;
mod mail;
mod mail_server;
mod matrix;
mod midway;
mod model;
mod pages;
mod passwords;
mod people;
mod plans;
mod races;
mod rate_limits;
mod reset;
mod role_permissions;
mod secrecy;
mod shapes;
mod streams;
mod subjects;
mod support;
mod time_boxed;
mod unavailable;
mod users;
mod verification;
mod vocabulary;
