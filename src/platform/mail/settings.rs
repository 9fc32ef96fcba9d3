use std::fmt;

use lettre::message::Mailbox;

use crate::base::masked::without_secrets;
use crate::base::opaque::mail_token::MailToken;
use crate::base::secret::Secret;

/// How mail is sent, and what is in it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `SMTP_URL`: the server that takes our mail.
    pub smtp: Option<Secret>,
    /// `SMTP_EHLO_NAME`: the name that we go by there.
    pub ehlo_name: Option<String>,
    /// `MAIL_FROM`: who it is from.
    pub from: Mailbox,
    /// `RESET_PASSWORD_URL`.
    pub reset_password: Option<TokenLink>,
    /// `VERIFY_EMAIL_URL`.
    pub verify_email: Option<TokenLink>,
    /// `INVITATION_URL`.
    pub invitation: Option<TokenLink>,
    /// Without a server, mail is printed for whoever sits at the terminal.
    pub to_the_terminal: bool,
}

/// A URL of the team's own application, with `{token}` in it.
#[derive(Clone)]
pub struct TokenLink(String);

impl fmt::Debug for TokenLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0))
    }
}

impl TokenLink {
    /// With a token in its place: letters, digits and an underscore, which mean themselves in every part of a URL.
    pub fn with(&self, token: &MailToken) -> String {
        self.0.replace("{token}", token.reveal())
    }
}

impl std::str::FromStr for TokenLink {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_url = ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        if !is_url || text.contains(char::is_whitespace) {
            return Err("is not a URL that begins with https:// or http://".to_owned());
        }
        if text.matches("{token}").count() != 1 {
            return Err("lacks `{token}`, or has it twice: say where the token goes".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}
