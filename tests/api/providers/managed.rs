//! Who adds, changes and removes providers, and how.

use serde_json::{Value, json};

use super::{SECRET, add, linked, log_in, world};
use crate::authorize::browser::Browser;
use crate::support::Server;

fn new(more: Value) -> Value {
    let mut new = json!({"name": "acme", "issuer": "https://id.acme.example", "client_id": "portero"});
    super::merge(&mut new, &more);
    new
}

#[tokio::test]
async fn a_provider_is_added_listed_changed_and_removed() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let made = root.post("/providers", new(json!({"client_secret": SECRET}))).await.ok();
    assert_eq!(made.status, 201);
    let expected = json!({
        "name": "acme", "display_name": "acme", "kind": "oidc", "has_secret": true, "newcomers": "off", "enabled": true,
        "scopes": ["openid", "email", "profile"], "attributes": {}, "groups": [], "groups_claim": null, "version": 1,
        "redirect_uri": "http://127.0.0.1:7878/login/callback/acme",
        "backchannel_logout_uri": "http://127.0.0.1:7878/login/providers/acme/backchannel-logout",
    });
    for (name, value) in expected.as_object().expect("fields") {
        assert_eq!(&made.body[name], value, "{name}");
    }
    for path in ["/providers/acme", "/providers/1"] {
        assert_eq!(root.get(path).await.ok().body, made.body);
    }
    assert_eq!(root.get("/providers").await.ok().body, json!([made.body]));
    let changed = root.patch("/providers/acme", json!({"display_name": "Acme", "newcomers": "invite"})).await.ok();
    assert_eq!((&changed.body["display_name"], &changed.body["version"]), (&json!("Acme"), &json!(2)));
    let changed = root.patch("/providers/acme", json!({"client_secret": null})).await.ok();
    assert_eq!(changed.body["has_secret"], json!(false));
    root.delete("/providers/acme").await.ok();
    assert_eq!(root.get("/providers/acme").await.refusal(), (400, "invalid_provider_id"));
    assert_eq!(root.get("/providers/1").await.refusal(), (404, "provider_not_found"));
    let all: Vec<String> = sqlx::query_scalar(
        "select coalesce(before::text, '') || coalesce(after::text, '')
         from auth.audit_events where action like 'provider.%' order by id",
    )
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[2].contains("secret_changed") && !all.concat().contains(SECRET), "{all:?}");
}

#[tokio::test]
async fn the_secret_rests_sealed_and_is_never_shown() {
    let (idp, server, root) = world(json!({})).await;
    let sealed: Vec<u8> = sqlx::query_scalar("select secret_sealed from auth.providers")
        .fetch_one(server.app.db.pool())
        .await
        .expect("a secret");
    assert!(!String::from_utf8_lossy(&sealed).contains(SECRET));
    for path in ["/providers", "/providers/acme", "/audit-events"] {
        assert!(!root.get(path).await.text.contains(SECRET), "{path}");
    }
    drop(idp);
}

#[tokio::test]
async fn what_can_be_none_is_refused_and_the_field_named() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (wrong, field) in [
        (json!({"name": "Acme"}), "name"),
        (json!({"name": "7"}), "name"),
        (json!({"issuer": "http://id.acme.example"}), "issuer"),
        (json!({"issuer": "https://id.acme.example/?x"}), "issuer"),
        (json!({"client_id": ""}), "client_id"),
        (json!({"client_secret": ""}), "client_secret"),
        (json!({"scopes": ["email"]}), "scopes"),
        (json!({"scopes": ["open id"]}), "scopes"),
        (json!({"newcomers": "everybody"}), "newcomers"),
        (json!({"kind": "saml"}), "kind"),
        (json!({"attributes": {"a b": "c"}}), "attributes"),
        (json!({"groups": [{"value": "", "group_id": 1}]}), "groups"),
        (json!({"unknown": 1}), "unknown"),
    ] {
        let refused = root.post("/providers", new(wrong.clone())).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{wrong}");
        assert!(refused.detail().contains(field), "{wrong}: {refused:?}");
    }
    let unknown = json!({"groups_claim": "groups", "groups": [{"value": "staff", "group_id": "Nobody"}]});
    assert_eq!(root.post("/providers", new(unknown)).await.refusal(), (400, "invalid_group_id"));
    root.post("/providers", new(json!({}))).await.ok();
    for same in [json!({"issuer": "https://other.example"}), json!({"name": "other"})] {
        assert_eq!(root.post("/providers", new(same)).await.refusal(), (409, "provider_exists"));
    }
    assert_eq!(root.patch("/providers/acme", json!({})).await.refusal(), (400, "invalid_request_body"));
    for fixed in ["name", "issuer", "kind"] {
        let told = root.patch("/providers/acme", json!({fixed: null})).await;
        assert!(told.detail().starts_with(&format!("`{fixed}`: can't be changed")), "{told:?}");
        assert_eq!(
            root.patch("/providers/acme", json!({fixed: "oidc"})).await.refusal(),
            (400, "invalid_request_body")
        );
    }
}

#[tokio::test]
async fn only_who_may_speak_for_everybody_lets_others_in() {
    let (idp, server, _) = world(json!({})).await;
    server
        .execute(
            "insert into auth.role (id, name) values (500, 'Clerk of people');
             insert into auth.role_permission (role_id, permission_id) values (500, 0), (500, -1);
             insert into auth.service_roles (service_id, role_id) values (0, 500);",
        )
        .await;
    let clerk = server.person_with("clerk", &[(0, 500)]).await;
    clerk.get("/providers").await.ok();
    assert_eq!(
        clerk.post("/providers", new(json!({"name": "evil"}))).await.refusal(),
        (403, "insufficient_permissions")
    );
    let change = json!({"newcomers": "open"});
    assert_eq!(clerk.patch("/providers/acme", change).await.refusal(), (403, "insufficient_permissions"));
    assert_eq!(clerk.delete("/providers/acme").await.refusal(), (403, "insufficient_permissions"));
    assert_eq!(server.powerless().await.get("/providers").await.status, 403);
    assert_eq!(server.anonymous().get("/providers").await.status, 401);
    drop(idp);
}

#[tokio::test]
async fn a_provider_that_is_removed_takes_its_links_and_sessions_with_it() {
    let (idp, server, root) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    log_in(&idp, &server, &mut browser, json!({})).await.ok();
    let session = ada.with_token(&browser.cookies["portero"]);
    session.get("/auth/profile").await.ok();
    root.delete("/providers/acme").await.ok();
    assert_eq!((session.get("/auth/profile").await.status, ada.get("/auth/profile").await.status), (401, 200));
    // One of the same name begins anew.
    add(&root, &idp, json!({})).await.ok();
    assert_eq!(log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.status, 403);
}
