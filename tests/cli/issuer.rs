//! `portero issuer`.

use serde_json::json;

use crate::support::House;

const SECRET: &str = "0b3f6a5f0f4e8f5b7c1d2e3f40516263";

#[tokio::test]
async fn issuers_are_trusted_shown_changed_and_removed() {
    let house = House::new().await;
    house.json(&["service", "add", "Shop"]);
    let made = house
        .json_with(&["issuer", "add", "Shop", "--secret", "--claim", "user_id", "--by", "id"], &format!("{SECRET}\n"));
    assert_eq!((&made["issuer"], &made["has_secret"], &made["person_by"]), (&json!(null), &json!(true), &json!("id")));
    house
        .run_with(&["issuer", "add", "Shop", "--secret", "--by", "id"], &format!("{SECRET}\n"), &[])
        .refused(&["already has a secret without an issuer (id 1)"]);
    let second = ["issuer", "add", "Shop", "--issuer", "https://a.example", "--jwks-uri", "https://a.example/keys"];
    let second = house.json(&[&second[..], &["--audience", "shop", "--by", "username", "--leeway", "10"]].concat());
    assert_eq!((&second["audiences"], &second["leeway_seconds"]), (&json!(["shop"]), &json!(10)));
    let listed = house.run(&["issuer", "list", "Shop"]).out;
    assert!(listed.contains("https://a.example/keys") && listed.contains("user_id by id"), "{listed}");
    let shown = house.run(&["issuer", "show", "Shop", "1"]).out;
    assert!(shown.contains("without a name") && shown.contains("Note: no `audiences`"), "{shown}");
    assert!(!shown.contains(SECRET) && !listed.contains(SECRET));
    let file = house.file("keys.json", r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#);
    let changed = house.json(&["issuer", "change", "Shop", "2", "--jwks", &file, "--no-audiences", "--by", "email"]);
    assert_eq!((&changed["jwks"]["keys"][0]["kid"], &changed["audiences"]), (&json!("a"), &json!([])));
    house.run(&["issuer", "change", "Shop", "2"]).refused(&["nothing to change"]);
    house.run(&["issuer", "add", "Shop", "--by", "id"]).refused(&["jwks_uri"]);
    house.run(&["issuer", "add", "Shop", "--by", "id", "--jwks-uri", "https://a.example/"]).refused(&["issuer"]);
    assert_eq!(house.run(&["issuer", "add", "Shop", "--by", "id", "--leeway", "301", "--jwks-uri", "x"]).code, 2);
    house.json(&["issuer", "remove", "Shop", "1"]);
    house.run(&["issuer", "remove", "Shop", "1"]).refused(&["trusted issuer"]);
    assert_eq!(house.json(&["issuer", "list", "Shop"]).as_array().map(Vec::len), Some(1));
    assert_eq!(house.told("trusted-issuer.added").await.len(), 2);
    assert_eq!(house.told("trusted-issuer.removed").await.len(), 1);
}
