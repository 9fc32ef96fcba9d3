//! Services, roles and permissions: what the three have in common, and services' own ways.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

/// The three collections, and the words of each.
struct Kind {
    path: &'static str,
    noun: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { path: "/roles", noun: "role" },
    Kind { path: "/permissions", noun: "permission" },
    Kind { path: "/services", noun: "service" },
];

impl Kind {
    fn at(&self, id: impl std::fmt::Display) -> String {
        format!("{}/{id}", self.path)
    }
}

fn row(id: i64, name: &str) -> Value {
    json!({"id": id, "name": name, "description": null})
}

#[tokio::test]
async fn the_demo_has_the_documented_ones() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    assert_eq!(adm1.get("/roles").await.column("name"), ["Admin", "User", "Editor", "Viewer"]);
    assert_eq!(adm1.get("/permissions").await.column("name"), ["read", "write", "update", "delete", "share"]);
    let services = adm1.get("/services").await;
    assert_eq!(services.column("name"), ["Service A", "Service B", "Service C", "UI Store", "ui-store"]);
    assert_eq!(services.body[0], json!({"id": 1, "name": "Service A", "description": "Demo catalog service"}));
    for path in ["/roles/3/permissions", "/roles/1/permissions"] {
        let expected: &[&str] =
            if path.contains('3') { &["read", "update"] } else { &["read", "write", "update", "delete"] };
        assert_eq!(adm1.get(path).await.column("name"), expected);
    }
}

#[tokio::test]
async fn making_one_twice_is_safe() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for kind in KINDS {
        let made = root.post(kind.path, json!({"name": "First"})).await;
        assert_eq!((made.status, &made.body), (201, &row(1, "First")));
        let again = root.post(kind.path, json!({"name": "First"})).await;
        assert_eq!((again.status, &again.body), (200, &made.body));
        assert_eq!(root.get(&kind.at(1)).await.body, made.body);
        let next = root.post(kind.path, json!({"name": "Second"})).await;
        assert_eq!(next.status, 201);
        assert_eq!(root.get(kind.path).await.body, json!([made.body, next.body]));
    }
}

#[tokio::test]
async fn made_by_twenty_at_once_there_is_one() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    let root = server.administrator().await;
    for kind in KINDS {
        let requests = (0..20).map(|_| {
            let root = root.clone();
            async move { root.post(kind.path, json!({"name": "Wanted"})).await }
        });
        let answers = Caller::together(requests).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{}", kind.noun);
        assert!(answers.iter().all(|answer| answer.body == answers[0].body), "all hear of the same row");
    }
}

#[tokio::test]
async fn a_rename_takes_no_name_that_is_taken() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for kind in KINDS {
        for name in ["One", "Two"] {
            root.post(kind.path, json!({"name": name})).await.ok();
        }
        let renamed = root.put(&kind.at(1), json!({"name": "Uno"})).await;
        assert_eq!((renamed.status, &renamed.body), (200, &json!({"status": "success"})));
        assert_eq!(root.get(&kind.at(1)).await.body["name"], "Uno");
        let taken = root.put(&kind.at(1), json!({"name": "Two"})).await;
        assert_eq!(taken.refusal(), (409, format!("{}_exists", kind.noun).as_str()));
        assert_eq!(root.put(&kind.at(1), json!({"name": "Uno"})).await.status, 200, "one's own name is not taken");
    }
}

#[tokio::test]
async fn a_name_is_bounded_and_no_number() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for kind in KINDS {
        root.post(kind.path, json!({"name": "Good"})).await.ok();
        for bad in [
            json!(""),
            json!(" "),
            json!("a "),
            json!("12"),
            json!("-12"),
            json!("+12"),
            json!("a\nb"),
            json!("a\0b"),
            json!("a\u{7f}"),
            json!("x".repeat(101)),
            json!("x".repeat(10_000)),
            json!(null),
            json!(12),
            json!({}),
        ] {
            let made = root.post(kind.path, json!({"name": bad})).await;
            assert_eq!(made.refusal(), (400, "invalid_request_body"), "{bad}");
            assert!(made.body["detail"].as_str().is_some_and(|detail| detail.contains("name")), "{made:?}");
            let renamed = root.put(&kind.at(1), json!({"name": bad})).await;
            assert_eq!(renamed.refusal(), (400, "invalid_request_body"), "{bad}");
        }
        for unknown_field in [json!({"name": "New", "surprise": 1}), json!({}), json!({"nombre": "New"})] {
            assert_eq!(root.post(kind.path, unknown_field.clone()).await.refusal(), (400, "invalid_request_body"));
            assert_eq!(root.put(&kind.at(1), unknown_field).await.refusal(), (400, "invalid_request_body"));
        }
        for good in ["x".repeat(100), "é".repeat(100), "<script>".to_owned(), "'; drop table auth.role; --".to_owned()]
        {
            let made = root.post(kind.path, json!({"name": good})).await;
            assert_eq!((made.status, &made.body["name"]), (201, &json!(good)));
        }
    }
    let direct = root.post("/roles", json!({"name": "direct:1:1"})).await;
    assert_eq!(direct.refusal(), (400, "invalid_request_body"), "such names are kept for direct grants");
}

