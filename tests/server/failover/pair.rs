//! Two Postgres servers, one of which is the standby of the other, and a way between them and Portero.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::{Pid, Uid, User, chown};
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::killed::freeze;
use crate::process::{Directory, free_port};

const PATIENCE: Duration = Duration::from_mins(1);

/// A server, whatever it is at the moment.
pub struct Server {
    bin: PathBuf,
    home: PathBuf,
    pub port: u16,
}

/// Where the binaries of the server are.
fn binaries() -> PathBuf {
    let named = std::env::var_os("PG_BINDIR").map(PathBuf::from);
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let mut versions: Vec<_> = ["/usr/lib/postgresql", "/opt/homebrew/opt"]
        .iter()
        .filter_map(|base| std::fs::read_dir(base).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path().join("bin")))
        .collect();
    versions.sort();
    let mut all = named.into_iter().chain(on_path).chain(versions.into_iter().rev());
    all.find(|bin| bin.join("pg_basebackup").exists() && bin.join("initdb").exists()).expect("PostgreSQL's binaries")
}

impl Server {
    fn new(directory: &Directory, name: &str) -> Self {
        let home = directory.path().join(name);
        std::fs::create_dir(&home).unwrap();
        if let Some(user) = account() {
            chown(&home, Some(user.uid), Some(user.gid)).unwrap();
        }
        Self { bin: binaries(), home, port: free_port() }
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).current_dir(&self.home).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some(user) = account() {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        // Into a file: a pipe would stay open as long as the server runs.
        let said = self.home.join("said");
        let file = std::fs::File::create(&said).unwrap();
        let status = command.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        let log = || std::fs::read_to_string(self.home.join("log")).unwrap_or_default();
        assert!(status.success(), "{program}: {}\n{}", std::fs::read_to_string(&said).unwrap_or_default(), log());
    }

    fn data_text(&self) -> String {
        self.data().to_str().unwrap().to_owned()
    }

