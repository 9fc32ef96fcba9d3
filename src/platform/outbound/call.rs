use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Url};

use super::{Failure, Settings, is_public};
use crate::base::secret::Secret;

/// How much of an answer is read, unless a call says otherwise.
const LARGEST: usize = 64 * 1024;

/// How long a call may take, likewise.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of a host with many addresses so many are tried, each for a while.
const TRIES: usize = 4;
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(2);

/// The longest head of an answer.
const LONGEST_HEAD: usize = 16 * 1024;

/// Who calls.
const AGENT: &str = concat!("portero/", env!("CARGO_PKG_VERSION"));

/// What calls others. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct Outbound(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    tls: OnceCell<Arc<ClientConfig>>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    url: &'a str,
    accept: &'static str,
    form: Option<String>,
    authorization: Option<Secret>,
    largest: usize,
    patience: Duration,
}

impl<'a> Call<'a> {
    /// Asks for something of this media type.
    pub fn get(url: &'a str, accept: &'static str) -> Self {
        Self { url, accept, form: None, authorization: None, largest: LARGEST, patience: PATIENCE }
    }

    /// Sends a form (`application/x-www-form-urlencoded`).
    pub fn post_form(url: &'a str, form: String) -> Self {
        Self { form: Some(form), ..Self::get(url, "*/*") }
    }

