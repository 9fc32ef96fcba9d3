//! Settings of a kind of their own.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use axum::http::HeaderName;
use ipnet::{IpNet, Ipv4Net};
use lettre::Address;
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;

use super::read::Settings;
use crate::base::error::causes;
use crate::base::masked::without_secrets;
use crate::base::names;
use crate::base::secret::Secret;
use crate::identity::accounts::WhoMayRegister;
use crate::identity::factors::RequireMfa;
use crate::oauth::issuer::Issuer;
use crate::pages::brand::{self, Color, Logo};
use crate::platform::mail::{Smtp, TokenLink};
use crate::platform::passwords::FirebaseKey;
use crate::platform::tls::Files;
use time::Duration;

/// An example.
const MAIL_FROM: &str = "'Portero <portero@example.com>'";

/// An address as every mail server knows it.
fn in_ascii(address: &Address) -> Address {
    let domain = idna::domain_to_ascii(address.domain());
    Address::new_dangerous(address.user(), domain.as_deref().unwrap_or(address.domain()))
}

impl Settings {
    /// `REQUIRE_MFA`.
    pub(super) fn require_mfa(&mut self) -> RequireMfa {
        let Some(text) = self.text("REQUIRE_MFA") else { return RequireMfa::Off };
        text.parse().unwrap_or_else(|fault: String| {
            self.fault("REQUIRE_MFA", &fault, "administrators");
            RequireMfa::Off
        })
    }

    /// `TRUST_DEVICES`, in days; 0 for none.
    pub(super) fn trust_devices(&mut self) -> Option<Duration> {
        let days = self.number("TRUST_DEVICES", 0_i64, 0, 365);
        (days > 0).then(|| Duration::days(days))
    }

    /// `REGISTRATION`.
    pub(super) fn registration(&mut self) -> WhoMayRegister {
        let Some(text) = self.text("REGISTRATION") else { return WhoMayRegister::Off };
        text.parse().unwrap_or_else(|fault: String| {
            self.fault("REGISTRATION", &fault, "invite");
            WhoMayRegister::Off
        })
    }

    /// `TLS_CERTIFICATE_FILE` and `TLS_KEY_FILE`: both, or none.
    pub(super) fn tls(&mut self) -> Option<Files> {
        match (self.text("TLS_CERTIFICATE_FILE"), self.text("TLS_KEY_FILE")) {
            (Some(certificate), Some(key)) => Some(Files { certificate: certificate.into(), key: key.into() }),
            (Some(_), None) => {
                self.fault("TLS_KEY_FILE", "not set, but TLS_CERTIFICATE_FILE is", "/etc/portero/key.pem");
                None
            }
            (None, Some(_)) => {
                self.fault("TLS_CERTIFICATE_FILE", "not set, but TLS_KEY_FILE is", "/etc/portero/fullchain.pem");
                None
            }
            (None, None) => None,
        }
    }

