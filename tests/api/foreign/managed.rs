//! Who makes a service trust an issuer, and what is said of it.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{ISSUER, SECRET, SHOP, Signer, check, trust, world};
use crate::support::Server;

#[tokio::test]
async fn issuers_are_added_listed_changed_and_removed_and_their_secrets_never_shown() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    server.secrets.add(SECRET);
    let made = trust(&root, json!({"secret": SECRET, "audiences": ["b", "a", "b"]})).await;
    assert_eq!(made.status, 201);
    assert!(!made.text.contains(SECRET));
    let path = format!("/services/Shop/issuers/{}", made.id());
    assert_eq!(
        (&made.body["audiences"], &made.body["leeway_seconds"], &made.body["person_claim"], &made.body["version"]),
        (&json!(["a", "b"]), &json!(60), &json!("sub"), &json!(1))
    );
    assert!(made.body.get("remarks").is_none(), "{made:?}");
    assert_eq!(root.get(&path).await.ok().body, made.body);
    assert_eq!(root.get("/services/Shop/issuers?count=true").await.ok().body, json!([made.body]));
    assert_eq!(root.get("/services/Bank/issuers").await.ok().body, json!([]));
    let elsewhere = root.get(&format!("/services/Bank/issuers/{}", made.id())).await;
    assert_eq!(elsewhere.refusal(), (404, "issuer_not_found"));
    let signer = Signer::new(Algorithm::ES256, "one");
    let changed = root.patch(&path, json!({"jwks": {"keys": [signer.public]}, "audiences": []})).await.ok();
    assert_eq!((&changed.body["has_secret"], &changed.body["version"]), (&json!(false), &json!(2)));
    assert_eq!(changed.body["jwks"]["keys"][0]["kid"], "one");
    assert_eq!(root.patch(&path, json!({"issuer": null})).await.refusal(), (400, "invalid_request_body"));
    let short = root.patch(&path, json!({"secret": "sixteen bytes!!!"})).await.ok();
    assert!(short.body["remarks"][1].as_str().is_some_and(|remark| remark.contains("16 bytes")), "{short:?}");
    let removed = root.delete(&path).await.ok();
    assert_eq!(removed.body, json!({"status": "issuer_removed", "service_id": SHOP, "issuer_id": made.id()}));
    assert_eq!(root.delete(&path).await.refusal(), (404, "issuer_not_found"));
    let events = root.get("/audit-events?action=trusted-issuer.*").await.ok();
    assert_eq!(
        events.column("action"),
        ["trusted-issuer.removed", "trusted-issuer.changed", "trusted-issuer.changed", "trusted-issuer.added"]
            .map(Value::from)
    );
    assert_eq!(events.body[1]["after"]["secret_changed"], true);
    assert!(!events.text.contains(SECRET) && !events.text.contains("sixteen bytes"));
}

#[tokio::test]
async fn the_secret_is_sealed_in_the_database_for_its_service_alone() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    trust(&root, json!({"secret": SECRET})).await.ok();
    let row: String = sqlx::query_scalar("select t::text from auth.trusted_issuers t")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a row");
    assert!(!row.contains(SECRET) && !row.contains(&hex::encode(SECRET)), "{row}");
    let sealed: Vec<u8> = sqlx::query_scalar("select secret_sealed from auth.trusted_issuers")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a secret");
    let vault = server.app.vault.vault(&server.app.db).await.expect("a vault");
    let of_service = |id| vault.open(&format!("secret of a trusted issuer of service {id}"), &sealed);
    assert_eq!(of_service(SHOP).as_deref().map(Vec::as_slice), Some(SECRET.as_bytes()));
    assert!(of_service(super::BANK).is_none());
}

#[tokio::test]
async fn what_can_not_be_verified_by_or_told_apart_is_refused_with_the_field() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let public = Signer::new(Algorithm::ES256, "one").public;
    for (bad, field) in [
        (json!({}), "secret"),
        (json!({"secret": SECRET, "jwks_uri": "https://a.example/keys"}), "one of"),
        (json!({"secret": "my-secret"}), "secret"),
        (json!({"secret": "-----BEGIN PUBLIC KEY-----\nMIIB"}), "secret"),
        (json!({"jwks": {"keys": []}}), "jwks"),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}), "jwks"),
        (json!({"jwks_uri": "http://a.example/keys"}), "jwks_uri"),
        (json!({"jwks_uri": "https://me:secret@a.example/keys"}), "jwks_uri"),
        (json!({"issuer": null, "jwks": {"keys": [public]}}), "issuer"),
        (json!({"issuer": server.app.issuer.as_str(), "secret": SECRET}), "issuer"),
        (json!({"issuer": "", "secret": SECRET}), "issuer"),
        (json!({"secret": SECRET, "leeway_seconds": 301}), "leeway_seconds"),
        (json!({"secret": SECRET, "leeway_seconds": -1}), "leeway_seconds"),
        (json!({"secret": SECRET, "audiences": vec!["a"; 11]}), "audiences"),
        (json!({"secret": SECRET, "audiences": [""]}), "audiences"),
        (json!({"secret": SECRET, "person_by": "name"}), "person_by"),
        (json!({"secret": SECRET, "person_claim": ""}), "person_claim"),
        (json!({"secret": SECRET, "alg": "none"}), "alg"),
    ] {
        let refused = trust(&root, bad.clone()).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{bad}");
        assert!(refused.detail().contains(field), "{bad}: {refused:?}");
        assert!(!refused.text.contains("c2VjcmV0") && !refused.text.contains("my-secret"), "{refused:?}");
    }
    trust(&root, json!({"secret": SECRET})).await.ok();
    assert_eq!(trust(&root, json!({"secret": SECRET})).await.refusal(), (409, "issuer_exists"));
    for n in 1..20 {
        trust(&root, json!({"secret": SECRET, "issuer": format!("https://{n}.example")})).await.ok();
    }
    let more = trust(&root, json!({"secret": SECRET, "issuer": "https://more.example"})).await;
    assert_eq!(more.refusal(), (409, "too_many_issuers"));
    let of_portero =
        root.post("/services/0/issuers", json!({"issuer": ISSUER, "secret": SECRET, "person_by": "id"})).await;
    assert_eq!(of_portero.refusal(), (409, "built_in"));
    let nothing = root.patch(&format!("/services/{SHOP}/issuers/1"), json!({})).await;
    assert_eq!(nothing.refusal(), (400, "invalid_request_body"));
}

