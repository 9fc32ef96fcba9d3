//! Which addresses a client may name to send people back to.

use url::{Host, Url};

use crate::platform::outbound::read_uri;

/// Refuses what is no place to send people back to (RFC 6749 section 3.1.2, RFC 9700 section 2.1, RFC 8252 section 7).
pub fn must_be_for_redirects(text: &str, is_public: bool) -> Result<(), String> {
    let url = read_uri(text)?;
    match url.scheme() {
        "https" | "http" => must_be_safe(&url),
        scheme if scheme.contains('.') && is_public => Ok(()),
        scheme if scheme.contains('.') => {
            let why = "is for native apps, which keep no secret: they have `token_endpoint_auth_method` `none`";
            Err(format!("the private-use scheme `{scheme}:` {why}"))
        }
        _ => {
            Err("must begin with https:// or, in a native app, with its own scheme, such as com.example.app:/callback"
                .into())
        }
    }
}

/// Whether nobody between us and there reads along.
fn must_be_safe(url: &Url) -> Result<(), String> {
    let is_loopback = match url.host() {
        None => return Err("names no host".into()),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    };
    if url.scheme() == "https" || is_loopback {
        return Ok(());
    }
    Err("must begin with https://: others on the way can read http://, which is for 127.0.0.1, [::1] and localhost"
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_back_to_places_that_nobody_else_can_take() {
        for good in [
            "https://app.example/callback",
            "https://app.example:8443/cb?tenant=a",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:5000/cb",
            "http://[::1]:5000/cb",
            "http://localhost:3000",
        ] {
            assert_eq!(must_be_for_redirects(good, false), Ok(()), "{good}");
            assert_eq!(must_be_for_redirects(good, true), Ok(()), "{good}");
        }
        for native in ["com.example.app:/cb", "com.example.app://cb"] {
            assert_eq!(must_be_for_redirects(native, true), Ok(()), "{native}");
            assert!(must_be_for_redirects(native, false).is_err(), "{native}");
        }
        for bad in [
            "",
            "/callback",
            "app.example/cb",
            "http://app.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost.evil.example/",
            "https://app.example/cb#",
            "https://app.example/cb#part",
            "https://*.example/cb",
            "https://app.example/*",
            "https://me:secret@app.example/cb",
            "https://me@app.example/cb",
            "https://app.example/a b",
            "https://app.example\\@evil.example/",
            "https://app.example/\u{e9}",
            "https://app.example/cb\n",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "urn:ietf:wg:oauth:2.0:oob",
            "https://",
            &format!("https://app.example/{}", "a".repeat(2000)),
        ] {
            assert!(must_be_for_redirects(bad, true).is_err(), "{bad}");
        }
    }
}
