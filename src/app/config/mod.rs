//! Every setting: where it comes from, its default, its check. `.env.example` documents each.

pub mod env_file;
mod fields;
mod known;
mod observability;
mod origins;
mod others;
mod read;
mod served;

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use time::Duration;
use zeroize::Zeroizing;

use crate::base::id::{Ref, ServiceId};
use crate::base::secret::Secret;
use crate::gate::sessions::{FamilyLifetime, Lifetime};
use crate::identity::accounts::WhoMayRegister;
use crate::identity::attempts;
use crate::identity::factors::RequireMfa;
use crate::oauth::issuer::Issuer;
use crate::pages::brand;
use crate::platform::database::BatchLimits;
use crate::platform::passwords::{FirebaseKey, Policy};
use crate::platform::{cores, files, outbound, tls, vault};
use read::Settings;

pub use known::is_setting;
pub use read::Faults;

/// By default there is a lane for two cores, and no more than that.
const MOST_LANES: usize = 8;

/// Of what is asked less often each core has a lane, but so many at most: each is a connection to Postgres.
const RARER_LANES: usize = 4;

/// The settings of one run, checked.
#[derive(Debug)]
pub struct Config {
    /// `AUTH_DATABASE_URL`; without it, the private Postgres in `data_dir`.
    pub database_url: Option<Secret>,
    /// `PUBLIC_URL`: where people and programs reach Portero, and what it signs as.
    pub issuer: Issuer,
    /// `MASTER_KEY_FILE`, or a file in `data_dir`: what seals the signing keys.
    pub master_key: vault::Place,
    /// `SIGNING_KEY_ROTATION_DAYS`: how long a key signs until another takes its place.
    pub rotate_keys_every: Duration,
    /// `CLIENT_REGISTRATION`: whether programs may register themselves as clients, with an initial access token.
    pub client_registration: bool,
    /// `CLIENT_ID_METADATA_SERVICE`: the service of clients that are described by a document of theirs.
    pub document_service: Option<Ref<ServiceId>>,
    /// `AUTH_DATABASE_DIRECT_URL`: the same database without a transaction pooler in between, for LISTEN.
    pub database_direct_url: Option<Secret>,
    /// `PORTERO_DATA_DIR`: where the private Postgres lives.
    pub data_dir: PathBuf,
    /// `SERVER_URL` or `SERVER_PORT`: where to listen.
    pub listen: SocketAddr,
    /// `TLS_CERTIFICATE_FILE` and `TLS_KEY_FILE`: what makes it HTTPS.
    pub tls: Option<tls::Files>,
    /// `METRICS_ADDRESS`: where Prometheus asks for `/metrics`.
    pub metrics: Option<SocketAddr>,
    /// `MAX_CONNECTIONS`: connections to Postgres.
    pub max_connections: u32,
    /// `CHECK_LANES`, `CHECK_BATCH_SIZE`, `CHECK_QUEUE`, `CHECK_DEADLINE_MS`.
    pub checks: BatchLimits,
    /// `TOKEN_TTL_SECONDS`, `TOKEN_RENEW_THRESHOLD_SECONDS`, `TOKEN_MAX_AGE_SECONDS`.
    pub lifetime: Lifetime,
    /// `REFRESH_TTL_SECONDS`, `REFRESH_MAX_AGE_SECONDS`, `REFRESH_GRACE_SECONDS`.
    pub families: FamilyLifetime,
    /// `SESSIONS_PER_PERSON`: how many sessions a person may have at once.
    pub sessions_per_person: i32,
    /// `API_KEY_MAX_DAYS`: no API key lives longer.
    pub api_key_max_age: Duration,
    /// `TOKEN_SECRET`: mixed into new tokens; made at random for each run when not set.
    pub token_secret: Secret,
    /// `CHANGES_RETENTION_SECONDS`: how long a backend may be away and still hear all that it missed.
    pub changes_retention: Duration,
    /// `AUDIT_RETENTION_DAYS`: how long events of the audit trail are kept; for ever without it.
    pub audit_retention: Option<Duration>,
    /// `CORS`: the origins that browsers may call from.
    pub cors: Cors,
    /// `CORS_HEADERS`: the request headers that browsers may send.
    pub cors_headers: Vec<axum::http::HeaderName>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `REGISTRATION`.
    pub registration: WhoMayRegister,
    /// `REQUIRE_MFA`: who must have a second factor.
    pub require_mfa: RequireMfa,
    /// `PASSKEY_ORIGINS`: whose pages may ask for passkeys, besides that of `PUBLIC_URL`.
    pub passkey_origins: Vec<String>,
    /// `TRUST_DEVICES`: for how long a password may be enough on a device, if it may.
    pub trust_devices: Option<Duration>,
    /// `PASSWORD_MIN_LENGTH`.
    pub passwords: Policy,
    /// `FIREBASE_SIGNER_KEY`: what verifies hashes that a Firebase project exported.
    pub firebase_key: Option<FirebaseKey>,
    /// `LOGIN_FREE_FAILURES`, `LOGIN_FREE_FAILURES_PER_ADDRESS`, `LOGIN_MAX_WAIT_SECONDS`: what follows failed logins.
    pub attempts: attempts::Rules,
    /// `LOGINS_PER_MINUTE`: right passwords of one person from one network, in the long run; 0 is no limit.
    pub logins_per_minute: u32,
    /// `RATE_LIMIT_PER_ADDRESS`: requests a minute from one address; 0 is no limit.
    pub requests_per_address: u32,
    /// `RATE_LIMIT_PER_CALLER`: requests a minute with one token or key; 0 is no limit.
    pub requests_per_caller: u32,
    /// `PASSWORD_HASH_THREADS`.
    pub hash_threads: usize,
    /// `SMTP_URL`, `SMTP_EHLO_NAME`, `MAIL_FROM`, `RESET_PASSWORD_URL`, `VERIFY_EMAIL_URL`, `INVITATION_URL`.
    pub mail: crate::platform::mail::Settings,
    /// `OUTBOUND_ALLOW_INTERNAL`, `OUTBOUND_CA_FILE`: what may be called of what others have named.
    pub outbound: outbound::Settings,
    /// `PAGES_NAME`, `PAGES_COLOR`, `PAGES_LOGO_FILE`: what the pages look like.
    pub pages: brand::Settings,
    /// `ADMIN` and `ADMIN_PASSWORD`: the first administrator.
    pub first_admin: Option<(String, Secret)>,
    /// `PORTERO_LOG`: which log lines are written; when it is not set, a server writes more than a tool.
    pub log: Option<String>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: whether a collector wants traces.
    pub traces: bool,
    /// Which variables are set, with their values; those of secrets left out. For the audit trail.
    pub told: Vec<(String, String)>,
    /// The files that secrets were read from.
    pub secret_files: Vec<PathBuf>,
    /// Variables that look like ours and are not, each with what was probably meant.
    pub probable_typos: Vec<String>,
    /// A database that is named as other programs want it, where ours is not set.
    pub set_for_others: Option<String>,
}

