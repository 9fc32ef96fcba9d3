//! To which resources may somebody do this, and who may?

use axum::http::Method;
use serde_json::{Value, json};

use super::roles::{ROLES, on};
use super::{put, put_in, shop};
use crate::authzen::by_policies;
use crate::policies::{EDITOR, SHOP};
use crate::support::{Caller, Server};

async fn found(shop: &Caller, subject: &str, kind: &str, limit: u32) -> Vec<String> {
    found_by(shop, subject, ("read", kind), limit).await
}

async fn found_by(shop: &Caller, subject: &str, (action, kind): (&str, &str), limit: u32) -> Vec<String> {
    let mut token = String::new();
    let mut found = Vec::new();
    loop {
        let asked = json!({
            "subject": {"type": "user", "id": subject}, "action": {"name": action}, "resource": {"type": kind},
            "page": {"limit": limit, "token": token},
        });
        let page = shop.post("/access/v1/search/resource", asked).await.ok().body;
        let results = page["results"].as_array().expect("results");
        assert!(results.len() <= limit as usize, "{page}");
        found.extend(results.iter().map(|one| one["id"].as_str().expect("an id").to_owned()));
        page["page"]["next_token"].as_str().expect("a token").clone_into(&mut token);
        if token.is_empty() {
            return found;
        }
    }
}

#[tokio::test]
async fn resources_are_found_by_roles_on_them_and_in_the_service() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    server.person_with("eve", &[(SHOP, EDITOR)]).await;
    assert!(found(&shop, "eve", "doc", 2).await.is_empty());
    put(&shop, "folder/1", json!({})).await.ok();
    for id in ["a", "b", "c"] {
        put_in(&shop, &format!("doc/{id}"), "1").await;
    }
    put(&shop, "doc/d", json!({})).await.ok();
    assert!(found(&shop, "ada", "doc", 2).await.is_empty());
    assert_eq!(found(&shop, "eve", "doc", 2).await, ["a", "b", "c", "d"]);
    root.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    root.post(ROLES, on("doc/a", json!({"person_id": "ada"}))).await.ok();
    assert_eq!(found(&shop, "ada", "doc", 2).await, ["a", "b", "c"]);
    assert_eq!(found(&shop, "ada", "folder", 2).await, ["1"]);
    assert!(found(&shop, "nobody", "doc", 2).await.is_empty());
    // Who may read a document: those who hold something on it, too.
    let asked = json!({
        "subject": {"type": "user"}, "action": {"name": "read"}, "resource": {"type": "doc", "id": "b"},
    });
    let who = shop.post("/access/v1/search/subject", asked).await.ok().body;
    let who: Vec<&str> =
        who["results"].as_array().expect("results").iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(who, ["ada", "eve"]);
}

#[tokio::test]
async fn resources_are_found_by_policies() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    for (id, owner) in [("1", "ada"), ("2", "bob"), ("3", "ada")] {
        put(&shop, &format!("doc/{id}"), json!({"properties": {"owner": owner}})).await.ok();
    }
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "doc/4", "1").await;
    by_policies(
        &root,
        &[
            ("doc", "read", "coalesce(owner, '') = auth_user.username"),
            ("folder", "read", "'Editor' = any(auth_user.roles)"),
            ("task", "read", "id = any(auth_user.resources('task', 'read'))"),
        ],
    )
    .await;
    put(&shop, "doc/4", json!({"properties": {"owner": "eve"}})).await.ok();
    assert_eq!(found(&shop, "ada", "doc", 1).await, ["1", "3"]);
    assert!(found(&shop, "ada", "folder", 1).await.is_empty());
    root.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    assert_eq!(found(&shop, "ada", "folder", 1).await, ["1"]);
    put_in(&shop, "task/1", "1").await;
    put(&shop, "task/2", json!({})).await.ok();
    assert_eq!(found(&shop, "ada", "task", 1).await, ["1"]);
}

