//! `CORS` and `PASSKEY_ORIGINS`: whose pages may call, and ask for passkeys.

use axum::http::HeaderValue;
use url::{Position, Url};

use super::Cors;
use super::read::Settings;
use crate::base::masked::without_secrets;

impl Settings {
    /// `CORS`.
    pub(super) fn cors(&mut self) -> Cors {
        let Some(text) = self.text("CORS") else { return Cors::Off };
        if text == "*" {
            return Cors::Any;
        }
        Cors::Origins(self.origins("CORS", &text, "https://app.example.com,http://localhost:5173"))
    }

    /// `PASSKEY_ORIGINS`.
    pub(super) fn passkey_origins(&mut self) -> Vec<String> {
        const NAME: &str = "PASSKEY_ORIGINS";
        const EXAMPLE: &str = "https://shop.example,https://app.example.com";
        let Some(text) = self.text(NAME) else { return Vec::new() };
        let origins = self.origins(NAME, &text, EXAMPLE);
        let origins: Vec<String> = origins.iter().filter_map(|origin| Some(origin.to_str().ok()?.to_owned())).collect();
        if let Some(plain) = origins.iter().find(|origin| !may_use_passkeys(origin)) {
            self.fault(NAME, &format!("`{plain}` is not https://, and browsers have passkeys nowhere else"), EXAMPLE);
        }
        origins
    }

    fn origins(&mut self, name: &str, text: &str, example: &str) -> Vec<HeaderValue> {
        let mut origins = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match origin(entry) {
                Ok(origin) if origins.contains(&origin) => {}
                Ok(origin) => origins.push(origin),
                Err(why) => {
                    let fault = format!("`{}` is not an origin: {why}", without_secrets(entry));
                    self.fault(name, &fault, example);
                }
            }
        }
        origins
    }
}

/// Browsers have passkeys on pages that come by TLS, and on those of this machine.
fn may_use_passkeys(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").map(|rest| rest.split(':').next().unwrap_or_default());
    host.is_none_or(|host| host == "localhost" || host.ends_with(".localhost"))
}

/// The origin as browsers write it (RFC 6454 section 6.2), since it is compared by its bytes; or why no browser would ever
/// send it.
fn origin(entry: &str) -> Result<HeaderValue, &'static str> {
    const WHOLE: &str = "write scheme, host and, if need be, port, and nothing else";
    if entry == "*" {
        return Err("* stands alone, for all of them");
    }
    if entry.contains('*') {
        return Err("a browser's origin is compared as a whole; name each, or * alone for all of them");
    }
    let has_scheme = ["http://", "https://"]
        .iter()
        .any(|scheme| entry.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    if !has_scheme {
        return Err("it begins with neither https:// nor http://");
    }
    if entry.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(WHOLE);
    }
    let url = Url::parse(entry).map_err(|_| "its host or its port can't be read")?;
    if url.port() == Some(0) {
        return Err("nothing is reached at port 0");
    }
    if !url.username().is_empty() || url.password().is_some() || entry.contains('@') {
        return Err("an origin has no user");
    }
    // A `/` at its end says nothing.
    if !matches!(&url[Position::BeforePath..], "" | "/") || entry.ends_with("//") {
        return Err(WHOLE);
    }
    HeaderValue::from_str(&url.origin().ascii_serialization()).map_err(|_| WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::config::Config;

    #[test]
    fn an_origin_is_compared_as_browsers_write_it() {
        for (written, sent) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://App.Example.org", "https://app.example.org"),
            ("HTTPS://app.example.org/", "https://app.example.org"),
            ("https://app2.example.com:443", "https://app2.example.com"),
            ("http://app2.example.com:80", "http://app2.example.com"),
            ("http://app2.example.com:443", "http://app2.example.com:443"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://localhost:05173", "http://localhost:5173"),
            ("https://peña.example", "https://xn--pea-8ma.example"),
            ("https://PEÑA.example", "https://xn--pea-8ma.example"),
            ("http://[::1]:5173", "http://[::1]:5173"),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
            ("http://127.1", "http://127.0.0.1"),
        ] {
            assert_eq!(origin(written).as_ref().map(|origin| origin.to_str().expect("text")), Ok(sent), "{written}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_the_reason() {
        for entry in [
            "app.example.com",
            "ftp://app.example.com",
            "null",
            "https://",
            "https://app.example.com/login",
            "https://app.example.com//",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://*.example.com",
            "https://me:hunter2@app.example.com",
            "https://app.example.com:0",
            "https://app.example.com:99999",
            "https:\\\\app.example.com",
            "https:app.example.com",
            "https://app example.com",
            "https://[::1",
        ] {
            let vars = [("CORS".to_owned(), format!("https://good.example,{entry}"))];
            let faults = Config::from_vars(vars).expect_err(entry).to_string();
            assert!(faults.contains("CORS: `") && faults.contains("is not an origin: "), "{faults}");
            assert!(!faults.contains("hunter2"), "{faults}");
        }
        let both = Config::from_vars([("CORS".to_owned(), "*,https://a.example".to_owned())]);
        assert!(both.expect_err("both").to_string().contains("* stands alone"));
    }

    #[test]
    fn passkeys_are_for_pages_that_come_by_tls() {
        let read = |text: &str| Config::from_vars([("PASSKEY_ORIGINS".to_owned(), text.to_owned())]);
        let config = read("https://shop.example/, http://localhost:5173,https://SHOP.example").expect("good settings");
        assert_eq!(config.passkey_origins, ["https://shop.example", "http://localhost:5173"]);
        for bad in ["http://shop.example", "*", "shop.example", "http://localhost.example"] {
            assert!(read(bad).expect_err(bad).to_string().contains("PASSKEY_ORIGINS"), "{bad}");
        }
    }

    #[test]
    fn one_written_twice_is_one() {
        let vars = [("CORS".to_owned(), "https://a.example, https://A.example/,https://a.example:443".to_owned())];
        let config = Config::from_vars(vars).expect("good settings");
        assert_eq!(config.cors, Cors::Origins(vec![HeaderValue::from_static("https://a.example")]));
    }
}
