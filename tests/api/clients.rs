//! Clients: registered, changed, found, deleted, by whoever manages their service.

mod endings;
mod fields;
mod logo;
mod secrets;
mod subject;

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};

const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");
const SHOP: i32 = 1;
const BANK: i32 = 2;
/// Carries `sell`; Shop and Bank offer it.
const CLERK: i32 = 1;

async fn world() -> (Server, Caller) {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    // The one that is there from the start has stories of its own.
    server.execute("delete from auth.clients").await;
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    root.post("/permissions", json!({"name": "sell"})).await.ok();
    root.post("/role-permissions", json!({"role_id": CLERK, "permission_id": "sell"})).await.ok();
    for service in ["Shop", "Bank"] {
        root.post("/services", json!({"name": service})).await.ok();
        for role in [CLERK, 0, -1] {
            root.post("/service-roles", json!({"service_id": service, "role_id": role})).await.ok();
        }
    }
    (server, root)
}

fn wiki() -> Value {
    json!({
        "client_id": "wiki", "client_name": "Wiki", "service_id": SHOP,
        "redirect_uris": ["https://wiki.example/callback"],
    })
}

/// The same with other fields.
fn with(mut body: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("fields, not {fields}") };
    for (field, value) in fields {
        body[field] = value;
    }
    body
}

fn robot() -> Value {
    json!({"client_id": "robot", "client_name": "Robot", "service_id": SHOP, "grant_types": ["client_credentials"]})
}

async fn make(by: &Caller, body: Value) -> Response {
    by.post("/clients", body).await
}

#[tokio::test]
async fn three_fields_make_a_confidential_client_that_logs_people_in_with_pkce() {
    let (server, root) = world().await;
    let body = json!({"client_name": "Wiki", "service_id": "Shop", "redirect_uris": ["https://wiki.example/callback"]});
    let made = make(&root, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let client_id = made.body["client_id"].as_str().expect("a client_id");
    assert!(client_id.starts_with('c') && client_id.len() == 33, "{client_id}");
    for (field, value) in [
        ("service_id", json!(SHOP)),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("scope", json!("openid profile email offline_access roles permissions")),
        ("audience", json!([SHOP])),
        ("access_token_format", json!("jwt")),
        ("access_token_lifetime_seconds", json!(300)),
        ("id_token_signed_response_alg", json!("ES256")),
        ("require_pkce", json!(true)),
        ("dpop_bound_access_tokens", json!(false)),
        ("consent", json!("remember")),
        ("who_may_use", json!("everybody")),
        ("person_id", Value::Null),
        ("loopback_only", json!(false)),
        ("client_secret_expires_at", Value::Null),
        ("created_by", json!(root.id)),
    ] {
        assert_eq!(made.body[field], value, "{field}");
    }
    let secret = made.body["client_secret"].as_str().expect("a secret");
    assert!(secret.starts_with("pcs_") && secret.len() == 76);

    let got = root.get(&format!("/clients/{client_id}")).await.ok();
    let list = root.get("/clients").await.ok();
    assert_eq!(list.body, json!([got.body]));
    assert!(got.body.get("client_secret").is_none());
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 1);
    let public = with(wiki(), json!({"token_endpoint_auth_method": "none"}));
    let public = make(&root, public).await.ok();
    assert!(public.body.get("client_secret").is_none(), "a public client has none");
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 1);
}

