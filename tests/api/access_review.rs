//! Access reviews: what is shown, and what is decided about many grants at once.

use serde_json::{Value, json};
use time::Duration;

use portero::access::grants::sweep;
use portero::gate::write_uses;

use crate::support::{Caller, Server};

const REVIEW: &str = "/services/4/access-review";
const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");

fn role(person: i32, role: i32) -> Value {
    json!({"person_id": person, "role_id": role})
}

fn permission(person: i32, permission: i32) -> Value {
    json!({"person_id": person, "permission_id": permission})
}

/// Whose and what, of each row.
fn grants(rows: &Value) -> Vec<(i64, String)> {
    let name = |row: &Value| {
        let what = row.get("role").or_else(|| row.get("permission")).expect("one of the two");
        what["name"].as_str().expect("a name").to_owned()
    };
    let rows = rows.as_array().unwrap_or_else(|| panic!("a list, not {rows}"));
    rows.iter().map(|row| (row["person"]["id"].as_i64().expect("an id"), name(row))).collect()
}

/// Service 4 of the demo data, with three direct grants in it.
async fn furnished() -> (Server, Caller) {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (person, name) in [(7, "share"), (14, "share"), (7, "write")] {
        let grant = json!({"person_id": person, "service_id": 4, "permission_name": name});
        adm1.post("/person-service-permissions", grant).await.ok();
    }
    (server, adm1)
}

