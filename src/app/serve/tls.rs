//! TLS, with the certificate of the moment: when its files change, they are read anew.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::socket::Socket;
use crate::base::clock::Clock;
use crate::base::error::causes;
use crate::platform::tls::{Certificate, Files};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Speaks TLS.
#[derive(Debug)]
pub(super) struct Tls {
    files: Files,
    shown: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// With what is in the files now.
    pub(super) fn start(files: Files, clock: &Clock) -> anyhow::Result<(Self, Latest)> {
        let read = files.read()?;
        let certificate = files.check(&read, clock.now())?;
        tell(&certificate);
        Ok((Self { files, shown: RwLock::new(certificate.config) }, Latest(read.digest())))
    }

    /// Agrees with the other end on keys and protocol.
    pub(super) async fn shake_hands(&self, socket: Socket) -> io::Result<TlsStream<Socket>> {
        let config = Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner));
        timeout(HANDSHAKE, TlsAcceptor::from(config).accept(socket)).await?
    }

    /// Reads the files anew whenever they have changed. What can't be used changes nothing, and is said.
    pub(super) async fn keep_fresh(self: Arc<Self>, clock: Clock, mut latest: Latest) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.look(&clock, &mut latest) {
                tracing::error!(error = causes(&error), "the new certificate can't be used; the old one stays in use");
            }
        }
    }

    fn look(&self, clock: &Clock, latest: &mut Latest) -> anyhow::Result<()> {
        // Whoever replaces a file may have taken the old one away already: the next look finds the new one.
        let Ok(read) = self.files.read() else { return Ok(()) };
        if read.digest() == latest.0 {
            return Ok(());
        }
        latest.0 = read.digest();
        let certificate = self.files.check(&read, clock.now())?;
        tell(&certificate);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = certificate.config;
        Ok(())
    }
}

/// Whether the other end begins in plain HTTP: with a letter, where TLS has the type of a record.
pub(super) async fn is_plain(tcp: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let read = timeout(HANDSHAKE, tcp.peek(&mut first)).await??;
    Ok(read == first.len() && first[0].is_ascii_alphabetic())
}

/// What was read last, good or not.
#[derive(Debug)]
pub(super) struct Latest([u8; 32]);

fn tell(certificate: &Certificate) {
    tracing::info!(until = %certificate.ends_at.date(), "shows the certificate in TLS_CERTIFICATE_FILE");
}
