//! What the pages of one's own account say, and those on which people help themselves.

use crate::gate::audit::Action;

/// All of it, page by page. `{}` is a name.
#[derive(Debug)]
pub struct Account {
    pub menu: Menu,
    /// To what stands after the menu.
    pub skip: &'static str,
    pub name: &'static str,
    pub email: &'static str,
    pub save: &'static str,
    pub older: &'static str,
    pub more: &'static str,
    pub done: &'static str,
    pub months: [&'static str; 12],
    /// Between day, month and year.
    pub of: &'static str,
    pub told: Told,
    pub rules: Rules,
    pub overview: Overview,
    pub profile: Profile,
    pub claims: Claims,
    pub password: Password,
    pub email_page: EmailPage,
    pub sessions: Sessions,
    pub activity: Activity,
    pub applications: Applications,
    pub providers: Providers,
    pub keys: Keys,
    pub language: Language,
    pub register: Register,
    pub forgotten: Forgotten,
    pub reset: Reset,
    pub verify: Verify,
}

/// What the pages are called, in the menu and above themselves.
#[derive(Debug)]
pub struct Menu {
    pub label: &'static str,
    pub overview: &'static str,
    pub profile: &'static str,
    pub password: &'static str,
    pub email: &'static str,
    pub sessions: &'static str,
    pub activity: &'static str,
    pub applications: &'static str,
    pub language: &'static str,
    pub factors: &'static str,
    pub passkeys: &'static str,
    pub providers: &'static str,
    pub keys: &'static str,
}

/// The page of linked accounts.
#[derive(Debug)]
pub struct Providers {
    pub none: &'static str,
    /// `{}` is when it was linked.
    pub since: &'static str,
    pub unlink: &'static str,
}

/// The page of API keys.
#[derive(Debug)]
pub struct Keys {
    pub what_this_is: &'static str,
    pub none: &'static str,
    /// `{}` is when it expires.
    pub ends: &'static str,
    /// `{}` is when it expired.
    pub ended: &'static str,
    /// `{}` is when it was last used.
    pub last_used: &'static str,
    pub revoke: &'static str,
    pub new: &'static str,
    pub prove_why: &'static str,
    pub name: &'static str,
    pub name_hint: &'static str,
    pub expires_at: &'static str,
    /// `{}` is the most days.
    pub expires_at_hint: &'static str,
    pub expires_at_rule: &'static str,
    pub networks: &'static str,
    pub networks_hint: &'static str,
    pub networks_rule: &'static str,
    /// `{}` is what was typed.
    pub no_network: &'static str,
    /// `{}` is the network of what was typed.
    pub bits_beyond: &'static str,
    pub scopes: &'static str,
    pub scopes_rule: &'static str,
    pub everywhere: &'static str,
    pub there_are_more: &'static str,
    pub holds_nothing: &'static str,
    pub not_held: &'static str,
    pub too_many: &'static str,
    pub make: &'static str,
    /// `{}` is its name.
    pub made: &'static str,
    pub shown_once: &'static str,
    pub another: &'static str,
    pub form_is_spent: &'static str,
    pub kept: &'static str,
}

/// What was done on the page before.
#[derive(Debug)]
pub struct Told {
    pub profile_changed: &'static str,
    pub password_changed: &'static str,
    pub password_turned_off: &'static str,
    pub password_turned_on: &'static str,
    pub verification_sent: &'static str,
    pub nothing_to_verify: &'static str,
    pub session_ended: &'static str,
    pub others_ended: &'static str,
    pub application_revoked: &'static str,
    pub account_linked: &'static str,
    pub not_joined: &'static str,
    pub account_unlinked: &'static str,
    pub last_way_in: &'static str,
    pub key_revoked: &'static str,
    pub language_chosen: &'static str,
    pub registered: &'static str,
    pub reset_asked: &'static str,
    pub password_reset: &'static str,
    pub email_verified: &'static str,
    pub proved: &'static str,
    pub factor_added: &'static str,
    pub factor_removed: &'static str,
    pub passkey_added: &'static str,
    pub passkey_removed: &'static str,
    pub renamed: &'static str,
    pub device_distrusted: &'static str,
}

/// What a field has to be, and why it was not taken.
#[derive(Debug)]
pub struct Rules {
    pub username: &'static str,
    pub username_taken: &'static str,
    pub name: &'static str,
    pub email: &'static str,
    pub email_taken: &'static str,
    pub no_mail: &'static str,
    pub say_current_password: &'static str,
    pub wrong_password: &'static str,
    pub password_needed: &'static str,
    /// The shortest, in characters.
    pub new_password: &'static str,
    pub guessable: &'static str,
    pub too_long: &'static str,
    pub not_the_same: &'static str,
    pub too_many_mails: &'static str,
    pub too_many_changes: &'static str,
    pub invalid_invitation: &'static str,
    pub registration_closed: &'static str,
    pub link_is_over: &'static str,
}

#[derive(Debug)]
pub struct Overview {
    pub verified: &'static str,
    pub unverified: &'static str,
    pub no_email: &'static str,
    pub since: &'static str,
    pub last_login: &'static str,
}

#[derive(Debug)]
pub struct Profile {
    pub for_applications: &'static str,
    pub for_applications_why: &'static str,
    pub when_password_is_needed: &'static str,
}

/// The standard claims: by name, the label and the hint.
#[derive(Debug)]
pub struct Claims {
    pub all: &'static [(&'static str, &'static str, &'static str)],
    /// What else is wrong with one.
    pub rule: &'static str,
}

