//! A letter as it goes over the wire (RFC 5322), text and HTML in one (RFC 2046 section 5.1.4).

use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use time::OffsetDateTime;

use super::letter::Letter;
use crate::base::email::Email;
use crate::base::error::Result;
use crate::platform::mail::Settings;

/// Nobody's holiday notice is to answer this (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// `id` makes the mail's own, so that of two tries that both arrive the receiver's server may drop one.
pub(super) fn message(
    letter: &Letter,
    recipient: &Email,
    settings: &Settings,
    id: &str,
    now: OffsetDateTime,
) -> Result<Message> {
    let message = Message::builder()
        .from(settings.from.clone())
        // Without a name: what somebody calls themselves has no place in a header.
        .to(Mailbox::new(None, recipient.address()))
        .subject(&letter.subject)
        .date(SystemTime::from(now))
        .message_id(Some(format!("<{id}@{}>", settings.from.email.domain())))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(letter.text()?, letter.html()?))
        .map_err(anyhow::Error::from)?;
    Ok(message)
}