#[tokio::test]
async fn who_manages_a_service_manages_its_clients_and_no_others() {
    let (server, root) = world().await;
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let reader = server.person_with("reader", &[(0, -2)]).await;
    make(&root, with(wiki(), json!({"client_id": "vault", "service_id": BANK}))).await.ok();
    make(&keeper, wiki()).await.ok();
    assert_eq!(keeper.get("/clients").await.column("client_id"), ["wiki"]);
    assert_eq!(keeper.get("/clients?service=Shop").await.column("client_id"), ["wiki"]);
    assert_eq!(reader.get("/clients").await.column("client_id"), ["vault", "wiki"]);
    keeper.get("/clients/wiki").await.ok();
    keeper.patch("/clients/wiki", json!({"client_name": "The wiki"})).await.ok();
    let name = || json!({"client_name": "Mine"});
    for refused in [
        make(&keeper, with(wiki(), json!({"client_id": "other", "service_id": BANK}))).await,
        make(&keeper, with(wiki(), json!({"client_id": "other", "service_id": "nothing"}))).await,
        make(&keeper, with(wiki(), json!({"client_id": "other", "audience": [SHOP, BANK]}))).await,
        keeper.patch("/clients/wiki", json!({"audience": [BANK]})).await,
        keeper.get("/clients?service=2").await,
        keeper.get("/clients/vault").await,
        keeper.get("/clients/nothing").await,
        keeper.patch("/clients/vault", name()).await,
        keeper.patch("/clients/nothing", name()).await,
        keeper.delete("/clients/vault").await,
        keeper.get("/clients/vault/secrets").await,
        keeper.post("/clients/vault/secrets", json!({})).await,
        keeper.delete("/clients/vault/secrets/1").await,
        reader.patch("/clients/wiki", name()).await,
        reader.delete("/clients/wiki").await,
        reader.post("/clients/wiki/secrets", json!({})).await,
        make(&reader, with(wiki(), json!({"client_id": "other"}))).await,
    ] {
        assert_eq!(refused.refusal(), FORBIDDEN, "{refused:?}");
    }
    for missing in [root.get("/clients/nothing").await, root.delete("/clients/%00").await] {
        assert_eq!(missing.refusal(), (404, "client_not_found"));
    }
    keeper.delete("/clients/wiki").await.ok();
    assert_eq!(root.get("/clients/wiki").await.refusal(), (404, "client_not_found"));
}

#[tokio::test]
async fn nobody_changes_a_client_whose_tokens_open_a_service_that_they_do_not_manage() {
    let (server, root) = world().await;
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    make(&root, with(wiki(), json!({"audience": ["Shop", "Bank"]}))).await.ok();
    let redirect = json!({"redirect_uris": ["https://evil.example/callback"]});
    assert_eq!(keeper.patch("/clients/wiki", redirect.clone()).await.refusal(), FORBIDDEN);
    assert_eq!(keeper.post("/clients/wiki/secrets", json!({})).await.refusal(), FORBIDDEN);
    keeper.patch("/clients/wiki", json!({"audience": ["Shop"]})).await.ok();
    keeper.patch("/clients/wiki", redirect).await.ok();
    keeper.post("/clients/wiki/secrets", json!({})).await.ok();
}

#[tokio::test]
async fn a_change_says_what_it_changes_and_heeds_what_was_seen() {
    let (_server, root) = world().await;
    make(&root, wiki()).await.ok();
    let seen = root.get("/clients/wiki").await.ok();
    let change = json!({
        "client_name": "Docs", "redirect_uris": ["https://docs.example/cb", "https://docs.example/cb"],
        "post_logout_redirect_uris": ["https://docs.example/"],
        "backchannel_logout_uri": "https://docs.example/logout", "scope": "openid Shop:sell", "audience": ["Shop", BANK],
        "access_token_format": "opaque", "access_token_lifetime_seconds": 60, "id_token_signed_response_alg": "EdDSA",
        "require_pkce": false, "dpop_bound_access_tokens": true, "consent": "none", "who_may_use": "members",
        "grant_types": ["authorization_code"], "token_endpoint_auth_method": "client_secret_post",
    });
    let changed = root.patch("/clients/wiki", change.clone()).await.ok();
    for (field, value) in change.as_object().expect("fields") {
        let expected = match field.as_str() {
            "redirect_uris" => json!(["https://docs.example/cb"]),
            "audience" => json!([SHOP, BANK]),
            _ => value.clone(),
        };
        assert_eq!(changed.body[field], expected, "{field}");
    }
    let again = root.get("/clients/wiki").await.ok();
    assert_eq!((&again.body, again.header("etag")), (&changed.body, changed.header("etag")));
    let none = root.patch("/clients/wiki", json!({"backchannel_logout_uri": null})).await.ok();
    assert_eq!(none.body["backchannel_logout_uri"], Value::Null);
    assert_eq!(root.patch("/clients/wiki", json!({})).await.refusal(), (400, "invalid_request_body"));
    for (method, body) in [(Method::PATCH, json!({"client_name": "Late"})), (Method::DELETE, Value::Null)] {
        let tag = seen.header("etag").to_owned();
        let (body, tagged) = (body.to_string(), |request: Builder| request.header("if-match", tag));
        let late = root.send_with(method, "/clients/wiki", &body, tagged).await;
        assert_eq!(late.refusal(), (412, "precondition_failed"));
    }
}

