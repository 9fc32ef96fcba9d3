//! Where secrets are asked for.

use std::io;
use std::process::{Command, Stdio};

use crate::support::{House, bare, finish};

/// Runs what its arguments say with a terminal for its input that is nobody's controlling terminal: so do some containers
/// and schedulers.
const WITH_A_TERMINAL_OF_NOBODY: &str = "
import pty, subprocess, sys
_, terminal = pty.openpty()
sys.exit(subprocess.run(sys.argv[1:], stdin=terminal, start_new_session=True).returncode)
";

#[tokio::test]
async fn where_nobody_can_be_asked_it_is_said_what_to_do() {
    if let Err(error) = Command::new("python3").arg("--version").stdout(Stdio::null()).status() {
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        eprintln!("no python3: nobody looks for a controlling terminal");
        return;
    }
    let house = House::new().await;
    house.json(&["user", "add", "eva", "--name", "Eva", "--no-password"]);
    for args in [
        ["user", "add", "ada", "--name", "Ada"].as_slice(),
        &["admin", "add", "ada"],
        &["user", "reset-password", "eva"],
        &["token", "check"],
    ] {
        let portero = bare(&house.files.path().to_owned(), args);
        let mut command = Command::new("python3");
        command.args(["-c", WITH_A_TERMINAL_OF_NOBODY]).arg(portero.get_program()).args(portero.get_args());
        command.current_dir(house.files.path()).env("AUTH_DATABASE_URL", &house.url);
        finish(command, "").refused(&["can't ask for it", "no terminal of its own", "send it on standard input"]);
    }
    assert_eq!(house.number("select count(*) from auth.person").await, 1);
}