    /// Where to listen: `SERVER_URL` (an address with a port, with or without its scheme) or `SERVER_PORT`.
    pub(super) fn listen(&mut self, by_tls: bool) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 7878));
        let port = self.text("SERVER_PORT").is_some().then(|| self.number("SERVER_PORT", 7878, 1, 65535));
        let Some(url) = self.text("SERVER_URL") else {
            return SocketAddr::new(default.ip(), port.unwrap_or(default.port()));
        };
        let begins = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let scheme = ["http://", "https://"].into_iter().find(|scheme| begins(scheme)).unwrap_or_default();
        match (scheme, by_tls) {
            ("https://", false) => {
                let fault =
                    "begins with https://: set TLS_CERTIFICATE_FILE and TLS_KEY_FILE, too, or leave TLS to a proxy";
                self.fault("SERVER_URL", fault, "http://127.0.0.1:7878");
            }
            ("http://", true) => {
                let fault = "begins with http://, but with TLS_CERTIFICATE_FILE Portero speaks HTTPS only";
                self.fault("SERVER_URL", fault, "https://0.0.0.0:443");
            }
            _ => {}
        }
        let bare = url[scheme.len()..].trim_end_matches('/');
        let with_port =
            if bare.ends_with(']') || !bare.contains(':') { format!("{bare}:7878") } else { bare.to_owned() };
        let Some(address) = with_port.to_socket_addrs().ok().and_then(|mut found| found.next()) else {
            let shown = without_secrets(&url);
            let fault = format!("`{shown}` is not an address of this machine with a port");
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

    /// `PUBLIC_URL`, or the address that is listened on, as this machine reaches it.
    pub(super) fn issuer(&mut self, listen: SocketAddr, by_tls: bool) -> Issuer {
        let scheme = if by_tls { "https" } else { "http" };
        let host = if listen.ip().is_unspecified() { "localhost".to_owned() } else { listen.ip().to_string() };
        let host = if listen.is_ipv6() && host != "localhost" { format!("[{host}]") } else { host };
        let own = || Issuer::of_this_machine(&format!("{scheme}://{host}:{}", listen.port()));
        let Some(text) = self.text("PUBLIC_URL") else { return own() };
        Issuer::read(&text).unwrap_or_else(|fault| {
            self.fault("PUBLIC_URL", &format!("`{}` {fault}", without_secrets(&text)), "https://id.example.com");
            own()
        })
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
                networks.push(canonical(network));
            } else {
                let fault = format!("`{}` is not an address or a network", without_secrets(network));
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

    /// `FIREBASE_SIGNER_KEY`.
    pub(super) fn firebase_key(&mut self) -> Option<FirebaseKey> {
        let key = FirebaseKey::read(self.secret("FIREBASE_SIGNER_KEY")?.expose());
        key.map_err(|fault| self.fault("FIREBASE_SIGNER_KEY", &fault, "<88 characters of Base64>")).ok()
    }

    /// How mail is sent.
    pub(super) fn mail(&mut self) -> crate::platform::mail::Settings {
        let smtp = self.secret("SMTP_URL");
        let ehlo_name = self.ehlo_name();
        let from = self.text("MAIL_FROM");
        if smtp.is_some() && from.is_none() {
            self.fault("MAIL_FROM", "not set, but SMTP_URL is", MAIL_FROM);
        }
        let default = Mailbox::new(Some("Portero".to_owned()), Address::new_dangerous("portero", "localhost"));
        let from = from.map_or(Ok(default.clone()), |from| from.parse()).unwrap_or_else(|_| {
            self.fault("MAIL_FROM", "is not an e-mail address, with or without a name", MAIL_FROM);
            default
        });
        let from = Mailbox::new(from.name, in_ascii(&from.email));
        if let Some(url) = &smtp
            && let Err(fault) = Smtp::read(url.expose(), ehlo_name.as_deref(), &from)
        {
            self.fault("SMTP_URL", &causes(&fault), "smtps://portero:secret@mail.example.com");
        }
        crate::platform::mail::Settings {
            smtp,
            ehlo_name,
            from,
            reset_password: self.token_link("RESET_PASSWORD_URL", "reset", "/reset-password"),
            verify_email: self.token_link("VERIFY_EMAIL_URL", "verify", "/verify-email"),
            invitation: self.token_link("INVITATION_URL", "join", "/register"),
            to_the_terminal: false,
        }
    }

    /// `SMTP_EHLO_NAME`.
    fn ehlo_name(&mut self) -> Option<String> {
        let name = self.text("SMTP_EHLO_NAME")?;
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
        if !is_name {
            self.fault("SMTP_EHLO_NAME", &format!("`{name}` is not the name of a host"), "mail.example.com");
        }
        Some(name).filter(|_| is_name)
    }

    /// A page of the team's own, or ours, where people are known to reach it.
    fn token_link(&mut self, name: &str, path: &str, own: &str) -> Option<TokenLink> {
        let Some(text) = self.text(name) else {
            let issuer = Issuer::read(&self.text("PUBLIC_URL")?).ok()?;
            return issuer.at(&format!("{own}?token={{token}}")).parse().ok();
        };
        let link = text.parse();
        link.map_err(|fault: String| {
            self.fault(name, &fault, &format!("https://app.example.com/{path}?token={{token}}"));
        })
        .ok()
    }

    /// What the pages look like.
    pub(super) fn pages(&mut self) -> brand::Settings {
        let name = self.text("PAGES_NAME").unwrap_or_else(|| "Portero".to_owned());
        let name = names::line(&name, names::MAX_NAME).unwrap_or_else(|fault| {
            self.fault("PAGES_NAME", &fault, "'Example Accounts'");
            name
        });
        let color = self.text("PAGES_COLOR").map(|text| text.parse());
        let color = color.unwrap_or(Ok(Color::DEFAULT)).unwrap_or_else(|fault: String| {
            self.fault("PAGES_COLOR", &fault, "1f5fbf");
            Color::DEFAULT
        });
        brand::Settings { name, color, logo: self.logo() }
    }

    fn logo(&mut self) -> Option<Logo> {
        let path = self.text("PAGES_LOGO_FILE")?;
        let bytes = std::fs::read(&path).map_err(|error| format!("can't read {path}: {error}"));
        let logo = bytes.and_then(|bytes| Logo::read(bytes).map_err(|fault| format!("{path} {fault}")));
        logo.map_err(|fault| self.fault("PAGES_LOGO_FILE", &fault, "/etc/portero/logo.svg")).ok()
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
}

/// IPv4 written as IPv6 is IPv4, as it is in the addresses that are compared with it.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(v4, prefix)| Ipv4Net::new(v4, prefix).ok()).map_or(network, IpNet::V4)
}