/// Thirty thousand documents in a thousand folders; ada holds a role on three of these, eve in the service.
async fn large() -> (Server, Caller) {
    let (server, _root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    server.person_with("eve", &[(SHOP, EDITOR)]).await;
    server
        .execute("insert into auth.resources (service_id, type, key) select 1, 'folder', n::text from generate_series(1, 1000) n")
        .await;
    for _ in 0..6 {
        server
            .execute(
                "insert into auth.resources (service_id, type, key, parent_id)
                 select 1, 'doc', (n + done)::text, f.id
                 from generate_series(1, 5000) n
                 cross join (select count(*) as done from auth.resources where type = 'doc') done
                 join auth.resources f on f.type = 'folder' and f.key = (1 + n % 1000)::text",
            )
            .await;
    }
    server
        .execute(
            "insert into auth.resource_roles (service_id, resource_id, role_id, person_id)
             select 1, f.id, 1, p.id from auth.resources f, auth.person p
             where f.type = 'folder' and f.key in ('3', '500', '999') and p.username = 'ada'",
        )
        .await;
    (server, shop)
}

#[tokio::test]
async fn a_search_over_many_thousands_finds_all_and_only_these() {
    let (_server, shop) = large().await;
    assert_eq!(found(&shop, "ada", "doc", 40).await.len(), 90);
    let asked = json!({
        "subject": {"type": "user", "id": "eve"}, "action": {"name": "read"}, "resource": {"type": "doc"},
        "page": {"limit": 100},
    });
    let page: Value = shop.post("/access/v1/search/resource", asked).await.ok().body;
    assert_eq!(page["results"].as_array().map(Vec::len), Some(100));
    assert_ne!(page["page"]["next_token"], "");
}

#[tokio::test]
async fn what_is_found_by_a_property_is_what_single_questions_permit_however_it_is_written() {
    let (server, root, shop) = shop().await;
    let ada = server.person_with("ada", &[]).await;
    put(&shop, "folder/1", json!({})).await.ok();
    let whole = ada.id.to_string();
    let numbers =
        [whole.clone(), format!("{whole}.0"), format!("{whole}00e-2"), format!("\"{whole}\""), "null".to_owned()];
    let texts =
        [r#""ada""#, r#""\u0061da""#, r#""Ada""#, r#""a\"b\\c""#, r#"["ada"]"#, "1", "1.50", "true", r#""\u0000""#];
    let mut ids = Vec::new();
    for (row, owner) in numbers.iter().enumerate() {
        for (column, name) in texts.iter().enumerate() {
            for open in ["true", "false", "null", "1"] {
                let id = format!("{row}-{column}-{open}");
                let properties =
                    format!(r#"{{"owner":{owner},"na\u006de":{name},"open":{open},"owner ":7,"none":{{"owner":1}}}}"#);
                let parent = if open == "1" { r#","parent":{"type":"folder","id":"1"}"# } else { "" };
                let body = format!(r#"{{"properties":{properties}{parent}}}"#);
                let path = format!("/services/1/resources/doc/{id}");
                shop.send(Method::PUT, &path, &body).await.ok();
                ids.push(id);
            }
        }
    }
    root.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    let expressions = [
        "owner = auth_user.id",
        "owner = auth_user.id and open",
        "owner = auth_user.id or not open",
        "name = auth_user.username",
        "name in ('ada', 'a\"b\\c', 'eve')",
        "name = 1.5",
        "name = true",
        "open is true and name is not distinct from auth_user.username",
        "'Editor' = any(auth_user.roles) or (owner = auth_user.id and name = 'Ada')",
        "owner = auth_user.id and coalesce(name, 'x') <> 'y'",
        "owner > 1",
    ];
    for (number, expression) in expressions.iter().enumerate() {
        by_policies(&root, &[("doc", &format!("act{number}"), expression)]).await;
        let mut permitted = Vec::new();
        for ids in ids.chunks(100) {
            let asked: Vec<Value> = ids.iter().map(|id| json!({"resource": {"type": "doc", "id": id}})).collect();
            let question = json!({
                "subject": {"type": "user", "id": "ada"}, "action": {"name": format!("act{number}")}, "evaluations": asked,
            });
            let answers = shop.post("/access/v1/evaluations", question).await.ok().body;
            let answers = answers["evaluations"].as_array().expect("answers").iter();
            permitted
                .extend(ids.iter().zip(answers).filter(|(_, one)| one["decision"] == true).map(|(id, _)| id.clone()));
        }
        let found = found_by(&shop, "ada", (&format!("act{number}"), "doc"), 30).await;
        assert_eq!(found, permitted, "{expression}");
    }
}

#[tokio::test]
async fn the_few_that_somebody_owns_of_many_thousands_are_one_page() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    by_policies(&root, &[("doc", "read", "owner = auth_user.username and status <> 'gone'")]).await;
    server
        .execute(
            "insert into auth.resources (service_id, type, key, properties)
             select 1, 'doc', n, json_build_object(
                 'owner', case when n % 7000 = 6999 then 'ada' else 'p' || n end, 'status', 'draft'
             )
             from generate_series(1, 30000) n",
        )
        .await;
    let asked = json!({
        "subject": {"type": "user", "id": "ada"}, "action": {"name": "read"}, "resource": {"type": "doc"},
        "page": {"limit": 10},
    });
    let page = shop.post("/access/v1/search/resource", asked).await.ok().body;
    let found: Vec<&str> =
        page["results"].as_array().expect("results").iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(found, ["6999", "13999", "20999", "27999"]);
    assert_eq!(page["page"]["next_token"], "", "there is nothing left to look at");
}