/// Which origins browsers may call from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// None but the server's own.
    Off,
    Any,
    Origins(Vec<axum::http::HeaderValue>),
}

impl Config {
    /// Reads the environment, to which [`env_file::load`] has added what is in the `.env`.
    ///
    /// # Errors
    /// All faulty variables at once, each with its fault and an example.
    pub fn from_env() -> Result<Self, Faults> {
        Self::from_vars(environment())
    }

    /// Reads these variables.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, Faults> {
        let (config, faults) = Self::examine(vars);
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// Reads the environment, with the default in place of what is faulty.
    pub fn examine_env() -> (Self, Faults) {
        Self::examine(environment())
    }

    /// How many connections there is room for where so many files may be open.
    pub fn connections(&self, open_files: Option<usize>) -> usize {
        // The pool's, each lane's, and those of what goes on beside.
        let database = self.max_connections as usize + self.lanes() + 11;
        files::connections(open_files, database)
    }

    /// How many connections to Postgres the lanes have, once each has been needed.
    pub fn lanes(&self) -> usize {
        // Decisions, access tokens, API keys, what backends ask of people, introspections, clients, issued tokens and beginnings of sessions;
        // then renewals, credentials, second steps, challenges, passkeys and foreign tokens.
        self.checks.lanes + 8 * self.rarer_checks().lanes + 6
    }

    /// How much may be asked at a time of what is asked less often than sessions, and takes more to answer.
    pub fn rarer_checks(&self) -> BatchLimits {
        BatchLimits { lanes: cores::count().min(RARER_LANES), ..self.checks }
    }

