//! The way to the collector: OTLP over HTTP, with or without TLS.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;

/// How long a collector may take for one batch of spans.
const PATIENCE: Duration = Duration::from_secs(10);

/// A collector answers with little.
const MAX_ANSWER: usize = 64 * 1024;

/// A collector that is away is no news for this long.
const QUIET: Duration = Duration::from_mins(1);

type ToCollector = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Sends on a runtime, for an exporter that has a plain thread of its own.
#[derive(Debug)]
pub(super) struct Collector {
    client: ToCollector,
    runtime: Handle,
    complained: Mutex<Option<Instant>>,
}

impl Collector {
    pub(super) fn reached_on(runtime: Handle) -> anyhow::Result<Self> {
        let provider = Arc::new(default_provider());
        let connector = match HttpsConnectorBuilder::new().with_provider_and_native_roots(Arc::clone(&provider)) {
            Ok(trusting) => trusting,
            // A machine that trusts nobody has its collector at hand, without TLS; else the log will tell.
            Err(_) => HttpsConnectorBuilder::new().with_tls_config(
                ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth(),
            ),
        };
        let connector = connector.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime, complained: Mutex::new(None) })
    }

    /// Says why spans are lost, now and then.
    fn complain(&self, why: &str) {
        let mut last = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() > QUIET) {
            *last = Some(Instant::now());
            tracing::warn!(why, "the collector at OTEL_EXPORTER_OTLP_ENDPOINT does not take our traces");
        }
    }
}

/// What the trait, written for `async_trait`, wants.
type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let sent = self.runtime.spawn(send(self.client.clone(), request));
        Box::pin(async move {
            // Cancelled at the stop: that is no fault of the collector.
            let answer = sent.await?;
            match &answer {
                Ok(answer) if !answer.status().is_success() => self.complain(answer.status().as_str()),
                Ok(_) => {}
                Err(error) => self.complain(&explained(error.as_ref())),
            }
            answer
        })
    }
}

async fn send(client: ToCollector, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let sent = async {
        let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
        Ok(Response::from_parts(head, Limited::new(body, MAX_ANSWER).collect().await?.to_bytes()))
    };
    tokio::time::timeout(PATIENCE, sent).await?
}

/// An error with its causes, of which the last says most.
fn explained(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
