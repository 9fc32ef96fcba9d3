//! What pages say, in the languages that they are read in.

pub mod account;
mod english;
pub mod security;
mod spanish;

use time::Duration;

use crate::base::locale::Locale;
use crate::identity::factors::Method;
use crate::oauth::scopes::{ADDRESS, EMAIL, GROUPS, OFFLINE_ACCESS, OPENID, PERMISSIONS, PHONE, PROFILE, ROLES};

/// How many characters of an address that somebody has sent are shown.
const LONGEST_ADDRESS: usize = 200;

/// All that is said. `{}` is a name.
#[derive(Debug)]
pub struct Words {
    pub welcome: &'static str,
    pub what_this_is: &'static str,
    pub signed_in_as: &'static str,
    pub documentation: &'static str,
    pub sign_in: &'static str,
    pub sign_in_to: &'static str,
    pub username: &'static str,
    pub password: &'static str,
    /// At a provider.
    pub sign_in_at: &'static str,
    pub or: &'static str,
    /// Before a provider's account is linked with the one that is here.
    pub join_account: &'static str,
    pub link_account: &'static str,
    pub link_account_why: &'static str,
    pub sign_out: &'static str,
    pub signed_out: &'static str,
    pub you_are_signed_out: &'static str,
    pub sign_out_question: &'static str,
    pub stay: &'static str,
    pub start_page: &'static str,
    /// To the page of the login, for the same application.
    pub back_to_sign_in: &'static str,
    pub wants_access: &'static str,
    pub calls_itself: &'static str,
    pub it_may: &'static str,
    pub ends_with_session: &'static str,
    /// For one day at most, and for so many days.
    pub stays_for: [&'static str; 2],
    pub you_go_on_to: &'static str,
    pub allow: &'static str,
    pub deny: &'static str,
    pub not_you: &'static str,
    pub no_access: &'static str,
    pub no_access_why: &'static str,
    pub back: &'static str,
    pub go_on: &'static str,
    pub go_on_why: &'static str,
    pub leaving: &'static str,
    pub leaving_why: &'static str,
    pub connect_device: &'static str,
    pub code_of_device: &'static str,
    pub compare_code: &'static str,
    pub device_let_in: &'static str,
    pub device_refused: &'static str,
    pub close_window: &'static str,
    pub error: &'static str,
    /// What a new one is called.
    pub passkey: &'static str,
    pub use_passkey: &'static str,
    pub passkey_cancelled: &'static str,
    pub passkey_failed: &'static str,
    pub say_username: &'static str,
    pub say_password: &'static str,
    pub say_code: &'static str,
    pub forgot_password: &'static str,
    pub create_account: &'static str,
    pub account: &'static account::Account,
    pub security: &'static security::Security,
    pub second_step: &'static str,
    pub second_step_why: SecondStepWhy,
    pub code: &'static str,
    pub enrol: &'static str,
    pub enrol_why: &'static str,
    pub enrol_passkey: &'static str,
    pub authenticator: &'static str,
    pub qr_code: &'static str,
    pub or_type: &'static str,
    pub open_authenticator: &'static str,
    pub first_code: &'static str,
    pub next_code: &'static str,
    pub recovery_codes: &'static str,
    pub recovery_codes_why: &'static str,
    pub wrote_down: &'static str,
    pub login_over: &'static str,
    /// For one day, and for so many days.
    trust_device: [&'static str; 2],
    pub faults: Faults,
    scopes: Scopes,
}

/// Why something was not done, in one sentence each.
#[derive(Debug)]
pub struct Faults {
    pub no_such_page: &'static str,
    pub malformed: &'static str,
    pub missing_client: &'static str,
    pub unknown_client: &'static str,
    pub unusable_document: &'static str,
    pub missing_redirect: &'static str,
    /// A client, and an address.
    unregistered_redirect: &'static str,
    pub unknown_request: &'static str,
    pub unregistered_return: &'static str,
    pub unproved_return: &'static str,
    pub forged_form: &'static str,
    pub invalid_credentials: &'static str,
    pub passkey_refused: &'static str,
    pub wrong_code: &'static str,
    pub wrong_recovery_code: &'static str,
    pub unknown_code: &'static str,
    pub unknown_provider: &'static str,
    pub login_over: &'static str,
    pub denied_there: &'static str,
    pub unusable_answer: &'static str,
    pub not_linked: &'static str,
    pub not_invited: &'static str,
    pub disabled: &'static str,
    pub linked_to_another: &'static str,
    pub too_many_links: &'static str,
    pub stale_login: &'static str,
    pub too_many: &'static str,
    pub unavailable: &'static str,
    pub internal: &'static str,
}

impl Faults {
    /// That a client has not registered an address. Of a long one the beginning is enough to tell it by.
    pub fn unregistered_redirect(&self, client_id: &str, redirect_uri: &str) -> String {
        let (before, rest) = self.unregistered_redirect.split_once("{}").unwrap_or_default();
        let mut address: String = redirect_uri.chars().take(LONGEST_ADDRESS).collect();
        if address.len() < redirect_uri.len() {
            address.push('…');
        }
        format!("{before}{client_id}{}", named(rest, &address))
    }
}

/// What scopes mean.
#[derive(Debug)]
struct Scopes {
    openid: &'static str,
    profile: &'static str,
    email: &'static str,
    phone: &'static str,
    address: &'static str,
    offline_access: &'static str,
    roles: &'static str,
    permissions: &'static str,
    groups: &'static str,
    /// A permission, and the service that it is one of.
    permission: &'static str,
    /// All that one may do in a service.
    service: &'static str,
}

impl Words {
    /// In this language.
    pub fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::En => &english::WORDS,
            Locale::Es => &spanish::WORDS,
        }
    }

