//! What is true of every operation of OAuth: strangers hear 400 or 401, whatever they send. Walks the document, so that
//! tomorrow's operation is covered, too.

use axum::http::Method;
use axum::http::request::Builder;
use portero::base::opaque::oauth::{InitialAccessToken, RegistrationAccessToken};

use crate::support::Server;
use crate::support::document::{Operation, oauth_operations};
use crate::support::oauth::{NewClient, basic, post_form};

#[tokio::test]
async fn strangers_are_turned_away_whatever_they_send() {
    let server = Server::on_the_demo_data().await;
    let bodies = [
        "",
        "not a form",
        "{\"grant_type\": \"client_credentials\"}",
        "grant_type=client_credentials",
        "grant_type=client_credentials&client_id=nobody&client_secret=wrong",
        "token=nonsense&client_id=%00",
        "client_id=a&client_id=b",
        "client_assertion=x&client_assertion_type=y",
        "access_token=nonsense",
        "%ff%fe=%c3%28",
    ];
    for operation in oauth_operations() {
        for caller in [server.anonymous(), server.anonymous().with_token("ptk_made_up"), server.demo("juan").await] {
            for body in bodies {
                for media in ["application/x-www-form-urlencoded", "application/json", "text/plain; charset=utf-8"] {
                    let answer = caller
                        .send_with(operation.method.clone(), &operation.path, body, |request| {
                            request.header("content-type", media)
                        })
                        .await;
                    assert!([400, 401].contains(&answer.status), "{operation}: {body}: {answer:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_too_long_is_refused() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let long = "x".repeat(8193);
    let takes_forms = |operation: &&Operation| operation.method == Method::POST && operation.request_schema().is_none();
    for operation in oauth_operations().iter().filter(takes_forms) {
        let answer = client.post(&operation.path, &[("token", &long)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{operation}");
        let answer =
            post_form(&server.anonymous(), &operation.path, &[("a", &long), ("b", &long)], |request| request).await;
        assert_eq!(answer.refusal(), (413, "invalid_request"), "{operation}");
    }
}

#[tokio::test]
async fn another_method_is_none() {
    let server = Server::on_the_demo_data().await;
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = server.anonymous().send(method, path, "").await;
            assert_eq!(answer.refusal(), (405, "method_not_allowed"), "{path}");
        }
    }
}

#[tokio::test]
async fn without_postgres_nothing_is_said_but_that() {
    let server = Server::without_postgres(&[]).await;
    let caller = server.anonymous();
    let token = format!("pat_{}", "0".repeat(72));
    let jwt = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
    let now = server.app.clock.now();
    let initial: InitialAccessToken = server.app.generate(now).expect("a token");
    let registration: RegistrationAccessToken = server.app.generate(now).expect("a token");
    for operation in oauth_operations() {
        let form = [("token", jwt), ("grant_type", "client_credentials")];
        let authorization = match operation.path.as_str() {
            "/oauth/userinfo" => format!("Bearer {jwt}"),
            "/oauth/register" => format!("Bearer {}", initial.reveal()),
            "/oauth/register/{client_id}" => format!("Bearer {}", registration.reveal()),
            _ => basic("app", "pcs_wrong"),
        };
        let headers = |request: Builder| request.header("authorization", &authorization);
        let answer = if operation.method != Method::POST || operation.request_schema().is_some() {
            caller.send_with(operation.method.clone(), &operation.path, "{}", headers).await
        } else {
            post_form(&caller, &operation.path, &form, headers).await
        };
        assert_eq!(answer.refusal(), (503, "temporarily_unavailable"), "{operation}");
    }
    let check = caller.with_token(jwt).check().await;
    assert_eq!(check.refusal(), (503, "unavailable"));
    assert_eq!(caller.with_token(&token).check().await.refusal(), (401, "invalid_token"), "its checksum is wrong");
}

#[tokio::test]
async fn pages_of_any_origin_may_call_what_programs_in_a_browser_need() {
    for setting in ["", "https://other.example.com"] {
        let server = Server::configured(&[("CORS", setting)]).await;
        let caller = server.anonymous();
        let ask = |path: &'static str| {
            let caller = caller.clone();
            async move {
                let headers = |request: Builder| {
                    request
                        .header("origin", "https://app.example.com")
                        .header("access-control-request-method", "POST")
                        .header("access-control-request-headers", "authorization,content-type")
                };
                caller.send_with(Method::OPTIONS, path, "", headers).await
            }
        };
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"] {
            let preflight = ask(path).await;
            assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, "*"), "{path}");
            assert!(preflight.header("access-control-allow-headers").contains("authorization"), "{preflight:?}");
            assert_eq!(preflight.header("access-control-allow-credentials"), "");
        }
        for path in ["/oauth/introspect", "/check-token"] {
            assert_ne!(ask(path).await.header("access-control-allow-origin"), "*", "{path}");
        }
        let origin = |request: Builder| request.header("origin", "https://app.example.com");
        let answer = post_form(&caller, "/oauth/token", &[("client_id", "nobody")], origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, "*"));
    }
}
