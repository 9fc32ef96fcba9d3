//! The command line, as it is used: the real binary, on databases of a throw-away Postgres.

#![allow(clippy::disallowed_methods, reason = "tests look from outside, at the real clock too")]

mod admin;
mod audit;
mod change;
mod client;
mod decision;
mod doctor;
mod env_file;
mod export;
mod factors;
mod group;
mod import_database;
mod import_file;
mod issuer;
mod keys;
mod mail;
mod plan;
mod policy;
mod private;
mod resource;
mod sessions;
mod support;
mod terminal;
mod vocabulary;
