//! Portero: central authentication and authorization for teams with several backends.
//!
//! A map, in reading order. A request walks [`app`] → a feature's `routes` → its `store`.
//!
//! 1. [`app`]: the state and the router; what can this server do?
//! 2. One feature, and you have seen them all: [`services`]. Its siblings: [`users`], [`roles`], [`permissions`],
//!    [`grants`].
//! 3. [`access`]: who is calling and what they may do; permission as a parameter.
//! 4. [`login`], [`passwords`] and [`tokens`]: how somebody becomes a caller, and stops being one; [`accounts`] and
//!    [`mail`]: how people come by an account, look after it and help themselves. [`attempts`] and [`devices`]: how guessers
//!    are kept out. [`keys`]: how a backend becomes a caller. [`changes`]: how backends hear that something is no longer
//!    true. [`audit`]: who did what.
//! 5. What they stand on: [`http`], [`shares`], [`error`], [`id`], [`names`], [`clock`], [`ownership`], [`database`].
//! 6. How it runs: [`config`], [`serve`], [`cli`]; what it tells of that: [`metrics`], [`traces`]; how it describes itself: [`openapi`], [`docs`], [`server`].

pub mod access;
pub mod app;
pub mod base;
pub mod gate;
pub mod identity;
pub mod platform;
