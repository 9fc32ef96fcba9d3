//! Where mail goes: to a server, to the terminal, or nowhere.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::Notify;

use super::Settings;
use super::letter::Letter;
use crate::error::{Error, Result};
use crate::users::Email;

/// A server that takes longer over a mail gets it again later.
const PATIENCE: Duration = Duration::from_secs(30);

/// Over a single answer.
const PATIENCE_PER_COMMAND: Duration = Duration::from_secs(15);

/// SMTP replies that speak of us and not of the mail (RFC 4954 section 6): somebody has to mend a setting, and the mail
/// can wait for that.
const ABOUT_US: [&str; 4] = ["530", "534", "535", "538"];

/// A handle on the way out.
#[derive(Clone, Debug)]
pub struct Post(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    way: Way,
    something_is_due: Notify,
}

enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Terminal,
    None,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp(_) => "Smtp",
            Self::Terminal => "Terminal",
            Self::None => "None",
        })
    }
}

/// Why a mail is not out.
#[derive(Debug)]
pub(super) struct Failure {
    /// Whether it is of no use to try again.
    pub for_good: bool,
    /// What went wrong.
    pub why: String,
}

impl Post {
    /// As the settings say.
    ///
    /// # Errors
    /// When `SMTP_URL` can't be understood, or when it asks for TLS and this machine's certificates can't be read.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let way = match &settings.smtp {
            Some(url) => Way::Smtp(smtp(url.expose())?),
            None if settings.to_the_terminal => Way::Terminal,
            None => Way::None,
        };
        Ok(Self(Arc::new(Inner { way, something_is_due: Notify::new() })))
    }

    /// Whether mail can be sent at all.
    pub fn is_open(&self) -> bool {
        !matches!(self.0.way, Way::None)
    }

    /// Refuses (409 `mail_not_configured`) what can't be done without mail.
    pub fn must_be_open(&self) -> Result<()> {
        if self.is_open() {
            return Ok(());
        }
        Err(Error::conflict(
            "mail_not_configured",
            "this Portero sends no mail, so nothing can be sent to an address or verified; see SMTP_URL",
        ))
    }

    /// To be called after the commit of what queued a mail, so that it goes out at once. Without it, it does within
    /// seconds.
    pub fn wake(&self) {
        self.0.something_is_due.notify_one();
    }

    /// Waits for the next [`Self::wake`].
    pub(super) async fn something_is_due(&self) {
        self.0.something_is_due.notified().await;
    }

    /// Sends a mail, or prints it.
    pub(super) async fn send(&self, recipient: &Email, letter: &Letter, message: Message) -> Result<(), Failure> {
        match &self.0.way {
            Way::Smtp(transport) => match tokio::time::timeout(PATIENCE, transport.send(message)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure { for_good: is_for_good(&error), why: error.to_string() }),
                Err(_) => Err(Failure { for_good: false, why: format!("no answer within {} s", PATIENCE.as_secs()) }),
            },
            Way::Terminal => print(recipient, letter),
            Way::None => Err(Failure { for_good: false, why: "no SMTP_URL is set".to_owned() }),
        }
    }

    /// Whether the server answers and lets us in; `None` where there is none.
    pub async fn greet(&self) -> Option<Result<(), String>> {
        let Way::Smtp(transport) = &self.0.way else { return None };
        let greeted = tokio::time::timeout(PATIENCE_PER_COMMAND, transport.test_connection()).await;
        Some(match greeted {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the server hangs up".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE_PER_COMMAND.as_secs())),
        })
    }
}

/// The transport that a URL describes (lettre says how: `smtps://user:password@host:port`, `smtp://…?tls=required`).
pub fn smtp(url: &str) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    if !["smtp://", "smtps://"].iter().any(|scheme| url.starts_with(scheme)) {
        bail!("does not begin with smtps:// or smtp://");
    }
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?;
    Ok(builder.timeout(Some(PATIENCE_PER_COMMAND)).build())
}

fn is_for_good(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string()).unwrap_or_default();
    error.is_permanent() && !ABOUT_US.contains(&code.as_str())
}

/// For whoever sits there, and never into the log.
fn print(recipient: &Email, letter: &Letter) -> Result<(), Failure> {
    let failed = |why: String| Failure { for_good: false, why };
    let text = letter.text().map_err(|error| failed(error.to_string()))?;
    let line = "-".repeat(72);
    let mail = format!("{line}\nTo: {}\nSubject: {}\n\n{text}{line}\n", recipient.as_str(), letter.subject);
    let mut out = std::io::stdout().lock();
    out.write_all(mail.as_bytes()).and_then(|()| out.flush()).map_err(|error| failed(error.to_string()))
}
