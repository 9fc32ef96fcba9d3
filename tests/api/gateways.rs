//! `GET /check-token`: what gateways ask before they let a request pass.

use axum::http::Method;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_gateway_reads_the_person_in_headers() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let answer = juan.get("/check-token").await;
    assert_eq!((answer.status, &answer.body["valid"]), (200, &json!(true)));
    let said = ["x-person-id", "x-person-username", "x-person-name"].map(|name| answer.header(name));
    assert_eq!(said, ["7", "juan", "Juan Demo"]);
    assert_eq!(answer.header("x-session-id"), answer.body["session_id"]);
    let asked = juan.post("/check-token", json!({})).await;
    assert_eq!(asked.body["session_id"], answer.body["session_id"]);
}

#[tokio::test]
async fn names_beyond_ascii_are_percent_encoded() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    adm1.put("/users/7", json!({"name": "José 100%"})).await.ok();
    assert_eq!(server.demo("juan").await.get("/check-token").await.header("x-person-name"), "Jos%C3%A9 100%25");
}

#[tokio::test]
async fn who_lacks_a_permission_does_not_pass() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let passes = juan.get("/check-token?service=UI%20Store&permission=read").await;
    assert_eq!((passes.status, &passes.body["permissions"]), (200, &json!(["read"])));
    for lacking in [
        "/check-token?service=4&permission=update",
        "/check-token?service=4&permission=read&permission=update",
        "/check-token?service=1&permission=read",
        "/check-token?service=4&permission=nonesuch",
    ] {
        let answer = juan.get(lacking).await;
        assert_eq!(answer.refusal(), (403, "insufficient_permissions"), "{lacking}");
        assert!(answer.header("x-person-id").is_empty());
    }
    assert_eq!(juan.get("/check-token?service=4&permission=update").await.body["permission"], "update");
    assert_eq!(juan.get("/check-token?service=99").await.refusal(), (404, "service_not_found"));
    assert_eq!(juan.get("/check-token?service=Nowhere").await.refusal(), (400, "invalid_service_id"));
}

#[tokio::test]
async fn a_stranger_does_not_pass_whatever_is_asked() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let stranger = server.anonymous();
    for path in ["/check-token", "/check-token?service=4&permission=read", "/check-token?permision=read"] {
        let answer = stranger.get(path).await;
        assert_eq!(answer.refusal(), (401, "missing_token_header"), "{path}");
        assert_eq!(answer.body["valid"], false);
    }
    let in_the_url = format!("/check-token?token={}", juan.token());
    assert_eq!(stranger.get(&in_the_url).await.refusal(), (401, "missing_token_header"));
    juan.post("/auth/logout", json!({})).await.ok();
    assert_eq!(juan.get("/check-token").await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_mistyped_question_is_no_yes() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for bad in
        ["permision=read&service=4", "permission=read", "service=4&service=5", "service=", "service=4&permission="]
    {
        assert_eq!(juan.get(&format!("/check-token?{bad}")).await.refusal(), (400, "invalid_query"), "{bad}");
        assert_eq!(
            juan.post(&format!("/check-token?{bad}"), json!({})).await.refusal(),
            (400, "invalid_query"),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_gateway_may_keep_method_and_path_of_the_request_it_asks_about() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let ask = async |rest: &str| {
            let path = format!("/check-token?service=4&permission={rest}");
            juan.send(method.clone(), &path, "").await.status
        };
        assert_eq!(ask("read&path=/orders/7?a=b&service=5&permission=delete").await, 200, "{method}");
        assert_eq!(ask("update&path=/orders/7?permission=read").await, 403, "{method}");
    }
}

#[tokio::test]
async fn a_permission_that_nobody_made_is_named() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let answer = juan.post("/check-token", json!({"service_id": 4, "permission": ["read", "raed"]})).await;
    assert_eq!((&answer.body["allowed"], &answer.body["unknown_permissions"]), (&json!(false), &json!(["raed"])));
    let answer = juan.post("/check-token", json!({"service_id": 4, "permission": "update"})).await;
    assert_eq!((&answer.body["allowed"], answer.body.get("unknown_permissions")), (&json!(false), None));
}
