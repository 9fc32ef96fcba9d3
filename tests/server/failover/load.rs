//! Checks and logouts without end, while the servers change places.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portero::base::opaque::token::Token;
use time::OffsetDateTime;
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::pair::{Pair, Server, Way, switch_over, until_replayed};
use super::{PASSWORD, served};
use crate::process::Directory;

/// Sessions of root, made without a login each.
async fn sessions(at: &Server, count: usize) -> Vec<String> {
    let (mut psql, now) = (at.psql().await, OffsetDateTime::now_utc());
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let mut random = [0; 32];
        getrandom::fill(&mut random).unwrap();
        let token = Token::generate(b"of a test", &random, now);
        sqlx::query(
            "insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at)
            select $1, id, jsonb_build_object('user_id', id, 'username', username, 'name', name), $2, $2
            from auth.person where username = 'root'",
        )
        .bind(token.hash().as_bytes())
        .bind(now)
        .execute(&mut psql)
        .await
        .unwrap();
        tokens.push(token.reveal().to_owned());
    }
    tokens
}

/// Those who check and log out without end, and what they have seen.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    revoked: Mutex<HashSet<String>>,
    valid: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

impl Load {
    async fn run(&self, urls: &[String], tokens: &[String], seed: usize) {
        let client = reqwest::Client::new();
        let mut n = seed;
        while !self.stop.load(Ordering::SeqCst) {
            n += 7;
            let (url, token) = (&urls[n % urls.len()], &tokens[(n / 3) % tokens.len()]);
            let logs_out = n.is_multiple_of(23);
            let path = if logs_out { "auth/logout" } else { "check-token" };
            let was_revoked = self.revoked.lock().unwrap().contains(token);
            let request = client.post(format!("{url}/{path}")).header("token", token);
            let status = request.send().await.unwrap().status().as_u16();
            match status {
                200 if was_revoked => self.wrong.lock().unwrap().push(format!("{url}/{path} after a logout")),
                200 if logs_out => _ = self.revoked.lock().unwrap().insert(token.clone()),
                200 => _ = self.valid.fetch_add(1, Ordering::SeqCst),
                401 | 503 => {}
                other => self.wrong.lock().unwrap().push(format!("{url}/{path} answered {other}")),
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_that_was_revoked_is_valid_on_any_instance() {
    let directory = Directory::new();
    let pair = Pair::start(&directory).await;
    let (a, b) = (&pair.a, &pair.b);
    let way = Way::to(a).await;
    let by_list = served(&directory, "list", &pair.url()).await;
    let by_way = served(&directory, "way", &way.url()).await;
    let lives = by_list.log_in("root", PASSWORD).await;
    let tokens: Arc<[String]> = sessions(a, 300).await.into();
    let urls: Arc<[String]> = [by_list.url.clone(), by_way.url.clone()].into();
    let load = Arc::<Load>::default();
    let workers: Vec<_> = (0..6)
        .map(|seed| {
            let (load, urls, tokens) = (Arc::clone(&load), Arc::clone(&urls), Arc::clone(&tokens));
            tokio::spawn(async move { load.run(&urls, &tokens, seed * 41).await })
        })
        .collect();
    let mut seen = Vec::new();
    for (from, to) in [(a, b), (b, a)] {
        sleep(Duration::from_millis(500)).await;
        until_replayed(from, to).await;
        block_in_place(|| switch_over(from, to));
        by_list.check_until_valid(&lives).await;
        // For a while the address still leads to the old one.
        sleep(Duration::from_millis(800)).await;
        way.lead_to(to);
        by_way.check_until_valid(&lives).await;
        seen.push((load.valid.load(Ordering::SeqCst), load.revoked.lock().unwrap().len()));
    }
    sleep(Duration::from_millis(500)).await;
    load.stop.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(load.wrong.lock().unwrap().is_empty(), "{:?}", load.wrong.lock().unwrap());
    seen.push((load.valid.load(Ordering::SeqCst), load.revoked.lock().unwrap().len()));
    assert!(seen.is_sorted_by(|before, after| before.0 < after.0), "service after each switch: {seen:?}");
    assert!(seen[0].1 > 0 && seen[2].1 > seen[0].1, "logouts before and after: {seen:?}");
}
