use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use lettre::message::Mailbox;
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

use super::Cors;
use crate::accounts::WhoMayRegister;
use crate::mail::{self, TokenLink};

/// Every variable that is read; each secret also as `<name>_FILE`.
const KNOWN: &[&str] = &[
    "ADMIN",
    "ADMIN_PASSWORD",
    "ADMIN_PASSWORD_FILE",
    "AUDIT_RETENTION_DAYS",
    "AUTH_DATABASE_DIRECT_URL",
    "AUTH_DATABASE_DIRECT_URL_FILE",
    "AUTH_DATABASE_URL",
    "AUTH_DATABASE_URL_FILE",
    "CHANGES_RETENTION_SECONDS",
    "CHECK_BATCH_SIZE",
    "CHECK_DEADLINE_MS",
    "CHECK_LANES",
    "CHECK_QUEUE",
    "CORS",
    "CORS_HEADERS",
    "INVITATION_URL",
    "LOGIN_FREE_FAILURES",
    "LOGIN_FREE_FAILURES_PER_ADDRESS",
    "LOGIN_MAX_WAIT_SECONDS",
    "MAIL_FROM",
    "MAX_CONNECTIONS",
    "METRICS_ADDRESS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "PASSWORD_HASH_THREADS",
    "PASSWORD_MIN_LENGTH",
    "PG_BINDIR",
    "PORTERO_DATA_DIR",
    "PORTERO_LOG",
    "RATE_LIMIT_PER_ADDRESS",
    "RATE_LIMIT_PER_CALLER",
    "REFRESH_MAX_AGE_SECONDS",
    "REFRESH_TTL_SECONDS",
    "RESET_PASSWORD_URL",
    "REGISTRATION",
    "SERVER_PORT",
    "SERVER_URL",
    "SMTP_URL",
    "SMTP_URL_FILE",
    "TOKEN_MAX_AGE_SECONDS",
    "TOKEN_RENEW_THRESHOLD_SECONDS",
    "TOKEN_SECRET",
    "TOKEN_SECRET_FILE",
    "TOKEN_TTL_SECONDS",
    "TRUSTED_PROXIES",
    "VERIFY_EMAIL_URL",
];

/// What may differ from one instance to the next without anything having changed.
const OF_ONE_INSTANCE: &[&str] =
    &["METRICS_ADDRESS", "PG_BINDIR", "PORTERO_DATA_DIR", "PORTERO_LOG", "SERVER_PORT", "SERVER_URL"];

/// An example.
const MAIL_FROM: &str = "'Portero <portero@example.com>'";

/// A setting that is never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// All that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(Vec<String>);

impl Faults {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each fault, with an example of how to write it right on a second line.
    pub fn each(&self) -> &[String] {
        &self.0
    }
}

/// Variables being read, and the faults found so far.
pub(super) struct Settings {
    vars: BTreeMap<String, String>,
    faults: Vec<String>,
}

