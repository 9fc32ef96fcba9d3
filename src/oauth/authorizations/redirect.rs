//! Where an authorization request is answered, and how (RFC 6749 section 3.1.2).

use std::fmt;

use form_urlencoded::Serializer;

use crate::oauth::clients::Client;
use crate::oauth::error::in_ascii;

/// How an answer travels (OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post Response Mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the address.
    #[default]
    Query,
    /// In its fragment, which no server sees.
    Fragment,
    /// In a form that the browser posts.
    FormPost,
}

impl ResponseMode {
    /// What discovery lists.
    pub const ALL: [(&str, Self); 3] =
        [("query", Self::Query), ("fragment", Self::Fragment), ("form_post", Self::FormPost)];

    /// As requests say it.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| *name == text).map(|(_, mode)| mode)
    }
}

/// Where the client of a request is answered. It exists only of an address that the client has registered.
#[derive(Clone, Debug)]
pub struct Target {
    redirect_uri: String,
    mode: ResponseMode,
    state: Option<String>,
    issuer: String,
}

/// How the browser is sent back.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// To this address.
    Redirect(String),
    /// With a form.
    Form {
        /// To where it is posted.
        action: String,
        /// What is in it.
        fields: Vec<(&'static str, String)>,
    },
}

/// Where to, without the code that may be in it.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Redirect(to) | Self::Form { action: to, .. }) = self;
        f.debug_tuple("Answer").field(&to.split(['?', '#']).next().unwrap_or_default()).finish()
    }
}

impl Target {
    /// `None` where the client has not registered the address.
    pub fn of(client: &Client, redirect_uri: &str, state: Option<&str>, issuer: &str) -> Option<Self> {
        is_registered(&client.redirect_uris, redirect_uri).then(|| Self {
            redirect_uri: redirect_uri.to_owned(),
            mode: ResponseMode::default(),
            state: state.map(str::to_owned),
            issuer: issuer.to_owned(),
        })
    }

    /// The same, answered in another way.
    #[must_use]
    pub fn by(self, mode: ResponseMode) -> Self {
        Self { mode, ..self }
    }

    /// The address, as the client sent it.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether the answer stays on the person's machine: the address has a private-use scheme, or is of the loopback interface,
    /// which `http` is for alone.
    pub fn is_on_their_machine(&self) -> bool {
        !self.redirect_uri.starts_with("https:")
    }

    /// An answer with the client's `state`, and with `iss` (RFC 9207).
    pub fn answer(&self, mut fields: Vec<(&'static str, String)>) -> Answer {
        fields.extend(self.state.clone().map(|state| ("state", state)));
        fields.push(("iss", self.issuer.clone()));
        if self.mode == ResponseMode::FormPost {
            return Answer::Form { action: self.redirect_uri.clone(), fields };
        }
        let sign = match self.mode {
            ResponseMode::Fragment => '#',
            _ if self.redirect_uri.contains('?') => '&',
            _ => '?',
        };
        let encoded = Serializer::new(String::new()).extend_pairs(fields).finish();
        Answer::Redirect(format!("{}{sign}{encoded}", self.redirect_uri))
    }

    /// That something was not done (RFC 6749 section 4.1.2.1).
    pub fn error(&self, code: &'static str, description: &str) -> Answer {
        self.answer(vec![("error", code.to_owned()), ("error_description", in_ascii(description))])
    }
}

/// To the letter (RFC 9700 section 2.1), but that for an address of the loopback interface the port is free (RFC 8252
/// section 7.3): a native app takes one that the system gives it.
pub(in crate::oauth) fn is_registered(registered: &[String], asked: &str) -> bool {
    let is_same = |own: &String| match (after_loopback(own), after_loopback(asked)) {
        (Some(own), Some(asked)) => own == asked,
        _ => own == asked,
    };
    !asked.contains('#') && registered.iter().any(is_same)
}

/// Host and path of an `http` address of the loopback interface, without its port.
fn after_loopback(uri: &str) -> Option<(&str, &str)> {
    let hosts = ["http://127.0.0.1", "http://[::1]"];
    let host = hosts.into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let Some(port) = rest.strip_prefix(':') else { return Some((host, rest)) };
    let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
    port[..digits].parse::<u16>().ok().filter(|port| *port > 0)?;
    Some((host, &port[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_registered(own: &str, asked: &str) -> bool {
        super::is_registered(&[own.to_owned()], asked)
    }

    #[test]
    fn a_redirect_uri_is_compared_to_the_letter() {
        let own = "https://app.example.com/cb";
        assert!(is_registered(own, own));
        for other in [
            "https://app.example.com/cb/",
            "https://app.example.com/cb?x=1",
            "https://app.example.com/cb#",
            "https://app.example.com/c",
            "https://app.example.com/cb/../cb",
            "https://app.example.com/cb;x",
            "https://app.example.com/%63b",
            "https://app.example.com:443/cb",
            "https://APP.example.com/cb",
            "HTTPS://app.example.com/cb",
            "https://app.example.com./cb",
            "https://app.example.com.evil.example/cb",
            "https://app.example.com@evil.example/cb",
            "https://me@app.example.com/cb",
            "https://app.example.com\\@evil.example/cb",
            "http://app.example.com/cb",
            "//app.example.com/cb",
            " https://app.example.com/cb",
            "https://app.example.com/cb\n",
            "",
        ] {
            assert!(!is_registered(own, other), "{other}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_and_nothing_else_of_it() {
        for (own, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb"),
            ("http://[::1]/cb?a=b", "http://[::1]:8080/cb?a=b"),
        ] {
            assert!(is_registered(own, asked), "{own} {asked}");
        }
        for (own, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb/"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
            ("http://127.0.0.1/cb", "http://[::1]/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:80/cb"),
            ("http://localhost/cb", "http://localhost:80/cb"),
            ("https://127.0.0.1/cb", "https://127.0.0.1:80/cb"),
        ] {
            assert!(!is_registered(own, asked), "{own} {asked}");
        }
    }

    #[test]
    fn an_answer_keeps_the_address_and_the_state() {
        let target = |redirect_uri: &str, mode| Target {
            redirect_uri: redirect_uri.to_owned(),
            mode,
            state: Some("a b&c=+".to_owned()),
            issuer: "https://id.example.com".to_owned(),
        };
        let answer = |uri, mode| target(uri, mode).answer(vec![("code", "x".to_owned())]);
        let encoded = "code=x&state=a+b%26c%3D%2B&iss=https%3A%2F%2Fid.example.com";
        let redirect = |text: &str| Answer::Redirect(format!("{text}{encoded}"));
        assert_eq!(answer("https://a.example/cb", ResponseMode::Query), redirect("https://a.example/cb?"));
        assert_eq!(answer("https://a.example/cb?q=1", ResponseMode::Query), redirect("https://a.example/cb?q=1&"));
        assert_eq!(answer("https://a.example/cb?q=1", ResponseMode::Fragment), redirect("https://a.example/cb?q=1#"));
        assert_eq!(answer("com.example.app:/cb", ResponseMode::Query), redirect("com.example.app:/cb?"));
        let Answer::Form { action, fields } = answer("https://a.example/cb", ResponseMode::FormPost) else { panic!() };
        assert_eq!((action.as_str(), fields.len(), fields[1].1.as_str()), ("https://a.example/cb", 3, "a b&c=+"));
    }
}
