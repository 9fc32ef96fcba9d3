//! Issuers whose keys are at an address of their own (`jwks_uri`).

use std::time::Duration as Wait;

use jsonwebtoken::Algorithm;
use serde_json::json;
use time::Duration;

use super::{SHOP, Signer, check, trust, world};
use crate::support::{Caller, Place, Said, Server};

fn set(signers: &[&Signer]) -> Said {
    Said::json(&json!({"keys": signers.iter().map(|signer| &signer.public).collect::<Vec<_>>()}))
}

/// A server that trusts an issuer whose keys are at the place.
async fn trusting(place: &Place) -> (Server, Caller) {
    let server = Server::configured(&place.settings()).await;
    let (root, _) = world(&server).await;
    trust(&root, json!({"jwks_uri": place.at("/keys")})).await.ok();
    (server, root)
}

#[tokio::test]
async fn keys_are_read_when_they_are_needed_and_again_for_a_new_one_once_a_minute() {
    let place = Place::open().await;
    let (server, _) = trusting(&place).await;
    let (one, two) = (Signer::new(Algorithm::ES256, "one"), Signer::new(Algorithm::EdDSA, "two"));
    place.says("/keys", set(&[&one]));
    assert_eq!(place.asked().len(), 0, "not before they are needed");
    for _ in 0..3 {
        assert_eq!(check(&server, &one.token(&server, json!({}))).await.status, 200);
    }
    assert_eq!(place.asked().len(), 1);
    place.says("/keys", set(&[&one, &two]));
    for n in 0..20 {
        let made_up = Signer::new(Algorithm::ES256, &format!("made up {n}"));
        assert_eq!(check(&server, &made_up.token(&server, json!({}))).await.refusal(), (401, "invalid_token"));
    }
    assert_eq!(place.asked().len(), 1, "whoever makes up ids of keys makes us ask no more often");
    server.app.clock.turn(Duration::minutes(1));
    assert_eq!(check(&server, &two.token(&server, json!({}))).await.status, 200);
    assert_eq!(place.asked().len(), 2);
    place.says("/keys", set(&[&two]));
    server.app.clock.turn(Duration::hours(1));
    assert_eq!(check(&server, &two.token(&server, json!({}))).await.status, 200);
    assert_eq!(check(&server, &one.token(&server, json!({}))).await.refusal(), (401, "invalid_token"), "taken away");
}

#[tokio::test]
async fn an_issuer_that_nobody_trusts_and_a_token_that_is_over_cause_no_call() {
    let place = Place::open().await;
    let (server, root) = trusting(&place).await;
    let one = Signer::new(Algorithm::ES256, "one");
    place.says("/keys", set(&[&one]));
    for stranger in [json!({"iss": "https://other.example"}), json!({"iss": null}), json!({"iss": place.url})] {
        assert_eq!(check(&server, &one.token(&server, stranger)).await.status, 401);
    }
    assert_eq!(place.asked().len(), 0);
    // Nor does one whose keys were given.
    let path = "/services/1/issuers/1";
    root.patch(path, json!({"jwks": {"keys": [one.public]}})).await.ok();
    let two = Signer::new(Algorithm::ES256, "two");
    assert_eq!(check(&server, &two.token(&server, json!({}))).await.status, 401);
    assert_eq!(check(&server, &one.token(&server, json!({}))).await.status, 200);
    assert_eq!(place.asked().len(), 0);
}

