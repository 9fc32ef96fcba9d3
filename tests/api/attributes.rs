//! What administrators say of people: who sets it, who reads it, and how people are found by it.

mod files;
mod told;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Server};

async fn set(caller: &Caller, attributes: Value) {
    caller.patch("/users/7", json!({ "attributes": attributes })).await.ok();
}

async fn kept(caller: &Caller) -> Value {
    caller.get("/users/7").await.ok().body["attributes"].clone()
}

/// Somebody who may register and change people, and nothing else.
async fn help_desk(server: &Server) -> Caller {
    server
        .execute(
            "insert into auth.role (id, name) values (90, 'Help desk');
             insert into auth.role_permission (role_id, permission_id) values (90, 0), (90, -1);
             insert into auth.service_roles (service_id, role_id) values (0, 90)",
        )
        .await;
    server.person_with("desk", &[(0, 90)]).await
}

#[tokio::test]
async fn a_change_merges_and_null_takes_away() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    assert_eq!(kept(&adm1).await, Value::Null, "who has none is told none");
    set(&adm1, json!({"department": "sales", "level": 3, "active": true, "sites": ["Lima", 7, false]})).await;
    set(&adm1, json!({"level": null, "sites": [], "cost-center": -1.5, "nothing": null})).await;
    let expected = json!({"department": "sales", "active": true, "sites": [], "cost-center": -1.5});
    assert_eq!(kept(&adm1).await, expected);
    adm1.put("/users/7", json!({"name": "Juan", "attributes": {}})).await.ok();
    assert_eq!(kept(&adm1).await, expected);
    let before = adm1.get("/users/7").await.ok();
    adm1.put("/users/7", json!({"attributes": {"active": false}})).await.ok();
    let stale = |request: axum::http::request::Builder| request.header("if-match", before.header("etag"));
    let change = json!({"attributes": {"active": true}}).to_string();
    assert_eq!(adm1.send_with(Method::PATCH, "/users/7", &change, stale).await.refusal(), (412, "precondition_failed"));
    set(&adm1, Value::Null).await;
    assert_eq!(kept(&adm1).await, Value::Null);

    let ada = json!({"username": "ada", "name": "Ada", "attributes": {"department": "it", "level": null}});
    let ada = adm1.post("/users", ada).await.ok().id();
    assert_eq!(adm1.get(&format!("/users/{ada}")).await.ok().body["attributes"], json!({"department": "it"}));
    let told: Value = sqlx::query_scalar(
        "select jsonb_build_array(before -> 'attributes', after -> 'attributes') from auth.audit_events
         where action = 'user.changed' order by id limit 1",
    )
    .fetch_one(server.app.db.pool())
    .await
    .expect("an event");
    assert_eq!((&told[0], &told[1]["level"]), (&Value::Null, &json!(3)), "as of all that is kept of people: {told}");
}

