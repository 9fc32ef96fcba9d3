//! How people come by an account, look after their own, and help themselves: forgotten passwords, and addresses that they
//! prove to be theirs.

mod change_own;
mod change_password;
mod invitation;
mod invitation_routes;
mod me_routes;
mod own_password;
mod register;
mod register_routes;
mod reset;
mod routes;
mod send_reset;
pub mod store;
mod verify;

pub use change_own::{OwnChange, change_own};
pub use change_password::change_password;
pub use invitation::{InvitationMade, Invite, ListedInvitation, Note, PresentedInvitation};
pub use invitation_routes::invitation_routes;
pub use me_routes::me_routes;
pub use own_password::{turn_off as turn_password_off, turn_on as turn_password_on};
pub use register::{Admitted, Registration, WhoMayRegister, admit, is_invitation_over, register};
pub use register_routes::register_routes;
pub use reset::{ask_for_reset, is_link_over, reset_password};
pub use routes::routes;
pub use send_reset::{queue_reset, send_reset_routes};
pub use verify::{begin_verification, verify_again, verify_email};
