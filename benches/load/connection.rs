//! A keep-alive connection that sends ready-made bytes and reads no more than it must.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes longer, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Connection {
    tcp: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// Where in the buffer an answer is.
pub struct Answer<'a> {
    pub status: u16,
    head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.head, name)
    }
}

impl Connection {
    pub async fn open(to: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { tcp: connect(to).await?, buffer: vec![0; 64 * 1024], filled: 0 })
    }

    /// Waits until the server has closed it, and opens another.
    pub async fn reopen(&mut self, to: SocketAddr) -> anyhow::Result<()> {
        ensure!(self.tcp.read(&mut [0]).await? == 0, "the server sent more than its answer");
        self.tcp = connect(to).await?;
        Ok(())
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.tcp.write_all(request).await?;
        self.filled = 0;
        let (status, head, length) = timeout(PATIENCE, self.head()).await.context("no answer")??;
        while self.filled < head + length {
            self.more().await?;
        }
        ensure!(self.filled == head + length, "more than an answer");
        let (head, body) = self.buffer[..head + length].split_at(head);
        Ok(Answer { status, head, body })
    }

    /// Sends a request whose answer never ends; answers its status.
    pub async fn begin(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.tcp.write_all(request).await?;
        self.filled = 0;
        loop {
            self.more().await?;
            if let Some(head) = end_of_head(&self.buffer[..self.filled]) {
                let status = status(&self.buffer[..head])?;
                self.buffer.copy_within(head..self.filled, 0);
                self.filled -= head;
                return Ok(status);
            }
        }
    }

    /// Reads on until `wanted` has come, and forgets all that came up to then.
    pub async fn until(&mut self, wanted: &[u8]) -> anyhow::Result<()> {
        loop {
            if contains(&self.buffer[..self.filled], wanted) {
                self.filled = 0;
                return Ok(());
            }
            // What was cut in two comes together again.
            let kept = self.filled.min(wanted.len());
            self.buffer.copy_within(self.filled - kept..self.filled, 0);
            self.filled = kept;
            self.more().await?;
        }
    }

    async fn head(&mut self) -> anyhow::Result<(u16, usize, usize)> {
        loop {
            self.more().await?;
            if let Some(head) = end_of_head(&self.buffer[..self.filled]) {
                let text = &self.buffer[..head];
                return Ok((status(text)?, head, content_length(text)?));
            }
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let read = self.tcp.read(&mut self.buffer[self.filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.filled += read;
        Ok(())
    }
}

async fn connect(to: SocketAddr) -> anyhow::Result<TcpStream> {
    let tcp = TcpStream::connect(to).await.with_context(|| format!("connect to {to}"))?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

fn end_of_head(text: &[u8]) -> Option<usize> {
    text.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn status(head: &[u8]) -> anyhow::Result<u16> {
    let digits = head.get(9..12).context("no status line")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    Ok(header(head, "content-length").context("an answer without a length")?.parse()?)
}

fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let value = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (own, value) = line.split_at_checked(name.len())?;
        own.eq_ignore_ascii_case(name.as_bytes()).then(|| value.strip_prefix(b":")).flatten()
    });
    value.and_then(|value| std::str::from_utf8(value).ok()).map(str::trim)
}

pub fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
}