#[tokio::test]
async fn what_is_no_set_of_public_keys_is_not_taken_and_no_redirect_is_followed() {
    let place = Place::open().await;
    let (server, _) = trusting(&place).await;
    let one = Signer::new(Algorithm::ES256, "one");
    place.says("/elsewhere", set(&[&one]));
    let mut private = one.public.clone();
    private["d"] = json!("AAAA");
    for (n, said) in [
        Said::status(404),
        Said::json(&json!({"keys": []})),
        Said::json(&json!({"keys": [private]})),
        Said::json(&json!({"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}]})),
        Said::status(302).with("location", &place.at("/elsewhere")),
        Said { body: vec![b' '; 70_000].into(), ..set(&[&one]) },
        set(&[&one]).after(Wait::from_secs(30)),
    ]
    .into_iter()
    .enumerate()
    {
        place.says("/keys", said);
        let refused = check(&server, &one.token(&server, json!({}))).await;
        // It may be that the question gives up before the call does.
        assert!([401, 503].contains(&refused.status), "{n}: {refused:?}");
        assert_eq!(place.asked().len(), n + 1, "{n}");
        server.app.clock.turn(Duration::minutes(1));
    }
}

#[tokio::test]
async fn a_private_address_is_not_called_unless_that_is_allowed() {
    let place = Place::open().await;
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let one = Signer::new(Algorithm::ES256, "one");
    place.says("/keys", set(&[&one]));
    for inside in [
        &place.at("/keys"),
        "https://127.0.0.1/j",
        "https://10.0.0.1/x",
        "https://169.254.169.254/j",
        "https://[::1]/j",
    ] {
        let refused = trust(&root, json!({"jwks_uri": inside})).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{inside}");
        assert!(
            refused.detail().contains("`jwks_uri`") && refused.detail().contains("OUTBOUND_ALLOW_INTERNAL"),
            "{refused:?}"
        );
    }
    // As it was while that was allowed, and as a name may lead inside later.
    trust(&root, json!({"jwks_uri": "https://keys.example/keys"})).await.ok();
    sqlx::query("update auth.trusted_issuers set jwks_uri = $1")
        .bind(place.at("/keys"))
        .execute(server.app.db.pool())
        .await
        .expect("an address");
    let refused = check(&server, &one.token(&server, json!({}))).await;
    assert_eq!(refused.refusal(), (401, "invalid_token"));
    assert!(!refused.text.contains("127.0.0.1"), "nobody learns what is inside: {refused:?}");
    assert_eq!(place.asked().len(), 0);
    assert!(server.log.text().contains("OUTBOUND_ALLOW_INTERNAL"), "but the operator");
}

#[tokio::test]
async fn many_who_need_the_same_keys_make_one_call() {
    let place = Place::open().await;
    let (server, _) = trusting(&place).await;
    let one = Signer::new(Algorithm::ES256, "one");
    place.says("/keys", set(&[&one]));
    let token = one.token(&server, json!({}));
    let answers = futures_util::future::join_all((0..12).map(|_| async { check(&server, &token).await.status }));
    assert_eq!(answers.await, [200; 12]);
    assert_eq!(place.asked().len(), 1);
}

#[tokio::test]
async fn an_issuer_that_changes_while_its_keys_are_read_is_looked_at_again() {
    let place = Place::open().await;
    let (server, root) = trusting(&place).await;
    let one = Signer::new(Algorithm::ES256, "one");
    let token = one.token(&server, json!({}));
    let backend = server.backend(SHOP).await;
    for (n, in_a_list) in [false, true].into_iter().enumerate() {
        place.says("/keys", set(&[&one]).after(Wait::from_millis(300)));
        let asked = async {
            if in_a_list {
                let made_up = one.token(&server, json!({"iss": "https://made-up.example"}));
                let tokens = json!({"tokens": [token, made_up]});
                let listed = backend.post("/check-tokens", tokens).await.ok();
                assert_eq!(listed.body[1]["error"], "invalid_token");
                listed.body[0]["valid"].clone()
            } else {
                check(&server, &token).await.ok().body["valid"].clone()
            }
        };
        let meanwhile = async {
            while place.asked().len() <= n {
                tokio::time::sleep(Wait::from_millis(5)).await;
            }
            root.patch(&format!("/services/1/issuers/{}", n + 1), json!({"leeway_seconds": n + 1})).await.ok();
        };
        assert_eq!(tokio::join!(asked, meanwhile).0, true, "in a list: {in_a_list}");
        // Another one, whose keys are not known yet.
        root.delete(&format!("/services/1/issuers/{}", n + 1)).await.ok();
        trust(&root, json!({"jwks_uri": place.at("/keys")})).await.ok();
    }
}
