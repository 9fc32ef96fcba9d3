//! The pages of one's own account: each calls the act that `/auth/…` calls for the same.

mod activity;
mod applications;
mod back;
mod claims;
mod device;
mod email;
mod factors;
mod keys;
mod language;
mod moment;
mod new_key;
mod overview;
mod passkeys;
mod password;
mod profile;
mod prove;
mod providers;
mod refused;
mod sessions;

use crate::pages::Pages;
use crate::platform::http::Routes;

/// `/account/…`.
pub fn routes() -> Routes<Pages> {
    Routes::new()
        .merge(overview::routes())
        .merge(profile::routes())
        .merge(password::routes())
        .merge(factors::routes())
        .merge(passkeys::routes())
        .merge(prove::routes())
        .merge(providers::routes())
        .merge(keys::routes())
        .merge(email::routes())
        .merge(sessions::routes())
        .merge(activity::routes())
        .merge(applications::routes())
        .merge(language::routes())
}
