//! The names of the settings.

/// Every variable that is read; each secret also as `<name>_FILE`.
pub(super) const KNOWN: &[&str] = &[
    "ADMIN",
    "ADMIN_PASSWORD",
    "ADMIN_PASSWORD_FILE",
    "API_KEY_MAX_DAYS",
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
    "CLIENT_ID_METADATA_SERVICE",
    "CLIENT_REGISTRATION",
    "CORS",
    "CORS_HEADERS",
    "FIREBASE_SIGNER_KEY",
    "FIREBASE_SIGNER_KEY_FILE",
    "INVITATION_URL",
    "LOGIN_FREE_FAILURES",
    "LOGIN_FREE_FAILURES_PER_ADDRESS",
    "LOGIN_MAX_WAIT_SECONDS",
    "LOGINS_PER_MINUTE",
    "MAIL_FROM",
    "MASTER_KEY_FILE",
    "MAX_CONNECTIONS",
    "METRICS_ADDRESS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OUTBOUND_ALLOW_INTERNAL",
    "OUTBOUND_CA_FILE",
    "PAGES_COLOR",
    "PAGES_LOGO_FILE",
    "PAGES_NAME",
    "PASSKEY_ORIGINS",
    "PASSWORD_HASH_THREADS",
    "PASSWORD_MIN_LENGTH",
    "PG_BINDIR",
    "PORTERO_DATA_DIR",
    "PORTERO_LOG",
    "PUBLIC_URL",
    "RATE_LIMIT_PER_ADDRESS",
    "RATE_LIMIT_PER_CALLER",
    "REFRESH_GRACE_SECONDS",
    "REFRESH_MAX_AGE_SECONDS",
    "REFRESH_TTL_SECONDS",
    "RESET_PASSWORD_URL",
    "REGISTRATION",
    "REQUIRE_MFA",
    "SERVER_PORT",
    "SERVER_URL",
    "SESSIONS_PER_PERSON",
    "SIGNING_KEY_ROTATION_DAYS",
    "SMTP_EHLO_NAME",
    "SMTP_URL",
    "SMTP_URL_FILE",
    "TLS_CERTIFICATE_FILE",
    "TLS_KEY_FILE",
    "TOKEN_MAX_AGE_SECONDS",
    "TOKEN_RENEW_THRESHOLD_SECONDS",
    "TOKEN_SECRET",
    "TOKEN_SECRET_FILE",
    "TOKEN_TTL_SECONDS",
    "TRUSTED_PROXIES",
    "TRUST_DEVICES",
    "VERIFY_EMAIL_URL",
];

/// What the driver of Postgres knows; `target_session_attrs` says what is done anyway.
pub(super) const DATABASE_PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "target_session_attrs",
    "user",
];

/// What may differ from one instance to the next without anything having changed.
pub(super) const OF_ONE_INSTANCE: &[&str] = &[
    "MASTER_KEY_FILE",
    "METRICS_ADDRESS",
    "OUTBOUND_CA_FILE",
    "PG_BINDIR",
    "PORTERO_DATA_DIR",
    "PORTERO_LOG",
    "SERVER_PORT",
    "SERVER_URL",
    "TLS_CERTIFICATE_FILE",
    "TLS_KEY_FILE",
];

/// Prefixes of what others read for us: the SDK of OpenTelemetry, the driver of Postgres; and of our own, where each unknown
/// name is a typo.
const READ_FOR_US: &[&str] = &["OTEL_", "PG", "PORTERO_", "AUTH_", "TOKEN_", "REFRESH_"];

/// What other programs call the URL of their database.
const OTHERS_DATABASES: &[&str] = &["DATABASE_URL", "POSTGRES_URL", "POSTGRESQL_URL"];

/// Whether the variable is one of Portero's settings.
pub fn is_setting(name: &str) -> bool {
    KNOWN.contains(&name) || name.strip_suffix("_FILE").is_some_and(|name| KNOWN.contains(&name))
}

