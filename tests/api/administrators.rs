//! Administrators, made and unmade over the API.

use serde_json::json;

use crate::support::{Caller, Server};

#[tokio::test]
async fn administrators_are_listed_promoted_and_demoted() {
    let server = Server::on_a_fresh_database().await;
    let (root, ada) = (server.administrator().await, server.person_with("ada", &[]).await);
    assert_eq!(root.get("/administrators").await.column("username"), ["root"]);
    for _ in 0..2 {
        let made = root.put("/administrators/ada", json!({})).await.ok();
        assert_eq!(made.body, json!({"id": ada.id, "username": "ada", "name": "ada by name"}));
    }
    assert_eq!(ada.get("/administrators").await.column("username"), ["root", "ada"]);
    for revoked in [true, false] {
        let unmade = ada.delete(&format!("/administrators/{}", root.id)).await.ok();
        assert_eq!(unmade.body, json!({"status": "administrator_demoted", "user_id": root.id, "revoked": revoked}));
    }
    assert_eq!(root.get("/administrators").await.status, 403);
    let events = "select count(*) from auth.audit_events where action in ('grant.added', 'grant.removed')";
    assert_eq!(server.number(events).await, 2, "what changes nothing is not told");
    for path in ["/administrators/nobody", "/administrators/4711"] {
        assert_eq!(ada.put(path, json!({})).await.refusal(), (404, "person_not_found"));
        assert_eq!(ada.delete(path).await.refusal(), (404, "person_not_found"));
    }
}

#[tokio::test]
async fn only_an_administrator_makes_one() {
    let server = Server::on_a_fresh_database().await;
    server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    for who in ["writer", "root"] {
        let path = format!("/administrators/{who}");
        assert_eq!(writer.put(&path, json!({})).await.refusal(), (403, "insufficient_permissions"));
        assert_eq!(writer.delete(&path).await.refusal(), (403, "insufficient_permissions"));
    }
}

#[tokio::test]
async fn one_administrator_is_always_left() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let (root, chief) = (server.administrator().await, server.person_with("chief", &[(0, 0)]).await);
    let against = |actor: &Caller, victim: &Caller| {
        let (actor, path) = (actor.clone(), format!("/administrators/{}", victim.id));
        async move { actor.delete(&path).await }
    };
    let answers = Caller::together([against(&root, &chief), against(&chief, &root)]).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    let left = if answers[0].status == 200 { root } else { chief };
    let resigned = left.delete(&format!("/administrators/{}", left.id)).await;
    assert_eq!(resigned.refusal(), (409, "last_administrator"));
}
