//! Mail: queued in the transaction of what it tells, sent by whichever instance comes first, tried again for a day.
//!
//! [`queue`] writes a mail down; nothing secret is in it. [`deliver`] addresses, composes and sends what is due. A
//! token that a mail carries is made then, so that nothing at rest opens anything.

mod content;
pub mod deliver;
mod letter;
pub mod limits;
mod message;
pub mod store;
mod texts;

pub use content::Content;
pub use limits::GivenBy;

pub use store::queue;
