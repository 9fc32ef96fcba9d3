//! Against a mail server that others have written, in a process of its own: aiosmtpd.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use portero::identity::mail::deliver;
use serde_json::json;
use time::Duration;

use crate::reset::reachable;
use crate::support::{Mail, Server};

struct MailServer(Child);

impl MailServer {
    /// Says so and answers `None` where it is not installed.
    fn start(port: u16, directory: &Path, options: &[&str]) -> Option<Self> {
        // Where Debian puts it, another Python may come first.
        let debians = Path::new("/usr/bin/python3");
        let mut command = Command::new(if debians.exists() { debians } else { Path::new("python3") });
        command.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}")]).args(options);
        command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(directory.join("mails"));
        let mut server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(Self(server));
            }
            if server.try_wait().is_ok_and(|ended| ended.is_some()) {
                eprintln!("mail was not delivered to a real server: install python3-aiosmtpd");
                return None;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("aiosmtpd does not listen")
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

fn arrived(directory: &Path) -> Vec<Mail> {
    let files = fs::read_dir(directory.join("mails/new")).into_iter().flatten().flatten();
    files.map(|file| Mail::read(&fs::read(file.path()).expect("a mail"))).collect()
}

async fn try_once(server: &Server) -> usize {
    deliver::deliver_what_is_due(&server.app).await.expect("Postgres answers")
}

async fn server_with(port: u16) -> Server {
    let url = format!("smtp://127.0.0.1:{port}");
    Server::configured(&[("SMTP_URL", &url), ("MAIL_FROM", "Portería <portero@example.com>")]).await
}

#[tokio::test]
async fn a_mail_waits_for_its_server_and_arrives_whole() {
    let (directory, port) = (tempfile::tempdir().expect("a directory"), free_port());
    let server = server_with(port).await;
    reachable(&server, "ada").await;
    server.execute("update auth.person set locale = 'es', name = 'Ada Ñandú'").await;
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    assert_eq!(try_once(&server).await, 1);
    assert_eq!(server.number("select attempts::bigint from auth.mails where last_error is not null").await, 1);

    let Some(_running) = MailServer::start(port, directory.path(), &[]) else { return };
    assert_eq!(try_once(&server).await, 0, "not before its time");
    server.app.clock.turn(Duration::minutes(1));
    assert_eq!(try_once(&server).await, 1);
    assert_eq!(server.number("select count(*) from auth.mails").await, 0);
    let mails = arrived(directory.path());
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = &mails[0];
    server.secrets.add(&mail.token());
    assert_eq!((mail.to[0].as_str(), mail.subject.as_str()), ("ada@example.com", "Portería: una contraseña nueva"));
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("Hola, Ada Ñandú:") && part.contains(&mail.token()), "{part}");
    }
    let body = json!({"token": mail.token(), "password": "zanahorias con limón"});
    server.anonymous().post("/auth/reset-password", body).await.ok();
}

#[tokio::test]
async fn a_mail_that_its_server_refuses_is_a_dead_letter() {
    let (directory, port) = (tempfile::tempdir().expect("a directory"), free_port());
    let Some(_running) = MailServer::start(port, directory.path(), &["-s", "100"]) else { return };
    let server = server_with(port).await;
    reachable(&server, "ada").await;
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    assert_eq!(try_once(&server).await, 1);
    assert_eq!(arrived(directory.path()).len(), 0);
    let dead = "select count(*) from auth.mails where dead_at is not null and last_error like '%552%'";
    assert_eq!(server.number(dead).await, 1);
}
