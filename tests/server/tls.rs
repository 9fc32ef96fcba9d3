//! HTTPS by Portero itself: both versions of HTTP, certificates that change, and those that it refuses.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Version};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::signal::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::process::{Directory, Portero, portero};

const PATIENCE: Duration = Duration::from_mins(1);

/// A certificate and its key, made in a directory.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn new(directory: &Directory, name: &str) -> Self {
        Self::ending(directory, name, "30")
    }

    /// One that has ended a day ago.
    fn over(directory: &Directory) -> Self {
        let pair = Self::new(directory, "over");
        let command = ["x509", "-days", "-1", "-in"];
        let signed =
            Command::new("openssl").args(command).arg(&pair.certificate).arg("-signkey").arg(&pair.key).output();
        std::fs::write(&pair.certificate, signed.unwrap().stdout).unwrap();
        pair
    }

    fn ending(directory: &Directory, name: &str, days: &str) -> Self {
        let at = |what: &str| directory.path().join(format!("{name}.{what}"));
        let (certificate, key) = (at("pem"), at("key"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-days", days])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { certificate, key }
    }

    fn vars(&self) -> [(&'static str, &str); 2] {
        [("TLS_CERTIFICATE_FILE", self.certificate.to_str().unwrap()), ("TLS_KEY_FILE", self.key.to_str().unwrap())]
    }

    /// In the place of another.
    fn replace(&self, other: &Self) {
        std::fs::copy(&self.certificate, &other.certificate).unwrap();
        std::fs::copy(&self.key, &other.key).unwrap();
    }
}

fn address(server: &Portero) -> String {
    server.url.trim_start_matches("http://").to_owned()
}

/// Connects as somebody who trusts this certificate alone.
async fn connect(server: &Portero, trusted: &Path, protocol: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let tcp = TcpStream::connect(address(server)).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await
}

async fn by_http1(server: &Portero, trusted: &Path) -> std::io::Result<String> {
    let mut stream = connect(server, trusted, "http/1.1").await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    Ok(text)
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_as_the_other_end_prefers() {
    let directory = Directory::new();
    let pair = Pair::new(&directory, "one");
    let server = Portero::start(&directory, "demo", &pair.vars()).await;
    assert!(server.said("ready at https://127.0.0.1:"), "{}", server.output());
    let answer = by_http1(&server, &pair.certificate).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    let stream = connect(&server, &pair.certificate, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let log_in = |username: &str| {
        let body = format!(r#"{{"username":"{username}","password":"{username}-hash"}}"#);
        let request = Request::post("https://localhost/auth/login").body(Body::from(body)).unwrap();
        let mut sender = sender.clone();
        async move {
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 200));
            answer.into_body().collect().await.unwrap().to_bytes().len()
        }
    };
    let (one, other) = tokio::join!(log_in("juan"), log_in("usr1"));
    assert!(one > 0 && other > 0, "several at once on one connection");

    let discovery = Request::get("https://localhost/.well-known/openid-configuration").body(Body::empty()).unwrap();
    let answer = sender.clone().send_request(discovery).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&answer).contains(r#""issuer":"https://127.0.0.1:"#), "{answer:?}");
}

/// On a connection of its own.
async fn by_http2(server: &Portero, trusted: &Path) -> (SendRequest<Body>, JoinHandle<hyper::Result<()>>) {
    let stream = connect(server, trusted, "h2").await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

#[tokio::test]
async fn what_is_under_way_is_answered_when_it_stops() {
    let directory = Directory::new();
    let pair = Pair::new(&directory, "one");
    let server = Portero::start(&directory, "demo", &pair.vars()).await;
    let (mut sender, connection) = by_http2(&server, &pair.certificate).await;
    let (_rests, resting) = by_http2(&server, &pair.certificate).await;
    // Whoever is unknown waits for half a second.
    let login = Request::post("https://localhost/auth/login");
    let login = login.body(Body::from(r#"{"username":"nobody","password":"wrong"}"#)).unwrap();
    let answer = tokio::spawn(sender.send_request(login));
    sleep(Duration::from_millis(100)).await;
    assert!(!answer.is_finished(), "it is under way");
    server.signal(Signal::SIGTERM);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (Version::HTTP_2, 401));
    for ended in [connection, resting] {
        timeout(PATIENCE, ended).await.expect("closed").unwrap().unwrap();
    }
    let (ended, output) = server.ended().await;
    assert!(ended.success() && output.contains("stopped") && !output.contains("still under way"), "{output}");
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_bad_one_changes_nothing() {
    let directory = Directory::new();
    let (shown, next, last) =
        (Pair::new(&directory, "shown"), Pair::new(&directory, "next"), Pair::new(&directory, "last"));
    let server = Portero::start(&directory, "serve", &shown.vars()).await;
    let until_shown = async |pair: &Pair| {
        let start = Instant::now();
        while by_http1(&server, &pair.certificate).await.is_err() {
            assert!(start.elapsed() < PATIENCE, "{}", server.output());
            sleep(Duration::from_millis(100)).await;
        }
    };
    next.replace(&shown);
    until_shown(&next).await;
    std::fs::write(&shown.certificate, "no certificate").unwrap();
    let start = Instant::now();
    while !server.said("the old one stays in use") {
        assert!(start.elapsed() < PATIENCE, "{}", server.output());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(server.said("there is no certificate in"), "{}", server.output());
    by_http1(&server, &next.certificate).await.unwrap();
    last.replace(&shown);
    until_shown(&last).await;
}

#[tokio::test]
async fn who_does_not_shake_hands_is_not_waited_for() {
    let directory = Directory::new();
    let pair = Pair::new(&directory, "one");
    let server = Portero::start(&directory, "serve", &pair.vars()).await;
    let silent = TcpStream::connect(address(&server)).await.unwrap();
    let mut plain = TcpStream::connect(address(&server)).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut idle = connect(&server, &pair.certificate, "h2").await.unwrap();
    for mut stream in [silent, plain] {
        let mut heard = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        assert!(ended.is_ok(), "it is closed");
        assert!(!String::from_utf8_lossy(&heard).contains("200"), "{heard:?}");
    }
    let mut heard = Vec::new();
    assert!(timeout(PATIENCE, idle.read_to_end(&mut heard)).await.is_ok(), "nor who asks nothing after it");
    assert!(by_http1(&server, &pair.certificate).await.unwrap().starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn what_can_not_be_shown_stops_the_start_with_the_reason() {
    let directory = Directory::new();
    let (one, other) = (Pair::new(&directory, "one"), Pair::new(&directory, "other"));
    let over = Pair::over(&directory);
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (certificate, key) = (text(&one.certificate), text(&one.key));
    for (certificate, key, words) in [
        (certificate.as_str(), text(&other.key).as_str(), ["TLS_KEY_FILE", "is not that of the certificate"]),
        (text(&over.certificate).as_str(), text(&over.key).as_str(), ["TLS_CERTIFICATE_FILE", "has ended on"]),
        ("/no/such/file", key.as_str(), ["TLS_CERTIFICATE_FILE", "can't read /no/such/file"]),
        (certificate.as_str(), "/no/such/key", ["TLS_KEY_FILE", "can't read /no/such/key"]),
        (key.as_str(), key.as_str(), ["TLS_CERTIFICATE_FILE", "no certificate"]),
        (certificate.as_str(), certificate.as_str(), ["TLS_KEY_FILE", "no private key"]),
        (certificate.as_str(), "", ["TLS_KEY_FILE", "not set, but TLS_CERTIFICATE_FILE is"]),
    ] {
        let vars = [("TLS_CERTIFICATE_FILE", certificate), ("TLS_KEY_FILE", key)];
        let fresh = Directory::new();
        let refused = portero(&fresh, &["serve"], &vars).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
        assert!(!fresh.path().join("postgres").exists(), "nothing was begun");
    }
    let doctor = |pair: &Pair| {
        let found = portero(&Directory::new(), &["doctor"], &pair.vars()).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    assert!(doctor(&one).contains("ends in 29 days"), "{}", doctor(&one));
    let soon = Pair::ending(&directory, "soon", "5");
    assert!(doctor(&soon).contains("WRONG  certificate"), "{}", doctor(&soon));
}

#[tokio::test]
async fn plain_http_is_told_to_use_https() {
    let directory = Directory::new();
    let pair = Pair::new(&directory, "plain");
    let server = Portero::start(&directory, "serve", &pair.vars()).await;
    let mut stream = TcpStream::connect(address(&server)).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https_required"), "{answer}");
}