#[tokio::test]
async fn a_list_has_pages_a_filter_and_a_count() {
    let (_server, root) = world().await;
    for (id, name, service) in [("a", "Alpha", SHOP), ("b", "Beta", BANK), ("alp", "Gamma", SHOP)] {
        make(&root, with(wiki(), json!({"client_id": id, "client_name": name, "service_id": service}))).await.ok();
    }
    let first = root.get("/clients?limit=2&count=true&q=AL").await.ok();
    assert_eq!((first.column("client_id"), first.header("x-total-count")), (vec![json!("a"), json!("alp")], "2"));
    let first = root.get("/clients?limit=1&service=Shop").await.ok();
    assert_eq!(first.column("client_id"), ["a"]);
    let second = root.get(&first.next().expect("more")).await.ok();
    assert_eq!((second.column("client_id"), second.next()), (vec![json!("alp")], None));
    for bad in ["/clients?limit=0", "/clients?after=x", "/clients?count=1"] {
        assert_eq!(root.get(bad).await.refusal(), (400, "invalid_query"), "{bad}");
    }
    assert_eq!(root.get("/clients?service=nothing").await.refusal(), (400, "invalid_service_id"));
    assert_eq!(root.get("/clients?service=99").await.refusal(), (404, "service_not_found"));
}

#[tokio::test]
async fn of_many_who_want_one_client_id_one_gets_it_and_nobody_ever_again() {
    let (server, root) = world().await;
    let requests = (0..12).map(|n| {
        let (by, id) = (root.clone(), if n % 2 == 0 { "wiki" } else { "WIKI" });
        async move { make(&by, with(wiki(), json!({"client_id": id}))).await }
    });
    let answers = Caller::together(requests).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.refusal(), (409, "client_exists"));
    }
    let id = made[0].body["client_id"].as_str().expect("an id").to_owned();
    root.delete(&format!("/clients/{id}")).await.ok();
    for again in ["wiki", "WIKI"] {
        assert_eq!(make(&root, with(wiki(), json!({"client_id": again}))).await.refusal(), (409, "client_exists"));
    }
    assert_eq!(server.number("select count(*) from auth.clients").await, 1);
}

#[tokio::test]
async fn what_is_asked_twice_under_one_key_is_made_once_and_shown_as_it_was() {
    let (server, root) = world().await;
    let key = "5f2b9d0c-5a0f-4a3f-8f0a-4d6d3b1c2e90";
    let first = root.post_once("/clients", key, wiki()).await.ok();
    let again = root.post_once("/clients", key, wiki()).await.ok();
    assert_eq!(first.body, again.body);
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 1);
}

#[tokio::test]
async fn the_trail_tells_of_clients_and_never_their_secrets() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    root.patch("/clients/wiki", json!({"client_name": "Docs"})).await.ok();
    let secret = root.post("/clients/wiki/secrets", json!({})).await.ok();
    root.delete(&format!("/clients/wiki/secrets/{}", secret.id())).await.ok();
    root.delete("/clients/wiki").await.ok();
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let events = keeper.get("/audit-events?service=Shop").await.ok();
    let mut told = events.column("action");
    told.retain(|action| action.as_str().is_some_and(|action| action.starts_with("client")));
    told.reverse();
    assert_eq!(
        told,
        ["client.created", "client.changed", "client-secret.created", "client-secret.revoked", "client.deleted"]
    );
    let changed = events.body.as_array().expect("events").iter().find(|event| event["action"] == "client.changed");
    let changed = changed.expect("a change");
    assert_eq!(
        (&changed["before"], &changed["after"]),
        (&json!({"client_name": "Wiki"}), &json!({"client_name": "Docs"}))
    );
}