#[tokio::test]
async fn what_an_attribute_can_not_be_is_refused_with_its_name() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (attributes, named) in [
        (json!({"a": {}}), "`attributes.a`"),
        (json!({"a": [[]]}), "`attributes.a`: item 1"),
        (json!({"a": ["x", null]}), "`attributes.a`: item 2"),
        (json!({"a": "x\u{0}"}), "`attributes.a`"),
        (json!({"a": "x\ny"}), "`attributes.a`"),
        (json!({"a": u64::MAX}), "`attributes.a`: a number lies between"),
        (json!({"a": 1e300}), "`attributes.a`"),
        (json!({"": 1}), "`` is no name"),
        (json!({"1a": 1}), "`1a` is no name"),
        (json!({"a.b": 1}), "`a.b` is no name"),
        (json!({"año": 1}), "`año` is no name"),
        (json!({"x".repeat(65): 1}), "is no name"),
        (json!([]), "`attributes`: must be a JSON object"),
        (json!("sales"), "`attributes`: must be a JSON object"),
        (json!({"a": "x".repeat(8200)}), "`attributes`: too large"),
    ] {
        for (method, path) in [(Method::PATCH, "/users/7"), (Method::PUT, "/users/7"), (Method::POST, "/users")] {
            let mut body = json!({ "attributes": attributes });
            if method == Method::POST {
                (body["username"], body["name"]) = (json!("ada"), json!("Ada"));
            }
            let refused = adm1.send(method, path, &body.to_string()).await;
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{attributes}");
            assert!(refused.detail().contains(named), "{named}: {refused:?}");
        }
    }
    for body in
        [r#"{"attributes": {"a": 1, "a": 2}}"#, r#"{"attributes": {"a": 1e999}}"#, r#"{"attributes": {"a": NaN}}"#]
    {
        assert_eq!(adm1.send(Method::PATCH, "/users/7", body).await.refusal(), (400, "invalid_request_body"), "{body}");
    }
    for (number, word) in [("1e20", "2^63"), ("1e300", "2^63"), ("1e400", "`attributes.n`: the number is too large")] {
        let refused = adm1.send(Method::PATCH, "/users/7", &format!(r#"{{"attributes": {{"n": {number}}}}}"#)).await;
        assert!(refused.status == 400 && refused.detail().contains(word), "{refused:?}");
    }
    assert_eq!(server.number("select count(*) from auth.person where attributes <> '{}'").await, 0);
    // All that they have together counts, as it is stored.
    set(&adm1, json!({"a": "x".repeat(8000)})).await;
    let more = adm1.patch("/users/7", json!({"attributes": {"b": "y".repeat(200)}})).await;
    assert!(more.status == 400 && more.detail().contains("8192"), "{more:?}");
}

#[tokio::test]
async fn only_who_may_hand_out_roles_sets_them_and_only_who_may_read_people_reads_them() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let (desk, writer, reader) = (
        help_desk(&server).await,
        server.person_with("writer", &[(0, -1)]).await,
        server.person_with("reader", &[(0, -2)]).await,
    );
    set(&writer, json!({"department": "sales"})).await;
    for caller in [&adm1, &desk, &writer, &reader] {
        assert_eq!(kept(caller).await, json!({"department": "sales"}));
    }
    let change = json!({"attributes": {"department": "it"}});
    for change in [change.clone(), json!({"name": "Juan", "attributes": {"a": null}}), json!({"attributes": null})] {
        let refused = desk.patch("/users/7", change).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
        assert_eq!(refused.body["permission"], "grants:write");
    }
    let new = json!({"username": "ada", "name": "Ada", "attributes": {"department": "it"}});
    assert_eq!(desk.post("/users", new).await.refusal(), (403, "insufficient_permissions"));
    desk.patch("/users/7", json!({"name": "Juan", "attributes": {}})).await.ok();
    desk.post("/users", json!({"username": "ada", "name": "Ada", "attributes": {}})).await.ok();
    let mightier = writer.patch("/users/1", change.clone()).await;
    assert_eq!(mightier.refusal(), (403, "insufficient_permissions"), "an administrator is not the writer's to change");

    // To themselves nobody says them, nor may they: they decide what people may do.
    assert_eq!(juan.get("/users/7").await.ok().body.get("attributes"), None);
    for path in ["/auth/me", "/auth/profile", "/users/7"] {
        assert!(!juan.get(path).await.ok().text.contains("sales"), "{path}");
    }
    assert!(!juan.check().await.ok().text.contains("sales"));
    assert_eq!(juan.patch("/auth/me", change.clone()).await.refusal(), (400, "invalid_request_body"));
    assert_eq!(juan.patch("/users/7", change).await.status, 403);
    assert_eq!(kept(&adm1).await, json!({"department": "sales"}));
    assert_eq!(juan.get("/users?attribute.department=sales").await.status, 403);
}

#[tokio::test]
async fn nobody_registers_with_them() {
    let server = Server::configured(&[("REGISTRATION", "open")]).await;
    let body = json!({"username": "ada", "password": "correct horse battery", "email": "ada@example.com", "attributes": {"a": 1}});
    let refused = server.anonymous().post("/auth/register", body).await;
    assert!(refused.status == 400 && refused.detail().contains("attributes"), "{refused:?}");
}

#[tokio::test]
async fn people_are_found_by_what_they_have() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (person, attributes) in [
        (2, json!({"department": "sales", "level": 3, "active": true, "sites": ["Lima", "Cusco"]})),
        (3, json!({"department": "sales", "level": "3", "active": false, "sites": ["Cusco", 7]})),
        (4, json!({"department": "Sales", "level": 3.5, "active": "true", "sites": "Lima"})),
        (5, json!({"department": "a \"b\" \\ ñ", "level": -2, "sites": []})),
        (6, json!({"departments": "sales", "level": 9_007_199_254_740_993_i64})),
    ] {
        adm1.patch(&format!("/users/{person}"), json!({ "attributes": attributes })).await.ok();
    }
    for (query, people) in [
        ("attribute.department=sales", &[2, 3][..]),
        ("attribute.department=Sales", &[4]),
        ("attribute.department=a%20%22b%22%20%5C%20%C3%B1", &[5]),
        ("attribute.department=%22%20%7C%7C%20%22a%22%20%3D%3D%20%22a", &[]),
        ("attribute.level=3", &[2, 3]),
        ("attribute.level=3.0", &[2]),
        ("attribute.level=3.50", &[4]),
        ("attribute.level=-2", &[5]),
        ("attribute.level=9007199254740993", &[6]),
        ("attribute.level=9007199254740992", &[]),
        ("attribute.active=true", &[2, 4]),
        ("attribute.sites=Cusco", &[2, 3]),
        ("attribute.sites=Lima", &[2, 4]),
        ("attribute.sites=7", &[3]),
        ("attribute.sites=Lima&attribute.sites=Cusco", &[2]),
        ("attribute.sites=Cusco&attribute.active=false&attribute.department=sales", &[3]),
        ("attribute.nothing=1", &[]),
        ("attribute.department=sales&q=usr1", &[2]),
        ("attribute.department=sales&after=2", &[3]),
    ] {
        let found = adm1.get(&format!("/users?{query}&count=true")).await.ok();
        assert_eq!(found.column("id"), people.iter().map(|id| json!(id)).collect::<Vec<_>>(), "{query}");
        if !query.contains("after") {
            assert_eq!(found.header("x-total-count"), people.len().to_string(), "{query}");
        }
        assert_eq!(found.body[0].get("attributes"), None, "a list says who, not what");
    }
    let first = adm1.get("/users?attribute.department=sales&attribute.sites=Cusco&limit=1").await.ok();
    let next = first.next().expect("more");
    assert!(next.ends_with("&attribute.department=sales&attribute.sites=Cusco"), "{next}");
    let last = adm1.get(&next).await.ok();
    assert_eq!((last.column("id"), last.next()), (vec![json!(3)], None));
    for bad in
        ["attribute.=1", "attribute.1=1", "attribute.a%20b=1", "attribute.a=%00", &["attribute.a=1"; 21].join("&")]
    {
        assert_eq!(adm1.get(&format!("/users?{bad}")).await.refusal(), (400, "invalid_query"), "{bad}");
    }
    adm1.delete("/users/2").await.ok();
    assert_eq!(adm1.get("/users?attribute.department=sales").await.column("id"), [json!(3)]);
}

