//! What a person lets applications do, as they see it and take it back.

use serde_json::json;

use super::{Browser, asking, clerk, code, shop};

#[tokio::test]
async fn people_see_what_acts_for_them_and_take_it_back() {
    let server = shop().await;
    let (ada, _) = clerk(&server).await;
    let bob = server.person_with("bob", &[]).await;
    assert_eq!(ada.get("/auth/me/applications").await.body, json!([]));
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    let listed = ada.get("/auth/me/applications?count=true").await.ok();
    let mut one = listed.body[0].clone();
    assert!(one["since"].is_string());
    one["since"] = json!(null);
    let shown = json!({
        "id": 1000, "client_id": "web-shop", "name": "Web Shop", "scopes": ["Store:read", "openid"],
        "since": null, "last_used_at": null,
    });
    assert_eq!((one, listed.header("x-total-count")), (shown, "1"));
    server.execute("update auth.authorizations set code_redeemed_at = now(), refreshed_at = now()").await;
    assert!(ada.get("/auth/me/applications").await.body[0]["last_used_at"].is_string());
    assert_eq!(ada.get("/auth/me/applications?q=web").await.column("id").len(), 1);
    assert_eq!(ada.get("/auth/me/applications?q=other").await.column("id").len(), 0);

    let theirs = "/auth/me/applications/web-shop";
    assert_eq!(bob.delete(theirs).await.refusal(), (404, "application_not_found"));
    assert_eq!(bob.get("/auth/me/applications").await.body, json!([]));
    let revoked = ada.delete(theirs).await.ok();
    assert_eq!(revoked.body, json!({"status": "application_revoked", "client_id": "web-shop"}));
    assert_eq!(ada.delete(theirs).await.refusal(), (404, "application_not_found"));
    assert_eq!(ada.get("/auth/me/applications").await.body, json!([]));
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    let told: serde_json::Value =
        sqlx::query_scalar("select before from auth.audit_events where action = 'consent.revoked'")
            .fetch_one(server.app.db.pool())
            .await
            .expect("an event");
    assert_eq!(told, json!({"client_id": "web-shop", "authorizations": 1}));
    assert!(browser.get(&asking(&[])).await.text.contains(r#"id="allow""#), "they are asked again");
}

#[tokio::test]
async fn what_is_over_is_not_listed() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none'").await;
    let (ada, _) = clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    code(&browser.get(&asking(&[])).await);
    assert_eq!(ada.get("/auth/me/applications").await.column("client_id"), ["web-shop"]);
    server.execute("update auth.authorizations set code_expires_at = now() - interval '1 s'").await;
    assert_eq!(ada.get("/auth/me/applications").await.body, json!([]), "a code that nobody redeemed");
    server.execute("update auth.authorizations set code_redeemed_at = now()").await;
    assert_eq!(ada.get("/auth/me/applications").await.column("client_id"), ["web-shop"]);
    server.execute("update auth.authorizations set expires_at = now() - interval '1 s'").await;
    assert_eq!(ada.get("/auth/me/applications").await.body, json!([]));
}