/// Whether somebody in this process looks at the variable.
pub(super) fn is_read(name: &str) -> bool {
    KNOWN.contains(&name)
        || OTHERS_DATABASES.contains(&name)
        || ["RUST_LOG", "IMPORT_DATABASE_URL", "SSL_CERT_FILE", "SSL_CERT_DIR"].contains(&name)
        || READ_FOR_US.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether the variable chooses programs, or directories in which files are read and written.
pub(super) fn steers_the_machine(name: &str) -> bool {
    ["PG_BINDIR", "PORTERO_DATA_DIR", "PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"].contains(&name)
        || ["XDG_", "LD_", "DYLD_"].iter().any(|prefix| name.starts_with(prefix))
}

/// What is set as other programs want it, where ours is not set.
pub(super) fn set_for_others(is_set: impl Fn(&str) -> bool) -> Option<String> {
    if is_set("AUTH_DATABASE_URL") || is_set("AUTH_DATABASE_URL_FILE") {
        return None;
    }
    let name = OTHERS_DATABASES.iter().find(|name| is_set(name))?;
    Some(format!("{name} is set, but Portero reads AUTH_DATABASE_URL, and without that uses a private Postgres"))
}

/// What to say of a variable that is none of ours, if it was probably meant to be.
pub(super) fn probable_typo(name: &str) -> Option<String> {
    if KNOWN.contains(&name) {
        return None;
    }
    let begins_like_ours = ["PORTERO_", "AUTH_", "TOKEN_", "REFRESH_"].iter().any(|prefix| name.starts_with(prefix));
    if !begins_like_ours && is_read(name) {
        return None;
    }
    let nearest = || KNOWN.iter().max_by(|a, b| strsim::jaro(name, a).total_cmp(&strsim::jaro(name, b)));
    let meant = KNOWN.iter().find(|known| is_almost(name, known) || is_short_for(name, known));
    let meant = meant.or_else(|| begins_like_ours.then(nearest).flatten())?;
    Some(format!("{name} is not a setting; did you mean {meant}?"))
}

/// Whether they differ by a slip of the hand. A short name is soon like another that others read.
fn is_almost(name: &str, known: &str) -> bool {
    let slips = match name.len().min(known.len()) {
        0..6 => return false,
        6..12 => 1,
        _ => 2,
    };
    strsim::damerau_levenshtein(name, known) <= slips
}

/// Whether it is the same in fewer letters, as `TLS_CERT_FILE` or `MASTER_KEY`.
fn is_short_for(name: &str, known: &str) -> bool {
    let known: Vec<&str> = known.split('_').collect();
    let parts: Vec<&str> = name.split('_').collect();
    let is_begun = |(part, known): (&&str, &&str)| part.len() >= 3 && known.starts_with(part);
    let rest = known.get(parts.len()..);
    parts.len() >= 2
        && rest.is_some_and(|rest| matches!(rest, [] | ["FILE" | "SECONDS" | "DAYS"]))
        && parts.iter().zip(&known).all(is_begun)
}

/// What hosts set to say where to listen, where nothing says it in our words.
pub(super) fn port_for_others(is_set: impl Fn(&str) -> bool) -> Option<String> {
    let is_ours = is_set("SERVER_PORT") || is_set("SERVER_URL");
    (is_set("PORT") && !is_ours).then(|| "PORT is not a setting of Portero; the setting is SERVER_PORT".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::KNOWN;
    use crate::app::config::Config;

    const EXAMPLE: &str = include_str!("../../../.env.example");

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
            let requests = (config.requests_per_address, config.requests_per_caller);
            let limits = (config.attempts, config.logins_per_minute, requests);
            let lifetimes =
                (lifetime, families, config.sessions_per_person, config.api_key_max_age, config.rotate_keys_every);
            format!(
                "{listen} {max_connections} {lifetimes:?} {changes_retention} {cors_headers:?} {passwords:?} {registration:?} \
                 {log} {limits:?}"
            )
        };
        let shown = settings().filter(|(set, ..)| !set).map(|(_, name, value)| (name, value)).collect();
        assert_eq!(read(shown), read(BTreeMap::new()));
    }
}
