//! What a client wants the person to be asked (OpenID Connect Core section 3.1.2.1: `prompt`, `max_age`).

use std::fmt;

use time::{Duration, OffsetDateTime};

/// `prompt`. What it asks for beyond these is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Nothing is shown: what would have to be asked is an error.
    pub none: bool,
    /// They log in again, or as somebody else: so one selects an account here.
    pub login: bool,
    /// They are asked whether the client may act for them.
    pub consent: bool,
}

impl Prompt {
    /// Reads it.
    ///
    /// # Errors
    /// `none` stands alone.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let has = |word: &str| text.split(' ').any(|own| own == word);
        if has("none") && text.trim() != "none" {
            return Err("prompt=none stands alone");
        }
        Ok(Self { none: has("none"), login: has("login") || has("select_account"), consent: has("consent") })
    }

    /// A word in it that means nothing here.
    pub fn unknown(text: &str) -> Option<&str> {
        text.split(' ').find(|word| !["", "none", "login", "consent", "select_account"].contains(word))
    }

    /// What is left of its text once somebody has logged in for it; `None` for nothing.
    pub fn once_logged_in(text: &str) -> Option<String> {
        let rest: Vec<&str> = text.split(' ').filter(|word| !["login", "select_account", ""].contains(word)).collect();
        (!rest.is_empty()).then(|| rest.join(" "))
    }
}

/// `max_age`: a login that is older does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxAge(u32);

/// So long a login counts as new for the request that it was made for, whatever its `max_age`: nobody is asked in a circle.
const NEW: u32 = 60;

impl fmt::Display for MaxAge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl MaxAge {
    /// Reads it.
    ///
    /// # Errors
    /// It is a number of seconds.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "max_age must be a number of seconds")
    }

    /// As a number of seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// Whether a login does at `now`.
    pub fn allows(self, logged_in_at: OffsetDateTime, now: OffsetDateTime) -> bool {
        // 0 asks for a new one each time (OpenID Connect Core section 3.1.2.1).
        self.0 > 0 && now - logged_in_at <= Duration::seconds(self.0.into())
    }

    /// What is left of it once somebody has logged in for it.
    #[must_use]
    pub fn once_logged_in(self) -> Self {
        Self(self.0.max(NEW))
    }
}

/// Whether a login has only just been made.
pub fn is_new(logged_in_at: OffsetDateTime, now: OffsetDateTime) -> bool {
    MaxAge(NEW).allows(logged_in_at, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_stands_alone_and_strangers_words_are_ignored() {
        assert_eq!(Prompt::read("none"), Ok(Prompt { none: true, ..Prompt::default() }));
        assert!(Prompt::read("none login").is_err());
        let both = Prompt::read("consent login create").expect("a prompt");
        assert!(both.consent && both.login && !both.none);
        assert_eq!((Prompt::unknown("consent logn"), Prompt::unknown("login  none")), (Some("logn"), None));
        assert!(Prompt::read("select_account").is_ok_and(|prompt| prompt.login));
    }

    #[test]
    fn a_login_satisfies_what_asked_for_it_and_nothing_else() {
        assert_eq!(Prompt::once_logged_in("login consent select_account").as_deref(), Some("consent"));
        assert_eq!(Prompt::once_logged_in("login"), None);
        let age = |text: &str| MaxAge::read(text).expect("an age").once_logged_in().to_string();
        assert_eq!((age("0"), age("3600")), ("60".to_owned(), "3600".to_owned()));
    }

    #[test]
    fn a_login_is_too_old_a_second_after_its_age() {
        let at = |seconds| OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
        let allows = |age: &str, now| MaxAge::read(age).expect("an age").allows(at(0), at(now));
        assert!(allows("10", 10) && !allows("10", 11) && !allows("0", 0));
        for bad in ["-1", "1.5", "soon", "4294967296"] {
            assert!(MaxAge::read(bad).is_err(), "{bad}");
        }
    }
}