    fn examine(vars: impl IntoIterator<Item = (String, String)>) -> (Self, Faults) {
        let mut s = Settings::new(vars);
        let database_url = s.database_url("AUTH_DATABASE_URL");
        let database_direct_url = s.database_url("AUTH_DATABASE_DIRECT_URL");
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let tls = s.tls();
        let listen = s.listen(tls.is_some());
        let ttl = s.number("TOKEN_TTL_SECONDS", 300, 1, 31_536_000);
        let lifetime = Lifetime {
            sliding: Duration::seconds(ttl),
            // Rounded up: with a TTL of one second, too, a session that is used lives on.
            renew_within: Duration::seconds(s.number("TOKEN_RENEW_THRESHOLD_SECONDS", (ttl + 1) / 2, 0, 31_536_000)),
            absolute: Duration::seconds(s.number("TOKEN_MAX_AGE_SECONDS", 86_400, 1, 315_360_000)),
        };
        let data_dir = s
            .text("PORTERO_DATA_DIR")
            .map_or_else(crate::platform::database::embedded::default_directory, PathBuf::from);
        let config = Self {
            database_url,
            issuer: s.issuer(listen, tls.is_some()),
            master_key: s
                .text("MASTER_KEY_FILE")
                .map_or_else(|| vault::Place::DataDirectory(data_dir.clone()), |file| vault::Place::File(file.into())),
            rotate_keys_every: Duration::days(s.number("SIGNING_KEY_ROTATION_DAYS", 90, 1, 3650)),
            client_registration: s.client_registration(),
            document_service: s.document_service(),
            database_direct_url,
            data_dir,
            listen,
            tls,
            metrics: s.metrics(listen),
            max_connections: s.number("MAX_CONNECTIONS", 8, 1, 1000),
            checks: BatchLimits {
                lanes: s.number("CHECK_LANES", cores::count().div_ceil(2).min(MOST_LANES), 1, 64),
                size: s.number("CHECK_BATCH_SIZE", 128, 1, 10_000),
                queue: s.number("CHECK_QUEUE", 4096, 1, 1_000_000),
                // So that a caller who waits as long has the answer.
                deadline: std::time::Duration::from_millis(s.number("CHECK_DEADLINE_MS", 2000, 10, 60_000)) * 9 / 10,
            },
            lifetime,
            families: FamilyLifetime {
                idle: Duration::seconds(s.number("REFRESH_TTL_SECONDS", 2_592_000, 1, 31_536_000)),
                absolute: Duration::seconds(s.number("REFRESH_MAX_AGE_SECONDS", 7_776_000, 1, 315_360_000)),
                grace: Duration::seconds(s.number("REFRESH_GRACE_SECONDS", 30, 0, 300)),
            },
            sessions_per_person: s.number("SESSIONS_PER_PERSON", 100, 1, 900),
            api_key_max_age: Duration::days(s.number("API_KEY_MAX_DAYS", 365, 1, 3650)),
            token_secret: s.secret("TOKEN_SECRET").unwrap_or_else(random_secret),
            changes_retention: Duration::seconds(s.number("CHANGES_RETENTION_SECONDS", 3600, 60, 604_800)),
            audit_retention: Some(Duration::days(s.number("AUDIT_RETENTION_DAYS", 0, 0, 36_500)))
                .filter(|retention| retention.is_positive()),
            cors: s.cors(),
            cors_headers: s
                .header_names("CORS_HEADERS", "content-type,authorization,token,x-client-id,if-match,idempotency-key"),
            trusted_proxies: s.networks("TRUSTED_PROXIES"),
            registration: s.registration(),
            require_mfa: s.require_mfa(),
            passkey_origins: s.passkey_origins(),
            trust_devices: s.trust_devices(),
            passwords: Policy::at_least(s.number("PASSWORD_MIN_LENGTH", Policy::DEFAULT_MIN_LENGTH, 1, 128)),
            firebase_key: s.firebase_key(),
            attempts: attempts::Rules::new(
                s.number("LOGIN_FREE_FAILURES", 5, 0, 50),
                s.number("LOGIN_FREE_FAILURES_PER_ADDRESS", 50, 0, 100_000),
                Duration::seconds(s.number("LOGIN_MAX_WAIT_SECONDS", 900, 1, 86_400)),
            ),
            logins_per_minute: s.number("LOGINS_PER_MINUTE", 10, 0, 100_000),
            requests_per_address: s.number("RATE_LIMIT_PER_ADDRESS", 0, 0, 10_000_000),
            requests_per_caller: s.number("RATE_LIMIT_PER_CALLER", 0, 0, 10_000_000),
            hash_threads: s.number("PASSWORD_HASH_THREADS", cores, 1, 256),
            mail: s.mail(),
            outbound: s.outbound(),
            pages: s.pages(),
            first_admin: s.first_admin(),
            log: s.log_filter(),
            traces: s.traces(),
            told: s.told(),
            secret_files: s.secret_files(),
            probable_typos: s.probable_typos(),
            set_for_others: s.set_for_others(),
        };
        (config, s.faults())
    }
}

