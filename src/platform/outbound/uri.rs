//! Which addresses others may name. They are compared to the letter later, and so are kept as they were written.

use url::{Host, Url};

use super::{Outbound, is_public};

/// How long an address may be.
const LONGEST: usize = 2000;

/// Refuses what Portero could not call, or not without telling others.
pub fn must_be_for_calls(text: &str) -> Result<(), String> {
    read_for_calls(text).map(|_| ())
}

fn read_for_calls(text: &str) -> Result<Url, String> {
    let url = read_uri(text)?;
    if url.scheme() != "https" {
        return Err("must begin with https://: Portero calls nothing else".into());
    }
    if url.host().is_none() { Err("names no host".into()) } else { Ok(url) }
}

impl Outbound {
    /// Refuses an address that would never be called, as far as it says so itself: a name may lead anywhere later.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn may_be_named(&self, uri: &str) -> Result<(), String> {
        let url = read_for_calls(uri)?;
        let inside = match url.host() {
            Some(Host::Ipv4(address)) => !is_public(address.into()),
            Some(Host::Ipv6(address)) => !is_public(address.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            None => false,
        };
        if !inside || self.allows_internal() {
            return Ok(());
        }
        Err(format!(
            "`{}` is not a public address, so it would never be called: name a public one; OUTBOUND_ALLOW_INTERNAL allows others",
            url.host_str().unwrap_or_default()
        ))
    }
}

/// Reads an absolute URI without a wildcard, a fragment or credentials in it.
pub fn read_uri(text: &str) -> Result<Url, String> {
    if text.len() > LONGEST {
        return Err(format!("too long: at most {LONGEST} characters"));
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '\\' | '"' | '<' | '>' | '`')) {
        return Err(format!("must have no `{}` in it: percent-encode that in a URI", odd.escape_debug()));
    }
    if text.contains('*') {
        return Err("must have no wildcard: it is compared to the letter; name each address".into());
    }
    if text.contains('#') {
        return Err("must have no fragment: leave out `#` and what follows".into());
    }
    let url =
        Url::parse(text).map_err(|_| "must be an absolute URI, such as https://app.example/callback".to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has credentials in it".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    #[test]
    fn what_is_called_is_https() {
        assert_eq!(must_be_for_calls("https://app.example/logout"), Ok(()));
        for bad in [
            "http://127.0.0.1:9000/logout",
            "http://app.example/logout",
            "com.example.app:/x",
            "ftp://app.example/",
            "https://a.example/#x",
        ] {
            assert!(must_be_for_calls(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_that_says_that_it_is_inside_is_refused_when_it_is_named() {
        let (strict, lenient) = (
            Outbound::new(Settings::default()),
            Outbound::new(Settings { allows_internal: true, ..Settings::default() }),
        );
        for inside in [
            "https://127.0.0.1/j",
            "https://127.1/j",
            "https://0x7f000001/j",
            "https://10.0.0.1/x",
            "https://169.254.169.254/j",
            "https://[::1]:8443/j",
            "https://[::ffff:10.0.0.1]/j",
            "https://localhost/j",
            "https://LocalHost./j",
            "https://keys.localhost/j",
        ] {
            assert!(strict.may_be_named(inside).is_err_and(|fault| fault.contains("not a public address")), "{inside}");
            assert_eq!(lenient.may_be_named(inside), Ok(()), "{inside}");
        }
        for outside in
            ["https://1.1.1.1/j", "https://keys.example/j", "https://localhost.example/j", "https://notlocalhost/j"]
        {
            assert_eq!(strict.may_be_named(outside), Ok(()), "{outside}");
        }
        assert!(lenient.may_be_named("http://keys.example/j").is_err());
    }
}
