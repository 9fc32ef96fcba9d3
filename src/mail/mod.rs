//! Mail: queued in the transaction of what it tells, sent by whichever instance comes first, tried again for a day.
//!
//! [`queue`] writes a mail down; nothing secret is in it. [`deliver`] addresses, composes and sends what is due. A
//! token that a mail carries is made then, so that nothing at rest opens anything.

mod content;
pub mod deliver;
mod letter;
mod locale;
mod message;
mod post;
mod settings;
pub mod store;
mod texts;
mod token;

pub use content::Content;
pub use locale::{Language, Locale};
pub use post::{Post, smtp};
pub use settings::{Settings, TokenLink};
pub use store::queue;
pub use token::{MailToken, MailTokenHash, Purpose};
