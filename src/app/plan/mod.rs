//! What stands in a server as one readable file, and the way back: what would change (`portero plan`), and the change itself
//! (`portero apply`). A file names things by name, never by id; secrets are in none.

mod apply;
mod check;
mod circles;
mod clients;
mod compare;
mod file;
mod providers;
mod read;
mod say;
mod state;
mod store;
mod supposed;
mod thing;
mod turned;
mod write;

pub use apply::{Applied, Secret, apply};
pub use check::check;
pub use compare::{Change, Left, Plan, compare};
pub use providers::{Secrets, secrets};
pub use read::{Desired, Faults, LARGEST, read};
pub use say::{counts, json, sentences, sum};
pub use state::{State, now_there};
pub use store::one_moment;
pub use supposed::{SupposedService, supposed};
pub use thing::{Key, Thing, Things};
pub use write::write;
