//! Who finds no place, or speaks no TLS, is told so, as far as that is cheap.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::connections::Full;

/// How long we wait for the request, and then for the other end to take the answer.
const BRIEFLY: Duration = Duration::from_secs(1);

/// The most of what they send that is read, in bytes, so that they read what we say and no reset overtakes it.
const MOST: usize = 64 * 1024;

/// Answers whatever they ask that there is no place for them, while `_turn` is theirs.
pub(super) async fn turn_away(tcp: TcpStream, full: Full, _turn: OwnedSemaphorePermit) {
    if let Err(error) = tell(tcp, &answer(full)).await {
        tracing::debug!(%error, "could not say that there is no place");
    }
}

/// Answers in plain HTTP that here one speaks TLS.
pub(super) async fn send_to_https(tcp: TcpStream) -> io::Result<()> {
    let detail = "this port speaks HTTPS only: begin the address with https://";
    tell(tcp, &problem((400, "Bad Request", "https_required"), detail, "")).await
}

async fn tell(mut tcp: TcpStream, answer: &str) -> io::Result<()> {
    let mut heard = [0; 2048];
    // Clients take an answer that comes before they have asked for a fault.
    timeout(BRIEFLY, tcp.read(&mut heard)).await??;
    tcp.write_all(answer.as_bytes()).await?;
    tcp.shutdown().await?;
    let rest = async {
        let mut read = 0;
        while read < MOST {
            match tcp.read(&mut heard).await? {
                0 => break,
                bytes => read += bytes,
            }
        }
        Ok(())
    };
    timeout(BRIEFLY, rest).await?
}

fn answer(full: Full) -> String {
    let (status, title, code, detail, wait) = match full {
        Full::Share => (
            429,
            "Too Many Requests",
            "too_many_connections",
            "too many connections from your network are open; close some, or try again in 10 s",
            10,
        ),
        Full::All => {
            (503, "Service Unavailable", "unavailable", "Portero can't answer at the moment; try again shortly", 1)
        }
    };
    problem((status, title, code), detail, &format!("retry-after: {wait}\r\n"))
}

/// A whole answer, with one more header or none.
fn problem((status, title, code): (u16, &str, &str), detail: &str, header: &str) -> String {
    let body =
        format!(r#"{{"error":"{code}","detail":"{detail}","type":"about:blank","title":"{title}","status":{status}}}"#);
    format!(
        "HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         {header}cache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_whole() {
        for full in [Full::Share, Full::All] {
            let answer = answer(full);
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            assert!(head.contains("retry-after: "), "{head}");
            let problem: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", problem["status"])), "{head}");
        }
    }
}
