//! A conversation with a mail server (RFC 5321), step by step: what it refuses before it has heard of a receiver speaks of
//! us and not of the mail.

use std::time::Duration;

use anyhow::{Context, bail};
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::{Address, Message};
use percent_encoding::percent_decode_str;
use url::Url;

use super::Settings;

/// Until a connection stands.
const PATIENCE: Duration = Duration::from_secs(15);

/// Ports, where a URL has none.
const RELAY: u16 = 25;
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// A server that takes our mail, and how we speak to it.
pub struct Smtp {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    ehlo: ClientId,
}

enum Tls {
    /// `smtp://host`.
    None,
    /// `smtp://host?tls=opportunistic`.
    IfOffered(TlsParameters),
    /// `smtp://host?tls=required`.
    Required(TlsParameters),
    /// `smtps://host`.
    FromTheStart(TlsParameters),
}

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It does not stand.
    Connection,
    /// The server greets; we say who we are: `EHLO`.
    Greeting,
    /// `STARTTLS`.
    Encryption,
    /// `AUTH`.
    Login,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`, and the mail.
    Content,
}

/// Why a mail is not out.
#[derive(Debug)]
pub struct Failure {
    pub stage: Stage,
    /// The number of the server's answer, if it gave one.
    pub code: Option<u16>,
    pub why: String,
    /// Whether it is we who saw that it does not go on.
    gave_up: bool,
}

impl Failure {
    /// The mail itself can't be sent.
    pub fn of_the_mail(why: String) -> Self {
        Self { stage: Stage::Content, code: Some(554), why, gave_up: false }
    }

    /// Nothing was said against it; it can be tried again.
    pub fn for_now(why: String) -> Self {
        Self { stage: Stage::Connection, code: None, why, gave_up: false }
    }

    fn at(stage: Stage) -> impl Fn(SmtpError) -> Self {
        move |error| Self {
            stage,
            code: error.status().map(u16::from),
            why: error.to_string(),
            gave_up: error.is_client(),
        }
    }

    fn is_refused(&self) -> bool {
        self.code.is_some_and(|code| code >= 500)
    }

    /// Whether somebody has to mend a setting of ours, or of the server's: the mail can wait for that.
    pub fn is_about_us(&self) -> bool {
        ((self.is_refused() || self.gave_up) && self.stage <= Stage::Sender) || self.wants_login()
    }

    /// Whether it is of no use to try again.
    pub fn for_good(&self) -> bool {
        self.is_refused() && !self.is_about_us() && (self.stage == Stage::Content || !self.is_about_leave())
    }

    /// RFC 4954 section 6, whenever it is said.
    pub fn wants_login(&self) -> bool {
        matches!(self.code, Some(530 | 534 | 535 | 538))
    }

    /// Whether a receiver was refused for what we may do here, not since there is none (RFC 3463: X.3 is the server's own
    /// state, X.5 the protocol, X.7 leave; X.1.7 and X.1.8 the sender's address). Not every server says so by number.
    fn is_about_leave(&self) -> bool {
        if self.code == Some(503) {
            return true;
        }
        match enhanced(&self.why) {
            Some((1, detail)) => detail == 7 || detail == 8,
            Some((subject, _)) => [3, 5, 7].contains(&subject),
            None => {
                let why = self.why.to_lowercase();
                ["relay", "authent", "sender", "log in", "login", "rcpthosts", "denied", "client host", "policy"]
                    .iter()
                    .any(|word| why.contains(word))
            }
        }
    }
}

/// Subject and detail of the first `5.<subject>.<detail>` in an answer.
fn enhanced(answer: &str) -> Option<(u16, u16)> {
    answer.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.trim_end_matches('.').split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        if class != "5" || parts.next().is_some() {
            return None;
        }
        Some((subject.parse().ok()?, detail.parse().ok()?))
    })
}

impl Smtp {
    /// The server that `SMTP_URL` describes: `smtps://user:password@host:port`, `smtp://…?tls=required`. What follows the
    /// host is the name we go by, unless `SMTP_EHLO_NAME` says another.
    ///
    /// # Errors
    /// When it can't be understood, or when it asks for TLS and this machine's certificates can't be read.
    pub fn new(url: &str, settings: &Settings) -> anyhow::Result<Self> {
        Self::read(url, settings.ehlo_name.as_deref(), &settings.from)
    }

    /// Likewise, of settings that are still being read.
    ///
    /// # Errors
    /// Likewise.
    pub fn read(url: &str, ehlo_name: Option<&str>, from: &Mailbox) -> anyhow::Result<Self> {
        if !["smtp://", "smtps://"].iter().any(|scheme| url.starts_with(scheme)) {
            bail!("does not begin with smtps:// or smtp://");
        }
        let url = Url::parse(url).map_err(|error| anyhow::anyhow!("is not a URL: {error}"))?;
        let host = url.host_str().context("names no host")?.trim_matches(['[', ']']).to_owned();
        let certificates = || TlsParameters::new(host.clone()).context("can't speak TLS");
        let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let (tls, port) = match (url.scheme(), asked.as_deref()) {
            ("smtp", None) => (Tls::None, RELAY),
            ("smtp", Some("opportunistic")) => (Tls::IfOffered(certificates()?), SUBMISSION),
            ("smtp", Some("required")) => (Tls::Required(certificates()?), SUBMISSION),
            ("smtps", _) => (Tls::FromTheStart(certificates()?), SUBMISSIONS),
            ("smtp", Some(_)) => bail!("has a `tls` that is neither required nor opportunistic"),
            (scheme, _) => bail!("begins with {scheme}:// and not with smtps:// or smtp://"),
        };
        let decoded = |text| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        let named = ehlo_name.or_else(|| Some(url.path().trim_matches('/')).filter(|name| !name.is_empty()));
        let ehlo = named.map_or_else(|| own_name(from), |name| ClientId::Domain(name.to_owned()));
        Ok(Self { port: url.port().unwrap_or(port), host, tls, credentials, ehlo })
    }

    /// The name we go by.
    pub fn ehlo_name(&self) -> String {
        self.ehlo.to_string()
    }

    /// Sends a mail.
    pub async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut connection = self.open().await?;
        let sent = hand_over(&mut connection, message).await;
        connection.abort().await;
        sent
    }

    /// Whether the server would take a mail from `sender`: all that is said before there is a receiver.
    pub async fn try_out(&self, sender: &Address) -> Result<(), Failure> {
        let mut connection = self.open().await?;
        let tried = async {
            begin(&mut connection, Some(sender.clone()), Vec::new()).await?;
            connection.command(Rset).await.map(drop).map_err(Failure::at(Stage::Sender))
        };
        let tried = tried.await;
        connection.abort().await;
        tried
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, Failure> {
        let from_the_start = if let Tls::FromTheStart(tls) = &self.tls { Some(tls.clone()) } else { None };
        let server = (self.host.as_str(), self.port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, Some(PATIENCE), &self.ehlo, from_the_start, None).await;
        let mut connection = connected.map_err(|error| {
            let stage = if error.status().is_some() { Stage::Greeting } else { Stage::Connection };
            Failure::at(stage)(error)
        })?;
        let starttls = match &self.tls {
            Tls::Required(tls) => Some(tls),
            Tls::IfOffered(tls) => Some(tls).filter(|_| connection.can_starttls()),
            Tls::None | Tls::FromTheStart(_) => None,
        };
        if let Some(tls) = starttls {
            connection.starttls(tls.clone(), &self.ehlo).await.map_err(Failure::at(Stage::Encryption))?;
        }
        if let Some(credentials) = &self.credentials {
            let login = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            if let Err(error) = login {
                connection.abort().await;
                return Err(Failure::at(Stage::Login)(error));
            }
        }
        Ok(connection)
    }
}

