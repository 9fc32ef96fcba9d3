//! API keys on their page, and the accounts elsewhere on theirs.

use serde_json::json;

use super::{Browser, at_home, told};
use crate::policies::{EDITOR, SHOP, world};

const KEYS: &str = "/account/keys";

#[tokio::test]
async fn a_key_is_seen_with_its_scopes_and_revoked_at_a_click() {
    let (server, _root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let bob = server.person_with("bob", &[(SHOP, EDITOR)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    assert!(browser.get(KEYS).await.text.contains("You have no API keys."));
    let new = json!({"name": "nightly <export>", "scopes": ["Shop:read"]});
    let key = ada.post("/auth/me/keys", new.clone()).await.ok().id().to_string();
    let others = bob.post("/auth/me/keys", new).await.ok().id().to_string();
    let page = browser.get(KEYS).await;
    assert!(page.text.contains("nightly &#60;export&#62;") && page.text.contains("Shop:read"), "{page:?}");
    for id in [&*key, &others, "0", "x"] {
        let page = browser.submit_to(&page, KEYS, &[("revoke", id)]).await;
        assert_eq!(told(&page), "The key is revoked. Programs that have it are refused from now on.", "{id}");
    }
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 1, "that of bob");
}

#[tokio::test]
async fn who_has_linked_nothing_is_told_so() {
    let (_server, mut browser) = at_home().await;
    let page = browser.get("/account/providers").await;
    assert!(page.text.contains("You have linked no account elsewhere."), "{page:?}");
}
