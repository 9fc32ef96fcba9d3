//! The issuer (RFC 8414 section 2): `PUBLIC_URL`, from which every address that Portero tells comes. Never from `Host`.

use std::fmt;
use std::sync::Arc;

use url::Url;

/// An absolute `http` or `https` URL without query, fragment, credentials or a slash at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer(Arc<str>);

impl Issuer {
    /// Reads `PUBLIC_URL`.
    ///
    /// # Errors
    /// What is wrong with it, for its reader.
    pub fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| "is not an absolute URL".to_owned())?;
        let Some(host) = url.host_str() else { return Err("names no host".to_owned()) };
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err("begins with http://, which is for this machine alone: use https://".to_owned()),
            _ => return Err("does not begin with https://".to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has credentials in it".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment, which an issuer never has".to_owned());
        }
        Ok(Self(url.as_str().trim_end_matches('/').into()))
    }

    /// One that was made from the address that is listened on.
    pub fn of_this_machine(url: &str) -> Self {
        Self(url.into())
    }

    /// Its text: the claim `iss`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of one of its paths, which begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Its own path, without a slash at the end: empty where it is all of a host.
    pub fn path(&self) -> &str {
        let after_scheme = self.0.split_once("://").map_or("", |(_, rest)| rest);
        after_scheme.find('/').map_or("", |at| &after_scheme[at..])
    }

    /// Whether browsers reach it by TLS.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_has_no_slash_at_its_end_and_may_have_a_path() {
        for (text, issuer, path) in [
            ("https://id.example.com", "https://id.example.com", ""),
            ("https://id.example.com/", "https://id.example.com", ""),
            ("https://example.com:8443/auth/", "https://example.com:8443/auth", "/auth"),
            ("http://localhost:7878", "http://localhost:7878", ""),
            ("http://[::1]:7878/a/b", "http://[::1]:7878/a/b", "/a/b"),
        ] {
            let read = Issuer::read(text).expect("an issuer");
            assert_eq!((read.as_str(), read.path()), (issuer, path));
            assert_eq!(read.at("/oauth/token"), format!("{issuer}/oauth/token"));
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused_with_the_reason() {
        for (text, reason) in [
            ("id.example.com", "absolute"),
            ("ftp://id.example.com", "https://"),
            ("http://id.example.com", "https://"),
            ("https://me:secret@id.example.com", "credentials"),
            ("https://id.example.com?a=b", "query"),
            ("https://id.example.com/#a", "fragment"),
        ] {
            let fault = Issuer::read(text).expect_err(text);
            assert!(fault.contains(reason) && !fault.contains("secret"), "{text}: {fault}");
        }
    }
}
