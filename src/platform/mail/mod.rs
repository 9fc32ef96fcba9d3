//! How mail leaves: to a server by SMTP, to the terminal, or not at all.

mod post;
mod settings;
mod smtp;

pub use post::Post;
pub use settings::{Settings, TokenLink};
pub use smtp::{Failure, Smtp, Stage};
