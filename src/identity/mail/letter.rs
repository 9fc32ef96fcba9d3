//! What a mail says, in the language of its receiver, as text and as HTML.

use askama::Template;
use time::OffsetDateTime;

use super::Content;
use super::texts::{english, spanish};
use crate::base::error::Result;
use crate::base::locale::Locale;
use crate::base::opaque::mail_token::MailToken;
use crate::platform::mail::{Settings, TokenLink};

/// What there is to say, and to whom.
#[derive(Debug)]
pub(super) struct LetterContext<'a> {
    pub content: &'a Content,
    pub locale: Locale,
    /// What its receiver is called.
    pub name: Option<&'a str>,
    /// Whether the address is known to be theirs. Else nobody knows who reads this, and nothing is in it that somebody
    /// else may have written.
    pub is_proved: bool,
    /// Whether programs act for its receiver by API keys.
    pub has_api_keys: bool,
    /// When what it tells happened.
    pub at: OffsetDateTime,
    /// Until when its token is good.
    pub expires_at: OffsetDateTime,
    pub token: Option<&'a MailToken>,
}

impl LetterContext<'_> {
    /// Whom it greets by name.
    pub fn greeted(&self) -> Option<&str> {
        self.name.filter(|name| self.is_proved && !is_link(name))
    }

    /// What somebody else wrote, where it can be told.
    pub fn told<'t>(&self, text: &'t str) -> Option<&'t str> {
        Some(text).filter(|_| self.is_proved)
    }
}

/// Whether a mail program might make a link of it.
pub(super) fn is_link(name: &str) -> bool {
    let mut letters = name.chars().skip_while(|c| *c == '.').peekable();
    let mut has_inner_dot = false;
    let mut before = ' ';
    while let Some(c) = letters.next() {
        has_inner_dot |= c == '.' && before.is_alphanumeric() && letters.peek().is_some_and(|c| c.is_alphanumeric());
        before = c;
    }
    has_inner_dot || name.contains(['/', '@', ':', '\\'])
}

/// A mail in words.
pub(super) struct Letter {
    pub lang: &'static str,
    pub subject: String,
    pub greeting: String,
    pub paragraphs: Vec<String>,
    pub secret: Option<MailSecret>,
    pub sender: String,
}

/// What only the receiver may know.
pub(super) struct MailSecret {
    pub token: String,
    /// Where it leads, if the team has a page for it.
    pub link: Option<String>,
    /// What is on the button.
    pub label: &'static str,
    pub remark: String,
}

impl MailSecret {
    fn shown(&self) -> &str {
        self.link.as_ref().unwrap_or(&self.token)
    }
}

/// What the texts of one language say.
pub(super) struct Words {
    pub subject: String,
    pub greeting: String,
    pub paragraphs: Vec<String>,
    /// What is on the button.
    pub label: &'static str,
    /// What to do with a token that no link carries.
    pub where_to: &'static str,
    /// What to do if one did not ask for it.
    pub unexpected: &'static str,
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    letter: &'a Letter,
}

impl Letter {
    pub(super) fn compose(about: &LetterContext<'_>, settings: &Settings) -> Self {
        let sender = settings.from.name.clone().unwrap_or_else(|| "Portero".to_owned());
        let words = match about.locale {
            Locale::En => english::say(about, &sender),
            Locale::Es => spanish::say(about, &sender),
        };
        let secret = about.token.map(|token| {
            let link = link(about.content, settings).map(|link| link.with(token));
            let where_to = if link.is_some() { "" } else { words.where_to };
            let remark = format!("{where_to} {}", words.unexpected).trim().to_owned();
            MailSecret { token: token.reveal().to_owned(), link, label: words.label, remark }
        });
        Self {
            lang: about.locale.as_str(),
            // Nothing of a person's own is in it, but the sender's name is a setting.
            subject: one_line(&words.subject),
            greeting: one_line(&words.greeting),
            paragraphs: words.paragraphs.iter().map(|paragraph| one_line(paragraph)).collect(),
            secret,
            sender,
        }
    }

    pub(super) fn text(&self) -> Result<String> {
        Ok(Text { letter: self }.render().map_err(anyhow::Error::from)?)
    }

    pub(super) fn html(&self) -> Result<String> {
        Ok(Html { letter: self }.render().map_err(anyhow::Error::from)?)
    }
}

fn link<'a>(content: &Content, settings: &'a Settings) -> Option<&'a TokenLink> {
    match content {
        Content::PasswordReset { .. } => settings.reset_password.as_ref(),
        Content::VerifyEmail => settings.verify_email.as_ref(),
        Content::Invitation { .. } => settings.invitation.as_ref(),
        _ => None,
    }
}

/// A name or the name of a client must not look like a paragraph of ours.
fn one_line(text: &str) -> String {
    text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// To the minute, in UTC.
pub(super) fn moment(at: OffsetDateTime, months: &[&str; 12], of: &str) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let month = months[usize::from(u8::from(at.month())) - 1];
    format!("{} {of}{month} {of}{}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_program_would_make_a_link_of_is_nobodys_name() {
        for link in
            ["https://evil.example/login", "evil.example", "www.evil.example", "mail me@evil.example", "a:b", "x/y"]
        {
            assert!(is_link(link), "{link}");
        }
        for name in ["Ada Quispe", "J. R. Smith", "Dr. No", "María-José O’Brien", "...", "Quispe, Ada jr."] {
            assert!(!is_link(name), "{name}");
        }
    }
}
