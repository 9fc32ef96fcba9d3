//! Grants that end by themselves: in the same second in every answer, whoever asks, whether or not they were swept up.

mod administrators;
mod many;
mod outlives;
mod swept;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use portero::access::grants::sweep;

use crate::support::{Caller, Server};

const ROLES: &str = "/person-service-roles";
const PERMISSIONS: &str = "/person-service-permissions";
const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");

/// Unix seconds, so far from now.
fn after(server: &Server, seconds: i64) -> i64 {
    server.app.clock.now().unix_timestamp() + seconds
}

fn written(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a moment").format(&Rfc3339).expect("a text")
}

fn role(person: impl Into<Value>, service: i32, role: impl Into<Value>) -> Value {
    json!({"person_id": person.into(), "service_id": service, "role_id": role.into()})
}

fn until(mut grant: Value, end: impl Into<Value>) -> Value {
    grant["expires_at"] = end.into();
    grant
}

fn share(person: i32, service: i32) -> Value {
    json!({"person_id": person, "service_id": service, "permission_name": "share"})
}

/// The events about grants so far: action, and the ends before and after.
async fn told(server: &Server) -> Vec<(String, Value, Value)> {
    let events: Vec<(String, Option<Value>, Option<Value>)> = sqlx::query_as(
        "select action, before, after from auth.audit_events where action like '%grant.%' and actor <> 'command-line' order by id",
    )
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    let end = |terms: Option<Value>| terms.map_or(Value::Null, |terms| terms["expires_at"].clone());
    events.into_iter().map(|(action, before, after)| (action, end(before), end(after))).collect()
}

/// All that anybody is told of what juan holds.
struct Views {
    adm1: Caller,
    juan: Caller,
    backend: Caller,
}

impl Views {
    async fn of(server: &Server) -> Self {
        Self { adm1: server.demo("adm1").await, juan: server.demo("juan").await, backend: server.backend(4).await }
    }

    fn at(&self, other: &Server) -> Self {
        Self { adm1: self.adm1.at(other), juan: self.juan.at(other), backend: self.backend.at(other) }
    }

    async fn look(&self) -> Vec<Value> {
        let Self { adm1, juan, backend } = self;
        let mut check = juan.post("/check-token", json!({"service_id": 4, "permission": "share"})).await.body;
        let mut checks = backend.post("/check-tokens", json!({"tokens": [juan.token()]})).await.body;
        for session in [&mut check, &mut checks[0]] {
            session.as_object_mut().expect("an object").remove("expires_at");
        }
        vec![
            check,
            checks,
            juan.get("/people/juan/services/4").await.body,
            juan.get("/people/juan/services/4/roles").await.body,
            juan.get("/people/7/services").await.body,
            backend.get("/people/juan/services/4").await.body,
            adm1.get("/people/juan/services/4/roles").await.body,
            adm1.get("/people/7/services").await.body,
            adm1.get("/services/4/roles/3/people").await.body,
            adm1.get("/services/4/roles/3/people?q=JU").await.body,
            adm1.get("/services/4/access-review").await.body,
        ]
    }
}

