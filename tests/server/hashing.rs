//! Passwords are hashed in processes of their own, which come when there is work and go when there is none.

use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::process::{Directory, Portero, copied, gone};

/// Those that a Portero has started and that still run.
fn workers(of: &Portero) -> Vec<Pid> {
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let is_worker = |pid: &i32| {
        let read = |file| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let parent = read("stat").rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1)?.parse().ok());
        parent == Some(of.pid()) && read("cmdline").contains("hash-worker")
    };
    processes.filter_map(|name| name.parse().ok()).filter(is_worker).map(Pid::from_raw).collect()
}

#[tokio::test]
async fn who_hashes_lets_others_go_first_knows_no_secret_and_goes_when_there_is_nothing_to_do() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[("ADMIN", "chief"), ("ADMIN_PASSWORD", "chief-and-secret")]).await;
    demo.log_in("juan", "juan-hash").await;

    let working = workers(&demo);
    assert!(!working.is_empty());
    for worker in &working {
        let read = |file| std::fs::read_to_string(format!("/proc/{worker}/{file}")).unwrap();
        assert_eq!(read("environ"), "");
        let stat = read("stat");
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        assert_eq!(fields[3], worker.to_string(), "the leader of a session of its own");
        assert_eq!(fields[16], "2", "its nice value");
    }
    for worker in working {
        gone(worker).await;
    }
    assert_eq!(workers(&demo), []);
    demo.log_in("juan", "juan-hash").await;
}

#[tokio::test]
async fn any_password_gets_there_as_it_is() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let admin = demo.log_in("adm1", "adm1-hash").await;
    let passwords = ["two\nlines\r\n", r#""quoted" \ {"x":1}"#, "nul\0inside", "ñandú 🦀 ̈", &"é".repeat(256)];
    for (n, password) in passwords.into_iter().enumerate() {
        let username = format!("odd{n}");
        let person = json!({"username": username, "name": "Odd", "document_type": "DNI", "document_number": username,
            "person_type": "N", "password": password});
        let (status, body) = demo.post("/users", &admin, person).await;
        assert_eq!(status, 201, "{body}");
        demo.log_in(&username, password).await;
        let wrong = json!({"username": username, "password": format!("{password}.")});
        assert_eq!(demo.post("/auth/login", "", wrong).await.0, 401);
    }
}

#[tokio::test]
async fn one_that_is_killed_is_replaced_and_nobody_gets_anothers_answer() {
    let directory = Directory::new();
    let no_waits = [("LOGIN_FREE_FAILURES", "0"), ("LOGIN_FREE_FAILURES_PER_ADDRESS", "0")];
    let settings = [[("PASSWORD_HASH_THREADS", "2")].as_slice(), &no_waits].concat();
    let demo = Portero::start(&directory, "demo", &settings).await;
    for _ in 0..10 {
        demo.log_in("juan", "juan-hash").await;
        let log_in = async |n: usize| {
            let right = n.is_multiple_of(2);
            let password = if right { "juan-hash" } else { "juan-guess" };
            let (status, body) = demo.post("/auth/login", "", json!({"username": "juan", "password": password})).await;
            assert_eq!(status, if right { 200 } else { 401 }, "{body}");
        };
        let interrupt = async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            for worker in workers(&demo) {
                kill(worker, Signal::SIGKILL).unwrap();
            }
        };
        tokio::join!(interrupt, log_in(0), log_in(1), log_in(2), log_in(3), log_in(4), log_in(5));
    }
}

#[tokio::test]
async fn they_end_with_the_portero_that_started_them() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let directory = Directory::new();
        let demo = Portero::start(&directory, "demo", &[]).await;
        demo.log_in("juan", "juan-hash").await;
        let working = workers(&demo);
        assert!(!working.is_empty());
        demo.signal(signal);
        demo.ended().await;
        for worker in working {
            gone(worker).await;
        }
    }
}

#[tokio::test]
async fn where_none_can_be_started_people_log_in_all_the_same() {
    let directory = Directory::new();
    let copy = directory.path().join("copy");
    std::fs::copy(env!("CARGO_BIN_EXE_portero"), &copy).unwrap();
    let demo = Portero::start_by(copied(&copy, &directory, &["demo"], &[])).await;
    let allow = |mode| std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(mode)).unwrap();

    allow(0o600);
    demo.log_in("juan", "juan-hash").await;
    assert_eq!(demo.post("/auth/login", "", json!({"username": "juan", "password": "guess"})).await.0, 401);
    assert_eq!(workers(&demo), []);
    assert!(demo.said("can't start a process that hashes passwords"));
    allow(0o700);
    demo.log_in("juan", "juan-hash").await;
    assert_eq!(workers(&demo).len(), 1);
}