/// Servers like a name with a dot, as DNS has them.
fn own_name(from: &Mailbox) -> ClientId {
    let domain = from.email.domain();
    match ClientId::default() {
        ClientId::Domain(name) if !name.contains('.') && domain.contains('.') => ClientId::Domain(domain.to_owned()),
        other => other,
    }
}

async fn begin(
    connection: &mut AsyncSmtpConnection,
    sender: Option<Address>,
    parameters: Vec<MailParameter>,
) -> Result<(), Failure> {
    connection.command(Mail::new(sender, parameters)).await.map(drop).map_err(Failure::at(Stage::Sender))
}

async fn hand_over(connection: &mut AsyncSmtpConnection, message: &Message) -> Result<(), Failure> {
    let envelope = message.envelope();
    let mut parameters = Vec::new();
    if !envelope.to().iter().all(|to| AsRef::<str>::as_ref(to).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let why = "this mail server takes no address with letters beyond ASCII before the @ (it lacks SMTPUTF8)";
            return Err(Failure::of_the_mail(why.to_owned()));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    begin(connection, envelope.from().cloned(), parameters).await?;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(Failure::at(Stage::Recipient))?;
    }
    connection.command(Data).await.map_err(Failure::at(Stage::Content))?;
    connection.message(&message.formatted()).await.map(drop).map_err(Failure::at(Stage::Content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(stage: Stage, answer: &str) -> Failure {
        Failure { stage, code: answer[..3].parse().ok(), why: answer.to_owned(), gave_up: false }
    }

    #[test]
    fn what_is_refused_before_there_is_a_receiver_is_about_us() {
        for (stage, answer) in [
            (Stage::Greeting, "554 no SMTP service here"),
            (Stage::Greeting, "504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname"),
            (Stage::Greeting, "550 Helo command rejected: Host not found"),
            (Stage::Encryption, "554 5.7.3 Unable to initialize security subsystem"),
            (Stage::Login, "535 5.7.8 Error: authentication failed"),
            (Stage::Login, "504 5.5.4 Unrecognized authentication type"),
            (Stage::Sender, "530 5.7.0 Must issue a STARTTLS command first"),
            (Stage::Sender, "550 5.7.60 SMTP; Client does not have permissions to send as this sender"),
            (Stage::Sender, "553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b"),
            (Stage::Sender, "550 5.7.1 Authentication required"),
            (Stage::Sender, "552 too much"),
            (Stage::Recipient, "530 5.7.1 Authentication required"),
        ] {
            let failure = refused(stage, answer);
            assert!(failure.is_about_us() && !failure.for_good(), "{answer}");
        }
    }

    #[test]
    fn a_receiver_who_is_not_there_is_for_good_and_one_who_is_not_ours_to_reach_is_not() {
        for there_is_none in [
            "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown",
            "550 no such mailbox",
            "553 mailbox name not allowed",
            "552 5.2.2 mailbox full",
            "550 5.4.1 Recipient address rejected: Access denied",
            "501 5.1.3 Bad recipient address syntax",
        ] {
            assert!(refused(Stage::Recipient, there_is_none).for_good(), "{there_is_none}");
        }
        for not_ours in [
            "554 5.7.1 <a@example.com>: Relay access denied",
            "550 relay not permitted",
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "550 5.7.1 Client host rejected",
            "503 5.5.1 Error: need MAIL command",
            "550 5.1.8 Sender address rejected: Domain not found",
            "550 5.3.4 system not accepting",
        ] {
            let failure = refused(Stage::Recipient, not_ours);
            assert!(!failure.for_good() && !failure.is_about_us(), "{not_ours}");
        }
    }

    #[test]
    fn what_is_refused_after_data_is_about_the_mail() {
        for answer in ["550 5.7.1 Message content rejected", "552 5.3.4 Message too big", "554 spam"] {
            let failure = refused(Stage::Content, answer);
            assert!(failure.for_good() && !failure.is_about_us(), "{answer}");
        }
        for later in ["421 4.3.2 shutting down", "451 greylisted", "454 4.7.0 TLS not available"] {
            for stage in [Stage::Greeting, Stage::Encryption, Stage::Sender, Stage::Recipient, Stage::Content] {
                let failure = refused(stage, later);
                assert!(!failure.for_good() && !failure.is_about_us(), "{later}");
            }
        }
        assert!(!Failure::for_now("no route".to_owned()).for_good());
    }

    #[test]
    fn the_name_we_go_by_has_a_dot_where_there_is_one_to_be_had() {
        let from: Mailbox = "Portero <portero@example.com>".parse().expect("a sender");
        let named = |url: &str, name| Smtp::read(url, name, &from).expect("a server").ehlo_name();
        assert!(named("smtp://mail.example.org", None).contains('.'));
        assert_eq!(named("smtp://mail.example.org/vm.example.org", None), "vm.example.org");
        assert_eq!(named("smtp://mail.example.org/vm.example.org", Some("other.example")), "other.example");
    }

    #[test]
    fn a_url_says_how_the_server_is_reached() {
        let from: Mailbox = "portero@example.com".parse().expect("a sender");
        let read = |url| Smtp::read(url, None, &from);
        let port = |url| read(url).expect("a server").port;
        assert_eq!((port("smtp://a.example"), port("smtp://a.example?tls=required")), (25, 587));
        assert_eq!((port("smtps://a.example"), port("smtps://u:p%40@[::1]:4650")), (465, 4650));
        assert_eq!(read("smtp://u:p@[::1]").expect("a server").host, "::1");
        for bad in ["imap://a.example", "smtp://a.example?tls=maybe", "mail.example.com", "smtp:"] {
            let fault = read(bad).err().expect("a fault").to_string();
            assert!(!fault.is_empty(), "{bad}");
        }
    }
}
