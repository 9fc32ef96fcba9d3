//! Names that pass for others: by case, by what nobody sees, by letters of another script.

use serde_json::{Value, json};

use crate::support::{Caller, PASSWORD, Server};

fn person(username: &str, number: u32) -> Value {
    json!({"username": username, "password": "zanahorias con limón", "name": "Somebody", "person_type": "N",
           "document_type": "DNI", "document_number": number.to_string()})
}

#[tokio::test]
async fn a_name_that_differs_only_in_case_is_refused_and_says_why() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.secrets.add("zanahorias con limón");
    assert_eq!(root.post("/users", person("juan", 1)).await.status, 201);
    for twin in ["Juan", "JUAN", "ROOT"] {
        let refused = root.post("/users", person(twin, 2)).await;
        assert_eq!(refused.refusal(), (409, "user_exists"), "{twin}");
        let detail = refused.body["detail"].as_str().expect("a detail");
        assert!(detail.contains("capital"), "{detail}");
    }
    for (path, code) in
        [("/roles", "role_exists"), ("/permissions", "permission_exists"), ("/services", "service_exists")]
    {
        let made = root.post(path, json!({"name": "Ñandú"})).await;
        assert_eq!(made.status, 201, "{path}");
        assert_eq!(root.post(path, json!({"name": "Ñandú"})).await.status, 200, "{path}: the identical one stands");
        let refused = root.post(path, json!({"name": "ñANDÚ"})).await;
        assert_eq!(refused.refusal(), (409, code), "{path}");
        assert!(refused.body["detail"].as_str().expect("a detail").contains("capital"), "{refused:?}");
        let other = root.post(path, json!({"name": "other"})).await.ok().body["id"].clone();
        assert_eq!(
            root.put(&format!("{path}/{other}"), json!({"name": "ñandú"})).await.refusal(),
            (409, code),
            "{path}"
        );
        let own = made.body["id"].clone();
        assert_eq!(
            root.put(&format!("{path}/{own}"), json!({"name": "ÑANDÚ"})).await.status,
            200,
            "{path}: its own case"
        );
    }
    let juan = server.person_with("pepe", &[]).await;
    assert_eq!(juan.patch("/auth/me", json!({"username": "JUAN"})).await.refusal(), (409, "user_exists"));
    assert_eq!(juan.patch("/auth/me", json!({"username": "Pepe"})).await.status, 200, "one's own case is one's own");
}

#[tokio::test]
async fn of_fifty_twins_that_register_at_once_there_is_one() {
    let server = Server::configured(&[("REGISTRATION", "open"), ("MAX_CONNECTIONS", "8")]).await;
    let anonymous = server.anonymous();
    server.secrets.add("zanahorias con limón");
    let root = server.administrator().await;
    let twin = |n: u32| (0..5).map(|bit| if n >> bit & 1 == 1 { 'A' } else { 'a' }).collect::<String>();
    let racers = (0..50).map(|n| {
        let root = root.clone();
        let body = json!({"name": twin(n % 32)});
        async move { root.post("/roles", body).await.status }
    });
    let statuses = Caller::together(racers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(server.number("select count(*) from auth.role where auth.fold(name) = 'aaaaa'").await, 1);

    let racers = (0..50).map(|n| {
        let anonymous = anonymous.clone();
        let body = json!({"username": twin(n % 32), "password": "zanahorias con limón"});
        async move { anonymous.post("/auth/register", body).await.status }
    });
    let statuses = Caller::together(racers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(server.number("select count(*) from auth.person where auth.fold(username) = 'aaaaa'").await, 1);
}

#[tokio::test]
async fn a_phone_that_writes_a_capital_logs_in_and_failures_count_for_the_same_person() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES", "2")]).await;
    let juan = server.person_with("juan", &[]).await;
    let anonymous = server.anonymous();
    server.secrets.add("a wrong one");
    assert_eq!(anonymous.log_in("Juan", PASSWORD).await.ok().body["payload"]["user_id"], juan.id);
    for typed in ["JUAN", "juan"] {
        assert_eq!(anonymous.log_in(typed, "a wrong one").await.status, 401, "{typed}");
    }
    assert_eq!(anonymous.log_in("Juan", PASSWORD).await.status, 429, "two failures of one person");
    // Of somebody who is nobody, too: else the wait would tell who is somebody.
    for typed in ["Nadie", "NADIE"] {
        assert_eq!(anonymous.log_in(typed, "a wrong one").await.status, 401, "{typed}");
    }
    assert_eq!(anonymous.log_in("nadiE", "a wrong one").await.status, 429);
}

#[tokio::test]
async fn a_stranger_registers_nobodys_likeness() {
    let server = Server::configured(&[("REGISTRATION", "open")]).await;
    server.person_with("adm1", &[]).await;
    let anonymous = server.anonymous();
    server.secrets.add("zanahorias con limón");
    let register = async |username: &str, name: &str| {
        let body = json!({"username": username, "name": name, "password": "zanahorias con limón"});
        anonymous.post("/auth/register", body).await
    };
    for likeness in ["adm1\u{200b}", "adm1\u{202c}", "\u{430}dm1", "\u{200b}\u{200b}", "Adm1", "ａdm1", "adm1\u{3164}"]
    {
        let refused = register(likeness, "Somebody").await;
        assert!([400, 409].contains(&refused.status), "{likeness:?}: {refused:?}");
    }
    for name in ["Admin\u{200b} One", "\u{202e}enO nimdA", "\u{3164}", "\u{2800}\u{2800}", "Ada\u{e0041}"] {
        let refused = register("eva", name).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{name:?}");
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("name")), "{refused:?}");
    }
    assert_eq!(register("eva", "Eva 👩\u{200d}💻 علی\u{200c}رضا").await.status, 201);
    let root = server.administrator().await;
    for path in ["/roles", "/permissions", "/services"] {
        for name in ["Admin\u{200b}", "\u{410}dmin", "Ad\u{ad}min"] {
            assert_eq!(root.post(path, json!({ "name": name })).await.status, 400, "{path} {name:?}");
        }
    }
}