impl Claims {
    /// The label of a claim, and what to know before one types.
    pub fn of(&self, claim: &str) -> (&'static str, &'static str) {
        let found = self.all.iter().find(|(name, ..)| *name == claim);
        found.map_or(("", ""), |(_, label, hint)| (label, hint))
    }

    /// What may stand in its field.
    pub fn rule_of(&self, claim: &str) -> &'static str {
        match self.of(claim) {
            (_, "") => self.rule,
            (_, hint) => hint,
        }
    }
}

#[derive(Debug)]
pub struct Password {
    pub what_happens: &'static str,
    pub current: &'static str,
    pub new: &'static str,
    pub again: &'static str,
    pub change: &'static str,
    pub is_off: &'static str,
    pub is_none: &'static str,
    pub set: &'static str,
    pub without: &'static str,
    pub without_why: &'static str,
    pub turn_off: &'static str,
    pub missing: MissingWays,
}

/// What somebody has to have before they can do without a password.
#[derive(Debug)]
pub struct MissingWays {
    /// Who has none.
    pub passkeys: &'static str,
    /// Who has one,
    pub codes: &'static str,
    pub address: &'static str,
    /// or both.
    pub codes_and_address: &'static str,
}

#[derive(Debug)]
pub struct EmailPage {
    pub now: &'static str,
    pub pending: &'static str,
    pub send_again: &'static str,
    pub another: &'static str,
    pub what_happens: &'static str,
    pub new: &'static str,
    pub change: &'static str,
}

#[derive(Debug)]
pub struct Sessions {
    pub what_this_is: &'static str,
    pub unknown_device: &'static str,
    pub this_one: &'static str,
    pub from: &'static str,
    pub since: &'static str,
    pub last_seen: &'static str,
    pub end: &'static str,
    pub end_others: &'static str,
}

#[derive(Debug)]
pub struct Activity {
    pub what_this_is: &'static str,
    pub none: &'static str,
    pub by: &'static str,
    pub somebody: &'static str,
    pub system: &'static str,
    /// What was done: a line for each action.
    pub actions: &'static [(Action, &'static str)],
}

impl Activity {
    /// What an action is called, if this version knows it.
    pub fn of(&self, action: &str) -> Option<&'static str> {
        let action: Action = action.parse().ok()?;
        self.actions.iter().find(|(known, _)| *known == action).map(|(_, words)| *words)
    }
}

#[derive(Debug)]
pub struct Applications {
    pub what_this_is: &'static str,
    pub none: &'static str,
    pub since: &'static str,
    pub last_used: &'static str,
    pub may: &'static str,
    pub revoke: &'static str,
}

#[derive(Debug)]
pub struct Language {
    pub question: &'static str,
    pub choose_one: &'static str,
}

#[derive(Debug)]
pub struct Register {
    pub title: &'static str,
    pub what_happens: &'static str,
    pub why_email: &'static str,
    pub create: &'static str,
    pub have_one: &'static str,
}

#[derive(Debug)]
pub struct Forgotten {
    pub title: &'static str,
    pub what_happens: &'static str,
    pub who: &'static str,
    pub say_who: &'static str,
    pub send: &'static str,
}

#[derive(Debug)]
pub struct Reset {
    pub title: &'static str,
    pub what_happens: &'static str,
    pub set: &'static str,
    pub ask_again: &'static str,
}

#[derive(Debug)]
pub struct Verify {
    pub title: &'static str,
    pub what_happens: &'static str,
    pub confirm: &'static str,
    pub ask_again: &'static str,
}
