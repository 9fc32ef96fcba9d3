//! What is over is deleted every minute, by whichever instance comes first, in small steps, so that nobody else notices.

use std::time::{Duration, Instant};

use super::store;
use crate::base::error::Result;
use crate::gate::sessions::{Walk, rest};
use crate::oauth::OAuth;
use crate::platform::database::{duty, keep_purging};

/// The duty's name in `auth.duties`.
const DUTY: &str = "purge authorizations";
const EVERY: Duration = Duration::from_mins(1);

/// How often each instance looks whether a run is due.
const LOOK: Duration = Duration::from_secs(10);

/// How many access tokens one step deletes at most.
const TOKENS: i64 = 128;

/// Likewise of authorizations, each of which takes its tokens along.
const AUTHORIZATIONS: i64 = 8;

/// Purges until the app stops.
pub async fn purge_every_minute(oauth: OAuth) {
    keep_purging("expired access tokens and authorizations", LOOK, || async {
        if duty::claim(&oauth.db, DUTY, EVERY).await? { purge(&oauth).await } else { Ok(0) }
    })
    .await;
}

/// Purges once; answers how many rows that was.
pub async fn purge(oauth: &OAuth) -> Result<u64> {
    Ok(walk(oauth).await? + steps(oauth).await?)
}

/// One walk through all access tokens, of which there may be millions, and none is worth an index of its own.
async fn walk(oauth: &OAuth) -> Result<u64> {
    let mut walk = Walk::through(&mut *oauth.db.read().await?, "auth.access_tokens", DUTY).await?;
    while let Some(pages) = walk.step() {
        let mut tx = oauth.db.begin().await?;
        let purged = store::purge::access_tokens(&mut tx, oauth.clock.now(), pages, TOKENS).await?;
        walk.keep_duty(&mut tx).await?;
        tx.commit().await?;
        walk.go_on(purged).await;
    }
    Ok(walk.total)
}

async fn steps(oauth: &OAuth) -> Result<u64> {
    let mut total = 0;
    loop {
        let start = Instant::now();
        let now = oauth.clock.now();
        let mut tx = oauth.db.begin().await?;
        let authorizations = store::purge::authorizations(&mut tx, now, AUTHORIZATIONS).await?;
        let once = store::purge::spent_assertions(&mut tx, now, TOKENS).await?
            + store::purge::device_authorizations(&mut tx, now, TOKENS).await?;
        let pushed = store::purge::pushed_requests(&mut tx, now, TOKENS).await?;
        tx.commit().await?;
        let purged = authorizations + once + pushed;
        total += purged;
        rest(purged, start).await;
        let most = TOKENS.unsigned_abs();
        if authorizations < AUTHORIZATIONS.unsigned_abs() && once < most && pushed < most {
            return Ok(total);
        }
    }
}
