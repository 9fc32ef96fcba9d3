//! Streams of changes over real connections, between real processes, and through what befalls them.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::killed::freeze;
use crate::process::{Directory, Portero};

/// A backend of service 4, as docs/changes.md has it: it comes back with the last id it saw.
pub struct Backend {
    key: String,
    last_id: Option<String>,
    response: Option<reqwest::Response>,
    buffer: String,
}

impl Backend {
    pub fn with(key: &str) -> Self {
        Self { key: key.to_owned(), last_id: None, response: None, buffer: String::new() }
    }

    async fn new(demo: &Portero) -> Self {
        let admin = demo.log_in("adm1", "adm1-hash").await;
        let (status, made) = demo.post("/services/4/keys", &admin, json!({"name": "tests"})).await;
        assert_eq!(status, 201, "{made}");
        Self::with(made["key"].as_str().unwrap())
    }

    pub async fn connect(&mut self, to: &Portero) -> u16 {
        let mut request = reqwest::Client::new().get(format!("{}/changes", to.url)).header("token", &self.key);
        if let Some(id) = &self.last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        self.buffer.clear();
        self.response = Some(response).filter(|_| status == 200);
        status
    }

    /// The next event and its data; none when the server has ended the stream.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let field = |name| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let (id, event, data) = (field("id: "), field("event: "), field("data: "));
                self.buffer = String::from(rest);
                self.last_id = id.or(self.last_id.take());
                if let (Some(event), Some(data)) = (event, data) {
                    return Some((event, serde_json::from_str(&data).unwrap()));
                }
            }
            let chunk = timeout(Duration::from_secs(40), self.response.as_mut()?.chunk()).await.expect("a heartbeat");
            self.buffer += std::str::from_utf8(&chunk.ok()??).unwrap();
        }
    }

    /// Until an event of this name, coming back when the stream ends; answers its data.
    pub async fn until(&mut self, name: &str, at: &Portero) -> Value {
        loop {
            match self.next().await {
                Some((event, data)) if event == name => return data,
                Some(_) => {}
                None => {
                    while self.connect(at).await != 200 {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }
}

async fn session_of_juan(at: &Portero) -> (String, Value) {
    let token = at.log_in("juan", "juan-hash").await;
    let id = at.check(&token).await.1["session_id"].clone();
    (token, id)
}

#[tokio::test]
async fn what_happens_at_one_process_is_told_by_another() {
    let (directory, of_its_own) = (Directory::new(), Directory::new());
    let one = Portero::start(&directory, "demo", &[]).await;
    let database = format!("postgres://portero@localhost/portero_demo?host={}", directory.path().join("run").display());
    let other = Portero::start(&of_its_own, "serve", &[("AUTH_DATABASE_URL", &database)]).await;
    let mut backend = Backend::new(&one).await;
    assert_eq!(backend.connect(&other).await, 200);
    assert_eq!(backend.next().await.unwrap().0, "ready");
    let (mut took, mut sessions) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        sessions.push(session_of_juan(&one).await);
    }
    for (token, id) in sessions {
        assert_eq!(one.post("/auth/logout", &token, json!({})).await.0, 200);
        let answered = Instant::now();
        let (event, data) = backend.next().await.unwrap();
        assert_eq!((event.as_str(), &data["session_id"]), ("session-revoked", &id));
        took.push(answered.elapsed());
    }
    took.sort();
    assert!(took[10] < Duration::from_millis(500), "at once, and not when the timer comes round: {took:?}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_streams() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let mut backends = [Backend::new(&demo).await, Backend::new(&demo).await];
    for backend in &mut backends {
        assert_eq!(backend.connect(&demo).await, 200);
        assert_eq!(backend.next().await.unwrap().0, "ready");
    }
    demo.signal(Signal::SIGTERM);
    for backend in &mut backends {
        assert_eq!(backend.next().await, None);
    }
    let (status, output) = demo.ended().await;
    assert!(status.success() && !output.contains("still under way"), "{output}");
}

#[tokio::test]
async fn after_kill_9_of_postgres_or_portero_a_backend_misses_nothing() {
    let directory = Directory::new();
    let mut demo = Portero::start(&directory, "demo", &[]).await;
    let mut backend = Backend::new(&demo).await;
    assert_eq!(backend.connect(&demo).await, 200);
    for round in 0..4 {
        let (token, id) = session_of_juan(&demo).await;
        let killed = if round % 2 == 0 {
            kill(directory.postgres(), Signal::SIGKILL).unwrap();
            demo.check_until_valid(&token).await;
            false
        } else {
            true
        };
        // Connections from before may fail once.
        while ![200, 401].contains(&demo.post("/auth/logout", &token, json!({})).await.0) {}
        if killed {
            demo.signal(Signal::SIGKILL);
            demo.ended().await;
            demo = Portero::start(&directory, "demo", &[]).await;
        }
        assert_eq!(backend.until("session-revoked", &demo).await["session_id"], id);
    }
}

#[tokio::test]
async fn while_postgres_hangs_the_streams_end_and_then_tell_what_was_missed() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let mut backend = Backend::new(&demo).await;
    assert_eq!(backend.connect(&demo).await, 200);
    assert_eq!(backend.next().await.unwrap().0, "ready");
    let (token, id) = session_of_juan(&demo).await;
    let postgres = directory.postgres();
    freeze(postgres, Signal::SIGSTOP);
    let frozen = Instant::now();
    assert_eq!(backend.next().await, None, "nobody should go on trusting what they keep");
    assert!(frozen.elapsed() < Duration::from_secs(14), "after five seconds, not at the next heartbeat");
    assert_eq!(backend.connect(&demo).await, 503);
    freeze(postgres, Signal::SIGCONT);
    demo.check_until_valid(&token).await;
    while ![200, 401].contains(&demo.post("/auth/logout", &token, json!({})).await.0) {}
    assert_eq!(backend.until("session-revoked", &demo).await["session_id"], id);
}
