//! What backends that keep answers about foreign tokens hear.

use serde_json::json;

use super::{BANK, SECRET, SHOP, trust, world};
use crate::support::Server;

#[tokio::test]
async fn a_backend_hears_of_its_issuers_and_of_whom_their_tokens_mean_no_longer() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    let mut shop = server.backend(SHOP).await.listen(None).await;
    let mut bank = server.backend(BANK).await.listen(None).await;
    shop.expect("ready").await;
    bank.expect("ready").await;
    let issuer = trust(&root, json!({"secret": SECRET})).await.ok().id();
    let path = format!("/services/{SHOP}/issuers/{issuer}");
    assert!(shop.expect("grants-changed").await.data.get("user_id").is_none());
    root.patch(&path, json!({"leeway_seconds": 10})).await.ok();
    assert!(shop.expect("grants-changed").await.data.get("user_id").is_none());
    root.patch(&format!("/users/{}", juan.id), json!({"email": "juan@example.com"})).await.ok();
    assert_eq!(shop.expect("grants-changed").await.data["user_id"], juan.id);
    // Who has no session has none that ends.
    server
        .execute(
            "delete from auth.tokens_cache where person_id in (select id from auth.person where username = 'juan')",
        )
        .await;
    shop.expect("session-revoked").await;
    bank.expect("session-revoked").await;
    root.post(&format!("/users/{}/disable", juan.id), json!({})).await.ok();
    assert_eq!(shop.expect("grants-changed").await.data["user_id"], juan.id);
    root.delete(&path).await.ok();
    assert!(shop.expect("grants-changed").await.data.get("user_id").is_none());
    bank.silence().await;
}
