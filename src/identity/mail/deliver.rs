//! The job that sends what is due. Any number of instances may do so: each mail is one's for a while.

use std::time::Duration as Wait;

use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;

use super::letter::{Letter, LetterContext};
use super::message::message;
use super::store::{self, Claimed, Receiver};
use crate::base::error::Result;
use crate::base::opaque::mail_token::MailToken;
use crate::identity::Identity;
use crate::platform::mail::Failure;

/// How often each instance looks by itself: others may have queued something, or a mail is due again.
const LOOK: Wait = Wait::from_secs(5);

/// So many are sent at once.
const AT_ONCE: i64 = 4;

/// Nobody takes longer to send one: whose lease is over has died.
const LEASE: Duration = Duration::minutes(2);

/// How long a mail waits after each failure. After as many, it is a dead letter, a day old.
const WAITS: [Duration; 8] = [
    Duration::minutes(1),
    Duration::minutes(5),
    Duration::minutes(15),
    Duration::hours(1),
    Duration::hours(3),
    Duration::hours(6),
    Duration::hours(6),
    Duration::hours(8),
];

/// A fault of ours waits no longer than so for somebody to mend it, each time, and so long altogether.
const LONGEST_WAIT_FOR_US: Duration = Duration::minutes(15);
const PATIENCE_WITH_US: Duration = Duration::days(3);

/// So often at most, before mails are sent, are those looked up who have asked for a new password.
const LOOK_UPS: usize = 50;

/// So many hex digits may be part of a token.
const TELLING: usize = 12;

/// So much of an error is kept.
const LONGEST_ERROR: usize = 300;

/// Sends mail until the app stops.
pub async fn deliver_all_the_time(identity: Identity) {
    loop {
        match deliver_what_is_due(&identity).await {
            Ok(0) => {
                if let Err(error) = look_around(&identity).await {
                    tracing::warn!(%error, "could not look after the queue of mails");
                }
                let _ = tokio::time::timeout(LOOK, identity.mailer.something_is_due()).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "could not look for mail to send; trying again");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Sends, or tries to, some of the mails that are due; answers how many were looked at, 0 when there are none left.
pub async fn deliver_what_is_due(identity: &Identity) -> Result<usize> {
    let asked = look_up(identity).await?;
    let sent = send_some(identity).await?;
    Ok(asked.max(sent))
}

/// Addresses the mails of those who have asked for a new password; answers how many have.
async fn look_up(identity: &Identity) -> Result<usize> {
    let mut all = 0;
    for _ in 0..LOOK_UPS {
        let mut tx = identity.db.begin().await?;
        let asked = store::address_resets(&mut tx, identity.clock.now()).await?;
        tx.commit().await?;
        all += asked;
        if asked == 0 {
            break;
        }
    }
    Ok(all)
}

async fn send_some(identity: &Identity) -> Result<usize> {
    let mut tx = identity.db.begin().await?;
    let claimed = store::claim(&mut tx, identity.clock.now(), LEASE, AT_ONCE).await?;
    tx.commit().await?;
    let count = claimed.len();
    let mut under_way = JoinSet::new();
    for mail in claimed {
        let identity = identity.clone();
        under_way.spawn(async move {
            let id = mail.id;
            if let Err(error) = deliver(&identity, mail).await {
                tracing::warn!(%error, mail = id, "could not look after a mail; it is tried again");
            }
        });
    }
    under_way.join_all().await;
    Ok(count)
}

/// Numbers for the metrics, and order.
async fn look_around(identity: &Identity) -> Result<()> {
    let mut tx = identity.db.begin().await?;
    store::clear(&mut tx, identity.clock.now()).await?;
    if identity.metrics.are_on() {
        identity.metrics.mail_queue(store::queue_counts(&mut tx).await?);
    }
    tx.commit().await?;
    Ok(())
}

/// A mail that can be sent. The hash of its token is committed, so that it opens something when it arrives.
struct Ready {
    to: Receiver,
    token: Option<MailToken>,
    expires_at: OffsetDateTime,
}

async fn deliver(identity: &Identity, mail: Claimed) -> Result<()> {
    let Some(ready) = make_ready(identity, &mail).await? else { return Ok(()) };
    let sent = send(identity, &mail, &ready).await;
    identity.metrics.mail_sent(sent.is_ok());
    let mut tx = identity.db.begin().await?;
    match sent {
        Ok(()) => store::delete(&mut tx, mail.id).await?,
        Err(failure) => {
            let now = identity.clock.now();
            let why = without_tokens(&failure.why);
            let next = next(&mail, &failure, now);
            tracing::warn!(mail = mail.id, attempts = mail.attempts, gives_up = next.is_none(), %why, "mail not sent");
            store::put_back(&mut tx, &mail, next, now, &why).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// When a mail is tried again; never, where that is of no use, or has been tried for long enough.
fn next(mail: &Claimed, failure: &Failure, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let before = usize::try_from(mail.attempts - 1).ok()?;
    if failure.is_about_us() {
        let wait = WAITS.get(before).copied().unwrap_or(LONGEST_WAIT_FOR_US).min(LONGEST_WAIT_FOR_US);
        return Some(now + wait).filter(|_| now < mail.created_at + PATIENCE_WITH_US);
    }
    WAITS.get(before).filter(|_| !failure.for_good()).map(|wait| now + *wait)
}

/// Looks where a mail goes and gives it a new token; deletes it where nobody wants it any more.
async fn make_ready(identity: &Identity, mail: &Claimed) -> Result<Option<Ready>> {
    let now = identity.clock.now();
    let mut tx = identity.db.begin().await?;
    let mut ready = None;
    if let Some(to) = store::receiver(&mut tx, mail.id, now).await? {
        if let Some(purpose) = mail.content.purpose() {
            let token = identity.new_mail_token(now)?;
            let given = store::tokens::give(&mut tx, mail.id, purpose, token.hash(), now).await?;
            ready = given.map(|expires_at| Ready { to, token: Some(token), expires_at });
        } else {
            ready = Some(Ready { to, token: None, expires_at: now });
        }
    }
    if ready.is_none() {
        store::delete(&mut tx, mail.id).await?;
    }
    tx.commit().await?;
    Ok(ready)
}

async fn send(identity: &Identity, mail: &Claimed, ready: &Ready) -> Result<(), Failure> {
    let about = LetterContext {
        content: &mail.content,
        locale: ready.to.locale.or(mail.locale).unwrap_or_default(),
        name: ready.to.name.as_deref(),
        is_proved: ready.to.is_proved,
        has_api_keys: ready.to.has_api_keys,
        at: mail.created_at,
        expires_at: ready.expires_at,
        token: ready.token.as_ref(),
    };
    let letter = Letter::compose(&about, &identity.settings.mail);
    let id = format!("{}.{}", mail.id, mail.created_at.unix_timestamp_nanos());
    let message = message(&letter, &ready.to.recipient, &identity.settings.mail, &id, identity.clock.now());
    let message = message.map_err(|error| Failure::of_the_mail(error.to_string()))?;
    let text = letter.text().map_err(|error| Failure::of_the_mail(error.to_string()))?;
    identity.mailer.send(&ready.to.recipient, (&letter.subject, &text), message).await
}

/// What a server answers may quote what it was sent, also broken into lines: no part of a token is kept.
fn without_tokens(why: &str) -> String {
    let mut kept = String::new();
    for run in why.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = run.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        if digits.len() < TELLING { kept.push_str(run) } else { kept.push_str("*** ") }
    }
    kept.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_ERROR).collect()
}
