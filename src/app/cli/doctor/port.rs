//! The address to listen on.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Report;

const PATIENCE: Duration = Duration::from_secs(2);
/// No more is read of an answer.
const LARGEST: u64 = 8 * 1024 * 1024;

/// `living`: whether a Portero may be serving the database that these settings are about.
pub(super) async fn check(report: &mut Report, (listen, by_tls): (SocketAddr, bool), living: bool) {
    match TcpListener::bind(listen).await {
        Ok(_) => report.ok("port", format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && by_tls => {
            report.skipped("port", format!("{listen} is taken; by whom can't be told through TLS"));
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => match timeout(PATIENCE, is_portero(listen)).await {
            Ok(Ok(true)) if living => report.ok("port", format!("a Portero is serving at http://{listen}")),
            Ok(Ok(true)) => report.wrong(
                "port",
                format!("{listen} is taken by a Portero with other settings than these: it has another database"),
                "ask with its settings (AUTH_DATABASE_URL, PORTERO_DATA_DIR) and as its user, or set SERVER_PORT to another port",
            ),
            _ => report.wrong(
                "port",
                format!("{listen} is taken by another program"),
                "stop it, or set SERVER_PORT to another port",
            ),
        },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => report.wrong(
            "port",
            format!("this user may not listen on {listen}"),
            "set SERVER_PORT to a port above 1023, and let a proxy take the low one",
        ),
        Err(error) => report.wrong(
            "port",
            format!("can't listen on {listen}: {error}"),
            "set SERVER_URL to an address of this machine",
        ),
    }
}

/// Whether what answers there is a Portero, by the title of its OpenAPI document: operators change what pages say.
async fn is_portero(listen: SocketAddr) -> std::io::Result<bool> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut connection = TcpStream::connect((ip, listen.port())).await?;
    connection.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    connection.take(LARGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).contains(r#""title":"Portero""#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::cli::doctor::Status;

    #[tokio::test]
    async fn a_port_is_free_or_taken_or_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let home = tokio::spawn(async move {
            let portero = "HTTP/1.1 200 OK\r\n\r\n{\"info\":{\"title\":\"Portero\"}}";
            for answer in ["HTTP/1.1 200 OK\r\n\r\nHello", portero, portero] {
                let (mut visitor, _) = listener.accept().await.expect("a visitor");
                let mut request = [0; 256];
                let _ = visitor.read(&mut request).await;
                let _ = visitor.write_all(answer.as_bytes()).await;
            }
        });
        let mut report = Report::default();
        check(&mut report, (address, false), true).await;
        check(&mut report, (address, false), true).await;
        check(&mut report, (address, false), false).await;
        home.await.expect("all visits");
        check(&mut report, (address, false), false).await;
        let statuses: Vec<Status> = report.findings.iter().map(|finding| finding.status).collect();
        assert_eq!(statuses, [Status::Wrong, Status::Ok, Status::Wrong, Status::Ok]);
        assert!(report.findings[3].detail.contains("is free"));
    }
}