#[tokio::test]
async fn a_review_shows_every_grant_with_where_it_comes_from() {
    let (server, adm1) = furnished().await;
    let end = server.app.clock.now().unix_timestamp() + 3600;
    let grant = json!({
        "person_id": 6, "service_id": 4, "role_id": "Admin", "expires_at": end, "reason": "moves the catalog",
    });
    adm1.post("/person-service-roles", grant).await.ok();
    server.execute("update auth.person set disabled_at = now() where id = 9").await;
    let review = adm1.get(REVIEW).await.ok();
    let expected = [
        (6, "Admin"),
        (8, "Admin"),
        (9, "Admin"),
        (10, "User"),
        (11, "User"),
        (12, "Editor"),
        (13, "Editor"),
        (7, "Viewer"),
        (14, "Viewer"),
        (15, "Viewer"),
        (7, "write"),
        (7, "share"),
        (14, "share"),
    ];
    assert_eq!(grants(&review.body), expected.map(|(person, what)| (person, what.to_owned())));
    let row = &review.body[0];
    assert_eq!(row["person"], json!({"id": 6, "username": "viewer1", "name": "Viewer One", "disabled": false}));
    assert_eq!(row["role"], json!({"id": 1, "name": "Admin", "description": null}));
    assert_eq!(row["granted_by"], json!({"id": 1, "username": "adm1"}));
    assert_eq!(row["reason"], "moves the catalog");
    assert!(row["since"].is_string() && row["expires_at"].is_string());
    for unknown in ["confirmed_at", "confirmed_by", "last_used_on"] {
        assert_eq!(row.get(unknown), Some(&Value::Null), "{unknown}");
    }
    assert_eq!(review.body[2]["person"]["disabled"], true);
    assert_eq!((&review.body[1]["granted_by"], &review.body[1]["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(review.body[12]["permission"], json!({"id": 5, "name": "share", "description": null}));
    assert_eq!(review.body[12]["granted_by"]["username"], "adm1");
    assert!(review.body[12].get("role").is_none());
}

#[tokio::test]
async fn page_by_page_one_sees_every_grant_once_and_in_order() {
    let (_server, adm1) = furnished().await;
    for filter in ["", "&role=Viewer", "&role=3", "&q=JU", "&q=viewer", "&before=2100-01-01T00:00:00Z"] {
        let whole = adm1.get(&format!("{REVIEW}?limit=1000{filter}")).await.ok();
        assert_eq!(whole.next(), None);
        let whole = grants(&whole.body);
        assert!(!whole.is_empty(), "{filter}");
        for limit in 1..=5 {
            let mut seen = Vec::new();
            let mut next = Some(format!("{REVIEW}?limit={limit}{filter}"));
            while let Some(path) = next {
                let page = adm1.get(&path).await.ok();
                let rows = grants(&page.body);
                assert!(!rows.is_empty() && rows.len() <= limit, "{path}");
                seen.extend(rows);
                next = page.next();
            }
            assert_eq!(seen, whole, "{filter} by {limit}");
        }
    }
}

#[tokio::test]
async fn filters_leave_out_the_rest() {
    let (server, adm1) = furnished().await;
    let shown = async |query: &str| grants(&adm1.get(&format!("{REVIEW}?{query}")).await.ok().body);
    assert_eq!(shown("role=Editor").await, [(12, "Editor".to_owned()), (13, "Editor".to_owned())]);
    assert_eq!(shown("role=4&q=juan").await, [(7, "Viewer".to_owned())]);
    assert_eq!(shown("q=juan%20d").await.len(), 3, "whatever they hold, by their name, too");
    assert_eq!(shown("q=%25").await, []);
    assert_eq!(shown("before=0").await, []);
    server.app.clock.turn(Duration::seconds(100));
    let now = server.app.clock.now().unix_timestamp();
    assert_eq!(shown(&format!("before={now}")).await.len(), 12);
    let confirm = json!({"confirm": [role(7, 4), permission(7, 5)]});
    adm1.post(REVIEW, confirm).await.ok();
    assert_eq!(shown(&format!("before={now}")).await.len(), 10, "what was confirmed has been looked at");
    assert_eq!(shown(&format!("before={}", now + 60)).await.len(), 12);
    for (query, refusal) in [
        ("role=99", (404, "role_not_found")),
        ("role=Nothing", (400, "invalid_role_id")),
        ("before=yesterday", (400, "invalid_query")),
        ("before=2030-12-31", (400, "invalid_query")),
        ("before=-300000000000", (400, "invalid_query")),
        ("before=253402300800", (400, "invalid_query")),
        ("q=a%00b", (400, "invalid_query")),
    ] {
        assert_eq!(adm1.get(&format!("{REVIEW}?{query}")).await.refusal(), refusal, "{query}");
    }
}

#[tokio::test]
async fn forged_cursors_are_refused() {
    let (_server, adm1) = furnished().await;
    for forged in [
        "",
        "4",
        "4.",
        ".7",
        "4.7.",
        "4.7.5.6",
        "a.b",
        "4.7'--",
        "%2B4.7",
        "04.7",
        "4.7.99999999999",
        "1e3.7",
        "4%207",
        "4.7%00",
        "null",
    ] {
        let answer = adm1.get(&format!("{REVIEW}?after={forged}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_query"), "{forged}");
    }
    for (limit, after) in [("0", "4.7"), ("-1", "4.7"), ("1001", "4.7"), ("ten", "4.7")] {
        let answer = adm1.get(&format!("{REVIEW}?limit={limit}&after={after}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_query"), "{limit}");
    }
    // What is a place, but of no row, is where the rows after it begin.
    for (after, rows) in [("-2147483648.-2147483648", 12), ("4.7", 5), ("4.8", 5), ("4.14.5", 4), ("2147483647.1.1", 0)]
    {
        let page = adm1.get(&format!("{REVIEW}?after={after}")).await.ok();
        assert_eq!(grants(&page.body).len(), rows, "{after}");
    }
}

#[tokio::test]
async fn what_is_confirmed_stays_with_a_note_and_what_is_revoked_is_gone_in_the_next_check() {
    let (server, adm1) = furnished().await;
    let juan = server.demo("juan").await;
    let mut stream = server.backend(4).await.listen(None).await;
    stream.expect("ready").await;
    let decisions = json!({
        "confirm": [role(8, 1), role(8, 1), permission(7, 2)],
        "revoke": [role(7, 4), permission(7, 5), permission(14, 5), role(15, 1)],
    });
    let done = adm1.post(REVIEW, decisions.clone()).await.ok();
    assert_eq!(
        done.body,
        json!({
            "status": "success", "confirmed": 2, "revoked": 3,
            "confirmed_grants": [permission(7, 2), role(8, 1)],
            "revoked_grants": [role(7, 4), permission(7, 5), permission(14, 5)],
        })
    );
    let held = juan.get("/people/juan/services/4").await.body;
    assert_eq!((&held["roles"], &held["permissions"]), (&json!(["direct:7:4"]), &json!(["write"])));
    let row = adm1.get(&format!("{REVIEW}?q=adm2")).await.body[0].clone();
    assert_eq!(row["confirmed_by"], json!({"id": 1, "username": "adm1"}));
    assert!(row["confirmed_at"].is_string());

    let again = adm1.post(REVIEW, decisions).await.ok();
    assert_eq!((&again.body["confirmed"], &again.body["revoked"]), (&json!(2), &json!(0)), "twice is safe");
    let events: Vec<(String, i32)> = sqlx::query_as(
        "select action, subject_id from auth.audit_events
         where action ~ 'grant.(confirmed|removed)' and actor = 'person' and actor_id = 1 and service_id = 4 order by id",
    )
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    let expected = [
        ("direct-grant.confirmed", 7),
        ("grant.confirmed", 8),
        ("grant.removed", 7),
        ("direct-grant.removed", 7),
        ("direct-grant.removed", 14),
        ("direct-grant.confirmed", 7),
        ("grant.confirmed", 8),
    ];
    assert_eq!(events, expected.map(|(action, subject)| (action.to_owned(), subject)));
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < 2 {
        heard.insert(stream.expect("grants-changed").await.data["user_id"].as_i64());
    }
    assert_eq!(heard, [Some(7), Some(14)].into(), "a confirmation changes nothing that a backend asks for");
}

#[tokio::test]
async fn all_is_done_or_nothing() {
    let (server, adm1) = furnished().await;
    let before = adm1.get(REVIEW).await.body;
    let events = "select count(*) from auth.audit_events";
    let told = server.number(events).await;
    let revoke = || json!([role(7, 4), permission(14, 5)]);
    for (bad, refusal) in [
        (json!({"confirm": [role(8, 1), role(7, 1)], "revoke": revoke()}), (404, "grant_not_found")),
        (json!({"confirm": [permission(8, 5)], "revoke": revoke()}), (404, "grant_not_found")),
        (json!({"confirm": [role(99, 1)], "revoke": revoke()}), (404, "person_not_found")),
        (json!({"revoke": [role(7, 4), role(99, 4)]}), (404, "person_not_found")),
        (json!({"revoke": [role(7, 4), role(7, 99)]}), (404, "role_not_found")),
        (json!({"revoke": [role(7, 4), permission(7, 99)]}), (404, "permission_not_found")),
        (json!({"confirm": [role(7, 4)], "revoke": revoke()}), (400, "invalid_request_body")),
        (json!({"confirm": [], "revoke": []}), (400, "invalid_request_body")),
        (json!({}), (400, "invalid_request_body")),
        (json!({"revoke": [{"person_id": 7}]}), (400, "invalid_request_body")),
        (json!({"revoke": [{"person_id": 7, "role_id": 4, "permission_id": 5}]}), (400, "invalid_request_body")),
        (json!({"revoke": [{"person_id": "juan", "role_id": 4}]}), (400, "invalid_user_id")),
        (json!({"revoke": [{"person_id": 7, "role_id": "Viewer"}]}), (400, "invalid_role_id")),
        (json!({"revoke": [{"person_id": 7, "permission_id": "share"}]}), (400, "invalid_permission_id")),
        (json!({"revoke": vec![role(7, 4); 600], "confirm": vec![role(8, 1); 401]}), (400, "invalid_request_body")),
    ] {
        assert_eq!(adm1.post(REVIEW, bad.clone()).await.refusal(), refusal, "{bad}");
    }
    let named = adm1.post(REVIEW, json!({"confirm": [role(8, 1), role(7, 1)]})).await;
    let detail = named.body["detail"].as_str().expect("a detail");
    assert!(detail.contains("person 7") && detail.contains("role 1"), "{detail}");
    let direct = adm1.get("/people/7/services/4/roles").await.column("id")[1].as_i64().expect("an id");
    let direct = json!({"revoke": [{"person_id": 7, "role_id": direct}]});
    assert_eq!(adm1.post(REVIEW, direct).await.refusal(), (409, "direct_role"));
    assert_eq!(adm1.get(REVIEW).await.body, before);
    assert_eq!(server.number(events).await, told);
}

#[tokio::test]
async fn a_thousand_are_decided_at_once() {
    let (server, adm1) = furnished().await;
    server
        .execute(
            "insert into auth.person (id, username, name, password_hash)
             select 1000 + n, 'extra' || n, 'Extra', '' from generate_series(1, 1000) n;
             insert into auth.person_service_role (person_id, service_id, role_id)
             select id, 4, 4 from auth.person where username like 'extra%';
             select setval(pg_get_serial_sequence('auth.person', 'id'), 3000)",
        )
        .await;
    let (confirm, revoke): (Vec<i32>, Vec<i32>) = (1001..=2000).partition(|id| id % 2 == 0);
    let grants = |ids: Vec<i32>| ids.into_iter().map(|id| role(id, 4)).collect::<Vec<_>>();
    let done = adm1.post(REVIEW, json!({"confirm": grants(confirm), "revoke": grants(revoke)})).await.ok();
    assert_eq!((&done.body["confirmed"], &done.body["revoked"]), (&json!(500), &json!(500)));
    let noted = "select count(*) from auth.person_service_role where confirmed_by = 1 and person_id > 1000";
    assert_eq!(server.number(noted).await, 500);
    assert_eq!(server.number("select count(*) from auth.person_service_role where person_id > 1000").await, 500);
}

#[tokio::test]
async fn nobody_confirms_or_revokes_more_than_they_hold() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let keeper = server.person_with("keeper", &[(1, -1)]).await;
    let clerk = server.person_with("clerk", &[(1, 1)]).await;
    let auditor = server.person_with("auditor", &[(0, -3), (1, -3)]).await;
    let (here, everywhere) = ("/services/1/access-review", "/services/0/access-review");
    for verb in ["confirm", "revoke"] {
        let only = |grant: Value| json!({verb: [grant]});
        let mixed = json!({verb: [role(clerk.id, 1), role(auditor.id, -3)]});
        assert_eq!(writer.post(here, mixed.clone()).await.refusal(), FORBIDDEN, "{verb}");
        assert_eq!(writer.post(everywhere, only(role(root.id, 0))).await.refusal(), FORBIDDEN, "{verb}");
        assert_eq!(writer.post(everywhere, only(permission(auditor.id, -10))).await.refusal(), FORBIDDEN, "{verb}");
        assert_eq!(keeper.post(here, mixed).await.refusal(), FORBIDDEN, "{verb}");
        assert_eq!(keeper.post(everywhere, only(role(clerk.id, 1))).await.refusal(), FORBIDDEN, "elsewhere, {verb}");
        assert_eq!(clerk.post(here, only(role(clerk.id, 1))).await.refusal(), FORBIDDEN, "{verb}");
    }
    keeper.post(here, json!({"confirm": [role(clerk.id, 1), role(keeper.id, -1)]})).await.ok();
    assert_eq!(keeper.get(everywhere).await.refusal(), FORBIDDEN);
    assert_eq!(clerk.get(here).await.refusal(), FORBIDDEN);
    assert_eq!(keeper.get("/services/99/access-review").await.refusal(), FORBIDDEN, "nor whether it is there");
    assert_eq!(keeper.get("/services/Shop/access-review").await.status, 200);
    let last = json!({"revoke": [role(root.id, 0)]});
    assert_eq!(root.post(everywhere, last).await.refusal(), (409, "last_administrator"));
    root.post(everywhere, json!({"revoke": [role(auditor.id, -3)], "confirm": [role(root.id, 0)]})).await.ok();
}

#[tokio::test]
async fn what_is_over_is_not_reviewed() {
    let (server, adm1) = furnished().await;
    let end = server.app.clock.now().unix_timestamp() + 20;
    let grant = json!({"person_id": 7, "service_id": 4, "role_id": 4, "expires_at": end});
    adm1.post("/person-service-roles", grant).await.ok();
    let grant = json!({"person_id": 14, "service_id": 4, "permission_name": "share", "expires_at": end});
    adm1.post("/person-service-permissions", grant).await.ok();
    server.app.clock.turn(Duration::seconds(30));
    assert_eq!(grants(&adm1.get(REVIEW).await.body).len(), 10);
    for over in [role(7, 4), permission(14, 5)] {
        let confirmed = adm1.post(REVIEW, json!({"confirm": [over]})).await;
        assert_eq!(confirmed.refusal(), (404, "grant_not_found"));
        assert_eq!(adm1.post(REVIEW, json!({"revoke": [over]})).await.body["revoked"], 0);
    }
    assert_eq!(sweep(&server.app).await.expect("a sweep"), 2);
}

#[tokio::test]
async fn a_review_says_on_which_day_a_grant_was_last_of_use() {
    let (server, adm1) = furnished().await;
    let other = server.another_instance().await;
    let (juan, editor2, backend) = (server.demo("juan").await, server.demo("editor2").await, server.backend(4).await);
    let nobody = server.powerless().await;
    let day = || server.app.clock.now().date().to_string();
    let last = async |username: &str| adm1.get(&format!("{REVIEW}?q={username}")).await.body[0]["last_used_on"].clone();
    for _ in 0..3 {
        juan.post("/check-token", json!({"service_id": 4})).await.ok();
        juan.at(&other).get("/people/juan/services/4").await.ok();
    }
    juan.check().await.ok();
    nobody.post("/check-token", json!({"service_id": 4})).await.ok();
    backend.post("/check-tokens", json!({"tokens": [editor2.token()]})).await.ok();
    backend.get("/people/viewer2/services/4").await.ok();
    assert_eq!(last("juan").await, Value::Null, "it is written by and by");
    assert_eq!(write_uses(&server.app).await.expect("written"), 3, "who holds nothing uses nothing");
    assert_eq!(write_uses(&other.app).await.expect("written"), 1);
    assert_eq!(write_uses(&server.app).await.expect("written"), 0);
    for username in ["juan", "editor2", "viewer2"] {
        assert_eq!(last(username).await, day(), "{username}");
    }
    assert_eq!(last("viewer3").await, Value::Null);
    juan.post("/check-token", json!({"service_id": 4})).await.ok();
    assert_eq!(write_uses(&server.app).await.expect("written"), 0, "once a day");
    let first = day();
    server.app.clock.turn(Duration::days(1));
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    juan.post("/check-token", json!({"service_id": 4})).await.ok();
    assert_eq!(write_uses(&server.app).await.expect("written"), 1);
    let rows = adm1.get(REVIEW).await.body;
    let of = |id: i64| rows.as_array().into_iter().flatten().find(|row| row["person"]["id"] == id).expect("a row");
    assert_eq!((&of(7)["last_used_on"], &of(12)["last_used_on"]), (&json!(day()), &json!(first)));
    adm1.delete("/users/7").await.ok();
    adm1.delete("/services/4").await.ok();
    assert_eq!(server.number("select count(*) from auth.service_uses").await, 0, "they go with person and service");
}

#[tokio::test]
async fn reviews_that_race_each_other_and_everything_else_all_end() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    for name in ["Clerk", "Baker"] {
        root.post("/roles", json!({"name": name})).await.ok();
    }
    root.post("/permissions", json!({"name": "share"})).await.ok();
    let mut people = Vec::new();
    for n in 0..6 {
        people.push(server.person_with(&format!("person{n}"), &[]).await.id);
    }
    for round in 0..4 {
        for person in &people {
            for role in [1, 2] {
                let grant = json!({"person_id": person, "service_id": 1, "role_id": role});
                root.post("/person-service-roles", grant).await.ok();
            }
            let grant = json!({"person_id": person, "service_id": 1, "permission_id": 1});
            root.post("/person-service-permissions", grant).await.ok();
        }
        let requests = (0..14).map(|n: usize| {
            let (root, mut people, app) = (root.clone(), people.clone(), server.app.clone());
            people.rotate_left(n % 6);
            async move {
                let all = |what: &dyn Fn(i32) -> Value| people.iter().map(|person| what(*person)).collect::<Vec<_>>();
                match n {
                    5 => {
                        sweep(&app).await.expect("a sweep");
                        return 200;
                    }
                    6 if round % 3 == 1 => {
                        root.delete_with("/service-roles", json!({"service_id": 1, "role_id": 1})).await
                    }
                    6 if round == 3 => root.delete("/permissions/1").await,
                    n if n % 2 == 0 => {
                        let revoke = [all(&|person| role(person, 1)), all(&|person| permission(person, 1))].concat();
                        root.post("/services/1/access-review", json!({"revoke": revoke})).await
                    }
                    _ => {
                        root.post("/services/1/access-review", json!({"confirm": all(&|person| role(person, 2))})).await
                    }
                }
                .status
            }
        });
        for status in Caller::together(requests).await {
            assert!([200, 404].contains(&status), "{status} in round {round}");
        }
        let bakers = root.get("/services/1/access-review?role=Baker").await;
        assert_eq!(grants(&bakers.body).len(), 6, "what was confirmed is there");
    }
}
