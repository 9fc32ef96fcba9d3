//! `?count=true`: how many rows a list has on all its pages, by the same filter and for the same eyes as its rows.

use serde_json::json;

use crate::support::document::operations;
use crate::support::{Caller, Server};

/// Every list that is counted, of the demo data.
const LISTS: [&str; 31] = [
    "/users",
    "/roles",
    "/permissions",
    "/services",
    "/roles/1/permissions",
    "/services/4/roles",
    "/services/4/roles/4/people",
    "/services/4/keys",
    "/services/4/issuers",
    "/services/4/policies",
    "/services/4/resource-types",
    "/services/4/resources",
    "/resource-roles?service_id=4",
    "/auth_policies?service=4",
    "/clients",
    "/api/v1/client",
    "/services/4/access-review",
    "/people/5/services",
    "/people/5/services/1/roles",
    "/administrators",
    "/invitations",
    "/users/1/sessions",
    "/auth/sessions",
    "/auth/me/applications",
    "/auth/me/factors",
    "/auth/me/trusted-devices",
    "/users/1/factors",
    "/groups",
    "/groups/1/members",
    "/groups/1/roles",
    "/users/7/groups",
];

/// With one more parameter.
fn with(list: &str, parameter: &str) -> String {
    format!("{list}{}{parameter}", if list.contains('?') { '&' } else { '?' })
}

/// How many rows the list is said to have.
async fn total(caller: &Caller, path: &str) -> i64 {
    let answer = caller.get(path).await.ok();
    answer.header("x-total-count").parse().unwrap_or_else(|_| panic!("{path} has no total: {answer:?}"))
}

#[tokio::test]
async fn every_list_says_how_many_rows_it_has_when_it_is_asked() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for _ in 0..3 {
        server.demo("adm1").await;
        server.backend(4).await;
        adm1.post("/invitations", json!({})).await.ok();
        let client = json!({"client_name": "App", "service_id": 4, "redirect_uris": ["https://app.example/"]});
        adm1.post("/clients", client).await.ok();
    }
    crate::authorize::agreed(&adm1, "web-shop").await;
    crate::authorize::agreed(&adm1, "wiki").await;
    adm1.post("/groups", json!({"name": "Editors"})).await.ok();
    adm1.post("/groups", json!({"name": "Inner"})).await.ok();
    for member in [json!({"person_id": 7}), json!({"person_id": 8}), json!({"group_id": "Inner"})] {
        adm1.post("/groups/1/members", member).await.ok();
    }
    adm1.post("/groups/2/members", json!({"person_id": 7})).await.ok();
    for role in [3, 4] {
        adm1.post("/group-service-roles", json!({"group_id": 1, "service_id": 4, "role_id": role})).await.ok();
    }
    for issuer in ["https://a.example", "https://b.example", "https://c.example"] {
        let issuer = json!({"issuer": issuer, "jwks_uri": "https://a.example/keys", "person_by": "id"});
        adm1.post("/services/4/issuers", issuer).await.ok();
    }
    for name in ["invoice", "order", "letter"] {
        let policy = json!({"table_name": name, "action": "read", "expression": ""});
        adm1.post("/services/4/policies", policy).await.ok();
        adm1.put(&format!("/services/4/resource-types/{name}"), json!({"columns": {}})).await.ok();
        adm1.put(&format!("/services/4/resources/{name}/1"), json!({})).await.ok();
        let held = json!({"service_id": 4, "type": name, "id": "1", "role_id": 4, "person_id": 7});
        adm1.post("/resource-roles", held).await.ok();
    }
    server
        .execute(
            "insert into auth.totp_factors (person_id, name, secret, sealed_by, created_at, confirmed_at, last_step)
             select 1, 'Phone ' || n, 'sealed', 'a key', now(), now(), 1 from generate_series(1, 3) n;
             insert into auth.trusted_devices (token, person_id, created_at, last_used_at, expires_at)
             select sha256(int4send(n)), 1, now(), now(), now() + interval '1 day' from generate_series(1, 3) n",
        )
        .await;
    for list in LISTS {
        let rows = adm1.get(&with(list, "limit=1000")).await.ok();
        assert!(!rows.headers.contains_key("x-total-count"), "{list}: not unless asked");
        let rows = i64::try_from(rows.body.as_array().expect("a list").len()).expect("a few");
        assert!(rows > 0, "{list} has something to count");
        for ask in ["count=true", "count=true&limit=1", "limit=2&count=true"] {
            assert_eq!(total(&adm1, &with(list, ask)).await, rows, "{list}?{ask}");
        }
        for ask in ["count=false", "limit=1"] {
            let answer = adm1.get(&with(list, ask)).await.ok();
            assert!(!answer.headers.contains_key("x-total-count"), "{list}?{ask}");
        }
        for bad in ["count=", "count=1", "count=yes", "count=TRUE", "count=true&count=true"] {
            assert_eq!(adm1.get(&with(list, bad)).await.refusal(), (400, "invalid_query"), "{list}?{bad}");
        }
    }
}

