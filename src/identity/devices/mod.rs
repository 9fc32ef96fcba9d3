//! Where people have logged in from lately, and with what: what tells whether somebody is known at an address, and
//! whether a device is new.

mod device;
pub mod store;

pub use device::Device;
