//! Many passwords at once: as many as keep the hashing threads busy, so that their bounded queue never overflows.

use tokio::task::JoinSet;

use super::super::tool::Tool;
use super::progress;
use super::store;
use crate::passwords::{Password, PasswordHash};

/// How many hashes are written at a time.
const BATCH: usize = 256;

/// Hashes the passwords of these lines.
pub(super) async fn hash_all(
    tool: &Tool,
    conn: &mut sqlx::PgConnection,
    passwords: Vec<(i64, Password)>,
) -> anyhow::Result<()> {
    // One under way and one waiting for each thread.
    let at_once = tool.app.config.hash_threads * 2;
    let bar = progress::bar("hashing", Some(passwords.len() as u64), progress::ITEMS);
    let mut waiting = passwords.into_iter();
    let mut under_way = JoinSet::new();
    let mut done: Vec<(i64, PasswordHash)> = Vec::new();
    loop {
        while under_way.len() < at_once
            && let Some((line, password)) = waiting.next()
        {
            let hasher = tool.app.hasher.clone();
            under_way.spawn(async move { hasher.hash(password).await.map(|hash| (line, hash)) });
        }
        let Some(hashed) = under_way.join_next().await else { break };
        done.push(hashed??);
        bar.inc(1);
        if done.len() == BATCH {
            store::keep_hashes(conn, &done).await?;
            done.clear();
        }
    }
    store::keep_hashes(conn, &done).await?;
    bar.finish_and_clear();
    Ok(())
}
