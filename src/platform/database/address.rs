//! Where Postgres is: one server, or several of which one is the primary, as libpq's URLs name them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::no_primary::NOT_WRITABLE;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};

use super::connect::PrimaryLocation;

/// Settings of a connection, or behind a pooler of a transaction.
pub(super) type Setting = (&'static str, &'static str);

/// The servers, and whether a transaction pooler (PgBouncer) stands before them.
#[derive(Clone)]
pub struct Address {
    servers: Arc<[PgConnectOptions]>,
    /// Whether consecutive statements may reach different sessions, unless they are of one transaction.
    pub pooled: bool,
    /// `target_session_attrs=any` was asked for.
    takes_any: bool,
    pub(super) found: Arc<PrimaryLocation>,
    leads_to: Arc<AtomicUsize>,
}

impl Address {
    /// One server, without a pooler.
    pub fn direct(options: PgConnectOptions) -> Self {
        Self::of(vec![options], false)
    }

    fn of(servers: Vec<PgConnectOptions>, takes_any: bool) -> Self {
        Self { servers: servers.into(), pooled: false, takes_any, found: Arc::default(), leads_to: Arc::default() }
    }

    /// Reads a URL with one host or several, or says what is wrong with it without showing it: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or("does not begin with postgres://")?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let query = Query::read(query)?;
        let hosts: Vec<&str> = hosts.split(',').collect();
        let count = query.hosts.len().max(hosts.len());
        for (what, there) in [("hosts", hosts.len()), ("hosts", query.hosts.len()), ("ports", query.ports.len())] {
            if there > 1 && there != count {
                return Err(format!("names {there} {what} for {count} servers"));
            }
        }
        let servers = (0..count).map(|n| {
            let host = hosts.get(n).or(hosts.first()).copied().unwrap_or_default();
            if host.is_empty() && count > 1 && query.hosts.is_empty() {
                return Err("has no host beside a comma".to_owned());
            }
            // A user alone is no authority to the parser.
            let host = if host.is_empty() && user.is_some() { "localhost" } else { host };
            let user = user.map(|user| format!("{user}@")).unwrap_or_default();
            one(&format!("postgres://{user}{host}{path}?{}", query.of_server(n)))
        });
        Ok(Self::of(servers.collect::<Result<_, _>>()?, query.takes_any))
    }

    /// The same, seen through a transaction pooler.
    pub(super) fn through_a_pooler(&mut self) {
        // A pooler takes few start-up parameters, and a statement prepared in one transaction is not there in the next.
        let options = |server: &PgConnectOptions| server.clone().extra_float_digits(None).statement_cache_capacity(0);
        self.servers = self.servers.iter().map(options).collect();
        self.pooled = true;
    }

    /// The same, of whose statements nothing is logged.
    #[must_use]
    pub fn quiet(&self) -> Self {
        let servers = self.servers.iter().map(|server| server.clone().disable_statement_logging());
        Self { servers: servers.collect(), ..self.clone() }
    }

    /// How many servers there are.
    pub(super) fn count(&self) -> usize {
        self.servers.len()
    }

    /// Whether the URL asks for a server of any kind, which Portero can't do with.
    pub(super) fn takes_any(&self) -> bool {
        self.takes_any
    }

    /// The server that was the primary when that was last looked for.
    pub(super) fn current(&self) -> usize {
        self.leads_to.load(Ordering::Relaxed)
    }

    /// Notes which one it is; answers whether it was another.
    pub(super) fn lead_to(&self, server: usize) -> bool {
        self.leads_to.swap(server, Ordering::Relaxed) != server
    }

    /// The options of a connection with these settings, where a connection can have any.
    pub(super) fn options(&self, server: usize, settings: &[Setting]) -> PgConnectOptions {
        let options = self.servers[server].clone();
        if self.pooled { options } else { options.options(settings.iter().copied()) }
    }

    /// How a transaction begins behind a pooler, where it is all that is ours: it looks where it has come to, brings its
    /// settings along, and clears away the prepared statements that somebody else has left under the names that it will
    /// use.
    pub(super) fn begin_pooled(settings: impl IntoIterator<Item = Setting>) -> AssertSqlSafe<String> {
        let settings = settings.into_iter().map(|(name, value)| format!("; set local {name} = '{value}'"));
        AssertSqlSafe(format!(
            "begin; select cast(case when current_setting('transaction_read_only') = 'off' then '0' \
             else '{NOT_WRITABLE}' end as integer); deallocate all{}",
            settings.collect::<String>()
        ))
    }

    /// What a server is called.
    pub(super) fn name(&self, server: usize) -> String {
        let options = &self.servers[server];
        let (host, port) = (options.get_host(), options.get_port());
        match options.get_socket() {
            Some(directory) => format!("{}/.s.PGSQL.{port}", directory.display().to_string().trim_end_matches('/')),
            None if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
            None => format!("{host}:{port}"),
        }
    }

    /// What all of them are called.
    pub fn names(&self) -> String {
        (0..self.count()).map(|server| self.name(server)).collect::<Vec<_>>().join(", ")
    }

    /// The database there.
    pub fn database(&self) -> &str {
        let first = &self.servers[0];
        first.get_database().unwrap_or(first.get_username())
    }
}

