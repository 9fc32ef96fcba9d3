//! What people see in a browser: to log in, to agree, to look after their account, to log out. No SQL, no rules: pages call acts. No script
//! but that for passkeys, and nothing but passkeys needs it.

mod account;
mod authorize;
pub mod brand;
mod come_back;
mod consent;
mod device;
mod device_query;
mod done;
mod doors;
mod field;
mod files;
mod forgot_password;
mod home;
mod login;
mod logout;
mod member;
mod new_password;
mod page;
mod place;
mod providers;
mod purpose;
mod register;
mod reset_password;
mod second_step;
mod sent;
mod told;
mod unknown;
mod verify_email;
mod visit;
mod words;

pub use unknown::unknown_path;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;

use crate::base::clock::Clock;
use crate::gate::Gate;
use crate::identity::Identity;
use crate::oauth::OAuth;
use crate::platform::Platform;
use crate::platform::http::Routes;
use brand::Brand;

/// The state of pages. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Pages(Arc<Parts>);

/// What [`Pages`] consist of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The floor below.
    pub oauth: OAuth,
    /// What they look like.
    pub brand: Arc<Brand>,
}

impl Deref for Parts {
    type Target = OAuth;

    fn deref(&self) -> &OAuth {
        &self.oauth
    }
}

impl Deref for Pages {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Pages {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { oauth: self.oauth.with_clock(clock), ..(*self.0).clone() })
    }
}

impl FromRef<Pages> for Platform {
    fn from_ref(pages: &Pages) -> Self {
        pages.platform.clone()
    }
}

impl FromRef<Pages> for Gate {
    fn from_ref(pages: &Pages) -> Self {
        pages.gate.clone()
    }
}

impl FromRef<Pages> for Identity {
    fn from_ref(pages: &Pages) -> Self {
        pages.identity.clone()
    }
}

/// `/`, `/login`, `/login/…`, `/account/…`, `/register`, `/forgot-password`, `/reset-password`, `/verify-email`, `/consent`, `/device`, `/logout`, `/oauth/authorize`, `/oauth/logout`, `/pages/…`.
pub fn routes() -> Routes<Pages> {
    let of_people = Routes::new()
        .merge(login::routes())
        .merge(providers::routes())
        .merge(come_back::routes())
        .merge(second_step::routes())
        .merge(consent::routes())
        .merge(authorize::routes())
        .merge(device::routes())
        .merge(logout::routes())
        .merge(account::routes())
        .merge(register::routes())
        .merge(forgot_password::routes())
        .merge(reset_password::routes())
        .merge(verify_email::routes())
        .merge(done::routes())
        .merge(files::routes())
        .for_people();
    home::routes().merge(of_people)
}
