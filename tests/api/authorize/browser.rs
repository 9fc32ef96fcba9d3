//! A browser without scripts: it keeps cookies, goes where it is sent within Portero, and posts forms as they are.

use std::collections::BTreeMap;

use axum::http::Method;
use axum::http::request::Builder;
use form_urlencoded::Serializer;
use sha2::{Digest, Sha256};

use crate::support::{Caller, PASSWORD, Response, Secrets, Server};

/// A browser.
#[derive(Clone, Debug)]
pub struct Browser {
    caller: Caller,
    secrets: Secrets,
    issuer: String,
    pub cookies: BTreeMap<String, String>,
    pub language: Option<&'static str>,
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        Self {
            caller: server.anonymous(),
            secrets: server.secrets.clone(),
            issuer: server.app.issuer.as_str().to_owned(),
            cookies: BTreeMap::new(),
            language: None,
        }
    }

    /// One in which somebody is logged in.
    pub async fn of(server: &Server, username: &str) -> Self {
        let mut browser = Self::new(server);
        let page = browser.get("/login").await;
        let home = browser.log_in(&page, username).await;
        assert!(home.text.contains("signed in as"), "{home:?}");
        browser
    }

    pub async fn get(&mut self, path: &str) -> Response {
        let answer = self.send(Method::GET, path, "", |request| request).await;
        self.follow(answer).await
    }

    /// Posts what somebody else's page would, or a program.
    pub async fn post(&mut self, path: &str, body: &str, headers: impl FnOnce(Builder) -> Builder) -> Response {
        self.send(Method::POST, path, body, headers).await
    }

    /// Posts the form of a page with these fields more or in the place of its own.
    pub async fn submit(&mut self, page: &Response, fields: &[(&str, &str)]) -> Response {
        let form = Form::of(page);
        let body = form.body(fields);
        let answer = self
            .send(Method::POST, &form.action, &body, |request| {
                request.header("sec-fetch-site", "same-origin").header("origin", "null")
            })
            .await;
        self.follow(answer).await
    }

    /// Posts the form of a page that leads to `action`.
    pub async fn submit_to(&mut self, page: &Response, action: &str, fields: &[(&str, &str)]) -> Response {
        let body = Form::to(page, action).body(fields);
        let answer = self.post_own(action, &body).await;
        self.follow(answer).await
    }

    /// Posts a form as a browser does that a page of ours was shown in, and goes nowhere.
    pub async fn post_own(&mut self, path: &str, body: &str) -> Response {
        let own = |request: Builder| request.header("sec-fetch-site", "same-origin").header("origin", "null");
        self.send(Method::POST, path, body, own).await
    }

    /// Looks at a page, and goes nowhere.
    pub async fn look(&mut self, path: &str) -> Response {
        self.send(Method::GET, path, "", |request| request).await
    }

    /// Fills in the login page.
    pub async fn log_in(&mut self, page: &Response, username: &str) -> Response {
        self.submit(page, &[("username", username), ("password", PASSWORD)]).await
    }

    async fn follow(&mut self, mut answer: Response) -> Response {
        for _ in 0..5 {
            match answer.header("location").strip_prefix(self.issuer.as_str()) {
                Some(path) => {
                    let path = path.to_owned();
                    answer = self.send(Method::GET, &path, "", |request| request).await;
                }
                None => return answer,
            }
        }
        panic!("in a circle: {answer:?}");
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: &str,
        headers: impl FnOnce(Builder) -> Builder,
    ) -> Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let language = self.language;
        let is_post = method == Method::POST;
        let answer = self
            .caller
            .send_with(method, path, body, |request| {
                let mut request = request;
                if !cookies.is_empty() {
                    request = request.header("cookie", cookies.join("; "));
                }
                if let Some(language) = language {
                    request = request.header("accept-language", language);
                }
                if is_post {
                    request = request.header("content-type", "application/x-www-form-urlencoded");
                }
                headers(request)
            })
            .await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("ASCII");
            assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                if value.starts_with("ptk_") || value.starts_with("ptd_") {
                    self.secrets.add(value);
                }
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// The form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub hidden: BTreeMap<String, String>,
}

impl Form {
    #[track_caller]
    pub fn of(page: &Response) -> Self {
        let (_, form) = page.text.split_once("<form").unwrap_or_else(|| panic!("a form in {page:?}"));
        Self::in_text(form)
    }

    /// The one that leads to `action`.
    #[track_caller]
    pub fn to(page: &Response, action: &str) -> Self {
        let mut forms = page.text.split("<form").skip(1).filter(|form| attribute(form, "action") == action);
        Self::in_text(forms.next().unwrap_or_else(|| panic!("a form to {action} in {page:?}")))
    }

    #[track_caller]
    fn in_text(form: &str) -> Self {
        let form = form.split("</form>").next().unwrap_or_default();
        let tags = || form.split('<');
        let hidden = tags().filter(|tag| tag.contains(r#"type="hidden""#));
        let hidden = hidden.map(|tag| (attribute(tag, "name"), attribute(tag, "value"))).collect();
        Self { action: attribute(form, "action"), hidden }
    }

    pub fn body(&self, fields: &[(&str, &str)]) -> String {
        let mut all: BTreeMap<&str, &str> =
            self.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend(fields.iter().copied());
        Serializer::new(String::new()).extend_pairs(all).finish()
    }
}

/// The value of an attribute of the tag that a text begins with.
#[track_caller]
fn attribute(tag: &str, name: &str) -> String {
    let (_, value) = tag.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name} in {tag}"));
    let value = value.split('"').next().unwrap_or_default();
    let entities = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    entities.iter().fold(value.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

/// What a page carries of these scopes, which are in their order.
pub fn digest(scopes: &[&str]) -> String {
    hex::encode(Sha256::digest(scopes.join("\n")))
}
