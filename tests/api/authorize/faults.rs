//! Requests that are not answered as asked: by a page while it is not known who asks, after that by an answer to the client.

use serde_json::json;

use super::{CHALLENGE, asking, carried, clerk, code, error, shop};

#[tokio::test]
async fn who_asks_must_be_known_before_anybody_is_sent_anywhere() {
    let server = shop().await;
    server.execute("update auth.clients set removed_at = now() where false").await;
    let (_, mut browser) = clerk(&server).await;
    for (request, sentence) in [
        (asking(&[("client_id", "")]), "has no client_id"),
        (asking(&[("client_id", "nobody")]), "is not known"),
        (asking(&[("client_id", "web-shop\0")]), "read"),
        (asking(&[("redirect_uri", "")]), "has no redirect_uri"),
        (
            asking(&[("redirect_uri", "https://evil.example")]),
            "web-shop wants you sent to an address that it has not registered: https://evil.example",
        ),
        (asking(&[("redirect_uri", "https://evil.example/<b>")]), "https://evil.example/&#60;b&#62;"),
        (asking(&[("redirect_uri", "https://evil.example"), ("request", "eyJ.eyJ.c2ln")]), "has not registered"),
        (asking(&[("redirect_uri", "https://evil.example"), ("prompt", "none")]), "has not registered"),
        (format!("{}&client_id=web-shop", asking(&[])), "read"),
        (format!("{}&redirect_uri=https%3A%2F%2Fevil.example", asking(&[])), "read"),
        (format!("{}{}", asking(&[]), "&a=b".repeat(100)), "read"),
        (asking(&[("nonce", &"n".repeat(9000))]), "read"),
        ("/oauth/authorize".to_owned(), "has no client_id"),
    ] {
        let page = browser.get(&request).await;
        assert_eq!(page.status, 400, "{request}");
        assert!(page.text.contains(sentence) && page.header("location").is_empty(), "{request}: {page:?}");
    }
    server.execute("update auth.clients set removed_at = now()").await;
    assert_eq!(browser.get(&asking(&[])).await.status, 400, "a removed client is none");
}

#[tokio::test]
async fn every_other_fault_goes_back_to_the_client() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    let deep = format!(r#"{{"id_token":{}}}"#, "[".repeat(1000));
    let plain = [("code_challenge_method", "plain")];
    for (parameters, expected) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("request", "eyJhbGciOiJub25lIn0.e30.")], "request_not_supported"),
        (&[("request_uri", "https://shop.example.com/r")], "request_uri_not_supported"),
        (&[("scope", "openid superuser")], "invalid_scope"),
        (&[("scope", "Store:erase")], "invalid_scope"),
        (&[("scope", "a\"b")], "invalid_scope"),
        (&[("resource", "urn:portero:service:Other")], "invalid_target"),
        (&[("resource", "https://evil.example")], "invalid_target"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&plain, "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("claims", "{")], "invalid_request"),
        (&[("claims", &deep)], "invalid_request"),
        (&[("claims", r#"{"id_token":{"acr":{"essential":true,"value":"9"}}}"#)], "unmet_authentication_requirements"),
    ] {
        let answer = browser.get(&asking(parameters)).await;
        assert_eq!(error(&answer), expected, "{parameters:?}");
        assert_eq!(carried(&answer).1["state"], "xyz", "{parameters:?}");
    }
    for (parameters, words) in [
        ([("scope", "openid profle")], "scope 'profle' is not one that this client may ask for here: openid"),
        (
            [("resource", "Shop")],
            "resource 'Shop' is not a service of this client; its tokens are for urn:portero:service:Store",
        ),
    ] {
        let answer = browser.get(&asking(&parameters)).await;
        assert!(carried(&answer).1["error_description"].contains(words), "{answer:?}");
    }
    // {"response_mode":"fragment","scope":"Store:erase"}: where the refusal goes, and nothing else of it.
    let object = "eyJhbGciOiJub25lIn0.eyJyZXNwb25zZV9tb2RlIjoiZnJhZ21lbnQiLCJzY29wZSI6IlN0b3JlOmVyYXNlIn0.";
    let answer = browser.get(&asking(&[("request", object)])).await;
    assert!(answer.header("location").contains("#error=request_not_supported"), "{answer:?}");
    for doubled in ["scope", "nonce", "prompt", "response_type", "anything"] {
        let answer = browser.get(&format!("{}&{doubled}=openid&{doubled}=openid", asking(&[("scope", "")]))).await;
        assert_eq!(error(&answer), "invalid_request", "{doubled}");
    }
    let answer = browser.get(&format!("{}&state=other", asking(&[]))).await;
    assert_eq!((error(&answer).as_str(), carried(&answer).1.get("state")), ("invalid_request", None));
    server.execute("update auth.clients set grant_types = '{refresh_token}'").await;
    assert_eq!(error(&browser.get(&asking(&[])).await), "unauthorized_client");
}

#[tokio::test]
async fn a_client_that_may_do_without_a_challenge_may_still_send_one() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    server
        .execute("update auth.clients set auth_method = 'client_secret_basic', requires_pkce = false, consent = 'none'")
        .await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = browser.get(&asking(&without)).await;
    code(&browser.log_in(&page, "ada").await);
    code(&browser.get(&asking(&[])).await);
    assert_eq!(error(&browser.get(&asking(&[("code_challenge", "")])).await), "invalid_request");
    let challenges: Vec<Option<String>> =
        sqlx::query_scalar("select code_challenge from auth.authorizations order by id")
            .fetch_all(server.app.db.pool())
            .await
            .expect("challenges");
    assert_eq!(challenges, [None, Some(CHALLENGE.to_owned())]);
}

#[tokio::test]
async fn what_nobody_knows_changes_nothing() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none'").await;
    let (_, mut browser) = clerk(&server).await;
    let claims = json!({"userinfo": {"name": {"essential": true}}, "id_token": {"acr": {"values": ["1", "2"]}}});
    let request = asking(&[
        ("display", "touch"),
        ("ui_locales", "se es"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
        ("claims", &claims.to_string()),
        ("extra", "foobar"),
        ("scope", "address phone Store:read openid"),
        ("resource", "urn:portero:service:Store"),
    ]);
    let page = browser.get(&request).await;
    assert!(page.text.contains("Iniciar sesión"), "{page:?}");
    code(&browser.log_in(&page, "ada").await);
    let stored: serde_json::Value = sqlx::query_scalar("select claims from auth.authorizations")
        .fetch_one(server.app.db.pool())
        .await
        .expect("claims");
    assert_eq!(stored, claims);
}
