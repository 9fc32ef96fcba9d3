//! The secrets of clients: shown once, two at most, changed without a pause.

use axum::http::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{SHOP, make, wiki, with, world};
use crate::support::Caller;

async fn ids(by: &Caller) -> Vec<Value> {
    by.get("/clients/wiki/secrets").await.ok().column("id")
}

#[tokio::test]
async fn a_secret_is_changed_without_a_pause() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    let first = ids(&root).await;
    let second = root.send(Method::POST, "/clients/wiki/secrets", "").await.ok();
    assert_eq!((second.status, &second.body["client_id"]), (201, &json!("wiki")));
    let secret = second.body["client_secret"].as_str().expect("a secret");
    assert!(secret.starts_with("pcs_") && secret.len() == 76);
    assert_eq!(ids(&root).await.len(), 2, "for a day both are good");
    let list = root.get("/clients/wiki/secrets").await.ok();
    assert!(list.body[0]["expires_at"].is_string() && list.body[1]["expires_at"].is_null());
    assert_eq!(list.body[1]["fingerprint"], second.body["fingerprint"]);

    let third = root.post("/clients/wiki/secrets", json!({"overlap_seconds": 60})).await;
    assert_eq!(third.refusal(), (409, "too_many_secrets"), "nobody knows which of them is in use");
    server.app.clock.turn(Duration::days(1) + Duration::seconds(1));
    let root = server.session_of(root.id).await;
    assert_eq!(ids(&root).await, [second.body["id"].clone()], "the first is over");
    assert_ne!(first, ids(&root).await);
    let third = root.post("/clients/wiki/secrets", json!({"overlap_seconds": 60})).await.ok();
    assert_eq!(ids(&root).await, [second.body["id"].clone(), third.body["id"].clone()]);

    let leaked = root.post("/clients/wiki/secrets", json!({"overlap_seconds": 0})).await.ok();
    assert_eq!(ids(&root).await, [leaked.body["id"].clone()], "all before it end at once");
    let path = format!("/clients/wiki/secrets/{}", leaked.id());
    let revoked = root.delete(&path).await.ok();
    assert_eq!(revoked.body, json!({"status": "client_secret_revoked", "client_id": "wiki", "secret_id": leaked.id()}));
    assert_eq!(root.delete(&path).await.refusal(), (404, "client_secret_not_found"));
    assert_eq!(ids(&root).await, Vec::<Value>::new());
    assert_eq!(root.delete("/clients/wiki/secrets/one").await.refusal(), (400, "invalid_client_secret_id"));
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 0, "none is kept that is over");
}

#[tokio::test]
async fn of_many_rotations_at_once_no_more_than_two_secrets_are_good() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    let requests = (0..8).map(|_| {
        let by = root.clone();
        async move { by.post("/clients/wiki/secrets", json!({})).await }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| answer.status == 201 || answer.refusal() == (409, "too_many_secrets")));
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 2);
}

#[tokio::test]
async fn only_clients_that_prove_themselves_by_one_have_secrets() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    root.patch("/clients/wiki", json!({"token_endpoint_auth_method": "none"})).await.ok();
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 0, "it needs none any more");
    let refused = root.post("/clients/wiki/secrets", json!({})).await;
    assert_eq!(refused.refusal(), (409, "client_without_secret"));
    for bad in [json!({"overlap_seconds": -1}), json!({"overlap_seconds": 2_592_001}), json!({"overlap": 1})] {
        let refused = root.post("/clients/wiki/secrets", bad.clone()).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{bad}");
    }
}

#[tokio::test]
async fn a_secret_lasts_no_longer_than_its_makers_right_to_make_it() {
    let (server, root) = world().await;
    let keeper = server.person_with("keeper", &[]).await;
    let end = server.app.clock.now().unix_timestamp() + 3600;
    let grant = json!({"person_id": keeper.id, "service_id": SHOP, "role_id": 0, "expires_at": end});
    root.post("/person-service-roles", grant).await.ok();
    let made = make(&keeper, wiki()).await.ok();
    assert!(made.body["client_secret_expires_at"].is_string(), "{made:?}");
    let made = make(&root, with(wiki(), json!({"client_id": "other"}))).await.ok();
    assert!(made.body["client_secret_expires_at"].is_null());
    let rotated = keeper.post("/clients/other/secrets", json!({})).await.ok();
    assert!(rotated.body["expires_at"].is_string(), "{rotated:?}");
}