#[tokio::test]
async fn many_are_found_page_by_page() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let crowd = "insert into auth.person (id, username, name, attributes)
                 select 10000 + n, format('crowd%s', n), 'Crowd', jsonb_build_object('department', 'sales', 'third', n % 3)
                 from generate_series(1, 2400) n";
    server.execute(crowd).await;
    for (query, rows) in [
        ("attribute.department=sales", 2400),
        ("attribute.department=sales&attribute.third=1", 800),
        ("attribute.department=sales&q=crowd23", 111),
        ("attribute.department=sales&q=crowd", 2400),
        ("attribute.third=1&q=crowd", 800),
    ] {
        let (mut next, mut found) = (Some(format!("/users?limit=700&count=true&{query}")), 0);
        while let Some(path) = next {
            let page = adm1.get(&path).await.ok();
            assert_eq!(page.header("x-total-count"), rows.to_string(), "{path}");
            found += page.column("id").len();
            next = page.next();
        }
        assert_eq!(found, rows, "{query}");
    }
}

#[tokio::test]
async fn type_and_document_come_and_go() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let of = async || {
        let juan = adm1.get("/users/7").await.ok().body;
        json!([juan["person_type"], juan["document_type"], juan["document_number"]])
    };
    let change = async |change: Value| adm1.patch("/users/7", change).await;
    assert_eq!(of().await, json!(["N", "DNI", "00000007"]));
    for (half, missing) in [
        (json!({"document_number": null}), "`document_number`"),
        (json!({"document_type": null}), "`document_type`"),
        (json!({"document_type": null, "document_number": "1"}), "`document_type`"),
        (json!({"document_type": "CE", "document_number": null}), "`document_number`"),
    ] {
        let refused = change(half.clone()).await;
        assert!(refused.status == 400 && refused.detail().starts_with(missing), "{half}: {refused:?}");
    }
    change(json!({"person_type": null, "document_type": null, "document_number": null})).await.ok();
    assert_eq!(of().await, json!([null, null, null]));
    for (half, missing) in
        [(json!({"document_number": "1"}), "`document_type`"), (json!({"document_type": "CE"}), "`document_number`")]
    {
        let refused = change(half.clone()).await;
        assert!(refused.status == 400 && refused.detail().starts_with(missing), "{half}: {refused:?}");
        let mut new = half.clone();
        (new["username"], new["name"]) = (json!("ada"), json!("Ada"));
        let refused = adm1.post("/users", new).await;
        assert!(refused.status == 400 && refused.detail().starts_with(missing), "{half}: {refused:?}");
    }
    let taken = change(json!({"document_type": "DNI", "document_number": "00000008"})).await;
    assert_eq!(taken.refusal(), (409, "user_exists"));
    change(json!({"document_type": "DNI", "document_number": "00000007"})).await.ok();
    change(json!({"document_number": "00000017"})).await.ok();
    assert_eq!(of().await, json!([null, "DNI", "00000017"]), "what is left out stays");
}

#[tokio::test]
async fn a_change_answers_with_them_to_who_may_read_people() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.role (id, name) values (90, 'Writer');
             insert into auth.role_permission (role_id, permission_id)
             select 90, id from auth.permission where name = 'users:write' and id <= 0;
             insert into auth.service_roles (service_id, role_id) values (0, 90)",
        )
        .await;
    let (adm1, writer) = (server.demo("adm1").await, server.person_with("writer", &[(0, 90)]).await);
    let changed = adm1.patch("/users/7", json!({"attributes": {"level": 3}})).await.ok();
    assert_eq!(changed.body["attributes"], json!({"level": 3}));
    let changed = adm1.patch("/users/7", json!({"name": "Juan"})).await.ok();
    assert_eq!((&changed.body["name"], &changed.body["attributes"]), (&json!("Juan"), &json!({"level": 3})));
    assert_eq!(changed.header("etag"), adm1.get("/users/7").await.ok().header("etag"));
    let changed = writer.patch("/users/7", json!({"name": "Juan Demo"})).await.ok();
    assert!(!changed.text.contains("level"), "{changed:?}");
    let changed = adm1.patch("/users/7", json!({"attributes": null})).await.ok();
    assert_eq!(changed.body["attributes"], Value::Null);
}