#[tokio::test]
async fn what_is_given_for_a_time_is_in_no_answer_from_its_end_on() {
    let server = Server::on_the_demo_data().await;
    let other = server.another_instance().await;
    let views = Views::of(&server).await;
    let before = views.look().await;
    let end = after(&server, 100);
    views.adm1.post(ROLES, until(role(7, 4, "Editor"), end)).await.ok();
    let direct = views.adm1.post(PERMISSIONS, until(share(7, 4), end)).await.ok().body["role_id"].clone();
    views.adm1.post(ROLES, until(role(7, 5, "Viewer"), end)).await.ok();
    let direct = [format!("/services/4/roles/{direct}/people"), format!("/roles/{direct}/permissions")];

    server.app.clock.turn(Duration::seconds(60));
    for there in [&server, &other] {
        let meanwhile = views.at(there).look().await;
        for (n, (before, meanwhile)) in before.iter().zip(&meanwhile).enumerate() {
            assert_ne!(before, meanwhile, "{n}");
        }
        assert_eq!((&meanwhile[0]["valid_until"], &meanwhile[0]["allowed"]), (&json!(end), &json!(true)));
        assert_eq!(meanwhile[1][0]["valid_until"], end);
        assert_eq!((&meanwhile[2]["valid_until"], &meanwhile[5]["valid_until"]), (&json!(end), &json!(end)));
        let ends: Vec<_> = meanwhile[3].as_array().expect("a list").iter().map(|row| row.get("expires_at")).collect();
        assert_eq!(ends, [Some(&json!(written(end))), None, Some(&json!(written(end)))], "Editor, Viewer, directly");
        assert_eq!(meanwhile[8].as_array().and_then(|rows| rows[0].get("expires_at")), Some(&json!(written(end))));
        for path in &direct {
            assert_eq!(views.adm1.at(there).get(path).await.body.as_array().map(Vec::len), Some(1), "{path}");
        }
    }
    server.app.clock.turn(Duration::seconds(40));
    for swept in [false, true] {
        for there in [&server, &other] {
            let views = views.at(there);
            for (n, (before, now)) in before.iter().zip(views.look().await).enumerate() {
                assert_eq!(*before, now, "{n}, swept up: {swept}");
            }
            for path in &direct {
                let answer = views.adm1.get(path).await;
                let nothing = if swept { json!("role_not_found") } else { json!([]) };
                assert!([&answer.body, &answer.body["error"]].contains(&&nothing), "{path}: {answer:?}");
            }
        }
        assert_eq!(sweep(&server.app).await.expect("a sweep"), if swept { 0 } else { 3 });
    }
}

#[tokio::test]
async fn checks_that_ride_together_are_answered_what_holds_when_they_ask() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    adm1.post(ROLES, until(role(7, 4, "Editor"), after(&server, 3))).await.ok();
    let end = adm1.get("/people/7/services/4/roles").await.body[0]["expires_at"].clone();
    let end = OffsetDateTime::parse(end.as_str().expect("a moment"), &Rfc3339).expect("a moment");
    server.app.clock.turn(Duration::seconds(1));
    loop {
        let requests = (0..16).map(|_| {
            let (juan, clock) = (juan.clone(), server.app.clock.clone());
            async move {
                let asked = clock.now();
                let answer = juan.post("/check-token", json!({"service_id": 4})).await;
                (asked, answer.body["roles"].clone(), clock.now())
            }
        });
        for (asked, roles, answered) in Caller::together(requests).await {
            assert!(asked < end || roles == json!(["Viewer"]), "asked at {asked}, it ended at {end}: {roles}");
            assert!(answered >= end || roles == json!(["Editor", "Viewer"]), "answered at {answered}: {roles}");
        }
        if server.app.clock.now() > end {
            break;
        }
    }
}

#[tokio::test]
async fn giving_it_again_lengthens_shortens_or_leaves_it() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let (soon, late) = (after(&server, 60), after(&server, 7200));
    let roles = || async { juan.get("/people/juan/services/4/roles").await.body };
    for (path, grant, name) in [(ROLES, role(7, 4, "Editor"), "Editor"), (PERMISSIONS, share(7, 4), "direct:7:4")] {
        let end = || async {
            let roles = roles().await;
            let row = roles.as_array().into_iter().flatten().find(|row| row["name"] == name).cloned();
            row.expect("it is held").get("expires_at").cloned()
        };
        adm1.post(path, until(grant.clone(), soon)).await.ok();
        let first = end().await;
        assert_eq!(first, Some(json!(written(soon))));
        adm1.post(path, grant.clone()).await.ok();
        assert_eq!(end().await, first, "without the field nothing changes");
        adm1.post(path, until(grant.clone(), written(late))).await.ok();
        assert_eq!(end().await, Some(json!(written(late))));
        adm1.post(path, until(grant.clone(), written(late))).await.ok();
        adm1.post(path, until(grant.clone(), Value::Null)).await.ok();
        assert_eq!(end().await, None, "null is for good");
        adm1.post(path, grant.clone()).await.ok();
        adm1.post(path, until(grant.clone(), soon)).await.ok();
        assert_eq!(end().await, first);
        adm1.delete_with(path, grant.clone()).await.ok();
        let text = |end: i64| json!(written(end));
        let what = if path == ROLES { "grant" } else { "direct-grant" };
        let expected = [
            ("added", Value::Null, text(soon)),
            ("changed", text(soon), text(late)),
            ("changed", text(late), Value::Null),
            ("changed", Value::Null, text(soon)),
            ("removed", text(soon), Value::Null),
        ];
        let events = told(&server).await;
        let events: Vec<_> = events.into_iter().filter(|(action, ..)| action.starts_with(what)).collect();
        assert_eq!(events, expected.map(|(action, before, after)| (format!("{what}.{action}"), before, after)));
    }
}

