//! The words of the mails, one file a language.

pub(super) mod english;
pub(super) mod spanish;
