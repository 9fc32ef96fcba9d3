//! The job that tells clients. Any number of instances may do so: each logout is one's for a while.

use std::time::Duration as Wait;

use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;

use super::store::{self, Claimed};
use super::token::logout_token;
use crate::base::error::Result;
use crate::base::id::ClientId;
use crate::oauth::OAuth;
use crate::platform::outbound::{Call, Failure};

/// How often each instance looks: whoever logs out expects to be logged out elsewhere, too.
const LOOK: Wait = Wait::from_secs(1);

/// How often it looks after the queue as a whole.
const LOOK_AROUND: Wait = Wait::from_secs(30);

/// So many are told at once, and so many of these to one client.
const AT_ONCE: usize = 32;
const OF_A_CLIENT: i64 = 4;

/// Nobody takes longer to tell one, even where Postgres and the client are slow: whose lease is over has died.
const LEASE: Duration = Duration::seconds(30);

/// How long a logout waits after each failure. After as many it is given up.
const WAITS: [Duration; 7] = [
    Duration::seconds(5),
    Duration::seconds(30),
    Duration::minutes(2),
    Duration::minutes(10),
    Duration::hours(1),
    Duration::hours(3),
    Duration::hours(8),
];

/// Of the answer only the status counts.
const LARGEST_ANSWER: usize = 64 * 1024;

/// So much of an error is kept.
const LONGEST_ERROR: usize = 300;

/// Tells clients until the app stops.
pub async fn deliver_all_the_time(oauth: OAuth) {
    let mut deliveries = Deliveries::new(oauth.clone());
    let mut look_around_at = oauth.clock.uptime();
    loop {
        let now = oauth.clock.uptime();
        if look_around_at <= now {
            look_around_at = now + LOOK_AROUND;
            if let Err(error) = look_around(&oauth).await {
                tracing::warn!(%error, "could not look after the queue of logouts");
            }
        }
        match deliveries.begin().await {
            Ok(0) => deliveries.one_ends_within(LOOK).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "could not look for logouts to tell clients of; trying again");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Logouts that clients are being told of. One that hangs keeps its own client waiting, and no other.
#[derive(Debug)]
pub struct Deliveries {
    oauth: OAuth,
    under_way: JoinSet<ClientId>,
    /// Those who are being told, each as often as it is.
    clients: Vec<ClientId>,
}

impl Deliveries {
    /// None yet.
    pub fn new(oauth: OAuth) -> Self {
        Self { oauth, under_way: JoinSet::new(), clients: Vec::new() }
    }

    /// Begins to tell some of the logouts that are due, of clients that are told of nothing yet; answers how many.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn begin(&mut self) -> Result<usize> {
        let free = AT_ONCE - self.under_way.len();
        if free == 0 {
            return Ok(0);
        }
        let mut tx = self.oauth.db.begin().await?;
        let now = self.oauth.clock.now();
        let claimed = store::claim(&mut tx, (now, LEASE), (free, OF_A_CLIENT), &self.clients).await?;
        tx.commit().await?;
        let count = claimed.len();
        for logout in claimed {
            let (oauth, client) = (self.oauth.clone(), logout.client);
            self.clients.push(client);
            self.under_way.spawn(async move {
                if let Err(error) = deliver(&oauth, &logout).await {
                    tracing::warn!(%error, logout = logout.id, "could not look after a logout; it is tried again");
                }
                client
            });
        }
        Ok(count)
    }

    /// Waits until one of them is told, or was tried; no longer than this.
    pub async fn one_ends_within(&mut self, wait: Wait) {
        let ended = async {
            match self.under_way.join_next().await {
                Some(ended) => ended.ok(),
                None => std::future::pending().await,
            }
        };
        let Ok(ended) = tokio::time::timeout(wait, ended).await else { return };
        match ended.and_then(|client| self.clients.iter().position(|own| *own == client)) {
            Some(place) => {
                self.clients.swap_remove(place);
            }
            // It panicked, and nobody knows whose it was. Its lease keeps it from being told twice.
            None if self.under_way.is_empty() => self.clients.clear(),
            None => {}
        }
    }

    /// Waits until each of them is told, or was tried.
    pub async fn end(mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

/// Tells, or tries to, some of the logouts that are due, and waits for that; answers how many, 0 when there are none left.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn deliver_what_is_due(oauth: &OAuth) -> Result<usize> {
    let mut deliveries = Deliveries::new(oauth.clone());
    let count = deliveries.begin().await?;
    deliveries.end().await;
    Ok(count)
}

/// Numbers for the metrics, and order.
async fn look_around(oauth: &OAuth) -> Result<()> {
    let mut tx = oauth.db.begin().await?;
    store::clear(&mut tx, oauth.clock.now()).await?;
    if oauth.metrics.are_on() {
        oauth.metrics.logout_queue(store::queue_counts(&mut tx).await?);
    }
    tx.commit().await?;
    Ok(())
}

async fn deliver(oauth: &OAuth, logout: &Claimed) -> Result<()> {
    let token = logout_token(oauth, logout, oauth.clock.now()).await?;
    let told = tell(oauth, &logout.uri, &token).await;
    oauth.metrics.logout_told(told.is_ok());
    let mut tx = oauth.db.begin().await?;
    match told {
        Ok(()) => store::delete(&mut tx, logout.id).await?,
        Err(why) => {
            let now = oauth.clock.now();
            let next = next(logout.attempts, now);
            let (client, gives_up) = (&logout.client_id, next.is_none());
            tracing::warn!(%client, attempts = logout.attempts, gives_up, %why, "client not told of a logout");
            store::put_back(&mut tx, logout, next, now, &why).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// Sends a logout token (section 2.5).
async fn tell(oauth: &OAuth, uri: &str, token: &str) -> Result<(), String> {
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    let answer = oauth.outbound.send(&Call::post_form(uri, form).at_most(LARGEST_ANSWER)).await;
    match answer {
        // What it says in so many words is of no use.
        Ok(answer) if answer.status.is_success() => Ok(()),
        Err(Failure::TooLarge(_)) => Err("an answer without end".to_owned()),
        Ok(answer) => Err(format!("answered {}", answer.status)),
        Err(failure) => Err(failure.to_string().chars().take(LONGEST_ERROR).collect()),
    }
}

/// When it is tried again; never, once it has been tried for long enough.
fn next(attempts: i32, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let before = usize::try_from(attempts - 1).ok()?;
    WAITS.get(before).map(|wait| now + *wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_is_tried_ever_more_rarely_and_in_the_end_no_more() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let waits: Vec<_> = (1..=7).map(|attempts| next(attempts, now).expect("again") - now).collect();
        assert!(waits.is_sorted() && waits[0] == Duration::seconds(5), "{waits:?}");
        assert_eq!(next(8, now), None);
    }
}
