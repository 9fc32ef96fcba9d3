//! Searches: who may, and what may they do?

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use super::by_policies;
use crate::policies::{EDITOR, SHOP, world};
use crate::support::{Caller, Response};

async fn subjects(by: &Caller, action: &str, page: Value) -> Response {
    let asked = json!({
        "subject": {"type": "user", "id": "ignored"}, "action": {"name": action},
        "resource": {"type": "invoice", "id": "12", "properties": {"status": "draft"}}, "page": page,
    });
    by.post("/access/v1/search/subject", asked).await
}

fn found(answer: &Response) -> Vec<&str> {
    let results = answer.body["results"].as_array().unwrap_or_else(|| panic!("results in {answer:?}"));
    results.iter().map(|one| one["id"].as_str().or(one["name"].as_str()).expect("an id or a name")).collect()
}

#[tokio::test]
async fn a_backend_finds_who_may_among_those_who_hold_something_in_its_service() {
    let (server, root) = world().await;
    for name in ["ada", "bob", "eve"] {
        server.person_with(name, &[(SHOP, EDITOR)]).await;
    }
    server.person_with("idle", &[]).await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "status = 'draft'"), ("invoice", "write", "auth_user.username <> 'bob'")])
        .await;
    assert_eq!(found(&subjects(&shop, "read", json!({})).await), ["ada", "bob", "eve"]);
    let all = subjects(&shop, "write", json!({})).await;
    assert_eq!(found(&all), ["ada", "eve"]);
    assert_eq!(all.body["page"], json!({"next_token": "", "count": 2}));
    assert!(all.text.starts_with(r#"{"page":"#), "the page goes first");
    assert_eq!(all.body["results"][0], json!({"type": "user", "id": "ada"}));
    let by_root = json!({
        "subject": {"type": "user"}, "action": {"name": "read"},
        "resource": {"type": "invoice", "id": "12", "properties": {"status": "draft"}},
    });
    let everybody = root.post("/access/v1/search/subject?service=Shop", by_root).await;
    assert_eq!(found(&everybody), ["root", "ada", "bob", "eve", "idle"], "who sees all people finds them");

    let first = subjects(&shop, "read", json!({"limit": 2})).await;
    assert_eq!(found(&first), ["ada", "bob"]);
    let token = first.body["page"]["next_token"].as_str().expect("a token").to_owned();
    for page in [json!({"token": token}), json!({"token": token, "limit": 2})] {
        let second = subjects(&shop, "read", page).await;
        assert_eq!((found(&second), &second.body["page"]["next_token"]), (vec!["eve"], &json!("")));
    }
    let exactly = subjects(&shop, "read", json!({"limit": 3})).await;
    assert_eq!(exactly.body["page"]["next_token"], "", "none follows");
    let nothing = subjects(&shop, "read", json!({"limit": 0})).await;
    assert_eq!(nothing.refusal(), (400, "invalid_request_body"));
    assert!(nothing.detail().contains("`page.limit`"), "{nothing:?}");
    for (action, page) in [
        ("write", json!({"token": token})),
        ("read", json!({"token": token, "limit": 1})),
        ("read", json!({"token": "x"})),
    ] {
        assert_eq!(subjects(&shop, action, page).await.refusal(), (400, "invalid_request_body"), "of another question");
    }
}

#[tokio::test]
async fn a_forged_token_leads_nowhere() {
    let (server, root) = world().await;
    for name in ["ada", "bob"] {
        server.person_with(name, &[(SHOP, EDITOR)]).await;
        root.put(&format!("/services/1/resources/invoice/{name}"), json!({})).await.ok();
    }
    let shop = server.backend(SHOP).await;
    let read = json!({"name": "read"});
    let of_subjects = json!({"subject": {"type": "user"}, "action": read, "resource": {"type": "invoice", "id": "1"}});
    let of_resources =
        json!({"subject": {"type": "user", "id": "ada"}, "action": read, "resource": {"type": "invoice"}});
    for (path, question) in [("subject", of_subjects), ("resource", of_resources)] {
        let search = async |page: Value| {
            let mut asked = question.clone();
            asked["page"] = page;
            shop.post(&format!("/access/v1/search/{path}"), asked).await
        };
        let first = search(json!({"limit": 1})).await.ok();
        let token = first.body["page"]["next_token"].as_str().expect("a token");
        let token = Base64UrlUnpadded::decode_vec(token).expect("base64url");
        let token: Value = serde_json::from_slice(&token).expect("JSON");
        let forged = |field: &str, value: Value| {
            let mut token = token.clone();
            token[field] = value;
            json!({"token": Base64UrlUnpadded::encode_string(token.to_string().as_bytes())})
        };
        assert_eq!(found(&search(forged("limit", json!(1))).await.ok()).len(), 1, "as it is");
        for (field, value) in [
            ("after", json!("' or 1=1")),
            ("after", json!("")),
            ("after", json!("0")),
            ("after", json!("-5")),
            ("after", json!("99999999999")),
            ("after", json!(1)),
            ("limit", json!(0)),
            ("limit", json!(100_000)),
            ("limit", json!(-1)),
        ] {
            let refused = search(forged(field, value.clone())).await;
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{path} {field} {value}");
            assert!(refused.detail().contains("page.token"), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn the_actions_that_somebody_may_do_are_found() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let asked = |subject: &str, page: Value| {
        json!({
            "subject": {"type": "user", "id": subject}, "resource": {"type": "invoice", "id": "12"}, "page": page,
        })
    };
    let search = async |body: Value| shop.post("/access/v1/search/action", body).await;
    assert_eq!(found(&search(asked("ada", json!({}))).await), ["read"], "by her permission");
    by_policies(
        &root,
        &[
            ("invoice", "pay", "true"),
            ("invoice", "read", "true"),
            ("invoice", "all", "false"),
            ("all", "print", "true"),
        ],
    )
    .await;
    assert_eq!(found(&search(asked("ada", json!({}))).await), ["pay", "read"]);
    let first = search(asked("ada", json!({"limit": 1}))).await;
    assert_eq!(found(&first), ["pay"]);
    let next = search(asked("ada", json!({"token": first.body["page"]["next_token"]}))).await;
    assert_eq!((found(&next), &next.body["page"]["next_token"]), (vec!["read"], &json!("")));
    assert_eq!(found(&search(asked("nobody", json!({}))).await), Vec::<&str>::new());
}

#[tokio::test]
async fn what_is_unknown_is_an_empty_page_and_what_is_missing_a_fault() {
    let (server, _root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let (user, read) = (json!({"type": "user", "id": "ada"}), json!({"name": "read"}));
    let (typed, whole) = (json!({"type": "record"}), json!({"type": "record", "id": "1"}));
    for (path, asked) in [
        ("subject", json!({"subject": {"type": "spaceship"}, "action": read, "resource": whole})),
        ("resource", json!({"subject": user, "action": read, "resource": typed})),
        ("resource", json!({"subject": {"type": "user", "id": "nobody"}, "action": read, "resource": whole})),
        ("action", json!({"subject": {"type": "spaceship", "id": "1"}, "resource": whole})),
    ] {
        let answer = shop.post(&format!("/access/v1/search/{path}"), asked.clone()).await.ok();
        assert_eq!(answer.body, json!({"page": {"next_token": "", "count": 0}, "results": []}), "{path} {asked}");
    }
    for (path, asked) in [
        ("subject", json!({"subject": {"type": "user"}, "resource": whole})),
        ("subject", json!({"subject": {"type": "user"}, "action": read, "resource": typed})),
        ("resource", json!({"action": read, "resource": typed})),
        ("resource", json!({"subject": {"type": "user"}, "action": read, "resource": typed})),
        ("action", json!({"subject": user})),
        ("action", json!({"subject": {"type": "user"}, "resource": whole})),
        ("subject", json!({"subject": {}, "action": read, "resource": whole})),
        ("subject", json!({"subject": {"type": "user"}, "action": read, "resource": whole, "page": {"limit": -1}})),
    ] {
        let answer = shop.post(&format!("/access/v1/search/{path}"), asked.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{path} {asked}");
    }
}