    pub fn start(&self) {
        let home = self.home.to_str().unwrap();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off -c wal_keep_size=256MB \
             -c wal_retrieve_retry_interval=100ms -c shared_buffers=16MB",
            self.port
        );
        self.run("pg_ctl", &["-D", &self.data_text(), "-w", "-l", &format!("{home}/log"), "-o", &options, "start"]);
    }

    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.data_text(), "-w", "-m", "fast", "stop"]);
    }

    /// As a machine that fails: nothing more is sent to the standby.
    pub fn kill(&self) {
        self.run("pg_ctl", &["-D", &self.data_text(), "-w", "-m", "immediate", "stop"]);
    }

    pub fn promote(&self) {
        self.run("pg_ctl", &["-D", &self.data_text(), "-w", "promote"]);
    }

    /// Starts as the standby of another, after it was stopped.
    pub fn start_as_standby_of(&self, primary: &Self) {
        let settings = format!("primary_conninfo = 'host=127.0.0.1 port={} user=portero'\n", primary.port);
        let file = self.data().join("postgresql.auto.conf");
        std::fs::write(&file, settings).unwrap();
        std::fs::write(self.data().join("standby.signal"), "").unwrap();
        self.start();
    }

    /// The process id of its postmaster.
    pub fn pid(&self) -> Pid {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        Pid::from_raw(file.lines().next().unwrap().trim().parse().unwrap())
    }

    /// Stops all its processes, or continues them.
    pub fn signal(&self, signal: Signal) {
        freeze(self.pid(), signal);
    }

    pub async fn psql(&self) -> PgConnection {
        PgConnection::connect(&format!("postgres://portero@127.0.0.1:{}/portero", self.port)).await.unwrap()
    }

    async fn lsn(&self, of: &'static str) -> i64 {
        let asked = format!("select coalesce({of} - '0/0', 0)::bigint");
        sqlx::query_scalar(sqlx::AssertSqlSafe(asked)).fetch_one(&mut self.psql().await).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.data().join("postmaster.pid").exists() {
            let pid = self.pid();
            freeze(pid, Signal::SIGCONT);
            let _ = nix::sys::signal::kill(pid, Signal::SIGQUIT);
            let start = Instant::now();
            while nix::sys::signal::kill(pid, None).is_ok() && start.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Whom Postgres runs as, which is never root.
fn account() -> Option<User> {
    let find = |name| User::from_name(name).ok().flatten();
    Uid::current().is_root().then(|| find("postgres").or_else(|| find("nobody")).unwrap())
}

/// A primary and its standby.
pub struct Pair {
    pub a: Server,
    pub b: Server,
}

impl Pair {
    /// `a` is the primary.
    pub async fn start(directory: &Directory) -> Self {
        let (a, b) = (Server::new(directory, "a"), Server::new(directory, "b"));
        a.run(
            "initdb",
            &["-D", &a.data_text(), "-U", "portero", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        );
        a.start();
        let postgres = format!("postgres://portero@127.0.0.1:{}/postgres", a.port);
        let mut conn = PgConnection::connect(&postgres).await.unwrap();
        sqlx::query("create database portero").execute(&mut conn).await.unwrap();
        let (port, data) = (a.port.to_string(), b.data_text());
        let from = ["-h", "127.0.0.1", "-p", &port, "-U", "portero"];
        let how = ["-D", &data, "-X", "stream", "-c", "fast", "--no-sync"];
        b.run("pg_basebackup", &[from.as_slice(), how.as_slice()].concat());
        b.start_as_standby_of(&a);
        Self { a, b }
    }

    /// The URL that names both.
    pub fn url(&self) -> String {
        let (a, b) = (self.a.port, self.b.port);
        format!("postgres://portero@127.0.0.1:{a},127.0.0.1:{b}/portero?target_session_attrs=read-write")
    }
}

/// Waits until a standby has applied what its primary has committed.
pub async fn until_replayed(primary: &Server, standby: &Server) {
    let written = primary.lsn("pg_current_wal_lsn()").await;
    let start = Instant::now();
    while standby.lsn("pg_last_wal_replay_lsn()").await < written {
        assert!(start.elapsed() < PATIENCE, "the standby does not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The standby becomes the primary, and the primary its standby. Nothing is lost: what stops in order sends all it has.
pub fn switch_over(from: &Server, to: &Server) {
    from.stop();
    to.promote();
    from.start_as_standby_of(to);
}

/// An address that leads to one server or another, as a virtual one, a name or a load balancer does.
pub struct Way {
    pub port: u16,
    leads_to: Arc<AtomicU16>,
    swallows: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Way {
    pub async fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            leads_to: Arc::new(AtomicU16::new(server.port)),
            swallows: Arc::default(),
            cut: Arc::default(),
        };
        let (leads_to, swallows, cut) = (Arc::clone(&way.leads_to), Arc::clone(&way.swallows), Arc::clone(&way.cut));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (port, swallows, cut) = (leads_to.load(Ordering::SeqCst), Arc::clone(&swallows), Arc::clone(&cut));
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::select! {
                        () = carry(from_client, to_server, &swallows) => {}
                        () = carry(from_server, to_client, &swallows) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        way
    }

    pub fn url(&self) -> String {
        format!("postgres://portero@127.0.0.1:{}/portero", self.port)
    }

    /// From here on new connections lead there.
    pub fn lead_to(&self, server: &Server) {
        self.leads_to.store(server.port, Ordering::SeqCst);
    }

    /// Lets nothing through any more on any connection, without ending one; or lets it through again.
    pub fn swallow(&self, swallows: bool) {
        self.swallows.store(swallows, Ordering::SeqCst);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }
}

/// Until either end closes. What arrives while nothing is let through is lost, and so is all that comes after it.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallows: &AtomicBool) {
    let (mut buffer, mut lost) = (vec![0; 16 * 1024], false);
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        lost |= swallows.load(Ordering::SeqCst);
        if !lost && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Whether a path leads into the directory, for what is started there.
pub fn own_directory(directory: &Directory, name: &str) -> String {
    let path = directory.path().join(name);
    std::fs::create_dir(&path).unwrap();
    Path::new(&path).to_str().unwrap().to_owned()
}
