//! Who takes from many at once takes from nobody what they hold for longer.

use serde_json::{Value, json};
use time::Duration;

use super::{FORBIDDEN, ROLES, after, role, until};
use crate::support::{Caller, Response, Server};

const OFFERS: &str = "/service-roles";

/// Shop is service 1; the role Mighty, which carries `users:read` and `users:write`, is 1.
async fn world() -> (Server, Caller) {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.post("/roles", json!({"name": "Mighty"})).await.ok();
    for permission in ["users:read", "users:write"] {
        root.post("/role-permissions", json!({"role_id": "Mighty", "permission_id": permission})).await.ok();
    }
    (server, root)
}

fn offer(service: i32, role: impl Into<Value>) -> Value {
    json!({"service_id": service, "role_id": role.into()})
}

/// Everything that takes Portero's own permissions from more than one.
async fn take(chief: &Caller) -> Vec<(&'static str, Response)> {
    let link = |permission: &str| json!({"role_id": "Mighty", "permission_id": permission});
    vec![
        ("withdraw Writer from Portero", chief.delete_with(OFFERS, offer(0, -1)).await),
        ("withdraw Writer from Shop", chief.delete_with(OFFERS, offer(1, "Writer")).await),
        ("withdraw Mighty from Portero", chief.delete_with(OFFERS, offer(0, "Mighty")).await),
        ("take users:read from Mighty", chief.delete_with("/role-permissions", link("users:read")).await),
        ("rename Mighty", chief.put("/roles/1", json!({"name": "Meek"})).await),
        ("rename Mighty, and see it", chief.patch("/roles/1", json!({"name": "Meeker"})).await),
        ("delete Mighty", chief.delete("/roles/1").await),
        ("delete Shop", chief.delete("/services/1").await),
    ]
}

#[tokio::test]
async fn what_takes_from_many_is_for_those_who_hold_it_as_long_as_any_of_them() {
    let (server, root) = world().await;
    let writer = server.person_with("writer", &[(0, -1), (1, -1)]).await;
    let keeper = server.person_with("keeper", &[(0, 1)]).await;
    let (chief, deputy) = (server.person_with("chief", &[]).await, server.person_with("deputy", &[]).await);
    let (sooner, end, later) = (after(&server, 1000), after(&server, 2000), after(&server, 3000));
    root.post(ROLES, until(role("chief", 0, "Administrator"), end)).await.ok();
    root.post(ROLES, until(role("deputy", 1, "Writer"), end)).await.ok();
    for longer in [Value::Null, json!(later)] {
        for (who, service, held) in [("writer", 0, "Writer"), ("writer", 1, "Writer"), ("keeper", 0, "Mighty")] {
            root.post(ROLES, until(role(who, service, held), longer.clone())).await.ok();
        }
        for (what, answer) in take(&chief).await {
            assert_eq!(answer.refusal(), FORBIDDEN, "{what}");
        }
        assert_eq!(deputy.delete_with(OFFERS, offer(1, -1)).await.refusal(), FORBIDDEN);
    }
    assert_eq!((writer.get("/users").await.status, keeper.get("/users").await.status), (200, 200));
    assert_eq!(writer.get("/services/1/access-review").await.column("person").len(), 2, "and in Shop");

    // To the very same moment is long enough.
    for (who, service, held) in [("writer", 0, "Writer"), ("writer", 1, "Writer"), ("keeper", 0, "Mighty")] {
        root.post(ROLES, until(role(who, service, held), end)).await.ok();
    }
    root.post(ROLES, until(role("deputy", 1, "Writer"), sooner)).await.ok();
    assert_eq!(deputy.delete_with(OFFERS, offer(1, -1)).await.refusal(), FORBIDDEN, "writer's lasts longer");
    for (what, answer) in take(&chief).await {
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn what_takes_nothing_of_porteros_from_anybody_is_done_however_short_ones_right() {
    let (server, root) = world().await;
    server.person_with("clerk", &[]).await;
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    root.post(ROLES, role("clerk", 1, "Clerk")).await.ok();
    // What is over and was not swept up yet is nobody's any more.
    root.post(ROLES, until(role("clerk", 1, "Writer"), after(&server, 10))).await.ok();
    let chief = server.person_with("chief", &[]).await;
    root.post(ROLES, until(role("chief", 0, "Administrator"), after(&server, 2000))).await.ok();
    server.app.clock.turn(Duration::seconds(10));
    let chief = server.session_of(chief.id).await;
    chief.delete_with(OFFERS, offer(1, "Writer")).await.ok();
    chief.put("/roles/2", json!({"name": "Cashier"})).await.ok();
    chief.delete("/roles/2").await.ok();
    chief.delete("/services/1").await.ok();
    for (what, answer) in take(&chief).await.into_iter().filter(|(what, _)| what.contains("Mighty")) {
        assert_eq!(answer.status, 200, "{what}, which nobody holds: {answer:?}");
    }
}

#[tokio::test]
async fn a_grant_that_is_lengthened_meanwhile_is_not_lost() {
    let (server, root) = world().await;
    server.person_with("writer", &[]).await;
    let chief = server.person_with("chief", &[]).await;
    let (sooner, end) = (after(&server, 1000), after(&server, 2000));
    root.post(ROLES, until(role("chief", 0, "Administrator"), end)).await.ok();
    for _ in 0..10 {
        root.post(ROLES, until(role("writer", 1, "Writer"), sooner)).await.ok();
        let (by, lengthen) = (root.clone(), until(role("writer", 1, "Writer"), Value::Null));
        let lengthen = async move { by.post(ROLES, lengthen).await };
        let by = chief.clone();
        let withdraw = async move { by.delete_with(OFFERS, offer(1, -1)).await };
        let answers = Caller::together([
            Box::pin(lengthen) as std::pin::Pin<Box<dyn Future<Output = Response>>>,
            Box::pin(withdraw),
        ]);
        let answers = answers.await;
        assert_eq!(answers[0].status, 200, "{:?}", answers[0]);
        assert!(answers[1].status == 200 || answers[1].refusal() == FORBIDDEN, "{:?}", answers[1]);
        let held = root.get("/people/writer/services/1/roles").await;
        assert_eq!(held.column("name"), ["Writer"], "whoever came first: {answers:?}");
        root.post(ROLES, until(role("writer", 1, "Writer"), Value::Null)).await.ok();
    }
}