#[test]
fn every_paged_list_but_the_audit_trail_is_counted() {
    let has = |name: &str, json: &serde_json::Value| {
        json["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == name)
    };
    let mut counted = 0;
    for operation in operations().iter().filter(|operation| has("limit", operation.json)) {
        let is_counted = has("count", operation.json);
        assert_eq!(!is_counted, ["list_audit_events", "list_own_activity"].contains(&operation.id()), "{operation}");
        let header = &operation.json["responses"]["200"]["headers"]["X-Total-Count"]["schema"]["type"];
        assert_eq!(*header == "integer", is_counted, "{operation}");
        counted += usize::from(is_counted);
    }
    assert_eq!(counted, LISTS.len());
}

#[tokio::test]
async fn the_total_is_the_same_on_every_page() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for _ in 0..4 {
        server.demo("usr1").await;
    }
    for (list, rows) in [("/users", 15), ("/services/4/access-review", 9), ("/users/2/sessions", 4)] {
        let mut next = Some(format!("{list}?count=true&limit=2"));
        let mut pages = 0;
        while let Some(path) = next {
            let page = adm1.get(&path).await.ok();
            assert_eq!(page.header("x-total-count"), rows.to_string(), "{path}");
            next = page.next();
            pages += 1;
        }
        assert!(pages > 1, "{list}");
    }
    assert_eq!(
        adm1.get("/users?count=true&limit=1&q=a").await.next().as_deref(),
        Some("/users?after=1&limit=1&q=a&count=true")
    );
    assert_eq!(adm1.get("/users?limit=1").await.next().as_deref(), Some("/users?after=1&limit=1"));
}

#[tokio::test]
async fn what_a_filter_leaves_out_is_not_counted() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (list, rows) in [
        ("/users?q=EDITOR", 3),
        ("/users?q=nobody", 0),
        ("/services?q=ui", 2),
        ("/roles?q=e", 1),
        ("/permissions?q=zzz", 0),
        ("/services/4/roles/4/people?q=VIEW", 2),
        ("/people/5/services?q=service%20c", 1),
        ("/services/4/access-review?role=Viewer", 3),
        ("/services/4/access-review?role=Viewer&q=view", 2),
    ] {
        assert_eq!(total(&adm1, &format!("{list}&count=true&limit=1")).await, rows, "{list}");
    }
    // Many match: another way to look, the same total.
    let crowd = "insert into auth.person (id, username, name, password_hash)
                 select 10000 + n, format('crowd%s', n), 'Crowd', '' from generate_series(1, 2100) n;
                 insert into auth.person_service_role (person_id, service_id, role_id)
                 select id, 4, 4 from auth.person where id > 10000 and id % 2 = 0";
    server.execute(crowd).await;
    assert_eq!(total(&adm1, "/users?count=true&q=crowd").await, 2100);
    assert_eq!(total(&adm1, "/users?count=true&q=crowd&after=12000").await, 2100);
    assert_eq!(total(&adm1, "/services/4/roles/4/people?count=true&q=crowd").await, 1050);
}

#[tokio::test]
async fn what_is_not_shown_is_not_counted() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let share = json!({"person_id": 7, "service_id": 4, "permission_id": 5});
    let given = adm1.post("/person-service-permissions", share.clone()).await.ok();
    let role = given.body["role_id"].as_i64().expect("a role");
    adm1.delete("/users/15").await.ok();
    adm1.delete("/services/5").await.ok();
    // Neither Portero's own, nor roles of direct grants, nor who and what is removed.
    for (list, rows) in [
        ("/roles", 4),
        ("/permissions", 5),
        ("/services", 4),
        ("/users", 14),
        ("/people/6/services", 0),
        ("/people/7/services/4/roles", 2),
    ] {
        assert_eq!(total(&adm1, &format!("{list}?count=true")).await, rows, "{list}");
    }
    let holders = format!("/services/4/roles/{role}/people?count=true");
    assert_eq!(total(&adm1, &holders).await, 1);
    adm1.delete_with("/person-service-permissions", share).await.ok();
    let gone = adm1.get(&holders).await;
    assert_eq!(gone.refusal(), (404, "role_not_found"), "with the last of what it carried");
}

#[tokio::test]
async fn who_may_not_see_a_list_hears_no_total() {
    let server = Server::on_the_demo_data().await;
    let nobody = server.powerless().await;
    for list in LISTS.iter().filter(|list| !list.starts_with("/auth/")) {
        let answer = nobody.get(&format!("{list}?count=true")).await;
        assert_eq!((answer.status, answer.header("x-total-count")), (403, ""), "{list}");
    }
    let own = total(&nobody, "/auth/sessions?count=true").await;
    assert_eq!(own, 1, "of others' sessions nothing is counted");
}

#[tokio::test]
async fn a_browser_of_another_origin_may_read_the_total() {
    let server = Server::configured(&[("CORS", "https://app.example.com")]).await;
    let answer = server
        .anonymous()
        .send_with(axum::http::Method::GET, "/", "", |request| request.header("origin", "https://app.example.com"))
        .await;
    let exposed = answer.header("access-control-expose-headers").to_owned();
    assert!(exposed.split(',').any(|name| name.trim() == "x-total-count"), "{exposed}");
}
