//! How mail leaves: to a server by SMTP, to the terminal, or not at all.

mod mailer;
mod settings;
mod smtp;

pub use mailer::Mailer;
pub use settings::{Settings, TokenLink};
pub use smtp::{Failure, Smtp, Stage};