/// The secret that a variable of the environment has, or the file that `<name>_FILE` points to.
///
/// # Errors
/// Where the file can't be read, or both are set.
pub fn secret(name: &str) -> Result<Option<Secret>, Faults> {
    let mut settings = Settings::new(environment());
    let secret = settings.secret(name);
    let faults = settings.faults();
    if faults.is_empty() { Ok(secret) } else { Err(faults) }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

#[expect(clippy::disallowed_methods, reason = "made once, before there is anything to take it from")]
fn random_secret() -> Secret {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).expect("the system has randomness");
    Secret::from(hex::encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, Faults> {
        Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn faults(vars: &[(&str, &str)]) -> String {
        config(vars).expect_err("faulty settings").to_string()
    }

    #[test]
    fn nothing_set_is_a_good_start() {
        let config = config(&[]).expect("defaults");
        assert_eq!(config.listen.to_string(), "127.0.0.1:7878");
        assert_eq!(config.lifetime.sliding, Duration::seconds(300));
        assert!(config.database_url.is_none());
    }

    #[test]
    fn every_fault_is_named_at_once_with_an_example() {
        let faults =
            faults(&[("TOKEN_TTL_SECONDS", "soon"), ("SERVER_PORT", "99999"), ("AUTH_DATABASE_URL", "mysql://x")]);
        for expected in
            ["TOKEN_TTL_SECONDS", "TOKEN_TTL_SECONDS=300", "SERVER_PORT", "AUTH_DATABASE_URL", "postgres://"]
        {
            assert!(faults.contains(expected), "{expected} in {faults}");
        }
    }

    #[test]
    fn a_faulty_secret_is_not_shown() {
        assert!(!faults(&[("AUTH_DATABASE_URL", "postgres//me:hunter2@host/db")]).contains("hunter2"));
    }

    #[test]
    fn typos_are_named_with_what_was_meant() {
        let config = config(&[("TOKEN_TTL_SECOND", "5"), ("AUTH_DATABASE", "x"), ("HOME", "/")]).expect("a start");
        assert_eq!(config.probable_typos.len(), 2);
        assert!(config.probable_typos.iter().any(|typo| typo.contains("TOKEN_TTL_SECONDS")));
        for (set, meant) in [
            ("PAGES_COLOUR", "PAGES_COLOR"),
            ("PAGES_COLR", "PAGES_COLOR"),
            ("PUBLIC_URI", "PUBLIC_URL"),
            ("PUBLICURL", "PUBLIC_URL"),
            ("CLIENT_REGISTRATIONS", "CLIENT_REGISTRATION"),
            ("SERVER_PROT", "SERVER_PORT"),
            ("TLS_CERT_FILE", "TLS_CERTIFICATE_FILE"),
            ("MASTER_KEY", "MASTER_KEY_FILE"),
            ("MAIL_FORM", "MAIL_FROM"),
            ("PORT", "SERVER_PORT"),
        ] {
            let typos = &self::config(&[(set, "x")]).expect("a start").probable_typos;
            assert!(typos.len() == 1 && typos[0].contains(set) && typos[0].contains(meant), "{set}: {typos:?}");
        }
        assert_eq!(self::config(&[("PORT", "80"), ("SERVER_PORT", "81")]).expect("a start").probable_typos.len(), 0);
    }

    #[test]
    fn what_other_programs_read_is_no_typo() {
        let foreign = "HOME PATH PWD OLDPWD SHLVL LANG LC_ALL USER LOGNAME SHELL EDITOR TERM HOSTNAME MAIL DISPLAY TZ TMPDIR \
            PAGER VISUAL SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SUDO_USER XDG_RUNTIME_DIR XDG_DATA_HOME DBUS_SESSION_BUS_ADDRESS \
            INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID NOTIFY_SOCKET LISTEN_FDS CREDENTIALS_DIRECTORY RUST_LOG RUST_BACKTRACE \
            CARGO_HOME CARGO_TARGET_DIR DATABASE_URL POSTGRES_URL PGHOST PGPORT PGUSER PGPASSWORD PGSSLMODE SSL_CERT_FILE \
            SSL_CERT_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY OTEL_SERVICE_VERSION OTEL_RESOURCE_ATTRIBUTES HOST SERVER_NAME \
            SERVER_SOFTWARE CLIENT_ID CLIENT_SECRET SMTP_HOST SMTP_PORT SMTP_USER NODE_ENV AWS_REGION REDIS_URL REGION \
            KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT FLY_APP_NAME RAILWAY_ENVIRONMENT DYNO CI DEBUG LOG_LEVEL";
        for name in foreign.split_whitespace() {
            let config = config(&[(name, "x")]).expect("a start");
            assert_eq!(config.probable_typos, Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_parameter_that_nobody_reads_is_named_without_its_value() {
        let url = "postgres://me@host/db?sslmode=require&sslpassword=hunter2&options[a]=b&user=me&host=/run";
        let config = config(&[("AUTH_DATABASE_URL", url)]).expect("a start");
        assert_eq!(config.probable_typos.len(), 1, "{:?}", config.probable_typos);
        let said = &config.probable_typos[0];
        assert!(said.contains("AUTH_DATABASE_URL") && said.contains("`sslpassword`"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn other_programs_names_for_a_database_are_named_where_ours_is_not_set() {
        let said = |vars: &[(&str, &str)]| config(vars).expect("a start").set_for_others;
        for name in ["DATABASE_URL", "POSTGRES_URL"] {
            let theirs = (name, "postgres://me:hunter2@host/db");
            assert!(said(&[theirs]).is_some_and(|said| said.starts_with(name) && !said.contains("hunter2")));
            assert_eq!(said(&[theirs, ("AUTH_DATABASE_URL", "postgres://me@host/db")]), None);
        }
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn trusted_proxies_written_as_ipv6_are_compared_as_ipv4() {
        let config = config(&[("TRUSTED_PROXIES", "::ffff:10.0.0.0/104,::ffff:192.0.2.1, 2001:db8::/32,127.0.0.1")]);
        let shown: Vec<String> = config.expect("networks").trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "127.0.0.1/32"]);
    }

    #[test]
    fn a_faulty_value_is_shown_without_its_password() {
        for (name, value) in [
            ("SERVER_URL", "http://me:hunter2@nowhere.invalid:1"),
            ("METRICS_ADDRESS", "http://me:hunter2@nowhere.invalid"),
            ("TRUSTED_PROXIES", "http://me:hunter2@proxy"),
            ("CORS", "https://me:hunter2@app.example.com"),
            ("MAX_CONNECTIONS", "postgres://me:hunter2@host"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "me:hunter2@collector"),
            ("SMTP_URL", "me:hunter2@mail"),
        ] {
            let said = faults(&[(name, value)]);
            assert!(said.contains(name) && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_address_may_be_an_url_or_a_port() {
        let listen = |vars| config(vars).expect("an address").listen.to_string();
        assert_eq!(listen(&[("SERVER_URL", "http://0.0.0.0:80/")]), "0.0.0.0:80");
        assert_eq!(listen(&[("SERVER_URL", "127.0.0.1:9000")]), "127.0.0.1:9000");
        assert_eq!(listen(&[("SERVER_PORT", "9000")]), "127.0.0.1:9000");
        assert!(faults(&[("SERVER_URL", "127.0.0.1:1"), ("SERVER_PORT", "2")]).contains("SERVER_PORT"));
    }

    #[test]
    fn what_pages_cannot_show_is_named() {
        let faults =
            faults(&[("PAGES_COLOR", "blue"), ("PAGES_NAME", "a\u{202e}b"), ("PAGES_LOGO_FILE", "/nowhere.png")]);
        for name in ["PAGES_COLOR", "PAGES_NAME", "PAGES_LOGO_FILE"] {
            assert!(faults.contains(name), "{name}: {faults}");
        }
        let pages = config(&[("PAGES_COLOR", "#ffcc00"), ("PAGES_NAME", "Example")]).expect("settings").pages;
        assert_eq!((pages.name.as_str(), pages.color.to_string().as_str()), ("Example", "#ffcc00"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = config(&[
            ("AUTH_DATABASE_URL", "postgres://me:hunter2@host/db"),
            ("TOKEN_SECRET", "hunter2"),
            ("ADMIN", "root"),
            ("ADMIN_PASSWORD", "hunter2-hunter2"),
            ("FIREBASE_SIGNER_KEY", "hunter2xhunter2xhunter2xhunter2xhunter2xhunter2xhunter2xhunter2x"),
        ]);
        assert!(!format!("{:?}", config.expect("a start")).contains("hunter2"));
    }
}