    /// Asks for an answer of this media type.
    #[must_use]
    pub fn accepting(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    /// Says who asks (`Authorization`).
    #[must_use]
    pub fn authorized(self, authorization: String) -> Self {
        Self { authorization: Some(authorization.into()), ..self }
    }

    /// Reads no more than so many bytes of the answer's body.
    #[must_use]
    pub fn at_most(self, largest: usize) -> Self {
        Self { largest, ..self }
    }

    /// Waits no longer for all of it.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status. A redirect is an answer like any other.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Where a call goes.
#[derive(Debug)]
struct Destination {
    url: Url,
    host: Host<String>,
    port: u16,
}

impl Destination {
    fn read(url: &str) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::Refused(why.to_owned());
        let url = Url::parse(url).map_err(|_| refused("is not an absolute URL"))?;
        if url.scheme() != "https" {
            return Err(refused("does not begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("has credentials in it"));
        }
        let host = url.host().ok_or_else(|| refused("names no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| refused("names no port"))?;
        Ok(Self { url, host, port })
    }

    /// Its addresses, asked for once: what is connected to is one of these, whatever the name means a moment later.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let named = match &self.host {
            Host::Ipv4(address) => vec![SocketAddr::new((*address).into(), self.port)],
            Host::Ipv6(address) => vec![SocketAddr::new((*address).into(), self.port)],
            Host::Domain(name) => {
                let found = lookup_host((name.as_str(), self.port)).await;
                found.map_err(|error| Failure::unreachable(name, error))?.collect()
            }
        };
        if named.is_empty() {
            return Err(Failure::unreachable(&self.host.to_string(), "has no address"));
        }
        Ok(named)
    }

    fn server_name(&self) -> Result<ServerName<'static>, Failure> {
        match &self.host {
            Host::Domain(name) => {
                ServerName::try_from(name.clone()).map_err(|error| Failure::Refused(format!("{name}: {error}")))
            }
            Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
            Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
        }
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, Failure> {
        let host = self.url.port().map_or_else(|| self.host.to_string(), |port| format!("{}:{port}", self.host));
        let method = if call.form.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder()
            .method(method)
            .uri(&self.url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, host)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, call.accept)
            .header(ACCEPT_ENCODING, "identity")
            .header(CONNECTION, "close");
        if call.form.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        if let Some(authorization) = &call.authorization {
            let value = HeaderValue::from_str(authorization.expose());
            let mut value = value.map_err(|_| Failure::Refused("what says who asks is no header".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let body = Full::new(Bytes::from(call.form.clone().unwrap_or_default()));
        request.body(body).map_err(|error| Failure::Refused(error.to_string()))
    }
}

impl Outbound {
    /// What calls others so.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, tls: OnceCell::new() }))
    }

    /// Calls, and waits for the whole answer.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        timeout(call.patience, self.exchange(call)).await.map_err(|_| Failure::TooSlow(call.patience))?
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let destination = Destination::read(call.url)?;
        let request = destination.request(call)?;
        let addresses = destination.addresses().await?;
        self.may_be_called(&destination.host, &addresses)?;
        let tcp = connect(&addresses).await?;
        let tls = TlsConnector::from(self.tls().await?).connect(destination.server_name()?, tcp).await;
        let tls = tls.map_err(|error| Failure::unreachable("TLS", error))?;
        let speaking = http1::Builder::new().max_buf_size(LONGEST_HEAD).handshake(TokioIo::new(tls)).await;
        let (mut sender, connection) = speaking.map_err(|error| Failure::unreachable("HTTP", error))?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let answer = sender.send_request(request).await.map_err(|error| Failure::unreachable("HTTP", error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, call.largest).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Failure::TooLarge(call.largest)
            } else {
                Failure::unreachable("HTTP", error)
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    /// Whether addresses of this machine and its networks may be called, too.
    pub(super) fn allows_internal(&self) -> bool {
        self.0.settings.allows_internal
    }

    /// A name that leads outside and inside at once is a trick, too.
    fn may_be_called(&self, host: &Host<String>, addresses: &[SocketAddr]) -> Result<(), Failure> {
        let inside = addresses.iter().find(|address| !is_public(address.ip()));
        match inside.filter(|_| !self.allows_internal()) {
            None => Ok(()),
            Some(inside) => Err(Failure::Refused(format!(
                "{host} is at {}, which is not a public address (OUTBOUND_ALLOW_INTERNAL allows it)",
                inside.ip()
            ))),
        }
    }

    async fn tls(&self) -> Result<Arc<ClientConfig>, Failure> {
        let read = || async {
            let settings = self.0.settings.clone();
            let read = tokio::task::spawn_blocking(move || settings.tls()).await;
            read.map_err(|error| Failure::unreachable("TLS", error))?.map(Arc::new)
        };
        self.0.tls.get_or_try_init(read).await.map(Arc::clone)
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut last = Failure::TooSlow(PATIENCE_TO_CONNECT);
    for address in addresses.iter().take(TRIES) {
        match timeout(PATIENCE_TO_CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Failure::unreachable(&address.to_string(), error),
            Err(_) => {}
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn refused(url: &str) -> String {
        match Outbound::new(Settings::default()).send(&Call::get(url, "*/*")).await {
            Err(Failure::Refused(why)) => why,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn only_https_to_the_outside_is_called() {
        for url in ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com", "", "https://"] {
            refused(url).await;
        }
        assert!(refused("https://me:secret@example.com/").await.contains("credentials"));
        for inside in [
            "https://127.0.0.1/",
            "https://127.1:8443/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1/",
            "https://0.0.0.0/",
            "https://localhost/",
        ] {
            assert!(refused(inside).await.contains("not a public address"), "{inside}");
        }
    }

    #[test]
    fn one_address_inside_is_one_too_many() {
        let at = |text: &str| text.parse().expect("an address");
        let (outside, inside) = (at("1.1.1.1:443"), at("10.0.0.1:443"));
        let host = Host::Domain("example.com".to_owned());
        let outbound = Outbound::new(Settings::default());
        assert!(outbound.may_be_called(&host, &[outside]).is_ok());
        assert!(outbound.may_be_called(&host, &[outside, inside]).is_err());
        let outbound = Outbound::new(Settings { allows_internal: true, ..Settings::default() });
        assert!(outbound.may_be_called(&host, &[outside, inside]).is_ok());
    }

    proptest! {
        /// Whatever a stranger names, it is refused or read: never more than that.
        #[test]
        fn any_text_is_refused_or_names_a_host_of_https(text in "\\PC{0,60}") {
            if let Ok(read) = Destination::read(&text) {
                prop_assert_eq!(read.url.scheme(), "https");
                prop_assert!(read.url.username().is_empty());
            }
        }

        #[test]
        fn however_an_address_is_written_it_is_the_one_that_is_judged(bits: u32) {
            let address = std::net::Ipv4Addr::from(bits);
            for url in [format!("https://{bits}/"), format!("https://{bits:#x}/"), format!("https://{address}/")] {
                let read = Destination::read(&url).expect("a destination");
                prop_assert_eq!(&read.host, &Host::<String>::Ipv4(address));
            }
        }
    }
}
