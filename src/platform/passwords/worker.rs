//! A process of our own that hashes, one password at a time. Linux weighs processes by session or control group first,
//! and a thread's nice value counts within that only: only what runs apart can let everybody else go first, Postgres
//! included. And what it has used is the system's again when it ends.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use zeroize::Zeroizing;

use super::work::{Done, Memory, Work};

/// The command that it runs.
pub const COMMAND: &str = "hash-worker";

/// See setpriority(2), and sched(7) on the nice value of an autogroup. Low enough for checks to go first, and high enough for
/// people to log in where other programs keep every core busy: `docs/performance.md` has the figures of others.
const NICE: i32 = 2;

/// Room enough for the longest password, each byte escaped, so that no copy is left behind by growing.
const LONGEST_ORDER: usize = 32 * 1024;

/// From the parent's side: started when there is work, ended when this is dropped.
pub(super) struct Worker {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    pub fn start() -> io::Result<Self> {
        // Even when the file has been replaced by a newer one meanwhile.
        let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
        let mut command = Command::new(program);
        // It needs none of our secrets.
        let mut process =
            command.arg0("portero").arg(COMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(orders), Some(answers)) => Ok(Self { process, orders, answers: BufReader::new(answers) }),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    pub fn act(&mut self, work: &Work) -> io::Result<Done> {
        let mut order = Zeroizing::new(Vec::with_capacity(LONGEST_ORDER));
        serde_json::to_writer(&mut *order, work)?;
        order.push(b'\n');
        self.orders.write_all(&order)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// From its own side: hashes what standard input says, a line each, until that ends.
///
/// # Errors
/// When standard input or output break.
pub fn work() -> io::Result<()> {
    // Otherwise `exe`, after the link that it was started by.
    rustix::thread::set_name(c"portero-hash")?;
    let mut has_stepped_back = false;
    let mut memory = Memory::new();
    let (mut orders, mut answers) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut order = Zeroizing::new(String::with_capacity(LONGEST_ORDER));
        if orders.read_line(&mut order)? == 0 {
            return Ok(());
        }
        has_stepped_back = has_stepped_back || step_back().is_ok();
        let work: Work = serde_json::from_str(&order)?;
        let mut answer = serde_json::to_vec(&work.act(&mut memory))?;
        answer.push(b'\n');
        answers.write_all(&answer)?;
        answers.flush()?;
    }
}

/// Lets everybody else go first.
fn step_back() -> io::Result<()> {
    // Of a session of its own; it is its leader already when this is tried again.
    let _ = rustix::process::setsid();
    rustix::process::setpriority_process(None, NICE)?;
    match fs::write("/proc/self/autogroup", NICE.to_string()) {
        // Another system, or a kernel without them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // The kernel lets the unprivileged do so ten times a second, all together.
        written => written,
    }
}