#[tokio::test]
async fn a_reason_is_kept_and_told() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let because = |reason: &str| {
        let mut grant = role(7, 4, "Editor");
        grant["reason"] = json!(reason);
        grant
    };
    for reason in ["stands in for Eva", "stands in for Eva", "stays for the audit"] {
        adm1.post(ROLES, because(reason)).await.ok();
        adm1.post(ROLES, role(7, 4, "Editor")).await.ok();
        let row = adm1.get("/services/4/access-review?role=Editor&q=juan").await.body[0].clone();
        assert_eq!((&row["reason"], &row["granted_by"]["username"]), (&json!(reason), &json!("adm1")));
    }
    let actions: Vec<String> = told(&server).await.into_iter().map(|(action, ..)| action).collect();
    assert_eq!(actions, ["grant.added", "grant.changed"]);
    for bad in ["", " ", "two\nlines", &"x".repeat(501)] {
        let answer = adm1.post(ROLES, because(bad)).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"));
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("reason")), "{answer:?}");
    }
    adm1.post(ROLES, because(&"é".repeat(500))).await.ok();
    let mut without = role(7, 4, "Editor");
    without["reason"] = Value::Null;
    adm1.post(ROLES, without).await.ok();
    assert_eq!(adm1.get("/services/4/access-review?role=Editor&q=juan").await.body[0]["reason"], Value::Null);
}

#[tokio::test]
async fn a_service_where_nothing_holds_any_more_is_not_listed() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let juan = server.demo("juan").await;
    let services = async || juan.get("/auth/me").await.ok().body["roles"].as_array().map_or(0, Vec::len);
    let before = services().await;
    let end = after(&server, 100);
    adm1.post("/services", json!({"name": "Elsewhere"})).await.ok();
    let elsewhere = json!({"person_id": 7, "service_id": "Elsewhere", "permission_name": "share"});
    adm1.post(PERMISSIONS, until(elsewhere, end)).await.ok();
    assert_eq!(services().await, before + 1);
    server.app.clock.turn(Duration::seconds(100));
    assert_eq!(
        server.session_of(juan.id).await.get("/auth/me").await.ok().body["roles"].as_array().map(Vec::len),
        Some(before)
    );
}

#[tokio::test]
async fn an_end_that_is_none_is_refused_by_name() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (past, far) = (after(&server, -1), after(&server, 3654 * 86_400));
    for (path, grant) in [(ROLES, role(7, 4, "Editor")), (PERMISSIONS, share(7, 4))] {
        for bad in [
            json!(past),
            json!(written(past)),
            json!(far),
            json!(0),
            json!(i64::MAX),
            json!(-1),
            json!(1.5),
            json!(true),
            json!(""),
            json!("tomorrow"),
            json!("2030-12-31"),
            json!("9999999999"),
            json!([]),
        ] {
            let answer = adm1.post(path, until(grant.clone(), bad.clone())).await;
            assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{bad}");
            assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("expires_at")), "{answer:?}");
        }
        let taken = adm1.delete_with(path, until(grant, after(&server, 60))).await;
        assert_eq!(taken.refusal(), (400, "invalid_request_body"), "taking has no end");
    }
    assert_eq!(told(&server).await, [], "nothing was done");
}