/// Without the options, which hold a password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("servers", &self.names()).field("pooled", &self.pooled).finish_non_exhaustive()
    }
}

fn one(url: &str) -> Result<PgConnectOptions, String> {
    let options = PgConnectOptions::from_str(url).map_err(|error| match error {
        sqlx::Error::Configuration(fault) => fault.to_string(),
        _ => "is not the URL of a Postgres database".to_owned(),
    })?;
    // To sqlx a host in brackets would be a name.
    let bare = options.get_host().strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(str::to_owned);
    Ok(match bare {
        Some(host) => options.host(&host),
        None => options,
    })
}

/// Whether a parameter is one of TLS written in another way. sqlx would ignore it, and the connection go without.
fn is_mistyped_tls(key: &str) -> bool {
    let plain = percent_decode_str(key).decode_utf8_lossy().to_ascii_lowercase().replace(['-', '_'], "");
    let known =
        ["sslmode", "ssl-mode", "sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];
    known.iter().any(|known| known.replace('-', "") == plain) && !known.contains(&key)
}

/// What follows the `?`, with the lists in it taken apart.
#[derive(Default)]
struct Query {
    hosts: Vec<String>,
    ports: Vec<String>,
    takes_any: bool,
    /// All else, as it was written.
    others: Vec<String>,
}

impl Query {
    fn read(query: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            let list = || value.split(',').map(|one| one.trim().to_owned()).collect();
            match key {
                "host" | "hostaddr" => read.hosts = list(),
                "port" => read.ports = list(),
                "target_session_attrs" => match &*value {
                    "read-write" | "primary" => {}
                    "any" => read.takes_any = true,
                    _ => {
                        return Err(
                            "asks for servers that don't write: `target_session_attrs` is read-write".to_owned()
                        );
                    }
                },
                _ if is_mistyped_tls(key) => {
                    return Err(
                        "has a parameter of TLS in another spelling; these are sslmode, sslrootcert, sslcert and \
                                sslkey, in small letters"
                            .to_owned(),
                    );
                }
                _ => read.others.push(pair.to_owned()),
            }
        }
        if read.hosts.iter().any(String::is_empty) && read.hosts.len() > 1 {
            return Err("has no host beside a comma".to_owned());
        }
        Ok(read)
    }

    fn of_server(&self, n: usize) -> String {
        let mut pairs = self.others.clone();
        for (key, list) in [("host", &self.hosts), ("port", &self.ports)] {
            if let Some(one) = list.get(n).or(list.first()) {
                pairs.push(format!("{key}={}", utf8_percent_encode(one, NON_ALPHANUMERIC)));
            }
        }
        pairs.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(url: &str) -> String {
        Address::parse(url).expect("a good URL").names()
    }

    #[test]
    fn one_server_is_named_in_every_way_that_libpq_knows() {
        for (url, expected) in [
            ("postgres://me:secret@db.example.com/portero", "db.example.com:5432"),
            ("postgresql://me@db.example.com:6432/portero?sslmode=disable", "db.example.com:6432"),
            ("postgres://me@[2001:db8::1]:5433/portero", "[2001:db8::1]:5433"),
            ("postgres://me@/portero?host=2001:db8::1&port=5433", "[2001:db8::1]:5433"),
            ("postgres://me@db/portero?ssl-mode=require&ssl-ca=ca.pem", "db:5432"),
            ("postgres://me@localhost/portero?host=/run/pg&port=5433", "/run/pg/.s.PGSQL.5433"),
            ("postgres://me@%2Frun%2Fpg/portero", "/run/pg/.s.PGSQL.5432"),
            ("postgres:///portero?host=%2Frun%2Fpg", "/run/pg/.s.PGSQL.5432"),
            ("postgres://me@/portero?host=db", "db:5432"),
        ] {
            assert_eq!(names(url), expected, "{url}");
        }
    }

    #[test]
    fn an_address_of_version_six_is_connected_to_as_one() {
        for url in ["postgres://me@[::1]:5433/portero", "postgres://me@a,[::1]/portero", "postgres:///p?host=[::1]"] {
            let address = Address::parse(url).expect("a good URL");
            assert_eq!(address.options(address.count() - 1, &[]).get_host(), "::1", "{url}");
        }
    }

    #[test]
    fn several_servers_are_read_as_libpq_reads_them() {
        for (url, expected) in [
            ("postgres://me:p@ss@a:5432,b:5433/portero", "a:5432, b:5433"),
            ("postgres://me@a,b:5433,[::1]:5434/portero?target_session_attrs=read-write", "a:5432, b:5433, [::1]:5434"),
            ("postgres://me@a,b/portero?port=6432", "a:6432, b:6432"),
            ("postgres:///portero?host=a,b&port=5433,5434", "a:5433, b:5434"),
            ("postgres://me@/portero?host=a%2Cb&target_session_attrs=primary", "a:5432, b:5432"),
            ("postgres://me@localhost/portero?host=/run/a,/run/b", "/run/a/.s.PGSQL.5432, /run/b/.s.PGSQL.5432"),
            ("postgres://me@%2Frun%2Fa,%2Frun%2Fb:5433/portero", "/run/a/.s.PGSQL.5432, /run/b/.s.PGSQL.5433"),
        ] {
            assert_eq!(names(url), expected, "{url}");
        }
        let address = Address::parse("postgres://me:secret@a,b/portero?application_name=auth").expect("a good URL");
        for server in 0..2 {
            let options = address.options(server, &[]);
            assert_eq!((options.get_username(), options.get_database()), ("me", Some("portero")));
            assert_eq!(options.get_application_name(), Some("auth"));
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_showing_the_password() {
        for (url, expected) in [
            ("mysql://me:hunter2@a/b", "postgres://"),
            ("postgres://me:hunter2@a,,b/portero", "comma"),
            ("postgres://me:hunter2@a,/portero", "comma"),
            ("postgres://me:hunter2@/portero?host=a,", "comma"),
            ("postgres://me:hunter2@a,b,c/portero?port=1,2", "2 ports for 3 servers"),
            ("postgres://me:hunter2@a,b/portero?host=c,d,e", "2 hosts for 3 servers"),
            ("postgres://me:hunter2@a:x,b/portero", "port"),
            ("postgres://me:hunter2@a,b/portero?target_session_attrs=standby", "read-write"),
            ("postgres://me:hunter2@a/portero?sslMode=require", "TLS"),
            ("postgres://me:hunter2@a/portero?ssl_mode=require", "TLS"),
            ("postgres://me:hunter2@a/portero?SSLMODE=require", "TLS"),
            ("postgres://me:hunter2@a/portero?%73slmode=require", "TLS"),
            ("postgres://me:hunter2@a,b/portero?target_session_attrs=read-only", "read-write"),
        ] {
            let fault = Address::parse(url).expect_err(url);
            assert!(fault.contains(expected) && !fault.contains("hunter2"), "{url}: {fault}");
        }
        let address = Address::parse("postgres://me:hunter2@a,b/portero?target_session_attrs=any").expect("a URL");
        assert!(address.takes_any());
        assert!(!format!("{address:?}").contains("hunter2"));
    }
}
