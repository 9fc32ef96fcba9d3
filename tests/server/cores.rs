//! Many connections at once, on all cores: each is answered for itself, whatever the others do meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::process::{Directory, Portero};
use crate::streams::Backend;

const PEOPLE: [(&str, &str); 3] = [("juan", "juan-hash"), ("usr1", "usr1-hash"), ("adm1", "adm1-hash")];

/// Connections of each of them.
const EACH: usize = 16;

/// Checks on many connections, each kept open, until it is told to stop.
struct Checks {
    callers: JoinSet<usize>,
    stop: Arc<AtomicBool>,
}

impl Checks {
    async fn on(demo: &Portero) -> Self {
        let (mut callers, stop) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
        for (username, password) in PEOPLE {
            let token = demo.log_in(username, password).await;
            for _ in 0..EACH {
                callers.spawn(check(demo.url.clone(), (username, token.clone()), Arc::clone(&stop)));
            }
        }
        Self { callers, stop }
    }

    /// How many were answered, all of them rightly.
    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await.into_iter().sum()
    }
}

async fn check(url: String, (username, token): (&'static str, String), stop: Arc<AtomicBool>) -> usize {
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap();
    let mut answered = 0;
    while !stop.load(Ordering::Relaxed) {
        let asked = client.post(format!("{url}/check-token")).header("token", &token);
        let asked = asked.body(json!({"service_id": 1}).to_string()).send().await;
        // Whoever stops ends connections at rest.
        let Ok(answer) = asked else { break };
        assert_eq!(answer.status(), 200);
        let Ok(answer) = answer.text().await else { break };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["payload"]["username"], username);
        answered += 1;
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_answered_for_themselves_while_streams_and_changes_go_on() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[("LOGINS_PER_MINUTE", "0")]).await;
    let admin = demo.log_in("adm1", "adm1-hash").await;
    let (status, made) = demo.post("/services/4/keys", &admin, json!({"name": "tests"})).await;
    assert_eq!(status, 201, "{made}");
    let mut backends: Vec<Backend> = (0..4).map(|_| Backend::with(made["key"].as_str().unwrap())).collect();
    for backend in &mut backends {
        // On a machine that is busy with other things, the first connections to Postgres may take longer than a question may.
        let mut status = backend.connect(&demo).await;
        for _ in 0..3 {
            if status == 503 {
                status = backend.connect(&demo).await;
            }
        }
        assert_eq!(status, 200);
    }
    let checks = Checks::on(&demo).await;
    for _ in 0..5 {
        let token = demo.log_in("juan", "juan-hash").await;
        assert_eq!(demo.post("/auth/logout", &token, json!({})).await.0, 200);
        assert_eq!(demo.check(&token).await.0, 401);
        for backend in &mut backends {
            backend.until("session-revoked", &demo).await;
        }
    }
    assert_eq!(reqwest::get(format!("{}/openapi.json", demo.url)).await.unwrap().status(), 200);
    assert!(checks.stop().await > 5 * PEOPLE.len() * EACH, "they went on");
}

/// A request whose head has been read, and whose body is waited for.
async fn half_a_request(demo: &Portero, token: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(demo.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /check-token HTTP/1.1\r\nhost: portero\r\ntoken: {token}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = vec![0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut told).await.unwrap();
    assert!(told.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&told));
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_answered_when_it_stops() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let (token, body) = (demo.log_in("juan", "juan-hash").await, r#"{"service_id": 1}"#);
    let checks = Checks::on(&demo).await;
    let mut halves = Vec::new();
    for _ in 0..EACH {
        halves.push(half_a_request(&demo, &token, body).await);
    }
    demo.signal(Signal::SIGTERM);
    while !demo.said("stopping") {
        tokio::task::yield_now().await;
    }
    for stream in &mut halves {
        stream.write_all(body.as_bytes()).await.unwrap();
    }
    for mut stream in halves {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"juan\""), "{answer}");
    }
    let (ended, output) = demo.ended().await;
    assert!(ended.success() && output.contains("stopped"), "{output}");
    assert!(!output.contains("panicked"), "{output}");
    checks.stop().await;
}
