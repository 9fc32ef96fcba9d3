//! Whoever speaks to the server, and what they hear.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::response::Parts;
use axum::http::{HeaderMap, Method, Request};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::Notify;

use super::conformance;
use super::server::Instance;
use super::stream::Stream;

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    /// `Null` where the answer is not JSON.
    pub body: Value,
    pub text: String,
}

impl Response {
    pub fn new(head: Parts, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status: head.status.as_u16(), headers: head.headers, body, text }
    }

    /// The contract's code of a refusal; empty for anything else.
    pub fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// Status and code, to compare both at once.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.error())
    }

    /// What an error says.
    pub fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The id in the body.
    #[track_caller]
    pub fn id(&self) -> i64 {
        self.body["id"].as_i64().unwrap_or_else(|| panic!("an id in {self:?}"))
    }

    /// The token that a login answers.
    #[track_caller]
    pub fn token(&self) -> &str {
        self.body["token"].as_str().unwrap_or_else(|| panic!("a token in {self:?}"))
    }

    /// The refresh token that a login answers when it is asked for.
    #[track_caller]
    pub fn refresh_token(&self) -> &str {
        self.body["refresh_token"].as_str().unwrap_or_else(|| panic!("a refresh token in {self:?}"))
    }

    /// One field of each row of a list.
    #[track_caller]
    pub fn column(&self, field: &str) -> Vec<Value> {
        let rows = self.body.as_array().unwrap_or_else(|| panic!("a list, not {self:?}"));
        rows.iter().map(|row| row[field].clone()).collect()
    }

    /// Where the next page is.
    pub fn next(&self) -> Option<String> {
        let (link, rel) = self.header("link").split_once(';')?;
        assert_eq!(rel.trim(), r#"rel="next""#);
        Some(link.trim_start_matches('<').trim_end_matches('>').to_owned())
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{self:?}");
        self
    }
}

/// Somebody with a token, or without.
#[derive(Clone, Debug)]
pub struct Caller {
    instance: Arc<Instance>,
    pub id: i32,
    pub username: String,
    pub token: Option<String>,
}

impl Caller {
    pub fn new(instance: Arc<Instance>, id: i32, username: String, token: Option<String>) -> Self {
        Self { instance, id, username, token }
    }

    /// The same person with a token of one's choice.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same person and token at another instance.
    pub fn at(&self, other: &super::Server) -> Self {
        let there = other.anonymous();
        Self { instance: there.instance, ..self.clone() }
    }

    /// The database behind the server.
    pub fn pool(&self) -> &sqlx::PgPool {
        self.instance.app.db.pool()
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a caller with a token")
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.send(Method::POST, path, &body.to_string()).await
    }

    /// Likewise, under an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Response {
        let body = body.to_string();
        self.send_with(Method::POST, path, &body, |request| request.header("idempotency-key", key)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Response {
        self.send(Method::PUT, path, &body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Response {
        self.send(Method::PATCH, path, &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.send(Method::DELETE, path, "").await
    }

    /// For the links, whose ends are in the body.
    pub async fn delete_with(&self, path: &str, body: Value) -> Response {
        self.send(Method::DELETE, path, &body.to_string()).await
    }

    /// `POST /check-token` without a body.
    pub async fn check(&self) -> Response {
        self.send(Method::POST, "/check-token", "").await
    }

    pub async fn log_in(&self, username: &str, password: &str) -> Response {
        self.post("/auth/login", serde_json::json!({ "username": username, "password": password })).await
    }

    /// Sends a body as it is, and holds the answer against all that is true of every answer.
    pub async fn send(&self, method: Method, path: &str, body: &str) -> Response {
        let is_json = body.trim_start().starts_with('{');
        self.send_with(method, path, body, |request| {
            if is_json { request.header("content-type", "application/json") } else { request }
        })
        .await
    }

    /// Likewise, with headers of one's choice.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: impl FnOnce(Builder) -> Builder,
    ) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header("token", token);
        }
        let request = headers(request).body(Body::from(body.to_owned())).expect("a request");
        self.send_request(request, body).await
    }

    /// Many requests at once, and their answers in the same order.
    pub async fn together<T: 'static>(requests: impl IntoIterator<Item = impl Future<Output = T> + 'static>) -> Vec<T> {
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = requests.into_iter().map(|request| local.spawn_local(request)).collect();
        local.await;
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("a task that ends"));
        }
        answers
    }

    /// Asks again, so many times, while Portero can't answer at the moment, as callers do: on a busy machine that may be.
    pub async fn patiently<F: Future<Output = Response>>(times: usize, ask: impl Fn() -> F) -> Response {
        for _ in 0..times {
            let answer = ask().await;
            if answer.status != 503 {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        ask().await
    }

    /// Without holding the answer against anything: for what must never happen, and is made to.
    pub async fn unchecked(&self, method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).header("token", self.token());
        self.instance.answer(request.body(Body::empty()).expect("a request")).await
    }

    /// Sends bytes, which are no text.
    pub async fn put_bytes(&self, path: &str, bytes: &[u8]) -> Response {
        let request = Request::put(path).header("token", self.token.as_deref().unwrap_or_default());
        self.send_request(request.body(Body::from(bytes.to_vec())).expect("a request"), "").await
    }

    /// An answer that is no text: its head, and its bytes.
    pub async fn get_bytes(&self, path: &str, headers: impl FnOnce(Builder) -> Builder) -> (Response, Vec<u8>) {
        let request = headers(Request::get(path)).body(Body::empty()).expect("a request");
        let (head, body) = self.instance.begin_to_answer(request).await;
        let bytes = http_body_util::BodyExt::collect(body).await.expect("the whole body").to_bytes();
        let response = Response::new(head, String::new());
        conformance::check(&Method::GET, path, &response, &self.instance.secrets);
        (response, bytes.to_vec())
    }

    /// Opens a stream of changes, after `last_id` if there is one.
    pub async fn listen(&self, last_id: Option<i64>) -> Stream {
        let mut request = Request::get("/changes").header("token", self.token());
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let (head, body) = self.instance.begin_to_answer(request.body(Body::empty()).expect("a request")).await;
        let response = Response::new(head, String::new());
        assert_eq!(response.status, 200, "{response:?}");
        conformance::check(&Method::GET, "/changes", &response, &self.instance.secrets);
        Stream::new(body, self.instance.secrets.clone())
    }

    /// The body of an answer of which nothing has been read.
    pub async fn unread(&self, path: &str) -> Body {
        let request = Request::get(path).header("token", self.token());
        let (head, body) = self.instance.begin_to_answer(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(head.status, 200);
        body
    }

    /// Sends the beginning of a body, says so when somebody reads it, and sends no more.
    pub async fn send_half(&self, path: &str, media: &str, half: &str, reads: Arc<Notify>) -> Response {
        let request = Request::post(path).header("token", self.token()).header("content-type", media);
        let text = half.to_owned();
        let beginning = stream::once(async move {
            reads.notify_one();
            Ok::<_, std::io::Error>(text)
        });
        let body = Body::from_stream(beginning.chain(stream::pending()));
        self.send_request(request.body(body).expect("a request"), half).await
    }

    async fn send_request(&self, request: Request<Body>, body: &str) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let secrets = &self.instance.secrets;
        secrets.add_from_request(body);
        let response = self.instance.answer(request).await;
        conformance::check(&method, &path, &response, secrets);
        response
    }
}
