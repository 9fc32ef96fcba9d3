//! From the answer to a logout to its event at the last of 200 connected backends.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Bench, DATABASE};
use crate::load::Connection;
use crate::stats::{Rounds, Samples};
use crate::table::{Row, Target, Unit};
use crate::world::{Person, World, refill};

const STREAMS: usize = 200;
const LOGOUTS: i32 = 40;
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);
/// Every stream has sent what it sends at its beginning.
const SETTLED: Duration = Duration::from_millis(500);

pub async fn stream(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let mut asking = Connection::open(portero.address).await?;
    let service = Person(world.people + 1).grant(0).0;
    let Some(key) = key(&mut asking, service).await? else {
        eprintln!("stream: skipped, since this Portero has no keys for services");
        return Ok(Vec::new());
    };
    let mut p99 = Rounds::default();
    for round in bench.rounds() {
        expendable(bench, world).await?;
        let mut samples = measure(portero.address, &key, world).await?;
        eprintln!("stream, round {round}: p50 {:.0} us, p99 {:.0} us", samples.quantile(0.5), samples.quantile(0.99));
        p99.add(samples.quantile(0.99));
    }
    Ok(vec![Row::alone("logout to event at the last of 200 streams: p99", Unit::Time, p99, Target::AtMost(50e3))])
}

/// People whose sessions may end, one each; all in the same service.
async fn expendable(bench: &Bench, world: World) -> anyhow::Result<()> {
    let ids = world.people + 1..=world.people + 4 * LOGOUTS;
    refill(&mut bench.stage.connect(DATABASE).await?, ids, time::OffsetDateTime::now_utc()).await
}

/// A new key of a service; `None` where there are none.
async fn key(asking: &mut Connection, service: i32) -> anyhow::Result<Option<String>> {
    let token = Person::ADMINISTRATOR.token(0);
    let answer =
        asking.exchange(&post(&format!("/services/{service}/keys"), token.reveal(), r#"{"name":"figures"}"#)).await?;
    if answer.status == 404 || answer.status == 405 {
        return Ok(None);
    }
    ensure!(answer.status < 300, "POST /services/{service}/keys answered {}: {}", answer.status, answer.text());
    let text = answer.text();
    let key = text.split('"').find(|part| part.starts_with("psk_") && part.len() > 20);
    Ok(Some(key.with_context(|| format!("no key in {text}"))?.to_owned()))
}

fn post(path: &str, token: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: portero\r\ntoken: {token}\r\ncontent-length: {length}\r\n\r\n{body}").into()
}

async fn measure(to: SocketAddr, key: &str, world: World) -> anyhow::Result<Samples> {
    let (announce, awaited) = watch::channel(String::new());
    let (tell, mut heard) = mpsc::unbounded_channel();
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        let mut stream = Connection::open(to).await?;
        let request =
            format!("GET /changes HTTP/1.1\r\nhost: portero\r\ntoken: {key}\r\naccept: text/event-stream\r\n\r\n");
        let status = stream.begin(request.as_bytes()).await?;
        ensure!(status == 200, "GET /changes answered {status}");
        streams.spawn(listen(stream, awaited.clone(), tell.clone()));
    }
    tokio::time::sleep(SETTLED).await;
    let mut asking = Connection::open(to).await?;
    let mut samples = Samples::default();
    for n in 0..LOGOUTS {
        // Four apart, so that they are in one crowded service.
        let token = Person(world.people + 1 + 4 * n).token(0);
        let checked = asking.exchange(&post("/check-token", token.reveal(), "")).await?;
        let session = serde_json::from_slice::<Value>(checked.body)?["session_id"].clone();
        ensure!(!session.is_null(), "no session_id in {}", checked.text());
        announce.send(format!("\"session_id\":{session}"))?;
        tokio::time::sleep(PAUSE).await;
        let answer = asking.exchange(&post("/auth/logout", token.reveal(), "")).await?;
        let answered = Instant::now();
        ensure!(answer.status == 200, "a logout answered {}", answer.status);
        let mut last = answered;
        for _ in 0..STREAMS {
            let at: Instant =
                timeout(PATIENCE, heard.recv()).await.context("an event got lost")?.context("no streams")?;
            last = last.max(at);
        }
        samples.add(last - answered);
    }
    Ok(samples)
}

/// Tells when each announced event has come.
async fn listen(
    mut stream: Connection,
    mut awaited: watch::Receiver<String>,
    tell: mpsc::UnboundedSender<Instant>,
) -> anyhow::Result<()> {
    while awaited.changed().await.is_ok() {
        let wanted = awaited.borrow_and_update().clone();
        stream.until(wanted.as_bytes()).await?;
        tell.send(Instant::now())?;
    }
    Ok(())
}
