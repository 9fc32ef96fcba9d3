//! A Portero in a process of its own, in a directory that goes away with it.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::scratch;

/// Longer than anything here takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Directory(tempfile::TempDir);

impl Directory {
    pub fn new() -> Self {
        Self(scratch::directory())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The process id of the Postgres in here.
    pub fn postgres(&self) -> Pid {
        let file = std::fs::read_to_string(self.path().join("postgres/postmaster.pid")).unwrap();
        Pid::from_raw(file.lines().next().unwrap().trim().parse().unwrap())
    }
}

pub struct Portero {
    child: Child,
    pub url: String,
    output: Arc<Mutex<String>>,
}

/// The command, with nothing of our own environment that could reach it.
pub fn portero(directory: &Directory, arguments: &[&str], vars: &[(&str, &str)]) -> Command {
    copied(Path::new(env!("CARGO_BIN_EXE_portero")), directory, arguments, vars)
}

/// The same of a copy of Portero.
pub fn copied(program: &Path, directory: &Directory, arguments: &[&str], vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir(directory.path());
    for name in ["PATH", "HOME", "PG_BINDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("PORTERO_DATA_DIR", directory.path()).envs(vars.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A master key for several of them.
pub fn master_key(directory: &Directory) -> String {
    let path = directory.path().join("shared.key");
    if !path.exists() {
        std::fs::write(&path, "07".repeat(32)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Portero {
    /// Starts `portero <mode>` on a free port and waits until it is ready.
    pub async fn start(directory: &Directory, mode: &str, vars: &[(&str, &str)]) -> Self {
        Self::start_by(portero(directory, &[mode], vars)).await
    }

    /// Likewise, by another command.
    pub async fn start_by(mut command: Command) -> Self {
        let port = free_port().to_string();
        let mut child = command.env("SERVER_PORT", &port).spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        collect(child.stdout.take().unwrap(), &output);
        collect(child.stderr.take().unwrap(), &output);
        let mut portero = Self { child, url: format!("http://127.0.0.1:{port}"), output };
        portero.until_ready().await;
        portero
    }

    async fn until_ready(&mut self) {
        let start = Instant::now();
        while !self.said("Portero is ready") {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("portero ended with {status}:\n{}", self.output());
            }
            assert!(start.elapsed() < PATIENCE, "not ready:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// All that it has printed so far, on both outputs.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub fn said(&self, text: &str) -> bool {
        self.output().contains(text)
    }

    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for the process to end.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.output());
            }
            assert!(start.elapsed() < PATIENCE, "still running:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).header("token", token);
        let response = request.body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    pub async fn log_in(&self, username: &str, password: &str) -> String {
        let (status, body) =
            self.post("/auth/login", "", serde_json::json!({"username": username, "password": password})).await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().unwrap().to_owned()
    }

    pub async fn check(&self, token: &str) -> (u16, Value) {
        self.post("/check-token", token, serde_json::json!({})).await
    }

    /// Checks until the answer is 200, and answers how often it was 503 before.
    pub async fn check_until_valid(&self, token: &str) -> usize {
        let start = Instant::now();
        for refused in 0.. {
            match self.check(token).await.0 {
                200 => return refused,
                503 => assert!(start.elapsed() < PATIENCE, "still no service:\n{}", self.output()),
                other => panic!("answered {other}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        unreachable!("a loop without an end")
    }
}

impl Drop for Portero {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
}

/// Waits until no process has this id.
pub async fn gone(pid: Pid) {
    let start = Instant::now();
    while kill(pid, None).is_ok() {
        assert!(start.elapsed() < PATIENCE, "process {pid} is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
