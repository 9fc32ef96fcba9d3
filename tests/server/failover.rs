//! The primary goes and another server takes its place: nobody is let in by what the old one still believes, and service
//! comes back without anybody's doing.

mod load;
mod lost;
mod pair;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};

use crate::instances::Pooler;
use crate::process::{Directory, Portero, master_key, portero};
use crate::streams::Backend;
use pair::{Pair, Server, Way, own_directory, switch_over, until_replayed};

const PASSWORD: &str = "correct horse battery staple";
const PATIENCE: Duration = Duration::from_mins(1);

async fn served(directory: &Directory, name: &str, url: &str) -> Portero {
    let (own, master_key) = (own_directory(directory, name), master_key(directory));
    let vars = [
        ("MASTER_KEY_FILE", master_key.as_str()),
        ("AUTH_DATABASE_URL", url),
        ("PORTERO_DATA_DIR", own.as_str()),
        ("ADMIN", "root"),
        ("ADMIN_PASSWORD", PASSWORD),
    ];
    Portero::start(directory, "serve", &vars).await
}

async fn get(at: &Portero, path: &str, token: &str) -> (u16, String) {
    let response = reqwest::Client::new().get(format!("{}{path}", at.url)).header("token", token).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Asks again while the answer is 503.
async fn post_until(at: &Portero, path: &str, token: &str, body: Value) -> (u16, Value) {
    let start = Instant::now();
    loop {
        match at.post(path, token, body.clone()).await {
            (503, _) => assert!(start.elapsed() < PATIENCE, "still no service:\n{}", at.output()),
            answered => return answered,
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn log_out(at: &Portero, token: &str) {
    // Who is told 503 does not know whether it was done.
    assert!([200, 401].contains(&post_until(at, "/auth/logout", token, json!({})).await.0));
}

async fn a_backend(at: &Portero, admin: &str) -> Backend {
    let (status, service) = at.post("/services", admin, json!({"name": "Shop"})).await;
    assert_eq!(status, 201, "{service}");
    let (status, made) = at.post(&format!("/services/{}/keys", service["id"]), admin, json!({"name": "tests"})).await;
    assert_eq!(status, 201, "{made}");
    Backend::with(made["key"].as_str().unwrap())
}

async fn connected(backend: &mut Backend, at: &Portero) {
    let start = Instant::now();
    while backend.connect(at).await != 200 {
        assert!(start.elapsed() < PATIENCE, "no stream:\n{}", at.output());
        sleep(Duration::from_millis(50)).await;
    }
}

async fn ends(backend: &mut Backend) {
    let end = async { while backend.next().await.is_some() {} };
    timeout(PATIENCE, end).await.expect("a stream that nobody feeds ends");
}

fn doctor(directory: &Directory, url: &str) -> Value {
    let said = portero(directory, &["doctor", "--json"], &[("AUTH_DATABASE_URL", url)]).output().unwrap();
    serde_json::from_slice(&said.stdout).unwrap()
}

fn details(report: &Value, check: &str) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.map(|finding| (text(&finding["status"]), text(&finding["detail"]))).collect()
}

async fn pause_replay(standby: &Server) {
    sqlx::query("select pg_wal_replay_pause()").execute(&mut standby.psql().await).await.unwrap();
}

async fn resume_replay(standby: &Server) {
    sqlx::query("select pg_wal_replay_resume()").execute(&mut standby.psql().await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demoted_server_is_not_believed_and_service_comes_back_by_itself() {
    let directory = Directory::new();
    let pair = Pair::start(&directory).await;
    let (a, b) = (&pair.a, &pair.b);
    let both = pair.url();
    let way = Way::to(a).await;
    let by_list = served(&directory, "list", &both).await;
    let by_way = served(&directory, "way", &way.url()).await;
    let (ended, lives) = (by_list.log_in("root", PASSWORD).await, by_list.log_in("root", PASSWORD).await);
    let session = by_way.check(&ended).await.1["session_id"].clone();
    assert_eq!(by_way.check(&lives).await.0, 200);
    let mut backend = a_backend(&by_list, &lives).await;
    connected(&mut backend, &by_way).await;
    assert_eq!(backend.next().await.unwrap().0, "ready");
    until_replayed(a, b).await;

    // The way leads to the old one, which believes what it knew, for ever.
    block_in_place(|| switch_over(a, b));
    pause_replay(a).await;
    by_list.check_until_valid(&lives).await;
    log_out(&by_list, &ended).await;
    assert_eq!(by_list.check(&ended).await.0, 401);
    ends(&mut backend).await;
    for _ in 0..30 {
        assert_eq!(by_way.check(&ended).await.0, 503);
        assert_eq!(by_way.check(&lives).await.0, 503);
    }
    let (status, why) = get(&by_way, "/readyz", "").await;
    assert!(status == 503 && why.contains("standby") && !why.contains("127.0.0.1"), "{status} {why}");
    assert_eq!(by_way.post("/auth/login", "", json!({"username": "root", "password": PASSWORD})).await.0, 503);
    assert_eq!(get(&by_way, "/users", &lives).await.0, 503);
    assert_eq!(backend.connect(&by_way).await, 503, "nobody is told that this is `ready`");

    let report = block_in_place(|| doctor(&directory, &both));
    let servers = details(&report, "server");
    assert!(servers.iter().any(|(status, said)| status == "ok" && said.contains("standby")), "{report}");
    assert!(servers.iter().any(|(status, said)| status == "ok" && said.contains("primary")), "{report}");
    let report = block_in_place(|| doctor(&directory, &way.url()));
    let [(status, said)] = &details(&report, "database")[..] else { panic!("{report}") };
    assert!(status == "wrong" && said.contains("standby"), "{report}");
    for command in [&["user", "list"][..], &["migrate"]] {
        let tool =
            block_in_place(|| portero(&directory, command, &[("AUTH_DATABASE_URL", &way.url())]).output().unwrap());
        let said = String::from_utf8_lossy(&tool.stderr).into_owned();
        assert!(
            !tool.status.success() && said.contains("is a standby") && said.matches("is a standby").count() == 1,
            "{said}"
        );
    }

    way.lead_to(b);
    by_way.check_until_valid(&lives).await;
    assert_eq!(by_way.check(&ended).await.0, 401);
    connected(&mut backend, &by_way).await;
    assert_eq!(backend.until("reset", &by_way).await["reason"], "failover", "what was told may be lost");
    assert_eq!(backend.until("session-revoked", &by_way).await["session_id"], session);

    // And back again.
    resume_replay(a).await;
    until_replayed(b, a).await;
    block_in_place(|| switch_over(b, a));
    by_list.check_until_valid(&lives).await;
    assert_eq!(by_way.check(&lives).await.0, 503);
    way.lead_to(a);
    by_way.check_until_valid(&lives).await;
    for each in [&by_list, &by_way] {
        assert_eq!(each.check(&ended).await.0, 401);
    }
    connected(&mut backend, &by_way).await;
    log_out(&by_list, &lives).await;
    backend.until("session-revoked", &by_way).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_keeps_nobody_from_the_next_one() {
    let directory = Directory::new();
    let pair = Pair::start(&directory).await;
    let (a, b) = (&pair.a, &pair.b);
    let way = Way::to(a).await;
    let by_list = served(&directory, "list", &pair.url()).await;
    let by_way = served(&directory, "way", &way.url()).await;
    let lives = by_list.log_in("root", PASSWORD).await;
    let mut backend = a_backend(&by_list, &lives).await;
    connected(&mut backend, &by_list).await;
    assert_eq!(backend.next().await.unwrap().0, "ready");
    // So that every connection of the pools is in use when it happens.
    for each in [&by_list, &by_way] {
        for _ in 0..3 {
            assert_eq!(get(each, "/users", &lives).await.0, 200);
        }
    }
    until_replayed(a, b).await;

    way.swallow(true);
    a.signal(Signal::SIGSTOP);
    for each in [&by_list, &by_way] {
        assert_eq!(each.check(&lives).await.0, 503, "a hanging server says neither yes nor no");
    }
    // More than the pool has connections, so that all are waited on.
    let changes = (0..12).map(|n| {
        let (client, url, token) = (reqwest::Client::new(), by_list.url.clone(), lives.clone());
        let body = json!({"name": format!("Service {n}")}).to_string();
        tokio::spawn(async move {
            client.post(format!("{url}/services")).header("token", token).body(body).send().await.unwrap().status()
        })
    });
    let changes: Vec<_> = changes.collect();
    sleep(Duration::from_secs(2)).await;
    block_in_place(|| b.promote());
    way.lead_to(b);
    way.swallow(false);
    for each in [&by_list, &by_way] {
        each.check_until_valid(&lives).await;
        post_until(each, "/auth/login", "", json!({"username": "root", "password": PASSWORD})).await;
        let start = Instant::now();
        while get(each, "/users", &lives).await.0 != 200 {
            assert!(start.elapsed() < PATIENCE, "no connection is given back:\n{}", each.output());
        }
        connected(&mut backend, each).await;
        backend.until("ready", each).await;
    }
    for change in changes {
        let status = change.await.unwrap().as_u16();
        assert!([200, 201, 503].contains(&status), "{status}");
    }
    // What is done in the background goes on, too.
    let start = Instant::now();
    let unsealed = "select count(*) from auth.audit_unsealed";
    while sqlx::query_scalar::<_, i64>(unsealed).fetch_one(&mut b.psql().await).await.unwrap() > 0 {
        let why = || format!("{}\n{}", by_list.output(), by_way.output());
        assert!(start.elapsed() < PATIENCE, "nobody seals what was done:\n{}", why());
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_every_transaction_asks_where_it_has_come_to() {
    let directory = Directory::new();
    let pair = Pair::start(&directory).await;
    let (a, b) = (&pair.a, &pair.b);
    let way = Way::to(a).await;
    let target = format!("host=127.0.0.1 port={} user=portero", way.port);
    let Some(pooler) = Pooler::to(&directory, "portero", &target).await else { return };
    let behind = served(&directory, "pooled", &pooler.url).await;
    let direct = served(&directory, "direct", &pair.url()).await;
    let (ended, lives) = (direct.log_in("root", PASSWORD).await, direct.log_in("root", PASSWORD).await);
    for token in [&ended, &lives] {
        assert_eq!(behind.check(token).await.0, 200);
    }
    until_replayed(a, b).await;
    block_in_place(|| switch_over(a, b));
    pause_replay(a).await;
    log_out(&direct, &ended).await;
    for _ in 0..30 {
        assert_eq!(behind.check(&ended).await.0, 503);
        assert_eq!(behind.check(&lives).await.0, 503);
    }
    assert_eq!(get(&behind, "/users", &lives).await.0, 503);
    way.lead_to(b);
    // PgBouncer stays with the servers that it has; whoever fails over ends those connections.
    way.cut();
    behind.check_until_valid(&lives).await;
    assert_eq!(behind.check(&ended).await.0, 401);
}
