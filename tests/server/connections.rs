//! Connections of strangers who fill all that they can get, and of everybody else meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::process::{Directory, Portero, copied};

/// Longer than anything here takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

const HALF_A_HEAD: &str = "GET /healthz HTTP/1.1\r\nhost: portero\r\n";

/// A connection from one of this machine's own addresses, on which `text` was sent.
async fn connect(to: &Portero, from: &str, text: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{from}:0").parse().unwrap())?;
    let address = to.url.trim_start_matches("http://").parse().unwrap();
    let mut stream = timeout(PATIENCE, socket.connect(address)).await.expect("a connection")?;
    let _ = stream.write_all(text.as_bytes()).await;
    Ok(stream)
}

async fn many(to: &Portero, from: &str, text: &str, count: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.extend(connect(to, from, text).await);
    }
    streams
}

/// All that comes until the other end closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("an end");
    String::from_utf8(text).unwrap()
}

/// A whole request on a connection of its own; the status of its answer.
async fn ask(to: &Portero, from: &str) -> String {
    match connect(to, from, &format!("{HALF_A_HEAD}connection: close\r\n\r\n")).await {
        Ok(stream) => rest(stream).await.lines().next().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Started with so many files that may be open: softly, so that Portero may raise it, or not.
async fn demo(directory: &Directory, limit: &str) -> Portero {
    let script = format!("ulimit {limit}; exec \"$0\" demo");
    let arguments = ["-c", &script, env!("CARGO_BIN_EXE_portero")];
    Portero::start_by(copied(Path::new("/bin/sh"), directory, &arguments, &[])).await
}

#[tokio::test]
async fn half_requests_of_one_address_leave_room_for_all_others_and_for_its_own_whole_ones() {
    let directory = Directory::new();
    let demo = demo(&directory, "-n 1024").await;
    let flood = many(&demo, "127.0.0.2", HALF_A_HEAD, 1500).await;
    for n in 0..40 {
        assert_eq!(ask(&demo, &format!("127.0.1.{n}")).await, "HTTP/1.1 200 OK");
    }
    let mut refused = 0;
    for stream in flood {
        let answer = rest(stream).await;
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("\r\nretry-after: 10\r\n"), "{head}");
            assert!(body.contains(r#""error":"too_many_connections""#), "{body}");
            refused += 1;
        }
        if refused > 20 {
            break;
        }
    }
    assert!(refused > 0, "some are told that they have their share");
    assert!(demo.said("its share"), "{}", demo.output());
    let _again = many(&demo, "127.0.0.2", HALF_A_HEAD, 200).await;
    until_answered(&demo, "127.0.0.2").await;
}

#[tokio::test]
async fn half_requests_of_many_addresses_that_take_all_places_give_them_up() {
    let directory = Directory::new();
    let demo = demo(&directory, "-n 1024").await;
    let token = demo.log_in("juan", "juan-hash").await;
    let login = "POST /auth/login HTTP/1.1\r\nhost: portero\r\ncontent-length: 15000\r\n\r\n";
    let half_a_body = format!("{login}{}", " ".repeat(14_000));
    let mut flood = Vec::new();
    for n in 2..14 {
        let text = if n % 2 == 0 { HALF_A_HEAD } else { &half_a_body };
        flood.extend(many(&demo, &format!("127.0.0.{n}"), text, 90).await);
    }
    until_answered(&demo, "127.0.2.1").await;
    for n in 0..40 {
        assert_eq!(ask(&demo, &format!("127.0.1.{n}")).await, "HTTP/1.1 200 OK");
        assert_eq!(demo.check(&token).await.0, 200);
    }
}

/// Half requests are borne for a second.
async fn until_answered(demo: &Portero, from: &str) {
    let start = Instant::now();
    while ask(demo, from).await != "HTTP/1.1 200 OK" {
        assert!(start.elapsed() < PATIENCE, "no place for a whole request");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for_and_one_that_is_too_long_is_refused() {
    let directory = Directory::new();
    let demo = demo(&directory, "-n 1024").await;
    let (silent, half) = (connect(&demo, "127.0.0.2", "").await, connect(&demo, "127.0.0.2", HALF_A_HEAD).await);
    let long = format!("{HALF_A_HEAD}x: {}\r\n\r\n", "x".repeat(20_000));
    let long = connect(&demo, "127.0.0.2", &long).await;
    assert!(rest(long.unwrap()).await.starts_with("HTTP/1.1 431 "));
    let whole = connect(&demo, "127.0.0.2", &format!("{HALF_A_HEAD}\r\n")).await.unwrap();
    for stream in [silent, half] {
        assert_eq!(rest(stream.unwrap()).await, "");
    }
    // Whoever has had an answer may rest for longer, and then ask again.
    let mut whole = whole;
    whole.write_all(format!("{HALF_A_HEAD}connection: close\r\n\r\n").as_bytes()).await.unwrap();
    assert_eq!(rest(whole).await.matches("HTTP/1.1 200 OK").count(), 2);
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_as_far_as_it_may_be() {
    let directory = Directory::new();
    let demo = demo(&directory, "-Sn 256").await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", demo.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| files.split_whitespace().nth(column).unwrap());
    assert_eq!(soft, hard);
    let flood = many(&demo, "127.0.0.2", HALF_A_HEAD, 400).await;
    assert_eq!(flood.len(), 400);
    assert_eq!(ask(&demo, "127.0.0.2").await, "HTTP/1.1 200 OK");
}