#[tokio::test]
async fn unknown_ones_are_unknown_to_every_method() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for kind in KINDS {
        let not_found = format!("{}_not_found", kind.noun);
        let invalid = format!("invalid_{}_id", kind.noun);
        for (id, refusal) in [
            ("99", (404, not_found.as_str())),
            ("-99", (404, &not_found)),
            ("2147483648", (404, &not_found)),
            ("-99999999999999999999", (404, &not_found)),
            ("Viewer", (400, &invalid)),
            ("%C3%B1", (400, &invalid)),
            ("1e3", (400, &invalid)),
            ("0x1", (400, &invalid)),
            ("%00", (400, &invalid)),
        ] {
            let path = kind.at(id);
            assert_eq!(adm1.get(&path).await.refusal(), refusal, "GET {path}");
            assert_eq!(adm1.put(&path, json!({"name": "X"})).await.refusal(), refusal, "PUT {path}");
            assert_eq!(adm1.delete(&path).await.refusal(), refusal, "DELETE {path}");
        }
    }
    assert_eq!(adm1.get("/roles/99/permissions").await.refusal(), (404, "role_not_found"));
    assert_eq!(adm1.get("/roles/Viewer/permissions").await.refusal(), (400, "invalid_role_id"));
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_its_name_free() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for kind in KINDS {
        let id = root.post(kind.path, json!({"name": "Passing"})).await.id();
        let deleted = root.delete(&kind.at(id)).await;
        let mut expected = json!({"status": format!("{}_deleted", kind.noun)});
        expected[format!("{}_id", kind.noun)] = id.into();
        assert_eq!((deleted.status, &deleted.body), (200, &expected));
        let not_found = format!("{}_not_found", kind.noun);
        assert_eq!(root.get(&kind.at(id)).await.refusal(), (404, not_found.as_str()));
        assert_eq!(root.put(&kind.at(id), json!({"name": "Back"})).await.refusal(), (404, not_found.as_str()));
        assert_eq!(root.delete(&kind.at(id)).await.refusal(), (404, not_found.as_str()));
        assert_eq!(root.get(kind.path).await.body, json!([]));
        let again = root.post(kind.path, json!({"name": "Passing"})).await;
        assert_eq!(again.status, 201);
        assert!(again.id() > id, "ids are never given twice");
    }
}

#[tokio::test]
async fn porteros_own_are_seen_and_never_changed() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (path, name) in [("/roles/0", "Administrator"), ("/permissions/0", "users:read"), ("/services/0", "portero")] {
        assert_eq!(root.get(path).await.body["name"], name);
        assert_eq!(root.put(path, json!({"name": "Mine"})).await.refusal(), (409, "built_in"), "PUT {path}");
        assert_eq!(root.delete(path).await.refusal(), (409, "built_in"), "DELETE {path}");
    }
    for path in ["/roles/-1", "/roles/-3", "/permissions/-10"] {
        assert_eq!(root.put(path, json!({"name": "Mine"})).await.refusal(), (409, "built_in"));
        assert_eq!(root.delete(path).await.refusal(), (409, "built_in"));
    }
    for kind in KINDS {
        assert_eq!(root.get(kind.path).await.body, json!([]), "they are not among the others");
        assert_eq!(root.get(&format!("{}?after=-100", kind.path)).await.body, json!([]));
    }
    let own = root.get("/services/0/roles").await;
    assert_eq!(own.column("name"), ["Auditor", "Reader", "Writer", "Administrator"]);
    let service = root.post("/services", json!({"name": "portero"})).await;
    assert_eq!(service.refusal(), (409, "service_exists"));
}

