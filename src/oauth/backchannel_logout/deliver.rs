//! The job that tells clients. Any number of instances may do so: each logout is one's for a while.

use std::time::Duration as Wait;

use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;

use super::store::{self, Claimed};
use super::token::logout_token;
use crate::base::error::Result;
use crate::oauth::OAuth;
use crate::platform::outbound::{Call, Failure};

/// How often each instance looks: whoever logs out expects to be logged out elsewhere, too.
const LOOK: Wait = Wait::from_secs(1);

/// How often it looks after the queue as a whole.
const ROUNDS: u32 = 30;

/// So many are told at once, and so many of these to one client.
const AT_ONCE: i64 = 32;
const OF_A_CLIENT: i64 = 4;

/// Nobody takes longer to tell one: whose lease is over has died.
const LEASE: Duration = Duration::minutes(1);

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
    let mut round = 0;
    loop {
        match deliver_what_is_due(&oauth).await {
            Ok(0) => {
                if round % ROUNDS == 0
                    && let Err(error) = look_around(&oauth).await
                {
                    tracing::warn!(%error, "could not look after the queue of logouts");
                }
                round = (round + 1) % ROUNDS;
                tokio::time::sleep(LOOK).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "could not look for logouts to tell clients of; trying again");
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Tells, or tries to, some of the logouts that are due; answers how many, 0 when there are none left.
pub async fn deliver_what_is_due(oauth: &OAuth) -> Result<usize> {
    let mut tx = oauth.db.begin().await?;
    let now = oauth.clock.now();
    let claimed = store::claim(&mut tx, (now, LEASE), (AT_ONCE, OF_A_CLIENT)).await?;
    tx.commit().await?;
    let count = claimed.len();
    let mut under_way = JoinSet::new();
    for logout in claimed {
        let oauth = oauth.clone();
        under_way.spawn(async move {
            if let Err(error) = deliver(&oauth, &logout).await {
                tracing::warn!(%error, logout = logout.id, "could not look after a logout; it is tried again");
            }
        });
    }
    under_way.join_all().await;
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
