//! The server that takes our mail.

use super::Report;
use crate::app::config::Config;
use crate::base::error::causes;
use crate::platform::mail::{Mailer, Stage};

pub(super) async fn check(report: &mut Report, config: &Config) {
    let mailer = match Mailer::new(&config.mail) {
        Ok(mailer) => mailer,
        Err(error) => return report.wrong("mail server", format!("SMTP_URL {}", causes(&error)), "look into SMTP_URL"),
    };
    let failure = match mailer.try_out().await {
        None => return report.skipped("mail server", "SMTP_URL is not set: nobody can ask for a new password"),
        Some(Ok(())) => {
            let sender = &config.mail.from.email;
            return report.ok("mail server", format!("it answers, lets us in and takes mail from {sender}"));
        }
        Some(Err(failure)) => failure,
    };
    let advice = match failure.stage {
        Stage::Greeting => {
            let name = mailer.ehlo_name().unwrap_or_default();
            format!("set SMTP_EHLO_NAME to a full host name that this server takes; Portero said `{name}`")
        }
        Stage::Encryption => "look into SMTP_URL: whether that server takes TLS by `?tls=required`".to_owned(),
        Stage::Login => "look into SMTP_URL: user and password".to_owned(),
        _ if failure.wants_login() => "look into SMTP_URL: this server wants a user and a password".to_owned(),
        Stage::Sender | Stage::Recipient | Stage::Content => format!(
            "look into MAIL_FROM, or let this server take mail from {}; where it wants a login, into SMTP_URL",
            config.mail.from.email
        ),
        Stage::Connection => "look into SMTP_URL: host, port, and whether that server takes TLS".to_owned(),
    };
    report.wrong("mail server", failure.why, advice);
}
