//! People: who they are, how they log in, how they look after their accounts.

pub mod accounts;
pub mod attempts;
pub mod devices;
pub mod login;
pub mod mail;
pub mod people;
pub mod sessions;
