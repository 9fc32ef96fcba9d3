//! Who may look on: Prometheus, and a collector of traces.

use std::net::{SocketAddr, ToSocketAddrs};

use axum::http::{HeaderName, Uri};

use super::read::Settings;
use crate::base::masked::without_secrets;

const SAMPLERS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

impl Settings {
    /// `METRICS_ADDRESS`: an address with a port, other than the one that everybody calls.
    pub(super) fn metrics(&mut self, listen: SocketAddr) -> Option<SocketAddr> {
        let text = self.text("METRICS_ADDRESS")?;
        let address = text.to_socket_addrs().ok().and_then(|mut found| found.next()).filter(|found| found.port() > 0);
        let fault = match address {
            None => format!("`{}` is not an address of this machine with a port", without_secrets(&text)),
            Some(address) if would_collide(address, listen) => {
                format!("{address} is taken by the server itself ({listen}); metrics have an address of their own")
            }
            Some(address) => return Some(address),
        };
        self.fault("METRICS_ADDRESS", &fault, "127.0.0.1:9090");
        None
    }

    /// Whether there is a collector. The SDK reads these variables itself, and falls back in silence where one is bad.
    pub(super) fn traces(&mut self) -> bool {
        let Some(endpoint) = self.text("OTEL_EXPORTER_OTLP_ENDPOINT") else { return false };
        let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        if !endpoint.parse::<Uri>().is_ok_and(|uri| is_http(&uri)) {
            let fault = "is not the URL of a collector (OTLP over HTTP, not gRPC)";
            self.fault("OTEL_EXPORTER_OTLP_ENDPOINT", fault, "http://127.0.0.1:4318");
        }
        if let Some(sampler) = self.text("OTEL_TRACES_SAMPLER")
            && !SAMPLERS.contains(&sampler.as_str())
        {
            let fault = format!("`{sampler}` is none of {}", SAMPLERS.join(", "));
            self.fault("OTEL_TRACES_SAMPLER", &fault, "parentbased_traceidratio");
        }
        if let Some(share) = self.text("OTEL_TRACES_SAMPLER_ARG")
            && !share.parse::<f64>().is_ok_and(|share| (0.0..=1.0).contains(&share))
        {
            self.fault("OTEL_TRACES_SAMPLER_ARG", &format!("`{share}` is not a number from 0 to 1"), "0.1");
        }
        let headers = self.text("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let is_header = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| is_name(name.trim()));
        if !headers.split(',').filter(|pair| !pair.trim().is_empty()).all(is_header) {
            // They are secrets: not shown.
            self.fault("OTEL_EXPORTER_OTLP_HEADERS", "are not names with values", "api-key=secret,tenant=one");
        }
        true
    }
}

fn is_name(name: &str) -> bool {
    name.parse::<HeaderName>().is_ok()
}

/// Whether one process can't listen on both.
fn would_collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use crate::app::config::{Config, Faults};

    fn config(vars: &[(&str, &str)]) -> Result<Config, Faults> {
        Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn faults(vars: &[(&str, &str)]) -> String {
        config(vars).expect_err("faulty settings").to_string()
    }

    #[test]
    fn metrics_have_an_address_of_their_own() {
        let metrics = |address| config(&[("METRICS_ADDRESS", address)]).expect("an address").metrics;
        assert_eq!(metrics("").map(|address| address.to_string()), None);
        assert_eq!(metrics("127.0.0.1:9090").map(|address| address.to_string()).as_deref(), Some("127.0.0.1:9090"));
        assert_eq!(metrics("[::]:9090").map(|address| address.to_string()).as_deref(), Some("[::]:9090"));
        for bad in ["9090", "yes", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:7878", "0.0.0.0:7878"] {
            let faults = faults(&[("METRICS_ADDRESS", bad)]);
            assert!(faults.contains("METRICS_ADDRESS=127.0.0.1:9090"), "{faults}");
        }
        assert!(config(&[("SERVER_URL", "10.0.0.1:7878"), ("METRICS_ADDRESS", "127.0.0.1:7878")]).is_ok());
    }

    #[test]
    fn a_collector_is_named_rightly_or_not_at_all() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(!config(&[]).expect("defaults").traces);
        assert!(config(&[collector]).expect("a collector").traces);
        assert!(config(&[collector, ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, tenant=one")]).is_ok());
        assert!(config(&[collector, ("OTEL_TRACES_SAMPLER", "always_off")]).is_ok());
        for bad in ["127.0.0.1:4318", "grpc://collector:4317", "collector"] {
            assert!(faults(&[("OTEL_EXPORTER_OTLP_ENDPOINT", bad)]).contains("http://127.0.0.1:4318"));
        }
        for (name, bad) in [("OTEL_TRACES_SAMPLER", "some"), ("OTEL_TRACES_SAMPLER_ARG", "10")] {
            assert!(faults(&[collector, (name, bad)]).contains(bad));
        }
        let faults = faults(&[collector, ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")]);
        assert!(faults.contains("OTEL_EXPORTER_OTLP_HEADERS") && !faults.contains("hunter2"), "{faults}");
    }
}