#[tokio::test]
async fn a_description_tells_one_from_another_of_its_name() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for kind in KINDS {
        let shop = json!({"name": "Shop", "description": "Sells"});
        let made = root.post(kind.path, shop.clone()).await;
        assert_eq!((made.status, &made.body["description"]), (201, &json!("Sells")));
        for same in [shop, json!({"name": "Shop"}), json!({"name": "Shop", "description": null})] {
            let again = root.post(kind.path, same).await;
            assert_eq!((again.status, &again.body), (200, &made.body), "who says nothing of it says nothing else");
        }
        let other = json!({"name": "Shop", "description": "Buys"});
        assert_eq!(root.post(kind.path, other).await.refusal(), (409, &*format!("{}_exists", kind.noun)));
        for bad in [json!(""), json!("a\nb"), json!("x".repeat(501)), json!(1)] {
            let answer = root.post(kind.path, json!({"name": "Other", "description": bad})).await;
            assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{bad}");
        }
    }
}

#[tokio::test]
async fn a_change_changes_what_it_names() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for kind in KINDS {
        let one = kind.at(1);
        let stands = async |name: &str, description: Value| {
            let expected = json!({"id": 1, "name": name, "description": description});
            assert_eq!(root.get(&one).await.body, expected);
            assert_eq!(root.get(kind.path).await.body, json!([expected]));
        };
        root.post(kind.path, json!({"name": "Shop", "description": "Sells"})).await.ok();
        root.put(&one, json!({"description": "Buys"})).await.ok();
        stands("Shop", json!("Buys")).await;
        root.put(&one, json!({"name": "Store"})).await.ok();
        stands("Store", json!("Buys")).await;
        let emptied = root.patch(&one, json!({"description": null})).await;
        assert_eq!(emptied.body, json!({"id": 1, "name": "Store", "description": null}));
        stands("Store", Value::Null).await;
        for nothing in [json!({}), json!({"name": null})] {
            assert_eq!(root.put(&one, nothing).await.refusal(), (400, "invalid_request_body"));
        }
        let mistyped = root.put(&one, json!({"desciption": "Buys"})).await;
        assert!(
            mistyped.body["detail"].as_str().is_some_and(|detail| detail.contains("`description`")),
            "{mistyped:?}"
        );
    }
}

#[tokio::test]
async fn a_permissions_name_is_also_called_its_code() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let made = root.post("/permissions", json!({"code": "approve", "description": "Signs orders"})).await;
    assert_eq!((made.status, &made.body), (201, &json!({"id": 1, "name": "approve", "description": "Signs orders"})));
    assert_eq!(root.post("/permissions", json!({"name": "approve"})).await.body, made.body);
    root.put("/permissions/1", json!({"code": "sign"})).await.ok();
    assert_eq!(root.get("/permissions/1").await.body["name"], "sign");
    assert_eq!(root.patch("/permissions/1", json!({"code": "seal"})).await.body["name"], "seal");
    for both in [json!({"name": "a", "code": "a"}), json!({"name": "a", "code": null}), json!({"description": "x"})] {
        assert_eq!(root.post("/permissions", both).await.refusal(), (400, "invalid_request_body"));
    }
    assert_eq!(root.post("/permissions", json!({"code": "12"})).await.refusal(), (400, "invalid_request_body"));
}

#[tokio::test]
async fn the_catalogue_in_the_code_is_the_one_in_the_database() {
    let server = Server::on_a_fresh_database().await;
    let rows: Vec<(i32, String)> =
        sqlx::query_as("select id, name from auth.permission where id <= 0 order by id desc")
            .fetch_all(server.app.db.pool())
            .await
            .expect("rows");
    let code = portero::gate::permission::ALL.iter().map(|(id, name)| (id.0, (*name).to_owned()));
    assert_eq!(rows, code.collect::<Vec<_>>());
}

#[tokio::test]
async fn porteros_own_roles_carry_what_they_should() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let read = ["users:read", "roles:read", "permissions:read", "services:read", "grants:read"];
    let all = portero::gate::permission::ALL.iter().map(|(_, name)| *name);
    for (role, mut expected) in [
        (0, all.collect::<Vec<_>>()),
        (-1, [&read[..], &["users:write", "grants:write"]].concat()),
        (-2, read.to_vec()),
        (-3, vec!["audit:read"]),
    ] {
        let carried = root.get(&format!("/roles/{role}/permissions")).await.column("name");
        let mut carried: Vec<&str> = carried.iter().filter_map(Value::as_str).collect();
        carried.sort_unstable();
        expected.sort_unstable();
        assert_eq!(carried, expected, "role {role}");
    }
}
