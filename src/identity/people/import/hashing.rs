//! Many passwords at once: as many as keep the hashing threads busy, so that their bounded queue has room for logins.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinSet;

use super::store;
use crate::base::error::{Error, Result};
use crate::identity::Identity;
use crate::platform::passwords::{Hasher, Password, PasswordHash};
use crate::platform::shares::{Asker, Refused};

/// How many hashes are written at a time.
const BATCH: usize = 256;

/// How long to wait when logins have filled the queue.
const LATER: Duration = Duration::from_millis(100);

/// Hashes the passwords of these lines; calls `each` after each of them.
pub async fn hash_all(
    identity: &Identity,
    conn: &mut PgConnection,
    passwords: Vec<(i64, Password)>,
    mut each: impl FnMut(),
) -> Result<()> {
    // One under way and one waiting for each thread.
    let at_once = identity.settings.hash_threads * 2;
    let mut waiting = passwords.into_iter();
    let mut under_way = JoinSet::new();
    let mut done: Vec<(i64, PasswordHash)> = Vec::new();
    loop {
        while under_way.len() < at_once
            && let Some((line, password)) = waiting.next()
        {
            let hasher = identity.hasher.clone();
            under_way.spawn(async move { hash(&hasher, password).await.map(|hash| (line, hash)) });
        }
        let Some(finished) = under_way.join_next().await else { break };
        done.push(finished.map_err(|error| Error::Internal(error.into()))??);
        each();
        if done.len() == BATCH {
            store::keep_hashes(conn, &done).await?;
            done.clear();
        }
    }
    store::keep_hashes(conn, &done).await
}

async fn hash(hasher: &Hasher, password: Password) -> Result<PasswordHash> {
    let asker = Asker::ourselves("import");
    loop {
        match hasher.hash_in_turn(&asker, password.clone()).await? {
            Ok(hash) => return Ok(hash),
            Err(Refused::HasMore | Refused::Full) => tokio::time::sleep(LATER).await,
        }
    }
}
