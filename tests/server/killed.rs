//! Whatever is killed, service comes back by itself, and nothing that was answered is lost.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use serde_json::json;

use crate::process::{Directory, Portero, gone};

#[tokio::test]
async fn after_kill_9_of_portero_the_next_start_finds_everything() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let admin = demo.log_in("adm1", "adm1-hash").await;
    assert_eq!(demo.post("/roles", &admin, json!({"name": "Kept"})).await.0, 201);
    let postgres = directory.postgres();

    demo.signal(Signal::SIGKILL);
    demo.ended().await;
    let demo = Portero::start(&directory, "demo", &[]).await;
    assert_ne!(directory.postgres(), postgres, "the killed one's Postgres went with it");
    assert_eq!(demo.check(&admin).await.0, 200);
    assert_eq!(demo.post("/roles", &admin, json!({"name": "Kept"})).await.0, 200);
}

#[tokio::test]
async fn after_kill_9_of_postgres_service_resumes_by_itself() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let juan = demo.log_in("juan", "juan-hash").await;
    for _ in 0..3 {
        kill(directory.postgres(), Signal::SIGKILL).unwrap();
        demo.check_until_valid(&juan).await;
        while demo.post("/auth/login", "", json!({"username": "juan", "password": "wrong"})).await.0 != 401 {}
    }
}

#[tokio::test]
async fn after_kill_9_of_both_the_next_start_finds_everything() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let juan = demo.log_in("juan", "juan-hash").await;
    let postgres = directory.postgres();
    demo.signal(Signal::SIGKILL);
    let _ = kill(postgres, Signal::SIGKILL);
    demo.ended().await;
    gone(postgres).await;

    let demo = Portero::start(&directory, "demo", &[]).await;
    assert_eq!(demo.check(&juan).await.0, 200);
}

#[tokio::test]
async fn while_postgres_hangs_every_question_is_refused_in_time() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let juan = demo.log_in("juan", "juan-hash").await;
    let postgres = directory.postgres();
    freeze(postgres, Signal::SIGSTOP);

    for _ in 0..3 {
        let asked = Instant::now();
        let response = reqwest::Client::new().post(format!("{}/check-token", demo.url)).header("token", &juan);
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        assert!(asked.elapsed() < Duration::from_secs(30), "an answer, not a hang");
    }
    freeze(postgres, Signal::SIGCONT);
    demo.check_until_valid(&juan).await;
}

/// Stops or continues Postgres with all its children: they are groups of their own below one parent.
pub fn freeze(postgres: nix::unistd::Pid, signal: Signal) {
    let _ = killpg(postgres, signal);
    for process in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        if fields.split_whitespace().nth(1) == Some(postgres.to_string().as_str()) {
            let pid = process.file_name().to_str().unwrap().parse().unwrap();
            let _ = kill(nix::unistd::Pid::from_raw(pid), signal);
        }
    }
}
