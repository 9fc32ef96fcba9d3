//! What somebody makes by a right that ends does not outlive it.

use std::time::Duration as Wait;

use portero::access::grants::sweep;
use portero::app::changes::FeedTimings;
use serde_json::{Value, json};
use time::Duration;

use super::{FORBIDDEN, ROLES, after, role, until, written};
use crate::support::{Caller, Response, Server};

const REFUSED: (u16, &str) = (401, "invalid_token");

async fn make(by: &Caller, terms: Value) -> Response {
    let mut key = json!({"name": "till"});
    if let Some(end) = terms.get("expires_at") {
        key["expires_at"] = end.clone();
    }
    by.post("/services/4/keys", key).await
}

fn of(server: &Server, made: &Response) -> Caller {
    server.anonymous().with_token(made.body["key"].as_str().expect("a key"))
}

/// Keeps service 4 until `end`.
async fn keeper(server: &Server, adm1: &Caller, end: i64) -> Caller {
    let keeper = server.person_with("keeper", &[]).await;
    adm1.post(ROLES, until(role("keeper", 4, 0), end)).await.ok();
    keeper
}

#[tokio::test]
async fn a_key_ends_no_later_than_the_right_by_which_it_was_made() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let adm1 = server.demo("adm1").await;
    let (sooner, end, later) = (after(&server, 50), after(&server, 100), after(&server, 200));
    let keeper = keeper(&server, &adm1, end).await;
    for longer in [Value::Null, json!(later)] {
        assert_eq!(make(&keeper, json!({"expires_at": longer})).await.refusal(), FORBIDDEN);
    }
    let made = make(&keeper, json!({})).await.ok();
    assert_eq!(made.body["expires_at"], written(end));
    let short = make(&keeper, json!({"expires_at": sooner})).await.ok();
    assert_eq!(short.body["expires_at"], written(sooner));
    assert_eq!(make(&adm1, json!({})).await.ok().body["expires_at"], Value::Null);
    assert_eq!(make(&adm1, json!({"expires_at": null})).await.ok().body["expires_at"], Value::Null);
    assert_eq!(make(&adm1, json!({"expires_at": later})).await.ok().body["expires_at"], written(later));
    let past = make(&adm1, json!({"expires_at": after(&server, -1)})).await;
    assert_eq!(past.refusal(), (400, "invalid_request_body"));
    let ends = [written(end).into(), written(sooner).into(), Value::Null, Value::Null, json!(written(later))];
    assert_eq!(adm1.get("/services/4/keys").await.column("expires_at"), ends);

    let key = of(&server, &made);
    let token = server.demo("juan").await;
    let asked = json!({"tokens": [token.token()]});
    let opens = async |key: &Caller| {
        let mut answers =
            vec![key.get("/people/juan/services/4").await, key.post("/check-tokens", asked.clone()).await];
        answers.push(key.get("/changes").await);
        answers
    };
    server.app.clock.turn(Duration::seconds(60));
    assert_eq!(of(&server, &short).get("/people/juan/services/4").await.refusal(), REFUSED);
    assert!(opens(&key).await.iter().all(|answer| answer.status == 200));
    server.app.clock.turn(Duration::seconds(40));
    for swept in [false, true] {
        for key in [&key, &key.at(&elsewhere)] {
            for answer in opens(key).await {
                assert_eq!(answer.refusal(), REFUSED, "{swept}");
            }
        }
        assert_eq!(adm1.get("/services/4/keys").await.column("expires_at").len(), 3, "nor are they listed: {swept}");
        sweep(&server.app).await.expect("a sweep");
    }
    let told = "select count(*) from auth.audit_events where action = 'service-key.expired' and actor = 'system'
                and service_id = 4 and before ->> 'name' = 'till'";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn a_key_stays_with_its_service_when_a_lasting_maker_goes() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let keeper = server.person_with("keeper", &[(4, 0)]).await;
    let key = of(&server, &make(&keeper, json!({})).await.ok());
    adm1.delete(&format!("/users/{}", keeper.id)).await.ok();
    assert_eq!(key.get("/people/juan/services/4").await.status, 200);
    assert_eq!(adm1.get("/services/4/keys").await.column("created_by"), [json!(keeper.id)], "who has to be asked for");
}

#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let server = Server::paced(FeedTimings { heartbeat: Wait::from_millis(50), ..FeedTimings::default() }).await;
    let root = server.administrator().await;
    for name in ["One", "Two", "Three", "Shop"] {
        root.post("/services", json!({"name": name})).await.ok();
    }
    let turned = make(&root, json!({"expires_at": after(&server, 1000)})).await.ok();
    let mut stream = of(&server, &turned).listen(None).await;
    stream.expect("ready").await;
    server.app.clock.turn(Duration::seconds(1000));
    stream.end().await;
    // And by itself, before any heartbeat and however busy those are who sweep.
    let server = Server::on_the_demo_data().await;
    let soon = make(&server.demo("adm1").await, json!({"expires_at": after(&server, 2)})).await.ok();
    let mut stream = of(&server, &soon).listen(None).await;
    stream.expect("ready").await;
    stream.end().await;
}

#[tokio::test]
async fn an_invitation_is_good_while_its_maker_may_register_people() {
    let server = Server::configured(&[("REGISTRATION", "invite")]).await;
    let root = server.administrator().await;
    let desk = server.person_with("desk", &[]).await;
    let end = after(&server, 86_400);
    root.post(ROLES, until(role("desk", 0, "Writer"), end)).await.ok();
    let register = async |made: &Response, username: &str| {
        let body =
            json!({"username": username, "password": "a passphrase of mine", "invitation": made.body["invitation"]});
        server.anonymous().post("/auth/register", body).await
    };
    let longer = desk.post("/invitations", json!({"expires_in": 7 * 86_400})).await;
    assert_eq!(longer.refusal(), FORBIDDEN);
    let (made, used) =
        (desk.post("/invitations", json!({})).await.ok(), desk.post("/invitations", json!({})).await.ok());
    assert_eq!(made.body["expires_at"], written(end), "not a week");
    assert!(desk.post("/invitations", json!({"expires_in": 60})).await.ok().body["expires_at"] != written(end));
    assert_eq!(register(&used, "ada").await.status, 201);

    root.delete_with(ROLES, role("desk", 0, "Writer")).await.ok();
    assert_eq!(register(&made, "eva").await.refusal(), (403, "invalid_invitation"));
    root.post(ROLES, until(role("desk", 0, "Writer"), end)).await.ok();
    server.app.clock.turn(Duration::seconds(86_400));
    assert_eq!(register(&made, "eva").await.refusal(), (403, "invalid_invitation"));
}