#[tokio::test]
async fn what_is_over_and_not_swept_up_is_as_if_it_were_not_there() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    for (path, grant) in [(ROLES, role(7, 4, "Editor")), (PERMISSIONS, share(7, 4))] {
        adm1.post(path, until(grant.clone(), after(&server, 20))).await.ok();
        server.app.clock.turn(Duration::seconds(30));
        adm1.delete_with(path, grant.clone()).await.ok();
        adm1.post(path, grant.clone()).await.ok();
        assert_eq!(sweep(&server.app).await.expect("a sweep"), 0, "it was given anew");
    }
    let held = juan.get("/people/juan/services/4").await.body;
    assert_eq!(held["roles"], json!(["Editor", "Viewer", "direct:7:4"]));
    assert!(held.get("valid_until").is_none(), "{held}");
    let events = told(&server).await;
    let actions: Vec<&str> = events.iter().map(|(action, ..)| action.as_str()).collect();
    assert_eq!(actions, ["grant.added", "grant.added", "direct-grant.added", "direct-grant.added"]);
    assert_eq!(events[1].1, events[0].2, "what was over is told with what is new");
}

#[tokio::test]
async fn a_role_of_porteros_own_that_is_over_opens_nothing_in_the_very_next_request() {
    let server = Server::on_a_fresh_database().await;
    let other = server.another_instance().await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    let keeper = server.person_with("keeper", &[]).await;
    let chief = server.person_with("chief", &[]).await;
    let desk = server.person_with("desk", &[]).await;
    let end = after(&server, 60);
    root.post(ROLES, until(role("keeper", 1, "Writer"), end)).await.ok();
    root.post(ROLES, until(role("chief", 0, "Administrator"), end)).await.ok();
    for permission in ["users:read", "roles:write"] {
        let grant = json!({"person_id": "desk", "service_id": 0, "permission_name": permission});
        root.post(PERMISSIONS, until(grant, end)).await.ok();
    }
    let ask = async || {
        let mut answers = Vec::new();
        for there in [&server, &other] {
            let (keeper, chief, desk) = (keeper.at(there), chief.at(there), desk.at(there));
            answers.extend([
                keeper.get("/services/1/access-review").await.status,
                keeper.post("/service-roles", json!({"service_id": 1, "role_id": "Reader"})).await.status,
                chief.get("/users").await.status,
                chief.get("/services/1/keys").await.status,
                chief.post("/roles", json!({"name": "New"})).await.status,
                desk.get("/users").await.status,
                desk.post("/roles", json!({"name": "New"})).await.status,
            ]);
        }
        answers
    };
    assert!(ask().await.iter().all(|status| [200, 201].contains(status)), "{:?}", ask().await);
    server.app.clock.turn(Duration::seconds(60));
    assert_eq!(ask().await, [403; 14]);
}

#[tokio::test]
async fn what_a_role_carries_for_everybody_has_no_end_whoever_writes() {
    let server = Server::on_the_demo_data().await;
    let end = "update auth.role_permission set expires_at = now() where role_id = 1";
    let refused = sqlx::raw_sql(end).execute(server.app.db.pool()).await.expect_err("a refusal");
    let refused = refused.into_database_error().expect("of Postgres");
    assert_eq!(refused.constraint(), Some("role_permission_ends_alone"));
}

#[tokio::test]
async fn a_changed_end_is_told_to_backends_and_a_changed_reason_is_not() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let mut stream = server.backend(4).await.listen(None).await;
    stream.expect("ready").await;
    for (path, grant) in [(ROLES, role(7, 4, "Viewer")), (PERMISSIONS, share(14, 4))] {
        adm1.post(path, grant.clone()).await.ok();
        if path == PERMISSIONS {
            stream.expect("grants-changed").await;
            stream.expect("grants-changed").await;
        }
        let because = |reason: &str| {
            let mut grant = grant.clone();
            grant["reason"] = json!(reason);
            grant
        };
        adm1.post(path, because("because")).await.ok();
        stream.silence().await;
        adm1.post(path, until(because("because"), after(&server, 100))).await.ok();
        let told = stream.expect("grants-changed").await;
        assert_eq!(told.data["user_id"], grant["person_id"]);
        stream.silence().await;
    }
}