#[tokio::test]
async fn what_is_porteros_own_stays_as_it_is_and_a_service_has_so_many() {
    let (server, root) = world().await;
    server
        .execute(
            "insert into auth.clients (client_id, name, service_id, auth_method, grant_types, loopback_only, created_at)
             values ('loopback', 'Local', 0, 'client_secret_basic', '{password}', true, now());
             insert into auth.clients (client_id, name, service_id, auth_method, grant_types, created_at)
             select 'client' || n, 'Client', 1, 'none', '{authorization_code}', now() from generate_series(1, 1000) n",
        )
        .await;
    assert_eq!(root.get("/clients/loopback").await.ok().body["loopback_only"], true);
    for refused in [
        root.patch("/clients/loopback", json!({"client_name": "Mine"})).await,
        root.post("/clients/loopback/secrets", json!({})).await,
        root.delete("/clients/loopback/secrets/1").await,
    ] {
        assert_eq!(refused.refusal(), (409, "built_in"));
    }
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    assert_eq!(keeper.delete("/clients/loopback").await.refusal(), FORBIDDEN);
    root.delete("/clients/loopback").await.ok();
    assert_eq!(make(&keeper, wiki()).await.refusal(), (409, "too_many_clients"));
    keeper.delete("/clients/client7").await.ok();
    make(&keeper, wiki()).await.ok();
}

#[tokio::test]
async fn whoever_loses_a_client_midway_is_told_that_it_is_gone() {
    let (_server, root) = world().await;
    make(&root, robot()).await.ok();
    let requests = (0..10).map(|n| {
        let by = root.clone();
        async move {
            match n % 5 {
                0 => by.delete("/clients/robot").await,
                1 => by.patch("/clients/robot", json!({"grant_types": ["client_credentials"], "consent": "ask"})).await,
                2 => by.post("/clients/robot/secrets", json!({"overlap_seconds": 0})).await,
                3 => {
                    let grant = json!({"person_id": "client:robot", "service_id": SHOP, "role_id": CLERK});
                    by.post("/person-service-roles", grant).await
                }
                _ => by.delete("/services/1").await,
            }
        }
    });
    for answer in Caller::together(requests).await {
        assert!([200, 201, 400, 404].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(root.get("/clients/robot").await.refusal(), (404, "client_not_found"));
}

#[tokio::test]
async fn an_address_that_is_never_called_is_refused_and_one_of_before_stays() {
    let (server, root) = world().await;
    let signs = |uri: &str| json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri});
    let hears = |uri: &str| json!({"backchannel_logout_uri": uri});
    for inside in ["https://127.0.0.1/x", "https://[fd00::1]/x", "https://169.254.169.254/x", "https://localhost/x"] {
        for (fields, named) in [(signs(inside), "`jwks_uri`"), (hears(inside), "`backchannel_logout_uri`")] {
            let refused = make(&root, with(wiki(), fields)).await;
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{inside}");
            assert!(
                refused.detail().contains(named) && refused.detail().contains("not a public address"),
                "{refused:?}"
            );
        }
    }
    make(&root, with(wiki(), hears("https://wiki.example/x"))).await.ok();
    assert_eq!(root.patch("/clients/wiki", hears("https://10.0.0.1/x")).await.refusal(), (400, "invalid_request_body"));
    server.execute("update auth.clients set backchannel_logout_uri = 'https://10.0.0.1/x'").await;
    root.patch("/clients/wiki", json!({"client_name": "Wicki"})).await.ok();
}
