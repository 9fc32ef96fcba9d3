//! A policy tells its service of people: by what it decides, and by what a filter binds. Nobody learns more by that than they may.

use serde_json::{Value, json};

use super::{ask, by_policies, reason};
use crate::policies::{EDITOR, FORBIDDEN, SHOP, world};
use crate::support::{Caller, Server};

/// ada, who has attributes; `author`, who may write policies of Shop; and `reader`, who may see what people hold there.
async fn furnished() -> (Server, Caller, Caller, Caller) {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let attributes = json!({"attributes": {"department": "sales", "badge": "X-4471 on leave"}});
    root.patch(&format!("/users/{}", ada.id), attributes).await.ok();
    server
        .execute(
            "insert into auth.role (id, name) values (9001, 'Author'), (9002, 'Auditor');
             insert into auth.role_permission (role_id, permission_id) values (9001, -7), (9002, -8);
             insert into auth.service_roles (service_id, role_id) values (1, 9001), (1, 9002);",
        )
        .await;
    let author = server.person_with("author", &[(SHOP, 9001)]).await;
    let reader = server.person_with("reader", &[(SHOP, 9002)]).await;
    (server, root, author, reader)
}

fn read_if(expression: &str) -> Value {
    json!({"table_name": "invoice", "action": "read", "expression": expression})
}

#[tokio::test]
async fn nobody_writes_a_policy_that_reads_more_of_people_than_they_may() {
    let (server, root, author, _) = furnished().await;
    let shop = server.backend(SHOP).await;
    for personal in ["a = auth_user.badge", "a = auth_user.username", "a = any(auth_user.groups)"] {
        let refused = author.post("/services/1/policies", read_if(personal)).await;
        assert_eq!(refused.refusal(), FORBIDDEN, "{personal}");
        let refused = shop.post("/auth_policies", read_if(personal)).await;
        assert_eq!(refused.refusal(), FORBIDDEN, "{personal}");
        assert!(refused.detail().contains("auth_user."), "it names what is read: {refused:?}");
        let diff = author.post("/services/1/policies/diff", json!({"policies": [read_if(personal)]})).await;
        assert_eq!(diff.refusal(), FORBIDDEN, "nor is one supposed: {personal}");
        let mut supposed = super::question("ada", "read", json!({"a": "x"}));
        supposed["policies"] = json!([read_if(personal)]);
        assert_eq!(shop.post("/access/v1/simulate", supposed).await.refusal(), FORBIDDEN, "{personal}");
    }
    for impersonal in ["user_id = auth_user.id", "'Editor' = any(auth_user.roles)", "auth_user.is_admin"] {
        author.post("/services/1/policies", read_if(impersonal)).await.ok();
        shop.post("/auth_policies", read_if(impersonal)).await.ok();
    }
    let made = root.post("/services/1/policies", read_if("department = auth_user.department")).await.ok();
    let place = format!("/services/1/policies/{}", made.body["id"]);
    let narrower = json!({"expression": "department = auth_user.department and amount < 10"});
    author.patch(&place, narrower).await.ok();
    let other = json!({"expression": "department = auth_user.badge"});
    assert_eq!(author.patch(&place, other.clone()).await.refusal(), FORBIDDEN);
    root.patch("/services/1", json!({"claims": ["badge"]})).await.ok();
    author.patch(&place, other).await.ok();
}

#[tokio::test]
async fn a_filter_binds_nothing_of_people_for_who_may_not_read_it() {
    let (server, root, _, reader) = furnished().await;
    by_policies(
        &root,
        &[("invoice", "read", "department = auth_user.department"), ("invoice", "update", "user_id = auth_user.id")],
    )
    .await;
    let asked = |action: &str| {
        json!({
            "subject": {"type": "user", "id": "ada"}, "action": {"name": action}, "resource": {"type": "invoice"},
        })
    };
    let at = "/access/v1/filter?service=1";
    assert_eq!(reader.post(at, asked("read")).await.refusal(), FORBIDDEN);
    assert_eq!(reader.post(at, asked("update")).await.ok().body["kind"], "conditional");
    let shop = server.backend(SHOP).await;
    let bound = shop.post("/access/v1/filter", asked("read")).await.ok();
    assert_eq!(bound.body["parameters"][0]["value"], "sales", "what its policies read: {bound:?}");
    assert_eq!(root.post(at, asked("read")).await.ok().body["kind"], "conditional");
}

#[tokio::test]
async fn no_reason_tells_what_is_kept_of_people() {
    let (server, root, ..) = furnished().await;
    by_policies(
        &root,
        &[("invoice", "read", "auth_user.badge::text::integer > 100 or lower(auth_user.username)::integer = 1")],
    )
    .await;
    let shop = server.backend(SHOP).await;
    let told = ask(&shop, "ada", "read", json!({})).await;
    assert!(reason(&told).contains("is not of type integer"), "{told:?}");
    let mut explained = shop.post("/access/v1/explain", super::question("ada", "read", json!({}))).await.ok();
    explained.body["policies"][0].as_object_mut().expect("a policy").remove("expression");
    for answer in [&told, &explained] {
        let text = answer.body.to_string();
        assert!(!text.contains("4471") && !text.contains("'ada'"), "{text}");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_has_no_rows_of_their_own() {
    let (server, root, ..) = furnished().await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "user_id = auth_user.id"),
            ("invoice", "read", "not (user_id < auth_user.id)"),
            ("invoice", "read", "owner like auth_user.username"),
        ],
    )
    .await;
    let shop = server.backend(SHOP).await;
    let asked = json!({
        "subject": {"type": "anonymous", "id": "-"}, "action": {"name": "read"}, "resource": {"type": "invoice"},
    });
    assert_eq!(shop.post("/access/v1/filter", asked.clone()).await.ok().body, json!({"kind": "never"}));
    let what =
        shop.post("/access/v1/what-can", json!({"subject": asked["subject"], "resource": {"type": "invoice"}})).await;
    assert_eq!(what.ok().body["results"], json!([]));
}

#[tokio::test]
async fn a_text_that_doubles_itself_ends_and_is_shown_short() {
    let (server, root, ..) = furnished().await;
    let mut doubled = "a".to_owned();
    for _ in 0..9 {
        doubled = format!("({doubled}||{doubled})");
    }
    by_policies(&root, &[("invoice", "read", &format!("{doubled} = 'x'")), ("invoice", "update", "(a || a) = 'x'")])
        .await;
    let shop = server.backend(SHOP).await;
    for (action, says) in [("read", "longer than 256 KiB"), ("update", "no policy permits it")] {
        let told = shop
            .post("/access/v1/explain", super::question("ada", action, json!({"a": "x".repeat(20_000)})))
            .await
            .ok();
        assert!(told.text.len() < 300_000 && told.text.contains(says), "{} bytes", told.text.len());
    }
}