impl Settings {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { vars: vars.into_iter().collect(), faults: Vec::new() }
    }

    pub(super) fn fault(&mut self, name: &str, fault: &str, example: &str) {
        self.faults.push(format!("{name}: {fault}\n    for example: {name}={example}"));
    }

    pub(super) fn faults(self) -> Faults {
        Faults(self.faults)
    }

    /// The variables that are set, for the audit trail: those of secrets without their values, and those that only say
    /// where one of several instances runs not at all.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let said = KNOWN.iter().filter(|name| !OF_ONE_INSTANCE.contains(name));
        let set = said.filter_map(|name| Some((*name, self.text(name)?)));
        let told = set.map(|(name, value)| {
            let is_secret = KNOWN.contains(&format!("{name}_FILE").as_str()) || name == "OTEL_EXPORTER_OTLP_HEADERS";
            (name.to_owned(), if is_secret { "***".to_owned() } else { value })
        });
        told.collect()
    }

    /// The files that `<name>_FILE` variables point to.
    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        let variables = KNOWN.iter().filter(|name| name.ends_with("_FILE"));
        variables.filter_map(|name| self.text(name)).map(PathBuf::from).collect()
    }

    /// A variable that is set to something.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A secret, from the variable or from the file that `<name>_FILE` points to.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret> {
        let file_variable = format!("{name}_FILE");
        let file = self.text(&file_variable);
        let text = self.text(name);
        match (text, file) {
            (Some(_), Some(_)) => {
                self.fault(
                    &file_variable,
                    &format!("set together with {name}; set one of them"),
                    "/run/secrets/portero",
                );
                None
            }
            (Some(text), None) => Some(text.into()),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) if !text.trim().is_empty() => Some(text.trim().to_owned().into()),
                Ok(_) => {
                    self.fault(&file_variable, &format!("the file {path} is empty"), "/run/secrets/portero");
                    None
                }
                Err(error) => {
                    self.fault(&file_variable, &format!("can't read {path}: {error}"), "/run/secrets/portero");
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// The URL of a Postgres database.
    pub(super) fn database_url(&mut self, name: &str) -> Option<Secret> {
        let url = self.secret(name)?;
        if let Err(fault) = database_url(url.expose()) {
            self.fault(name, &fault, "postgres://portero:secret@localhost:5432/portero");
        }
        Some(url)
    }

    pub(super) fn number<T>(&mut self, name: &str, default: T, min: T, max: T) -> T
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let Some(text) = self.text(name) else { return default };
        match text.parse::<T>() {
            Ok(number) if number >= min && number <= max => number,
            _ => {
                let fault = format!("`{text}` is not a whole number from {min} to {max}");
                self.fault(name, &fault, &default.to_string());
                default
            }
        }
    }

    /// `REGISTRATION`.
    pub(super) fn registration(&mut self) -> WhoMayRegister {
        let Some(text) = self.text("REGISTRATION") else { return WhoMayRegister::Off };
        text.parse().unwrap_or_else(|fault: String| {
            self.fault("REGISTRATION", &fault, "invite");
            WhoMayRegister::Off
        })
    }

    /// Where to listen: `SERVER_URL` (an address with a port, with or without `http://`) or `SERVER_PORT`.
    pub(super) fn listen(&mut self) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 7878));
        let port = self.text("SERVER_PORT").is_some().then(|| self.number("SERVER_PORT", 7878, 1, 65535));
        let Some(url) = self.text("SERVER_URL") else {
            return SocketAddr::new(default.ip(), port.unwrap_or(default.port()));
        };
        let bare = url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/');
        let with_port =
            if bare.ends_with(']') || !bare.contains(':') { format!("{bare}:7878") } else { bare.to_owned() };
        let Some(address) = with_port.to_socket_addrs().ok().and_then(|mut found| found.next()) else {
            let fault = format!("`{url}` is not an address of this machine with a port (TLS is for a proxy in front)");
            self.fault("SERVER_URL", &fault, "http://127.0.0.1:7878");
            return default;
        };
        if port.is_some_and(|port| port != address.port()) {
            self.fault(
                "SERVER_PORT",
                "says another port than SERVER_URL; set one of them",
                &address.port().to_string(),
            );
        }
        address
    }

    pub(super) fn cors(&mut self) -> Cors {
        let Some(text) = self.text("CORS") else { return Cors::Off };
        if text == "*" {
            return Cors::Any;
        }
        let mut origins = Vec::new();
        for origin in text.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            match (host, HeaderValue::from_str(origin)) {
                (Some(host), Ok(value)) if !host.is_empty() && !host.contains('/') => origins.push(value),
                _ => {
                    let fault = format!("`{origin}` is not an origin: scheme, host and port, without a path");
                    self.fault("CORS", &fault, "https://app.example.com,http://localhost:5173");
                }
            }
        }
        Cors::Origins(origins)
    }

    pub(super) fn header_names(&mut self, name: &str, default: &str) -> Vec<HeaderName> {
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        let mut names = Vec::new();
        for header in text.split(',').map(str::trim).filter(|header| !header.is_empty()) {
            match HeaderName::from_str(header) {
                Ok(header) => names.push(header),
                Err(_) => self.fault(name, &format!("`{header}` is not the name of a header"), default),
            }
        }
        names
    }

    pub(super) fn networks(&mut self, name: &str) -> Vec<IpNet> {
        let text = self.text(name).unwrap_or_default();
        let mut networks = Vec::new();
        for network in text.split(',').map(str::trim).filter(|network| !network.is_empty()) {
            if let Ok(network) = network.parse().or_else(|_| network.parse::<IpAddr>().map(IpNet::from)) {
                networks.push(network);
            } else {
                let fault = format!("`{network}` is not an address or a network");
                self.fault(name, &fault, "10.0.0.0/8,127.0.0.1");
            }
        }
        networks
    }

    /// `PORTERO_LOG`, or else what other Rust programs read.
    pub(super) fn log_filter(&mut self) -> Option<String> {
        let name = if self.text("PORTERO_LOG").is_some() { "PORTERO_LOG" } else { "RUST_LOG" };
        let filter = self.text(name)?;
        if let Err(error) = EnvFilter::try_new(&filter) {
            self.fault(
                name,
                &format!("`{filter}` does not say which lines to write: {error}"),
                "info,portero::access=off",
            );
        }
        Some(filter)
    }

    /// How mail is sent.
    pub(super) fn mail(&mut self) -> mail::Settings {
        let smtp = self.secret("SMTP_URL");
        if let Some(url) = &smtp
            && let Err(fault) = mail::smtp(url.expose())
        {
            self.fault("SMTP_URL", &format!("{fault:#}"), "smtps://portero:secret@mail.example.com");
        }
        let from = self.text("MAIL_FROM");
        if smtp.is_some() && from.is_none() {
            self.fault("MAIL_FROM", "not set, but SMTP_URL is", MAIL_FROM);
        }
        let default = Mailbox::new(Some("Portero".to_owned()), lettre::Address::new_dangerous("portero", "localhost"));
        let from = from.map_or(Ok(default.clone()), |from| from.parse()).unwrap_or_else(|_| {
            self.fault("MAIL_FROM", "is not an e-mail address, with or without a name", MAIL_FROM);
            default
        });
        mail::Settings {
            smtp,
            from,
            reset_password: self.token_link("RESET_PASSWORD_URL", "reset"),
            verify_email: self.token_link("VERIFY_EMAIL_URL", "verify"),
            invitation: self.token_link("INVITATION_URL", "join"),
            to_the_terminal: false,
        }
    }

    fn token_link(&mut self, name: &str, path: &str) -> Option<TokenLink> {
        let text = self.text(name)?;
        let link = text.parse();
        link.map_err(|fault: String| {
            self.fault(name, &fault, &format!("https://app.example.com/{path}?token={{token}}"));
        })
        .ok()
    }

    pub(super) fn first_admin(&mut self) -> Option<(String, Secret)> {
        let name = self.text("ADMIN");
        let password = self.secret("ADMIN_PASSWORD");
        match (name, password) {
            (Some(name), Some(password)) => Some((name, password)),
            (Some(_), None) => {
                self.fault("ADMIN_PASSWORD", "not set, but ADMIN is", "'a long passphrase of your own'");
                None
            }
            (None, Some(_)) => {
                self.fault("ADMIN", "not set, but ADMIN_PASSWORD is", "admin");
                None
            }
            (None, None) => None,
        }
    }

    /// Variables that begin like ours and are none of ours.
    pub(super) fn probable_typos(&self) -> Vec<String> {
        let ours =
            |name: &str| ["PORTERO_", "AUTH_", "TOKEN_", "REFRESH_"].iter().any(|prefix| name.starts_with(prefix));
        let unknown = self.vars.keys().filter(|name| ours(name) && !KNOWN.contains(&name.as_str()));
        unknown
            .map(|name| {
                let nearest = KNOWN.iter().max_by(|a, b| strsim::jaro(name, a).total_cmp(&strsim::jaro(name, b)));
                format!("{name} is not a setting; did you mean {}?", nearest.copied().unwrap_or_default())
            })
            .collect()
    }
}

