use std::time::Duration as Pause;

use serde_json::json;
use time::Duration;

use super::keyring::{make, must_open};
use super::{Algorithm, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::oauth::OAuth;

/// A new key is published so long before it signs: longer than verifiers and other instances keep what they have read.
const AHEAD: Duration = Duration::minutes(10);

/// An old one is published for so long after the new one signs: longer than any token that it has signed lives.
const AFTER: Duration = Duration::hours(25);

/// How often a job looks.
const LOOK: Pause = Pause::from_secs(30);

/// Gives each algorithm a new key, published now. It signs in ten minutes, so that whoever verifies has read it by then;
/// the old one is published until all that it signed is over. A first one signs at once. `at_once`, for keys that somebody has got hold of: the new
/// ones sign now, and the old ones are published no more.
pub async fn rotate(oauth: &OAuth, mut tx: AuditedTx, at_once: bool) -> Result<Vec<(Algorithm, String)>> {
    let vault = oauth.keys.vault(&oauth.db).await?;
    let now = tx.by().now;
    let old_until = if at_once { now } else { now + AHEAD + AFTER };
    store::lock(&mut tx).await?;
    let there = store::published(&mut tx, now).await?;
    must_open(vault, &there)?;
    let mut made = Vec::new();
    for algorithm in Algorithm::ALL {
        let is_first = there.iter().all(|key| key.alg != algorithm.as_str());
        let signs_from = if at_once || is_first { now } else { now + AHEAD };
        let key = make(vault, algorithm, (now, signs_from)).await?;
        store::insert(&mut tx, &key).await?;
        store::retire_others(&mut tx, algorithm.as_str(), &key.kid, old_until).await?;
        made.push((algorithm, key.kid));
    }
    let kids: Vec<&str> = made.iter().map(|(_, kid)| kid.as_str()).collect();
    tx.tell(Event::new(Action::SigningKeysRotated).after(json!({"keys": kids, "at_once": at_once})));
    tx.commit([]).await?;
    oauth.keys.forget();
    Ok(made)
}

/// Makes keys that are missing, rotates those that are due, forgets those that are over, until the app stops.
pub async fn keep_every_half_minute(oauth: OAuth) {
    loop {
        if let Err(error) = keep(&oauth).await {
            tracing::warn!(%error, "could not look after the signing keys; the next run tries again");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Does so once.
pub async fn keep(oauth: &OAuth) -> Result<()> {
    let now = oauth.clock.now();
    oauth.keys.jwks(&oauth.db, now).await?;
    let mut tx = oauth.db.begin().await?;
    store::forget(&mut tx, now).await?;
    let newest = store::newest(&mut tx).await?;
    tx.commit().await?;
    let is_due = |signs_from| now - signs_from >= oauth.rules.rotate_keys_every;
    if !newest.is_some_and(is_due) {
        return Ok(());
    }
    let by = By { actor: Actor::System, origin: Origin::default(), now };
    let mut tx = AuditedTx::new(oauth.db.begin().await?, by);
    store::lock(&mut tx).await?;
    // Another instance may have been first.
    if store::newest(&mut tx).await?.is_some_and(is_due) {
        rotate(oauth, tx, false).await?;
        tracing::info!("made new signing keys: they sign in ten minutes");
    }
    Ok(())
}
