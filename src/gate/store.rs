//! Questions about who holds what, asked before an act.

mod administrators;
mod cover;
pub mod groups;
mod losses;
pub mod managed;
mod meaning;
pub mod people;
pub mod services;
mod takeover;
mod uses;

pub use administrators::{
    administrators, is_administrator, is_there_a_lasting_one, is_there_an_administrator, must_keep_an_administrator,
    queue_for_administrators,
};
pub use cover::{
    Through, covers_permission, covers_role, must_cover_people, must_cover_permission, must_cover_person,
    must_cover_role, must_hold_everywhere,
};
pub use groups::{Gain, must_cover_group};
pub use losses::{Loss, must_cover_loss, must_speak_for_all};
pub use meaning::{
    must_hand_out_where_anything_is_held, must_hand_out_where_permission_is_held, must_hand_out_where_role_is_held,
};
pub use takeover::{held_beyond, must_be_as_mighty};
pub use uses::{Use, note_uses};