/// Reads a database URL, or says what is wrong with it without showing it: it may hold a password.
pub fn database_url(url: &str) -> Result<PgConnectOptions, String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("does not begin with postgres://".to_owned());
    }
    PgConnectOptions::from_str(url).map_err(|error| match error {
        sqlx::Error::Configuration(fault) => fault.to_string(),
        _ => "is not the URL of a Postgres database".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::Config;
    use super::KNOWN;

    const EXAMPLE: &str = include_str!("../../.env.example");

    /// The lines of `.env.example` that are settings, commented out or not.
    fn settings() -> impl Iterator<Item = (bool, &'static str, &'static str)> {
        EXAMPLE.lines().filter_map(|line| {
            let (name, value) = line.trim_start_matches('#').split_once('=')?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            is_name.then_some((!line.starts_with('#'), name, value))
        })
    }

    #[test]
    fn the_example_names_every_variable_and_no_other() {
        let named: BTreeSet<&str> = settings().map(|(_, name, _)| name).collect();
        assert_eq!(named, KNOWN.iter().copied().collect());
    }

    #[test]
    fn only_the_database_is_set_in_the_example() {
        let set: Vec<&str> = settings().filter(|(set, ..)| *set).map(|(_, name, _)| name).collect();
        assert_eq!(set, ["AUTH_DATABASE_URL"]);
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let read = |vars: BTreeMap<&str, &str>| {
            let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            let config = Config::from_vars(vars).expect("good settings");
            let Config { listen, max_connections, lifetime, families, .. } = config;
            let Config { changes_retention, cors_headers, passwords, registration, log, .. } = config;
            let log = log.unwrap_or_else(|| "info".to_owned());
            let limits = (config.attempts, config.requests_per_address, config.requests_per_caller);
            let lifetimes = (lifetime, families);
            format!(
                "{listen} {max_connections} {lifetimes:?} {changes_retention} {cors_headers:?} {passwords:?} {registration:?} \
                 {log} {limits:?}"
            )
        };
        let shown = settings().filter(|(set, ..)| !set).map(|(_, name, value)| (name, value)).collect();
        assert_eq!(read(shown), read(BTreeMap::new()));
    }
}
