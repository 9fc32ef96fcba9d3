//! What a page says once of what was done on the one before: a cookie carries which sentence, from the answer to a form to the page
//! that the browser goes on to.

use super::words::Words;

macro_rules! told {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $word:ident;)+) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Told {
            $($(#[$doc])* $variant,)+
        }

        impl Told {
            const ALL: &[Self] = &[$(Self::$variant),+];

            /// As the cookie has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// As people are told.
            pub fn said(self, words: &Words) -> &'static str {
                match self {
                    $(Self::$variant => words.account.told.$word,)+
                }
            }
        }
    };
}

// What a page does is a line here, and a sentence in `words::account`.
told! {
    /// What applications are told of somebody, their name or their username was changed.
    ProfileChanged = "profile-changed", profile_changed;
    /// Their password was changed, and their other sessions ended.
    PasswordChanged = "password-changed", password_changed;
    /// Passkeys alone open their account.
    PasswordTurnedOff = "password-turned-off", password_turned_off;
    /// They have a password again, or for the first time.
    PasswordTurnedOn = "password-turned-on", password_turned_on;
    /// A mail is on its way to an address that they gave.
    VerificationSent = "verification-sent", verification_sent;
    /// There was nothing to verify.
    NothingToVerify = "nothing-to-verify", nothing_to_verify;
    /// A session has ended.
    SessionEnded = "session-ended", session_ended;
    /// All other sessions have ended.
    OthersEnded = "others-ended", others_ended;
    /// An application may act for them no more.
    ApplicationRevoked = "application-revoked", application_revoked;
    /// Another language was chosen.
    LanguageChosen = "language-chosen", language_chosen;
    /// They have registered.
    Registered = "registered", registered;
    /// If somebody has that address or username, a mail is on its way.
    ResetAsked = "reset-asked", reset_asked;
    /// A forgotten password was replaced.
    PasswordReset = "password-reset", password_reset;
    /// An address is theirs.
    EmailVerified = "email-verified", email_verified;
    /// They have proved once more who they are.
    Proved = "proved", proved;
    /// They have an authenticator more.
    FactorAdded = "factor-added", factor_added;
    /// They have one less.
    FactorRemoved = "factor-removed", factor_removed;
    /// They have a passkey more.
    PasskeyAdded = "passkey-added", passkey_added;
    /// They have one less.
    PasskeyRemoved = "passkey-removed", passkey_removed;
    /// A factor or a passkey is called something else.
    Renamed = "renamed", renamed;
    /// An account elsewhere opens theirs here.
    AccountLinked = "account-linked", account_linked;
    /// What was offered to be joined was not, since they are somebody else, or came too late.
    NotJoined = "not-joined", not_joined;
    /// An account elsewhere opens nothing here any more.
    AccountUnlinked = "account-unlinked", account_unlinked;
    /// It was not unlinked, since there is no other way in.
    LastWayIn = "last-way-in", last_way_in;
    /// A program can use an API key no more.
    KeyRevoked = "key-revoked", key_revoked;
    /// A password is not enough any more on a device.
    DeviceDistrusted = "device-distrusted", device_distrusted;
}

/// Where it is told, where nobody is logged in.
pub const DONE: &str = "/done";

impl Told {
    /// What a cookie says.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|told| told.name() == name)
    }
}
