//! Where mail goes: to a server, to the terminal, or nowhere.

use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use lettre::{Address, Message};
use tokio::sync::Notify;

use super::{Failure, Settings, Smtp};
use crate::base::email::Email;
use crate::base::error::{Error, Result};

/// A server that takes longer over a mail gets it again later.
const PATIENCE: Duration = Duration::from_secs(30);

/// A handle on the way out.
#[derive(Clone, Debug)]
pub struct Mailer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    way: Way,
    something_is_due: Notify,
}

enum Way {
    Smtp(Box<Smtp>, Address),
    Terminal,
    None,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp(..) => "Smtp",
            Self::Terminal => "Terminal",
            Self::None => "None",
        })
    }
}

impl Mailer {
    /// As the settings say.
    ///
    /// # Errors
    /// When `SMTP_URL` can't be understood, or when it asks for TLS and this machine's certificates can't be read.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let way = match &settings.smtp {
            Some(url) => {
                let server = Smtp::new(url.expose(), settings)?;
                Way::Smtp(Box::new(server), settings.from.email.clone())
            }
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
    pub async fn something_is_due(&self) {
        self.0.something_is_due.notified().await;
    }

    /// Sends a mail; where there is only the terminal, its subject and text are printed.
    pub async fn send(
        &self,
        recipient: &Email,
        (subject, text): (&str, &str),
        message: Message,
    ) -> Result<(), Failure> {
        match &self.0.way {
            Way::Smtp(server, _) => in_time(server.send(&message)).await,
            Way::Terminal => print(recipient, subject, text),
            Way::None => Err(Failure::for_now("no SMTP_URL is set".to_owned())),
        }
    }

    /// Whether the server answers, lets us in and takes what we send as `MAIL_FROM`; `None` where there is none.
    pub async fn try_out(&self) -> Option<Result<(), Failure>> {
        let Way::Smtp(server, sender) = &self.0.way else { return None };
        Some(in_time(server.try_out(sender)).await)
    }

    /// The name that we go by where mail is sent.
    pub fn ehlo_name(&self) -> Option<String> {
        if let Way::Smtp(server, _) = &self.0.way { Some(server.ehlo_name()) } else { None }
    }
}

async fn in_time(talk: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let slow = |_| Err(Failure::for_now(format!("no answer within {} s", PATIENCE.as_secs())));
    tokio::time::timeout(PATIENCE, talk).await.unwrap_or_else(slow)
}

/// For whoever sits there, and never into the log.
fn print(recipient: &Email, subject: &str, text: &str) -> Result<(), Failure> {
    let line = "-".repeat(72);
    let text = text.trim_end();
    let mail = format!("{line}\nTo: {}\nSubject: {}\n\n{text}\n{line}\n", recipient.as_str(), subject);
    let mut out = std::io::stdout().lock();
    out.write_all(mail.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::for_now(error.to_string()))
}
