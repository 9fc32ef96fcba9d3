//! The pages of one's own account, as the menu has them.

use super::words::Words;

macro_rules! places {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $path:literal, $word:ident;)+) => {
        /// A page of one's own account.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Place {
            $($(#[$doc])* $variant,)+
        }

        impl Place {
            /// The menu, in its order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// What the login page knows it by.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Where it is, from the issuer on.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$variant => $path,)+
                }
            }

            /// What it is called.
            pub fn title(self, words: &Words) -> &'static str {
                match self {
                    $(Self::$variant => words.account.menu.$word,)+
                }
            }
        }
    };
}

// A page of the account is a line here, a title in `words::account`, a file in `account/` and a template.
places! {
    /// What is known of them, in short.
    Overview = "overview", "/account", overview;
    /// Name, username, and what applications are told of them.
    Profile = "profile", "/account/profile", profile;
    /// Their password.
    Password = "password", "/account/password", password;
    /// Their second factors.
    Factors = "factors", "/account/factors", factors;
    /// Their passkeys.
    Passkeys = "passkeys", "/account/passkeys", passkeys;
    /// The accounts elsewhere by which they sign in.
    Providers = "providers", "/account/providers", providers;
    /// Their API keys.
    Keys = "keys", "/account/keys", keys;
    /// Their e-mail address.
    Email = "email", "/account/email", email;
    /// Where they are signed in.
    Sessions = "sessions", "/account/sessions", sessions;
    /// What was done by them and to them.
    Activity = "activity", "/account/activity", activity;
    /// The applications that may act for them.
    Applications = "applications", "/account/applications", applications;
    /// The language of pages and mails.
    Language = "language", "/account/language", language;
}

impl Place {
    /// The one that is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|place| place.name() == name)
    }

    /// The one that a path is of.
    pub fn at(path: &str) -> Self {
        let beneath =
            |place: &Self| path.strip_prefix(place.path()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Self::ALL.iter().copied().filter(beneath).max_by_key(|place| place.path().len()).unwrap_or(Self::Overview)
    }

    /// Where somebody logs in to come back here.
    pub fn login(self) -> String {
        format!("/login?page={}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_by_its_name_and_by_all_beneath_its_path() {
        for place in Place::ALL.iter().copied() {
            assert_eq!((Place::named(place.name()), Place::at(place.path())), (Some(place), place));
        }
        assert_eq!(Place::at("/account/sessions/end"), Place::Sessions);
        assert_eq!(Place::at("/account/sessionsend"), Place::Overview);
        assert_eq!(Place::named("//evil.example"), None);
    }
}
