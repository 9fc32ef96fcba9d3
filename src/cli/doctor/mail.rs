//! The server that takes our mail.

use super::Report;
use crate::config::Config;
use crate::error::causes;
use crate::mail::Post;

pub(super) async fn check(report: &mut Report, config: &Config) {
    let advice = "look into SMTP_URL: host, port, user and password, and whether that server takes TLS";
    match Post::new(&config.mail) {
        Err(error) => report.wrong("mail server", causes(&error), advice),
        Ok(post) => match post.greet().await {
            None => report.skipped("mail server", "SMTP_URL is not set: nobody can ask for a new password"),
            Some(Ok(())) => report.ok("mail server", "it answers, and lets us in"),
            Some(Err(fault)) => report.wrong("mail server", fault, advice),
        },
    }
}