/// Whoever may name an issuer could be anybody in the service.
#[tokio::test]
async fn whoever_adds_one_could_do_all_that_it_says_for_others() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let made = trust(&root, json!({"secret": SECRET})).await.ok().id();
    let path = format!("/services/{SHOP}/issuers");
    let mut roles = Vec::new();
    // services:write, users:write, grants:write, and services:read.
    for (name, permissions) in [("keeper", vec![-7, -6]), ("help desk", vec![-1]), ("giver", vec![-9])] {
        let role = root.post("/roles", json!({"name": name})).await.ok().id();
        for permission in permissions {
            root.post("/role-permissions", json!({"role_id": role, "permission_id": permission})).await.ok();
        }
        roles.push(i32::try_from(role).expect("a small id"));
    }
    let [keeper, help_desk, giver] = roles[..] else { panic!("three roles") };
    let new = |n: u8| json!({"issuer": format!("https://{n}.example"), "secret": SECRET, "person_by": "id"});
    let only_services = server.person_with("ann", &[(SHOP, keeper)]).await;
    let no_giver = server.person_with("bea", &[(SHOP, keeper), (0, help_desk)]).await;
    let all = server.person_with("cid", &[(SHOP, keeper), (SHOP, giver), (0, help_desk)]).await;
    for lacking in [&only_services, &no_giver] {
        let refused = lacking.post(&path, new(1)).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "{refused:?}");
        let refused = lacking.patch(&format!("{path}/{made}"), json!({"person_by": "id"})).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    }
    all.post(&path, new(2)).await.ok();
    assert_eq!(all.post("/services/2/issuers", new(2)).await.refusal(), (403, "insufficient_permissions"));
    // Somebody there holds more of Portero's own than that: audit:read.
    let role = root.post("/roles", json!({"name": "looker"})).await.ok().id();
    root.post("/role-permissions", json!({"role_id": role, "permission_id": -10})).await.ok();
    server.person_with("dan", &[(SHOP, i32::try_from(role).expect("a small id"))]).await;
    let refused = all.post(&path, new(3)).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "{refused:?}");
    assert!(refused.detail().contains("audit:read"), "{refused:?}");
    // Who may less may end it all the same.
    only_services.delete(&format!("{path}/{made}")).await.ok();
    assert_eq!(check(&server, &Signer::secret(SECRET).token(&server, json!({}))).await.status, 401);
}

#[tokio::test]
async fn keys_that_can_t_have_signed_or_are_not_told_apart_are_refused_by_name() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let (rsa, other) = (Signer::new(Algorithm::RS256, "one").public, Signer::new(Algorithm::ES256, "two").public);
    let standing = trust(&root, json!({"secret": SECRET})).await.ok().id();
    let with = |key: &Value, field: &str, value: Value| {
        let mut key = key.clone();
        key[field] = value;
        key
    };
    let everybodys = with(&rsa, "e", json!("AQ"));
    for (keys, word) in [
        (vec![other.clone(), everybodys], "key 2"),
        (vec![with(&rsa, "alg", json!("HS256"))], "key 1 (\"one\") can't sign by its `alg`"),
        (vec![other.clone(), with(&rsa, "use", json!("enc"))], "key 2 (\"one\") is not for signatures"),
        (vec![other.clone(), with(&rsa, "kid", json!("two"))], "key 2 (\"two\") has the `kid` of another"),
    ] {
        let set = json!({"jwks": {"keys": keys}});
        let patched = root.patch(&format!("/services/{SHOP}/issuers/{standing}"), set.clone()).await;
        for refused in [trust(&root, with(&set, "issuer", json!("https://new.example"))).await, patched] {
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{word}");
            assert!(refused.detail().contains("jwks") && refused.detail().contains(word), "{word}: {refused:?}");
        }
    }
    trust(&root, json!({"issuer": "https://new.example", "jwks": {"keys": [rsa, other]}})).await.ok();
}
