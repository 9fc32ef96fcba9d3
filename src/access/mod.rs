//! Who is calling, what they may do, and what anybody may do in a service.

mod caller;
mod can;
mod effective;
pub mod permission;
pub mod store;

pub use caller::Caller;
pub use can::{Can, Holds};
pub use effective::Effective;
