//! A place of others that Portero calls: HTTPS on this machine, under a certificate that nobody else believes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::scratch;

/// A certificate for `localhost` and its key, made once.
static PAIR: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let directory = scratch::directory().keep();
    let (certificate, key) = (directory.join("place.pem"), directory.join("place.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
});

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// What is answered at a path.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// Not before so long.
    pub after: Duration,
}

impl Said {
    /// A status, without a word.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), after: Duration::ZERO }
    }

    pub fn json(body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { headers, body: body.to_string().into(), ..Self::status(200) }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

#[derive(Debug, Default)]
struct Inner {
    says: HashMap<String, Said>,
    asked: Vec<Asked>,
}

/// The place.
#[derive(Debug)]
pub struct Place {
    /// `https://localhost:…`.
    pub url: String,
    pub port: u16,
    inner: Arc<Mutex<Inner>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Place {
    pub async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let acceptor = acceptor();
        let there = Arc::clone(&inner);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, inner) = (acceptor.clone(), Arc::clone(&there));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| answer(Arc::clone(&inner), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url: format!("https://localhost:{port}"), port, inner, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// What lets Portero call it.
    #[expect(clippy::unused_self, reason = "only who has opened one needs them")]
    pub fn settings(&self) -> [(&'static str, &'static str); 2] {
        [("OUTBOUND_ALLOW_INTERNAL", "true"), ("OUTBOUND_CA_FILE", PAIR.0.to_str().expect("a path"))]
    }

    /// The certificate that it shows.
    pub fn certificate() -> &'static Path {
        &PAIR.0
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// From now on it says this there.
    pub fn says(&self, path: &str, said: Said) {
        self.lock().says.insert(path.to_owned(), said);
    }

    /// Who has asked what, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(&PAIR.0).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(&PAIR.1).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).expect("a pair")))
}

async fn answer(inner: Arc<Mutex<Inner>>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let said = {
        let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        let body = String::from_utf8_lossy(&body).into_owned();
        inner.asked.push(Asked { method: head.method, path: path.clone(), headers: head.headers, body });
        inner.says.get(&path).cloned().unwrap_or_else(|| Said::status(404))
    };
    tokio::time::sleep(said.after).await;
    let mut response = Response::builder().status(said.status);
    for (name, value) in &said.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(Body::from(said.body)).expect("an answer"))
}