    /// What a scope without a service means; `None` of any other.
    pub fn scope(&self, scope: &str) -> Option<&'static str> {
        Some(match scope {
            OPENID => self.scopes.openid,
            PROFILE => self.scopes.profile,
            EMAIL => self.scopes.email,
            PHONE => self.scopes.phone,
            ADDRESS => self.scopes.address,
            OFFLINE_ACCESS => self.scopes.offline_access,
            ROLES => self.scopes.roles,
            PERMISSIONS => self.scopes.permissions,
            GROUPS => self.scopes.groups,
            _ => return None,
        })
    }

    /// How long an access lasts that outlives the session in the browser.
    pub fn stays_for(&self, most: Duration) -> String {
        let days = (most.whole_seconds() + 86_399) / 86_400;
        let [one, many] = self.stays_for;
        if days == 1 { one.to_owned() } else { named(many, &days.to_string()) }
    }

    /// For how long no code is asked for on a device that is trusted.
    pub fn trust_device(&self, lasts: Duration) -> String {
        let [one, many] = self.trust_device;
        if lasts.whole_days() == 1 { one.to_owned() } else { named(many, &lasts.whole_days().to_string()) }
    }

    /// What a permission of a service means.
    pub fn permission(&self, permission: &str, service: &str) -> String {
        let (before, rest) = self.scopes.permission.split_once("{}").unwrap_or_default();
        format!("{before}{permission}{}", named(rest, service))
    }

    /// What all that one may do in a service means.
    pub fn service(&self, service: &str) -> String {
        named(self.scopes.service, service)
    }
}

/// A text with a name in its place.
pub fn named(text: &str, name: &str) -> String {
    text.replacen("{}", name, 1)
}

/// What is asked for in a second step.
#[derive(Debug)]
pub struct SecondStepWhy {
    /// A code of either kind.
    either: &'static str,
    authenticator: &'static str,
    recovery_code: &'static str,
    passkey: &'static str,
}

impl SecondStepWhy {
    /// For somebody who has these.
    pub fn by(&self, methods: &[Method]) -> &'static str {
        match (methods.contains(&Method::Totp), methods.contains(&Method::RecoveryCode)) {
            (true, true) => self.either,
            (true, false) => self.authenticator,
            (false, true) => self.recovery_code,
            (false, false) => self.passkey,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::audit::Action;
    use crate::oauth::scopes::STANDARD;

    #[test]
    fn every_scope_has_words_and_a_name_is_never_taken_for_a_place() {
        for locale in [Locale::En, Locale::Es] {
            let words = Words::of(locale);
            assert!(STANDARD.iter().all(|scope| words.scope(scope).is_some()));
            let said = words.permission("{}", "The {} store");
            assert!(said.contains("{}") && said.contains("The {} store"), "{said}");
        }
    }

    #[test]
    fn every_action_has_words() {
        for locale in [Locale::En, Locale::Es] {
            let words = &Words::of(locale).account.activity;
            let without: Vec<_> = Action::ALL.iter().filter(|action| words.of(action.as_str()).is_none()).collect();
            assert!(without.is_empty(), "{without:?}");
            assert_eq!(words.actions.len(), Action::ALL.len());
        }
    }
}
