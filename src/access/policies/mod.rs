//! Policies: who may do what to which row.

pub mod language;
