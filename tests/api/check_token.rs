//! The main question of a backend.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::Server;

async fn juan_asks(body: Value) -> crate::support::Response {
    let server = Server::on_the_demo_data().await;
    server.demo("juan").await.post("/check-token", body).await
}

#[tokio::test]
async fn a_valid_token_is_valid_and_says_whose_it_is() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for body in ["", "{}", "  \n", r#"{"user_id": null, "service_id": null, "permission": null, "token": null}"#] {
        let answer = juan.send(Method::POST, "/check-token", body).await;
        assert_eq!(answer.status, 200, "{body:?}");
        assert_eq!(answer.body["valid"], true);
        assert_eq!(answer.body["renewed"], false);
        assert_eq!(answer.body["payload"], json!({"user_id": 7, "username": "juan", "name": "Juan Demo"}));
        assert!(answer.body.get("roles").is_none() && answer.body.get("allowed").is_none(), "only where asked for");
    }
}

#[tokio::test]
async fn with_a_service_it_says_what_the_person_may_do_there() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for service in [json!(4), json!("4"), json!("UI Store")] {
        let answer = juan.post("/check-token", json!({"service_id": service})).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["service_id"], 4);
        assert_eq!(answer.body["roles"], json!(["Viewer"]));
        assert_eq!(answer.body["permissions"], json!(["read"]));
        assert!(answer.body.get("allowed").is_none());
    }
    let elsewhere = juan.post("/check-token", json!({"service_id": 1})).await;
    assert_eq!((elsewhere.body["roles"].clone(), elsewhere.body["permissions"].clone()), (json!([]), json!([])));
}

#[tokio::test]
async fn with_a_permission_it_says_whether_that_is_allowed() {
    let server = Server::on_the_demo_data().await;
    let adm2 = server.demo("adm2").await;
    for (permission, allowed) in [
        (json!("read"), true),
        (json!("share"), false),
        (json!("no such permission"), false),
        (json!("READ"), false),
        (json!(["read", "delete"]), true),
        (json!(["read", "share"]), false),
        (json!(["read", "read"]), true),
    ] {
        let answer = adm2.post("/check-token", json!({"service_id": 4, "permission": permission})).await;
        assert_eq!(answer.body["allowed"], allowed, "{permission}");
        assert_eq!(answer.body["valid"], true, "not allowed is still a valid token");
    }
}

#[tokio::test]
async fn a_permission_needs_a_service_and_is_one_to_a_hundred() {
    let hundred: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
    let mut more = hundred.clone();
    more.push("one more".to_owned());
    for (body, status) in [
        (json!({"permission": "read"}), 400),
        (json!({"permission": [], "service_id": 4}), 400),
        (json!({"permission": hundred, "service_id": 4}), 200),
        (json!({"permission": more, "service_id": 4}), 400),
        (json!({"permission": 1, "service_id": 4}), 400),
        (json!({"permission": [1], "service_id": 4}), 400),
    ] {
        assert_eq!(juan_asks(body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_token_must_be_of_whom_the_caller_thinks() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for own in [json!(7), json!("7")] {
        assert_eq!(juan.post("/check-token", json!({"user_id": own})).await.status, 200);
    }
    for others in
        [json!(1), json!("1"), json!(0), json!(-7), json!(99_999), json!(7_000_000_000_i64), json!("70000000000")]
    {
        let answer = juan.post("/check-token", json!({"user_id": others})).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{others}");
        assert_eq!(answer.body["valid"], false);
    }
    for nonsense in [json!("juan"), json!(""), json!("7a")] {
        let answer = juan.post("/check-token", json!({"user_id": nonsense})).await;
        assert_eq!(answer.refusal(), (400, "invalid_user_id"), "{nonsense}");
    }
}

#[tokio::test]
async fn an_unknown_service_is_said_to_be_unknown() {
    for (service, refusal) in [
        (json!(99), (404, "service_not_found")),
        (json!(-1), (404, "service_not_found")),
        (json!(3_000_000_000_i64), (404, "service_not_found")),
        (json!("99"), (404, "service_not_found")),
        (json!("Nowhere"), (400, "invalid_service_id")),
        (json!(""), (400, "invalid_service_id")),
        (json!("a\0b"), (400, "invalid_service_id")),
        (json!(1.5), (400, "invalid_request_body")),
        (json!([4]), (400, "invalid_request_body")),
    ] {
        assert_eq!(juan_asks(json!({"service_id": service})).await.refusal(), refusal, "{service}");
    }
}

#[tokio::test]
async fn every_refused_token_is_said_not_to_be_valid() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let anonymous = server.anonymous();
    let missing = anonymous.check().await;
    assert_eq!((missing.refusal(), &missing.body["valid"]), ((401, "missing_token_header"), &json!(false)));
    let missing = anonymous.send(Method::POST, "/check-token", "this is not JSON").await;
    assert_eq!((missing.refusal(), &missing.body["valid"]), ((401, "missing_token_header"), &json!(false)));
    let unknown = anonymous.with_token("ptk_nonsense").check().await;
    assert_eq!((unknown.refusal(), &unknown.body["valid"]), ((401, "invalid_token"), &json!(false)));
    server.app.clock.turn(time::Duration::hours(1));
    let expired = juan.check().await;
    assert_eq!((expired.refusal(), &expired.body["valid"]), ((401, "expired_token"), &json!(false)));
}

#[tokio::test]
async fn a_backend_asks_about_the_token_in_the_body() {
    let server = Server::on_the_demo_data().await;
    let (backend, juan) = (server.demo("adm3").await, server.demo("juan").await);
    let question = json!({"token": juan.token(), "service_id": 4, "permission": "read"});
    for caller in [&backend, &server.anonymous()] {
        let answer = caller.post("/check-token", question.clone()).await;
        assert_eq!(answer.body["payload"]["username"], "juan", "the body's token is the one that is checked");
        assert_eq!(answer.body["allowed"], true);
    }
    for wrong in ["", " ", "ptk_nonsense", "juan"] {
        let answer = backend.post("/check-token", json!({"token": wrong})).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{wrong:?}: the header's own does not step in");
        assert_eq!(answer.body["valid"], false);
    }
}

#[tokio::test]
async fn a_grant_and_its_end_show_in_the_very_next_answer() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let elsewhere = server.another_instance().await;
    let share = json!({"service_id": 4, "permission": "share"});
    let grant = json!({"person_id": 7, "service_id": 4, "permission_name": "share"});
    for (allowed, change) in [(false, None), (true, Some("POST")), (false, Some("DELETE")), (true, Some("POST"))] {
        if let Some(method) = change {
            let method = method.parse().expect("a method");
            adm1.send(method, "/person-service-permissions", &grant.to_string()).await.ok();
        }
        for juan in [&juan, &juan.at(&elsewhere)] {
            assert_eq!(juan.post("/check-token", share.clone()).await.body["allowed"], allowed);
        }
    }
}

#[tokio::test]
async fn a_new_name_shows_in_tokens_that_live() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    adm1.put("/users/7", json!({"name": "Juan Quispe", "username": "juanq"})).await.ok();
    let payload = &juan.check().await.body["payload"];
    assert_eq!(payload, &json!({"user_id": 7, "username": "juanq", "name": "Juan Quispe"}));
}
