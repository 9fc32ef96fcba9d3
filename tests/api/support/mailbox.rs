//! A mail server of a test's own, and what it was sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::secrets::Secrets;

/// A mail that has arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    pub raw: String,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Mail {
    /// Reads a mail as it came over the wire.
    pub fn read(raw: &[u8]) -> Self {
        let mail = MessageParser::default().parse(raw).expect("a message");
        let addresses = mail.to().expect("a receiver").iter();
        Self {
            raw: String::from_utf8_lossy(raw).into_owned(),
            from: mail.from().and_then(|from| from.first()?.address()).expect("a sender").to_owned(),
            to: addresses.filter_map(|to| to.address()).map(str::to_owned).collect(),
            subject: mail.subject().expect("a subject").to_owned(),
            text: mail.body_text(0).expect("text").into_owned(),
            html: mail.body_html(0).expect("HTML").into_owned(),
        }
    }

    /// The token in it.
    #[track_caller]
    pub fn token(&self) -> String {
        let at = self.text.find("pmt_").unwrap_or_else(|| panic!("a token in {}", self.text));
        self.text[at..at + 76].to_owned()
    }
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Vec<u8>>,
    /// What is answered to a command instead of taking it, by its verb: `DATA` is the mail itself, `CONNECT` the greeting.
    answers: HashMap<&'static str, String>,
    /// The last command of each verb.
    heard: HashMap<String, String>,
}

/// An SMTP server that keeps all it gets.
#[derive(Clone, Debug)]
pub struct Mailbox {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Mailbox {
    /// A server on a port of its own, for as long as the test's runtime lives.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let mailbox = Self { url, state: Arc::default() };
        let state = Arc::clone(&mailbox.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&state)));
            }
        });
        mailbox
    }

    /// From now on each mail is answered with this, or taken.
    pub fn refuse(&self, refusal: Option<&str>) {
        self.answer("DATA", refusal);
    }

    /// From now on this command is answered with this, or taken.
    pub fn answer(&self, verb: &'static str, answer: Option<&str>) {
        let answers = &mut self.state.lock().unwrap_or_else(PoisonError::into_inner).answers;
        match answer {
            Some(answer) => drop(answers.insert(verb, answer.to_owned())),
            None => drop(answers.remove(verb)),
        }
    }

    /// The last command with this verb.
    pub fn heard(&self, verb: &str) -> String {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).heard.get(verb).cloned().unwrap_or_default()
    }

    /// What has arrived since the last look. The tokens in it are secrets from now on.
    pub fn take(&self, secrets: &Secrets) -> Vec<Mail> {
        let received = std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).received);
        let mails: Vec<Mail> = received.iter().map(|raw| Mail::read(raw)).collect();
        for mail in mails.iter().filter(|mail| mail.text.contains("pmt_")) {
            secrets.add(&mail.token());
        }
        mails
    }
}

/// One session (RFC 5321), as much of it as a client that makes no mistakes needs.
async fn converse(mut stream: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let state = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let greeting = state().answers.get("CONNECT").cloned().unwrap_or_else(|| "220 tests".to_owned());
    write.write_all(format!("{greeting}\r\n").as_bytes()).await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        state().heard.insert(verb.clone(), line);
        let refusal = state().answers.get(verb.as_str()).cloned();
        let answer = match (verb.as_str(), refusal) {
            ("QUIT", _) => return write.write_all(b"221 bye\r\n").await,
            ("DATA", refusal) => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push_str("\r\n");
                }
                if let Some(refusal) = refusal {
                    let quoted = mail.lines().find(|line| line.contains("pmt_")).unwrap_or_default();
                    refusal.replace("{mail}", quoted)
                } else {
                    state().received.push(mail.into_bytes());
                    "250 taken".to_owned()
                }
            }
            (_, Some(refusal)) => refusal,
            ("EHLO", None) => "250-tests\r\n250 8BITMIME".to_owned(),
            _ => "250 well".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
