//! Two at once: what must hold whoever comes first.

use portero::base::id::PersonId;
use portero::identity::attempts::Attempt;
use portero::identity::sessions::Proof;
use serde_json::json;

use crate::support::{Caller, PASSWORD, PASSWORD_HASH, Response, Server};

#[tokio::test]
async fn two_administrators_never_remove_each_other() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    for round in 0..6 {
        let a = server.person_with(&format!("a{round}"), &[(0, 0)]).await;
        let b = server.person_with(&format!("b{round}"), &[(0, 0)]).await;
        let against = |actor: &Caller, victim: &Caller| {
            let (actor, id) = (actor.clone(), victim.id);
            async move {
                let grant = json!({"person_id": id, "service_id": 0, "role_id": "Administrator"});
                match round % 3 {
                    0 => actor.delete(&format!("/users/{id}")).await,
                    1 => actor.delete_with("/person-service-roles", grant).await,
                    // Oneself: both resign at once.
                    _ => {
                        let grant = json!({"person_id": actor.id, "service_id": 0, "role_id": "Administrator"});
                        actor.delete_with("/person-service-roles", grant).await
                    }
                }
            }
        };
        let answers = Caller::together([against(&a, &b), against(&b, &a)]).await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "{answers:?}");
        // The loser had lost already, or would have been the last.
        assert!(answers.iter().any(|answer| [401, 403, 409].contains(&answer.status)), "{answers:?}");
        let left = "select count(*) from auth.person_service_role psr join auth.person p on p.id = psr.person_id
            where service_id = 0 and role_id = 0 and removed_at is null";
        assert_eq!(server.number(left).await, 1);
        server.execute("update auth.person set removed_at = now() where removed_at is null").await;
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for answer in [
        root.delete(&format!("/users/{}", root.id)).await,
        root.delete_with("/person-service-roles", json!({"person_id": root.id, "service_id": 0, "role_id": 0})).await,
        root.delete_with("/service-roles", json!({"service_id": "portero", "role_id": "Administrator"})).await,
    ] {
        assert_eq!(answer.refusal(), (409, "last_administrator"));
    }
    let disabled = server.person_with("disabled", &[(0, 0)]).await;
    server.execute("update auth.person set disabled_at = now() where username = 'disabled'").await;
    assert_eq!(root.delete("/users/1").await.refusal(), (409, "last_administrator"), "who can't log in doesn't count");
    root.delete(&format!("/users/{}", disabled.id)).await.ok();
    let roles = root.get("/people/root/services/0").await;
    assert_eq!(roles.body["roles"], json!(["Administrator"]), "nothing was half done");
}

async fn sessions_of(server: &Server, logins: &[Response]) -> usize {
    let mut live = 0;
    for login in logins.iter().filter(|login| login.status == 200) {
        live += usize::from(server.anonymous().with_token(login.token()).check().await.status == 200);
    }
    live
}

#[tokio::test]
async fn a_login_that_races_a_new_password_leaves_no_session_of_the_old_one() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let root = server.administrator().await;
    for round in 0..3 {
        let ada = server.person_with(&format!("ada{round}"), &[]).await;
        let new = json!({"password_hash": other_hash()});
        let requests = (0..9).map(|n| {
            let (root, ada, new) = (root.clone(), ada.clone(), new.clone());
            async move {
                if n == 4 {
                    root.put(&format!("/users/{}", ada.id), new).await
                } else {
                    ada.log_in(&ada.username, PASSWORD).await
                }
            }
        });
        let mut answers = Caller::together(requests).await;
        assert_eq!(answers.remove(4).status, 200);
        assert!(answers.iter().all(|login| [200, 401].contains(&login.status)), "{answers:?}");
        assert_eq!(sessions_of(&server, &answers).await, 0, "{answers:?}");
        assert_eq!(ada.check().await.refusal(), (401, "invalid_token"));
    }
}

/// A hash that costs nothing to set, so that the change lands among the logins.
fn other_hash() -> String {
    portero::platform::passwords::PasswordHash::dummy().as_str().to_owned()
}

#[tokio::test]
async fn a_login_that_races_the_persons_removal_leaves_no_session() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let root = server.administrator().await;
    for round in 0..3 {
        let ada = server.person_with(&format!("ada{round}"), &[]).await;
        let requests = (0..9).map(|n| {
            let (root, ada) = (root.clone(), ada.clone());
            async move {
                if n == 4 {
                    root.delete(&format!("/users/{}", ada.id)).await
                } else {
                    ada.log_in(&ada.username, PASSWORD).await
                }
            }
        });
        let mut answers = Caller::together(requests).await;
        assert_eq!(answers.remove(4).status, 200);
        assert_eq!(sessions_of(&server, &answers).await, 0, "{answers:?}");
    }
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 1, "root's");
}

#[tokio::test]
async fn a_session_never_begins_for_a_password_that_was_changed_after_it_was_verified() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let origin = portero::gate::audit::Origin::default();
    let attempt = Attempt::at(&server.app, PersonId(ada.id), &origin).await.expect("nothing stands against it");
    root.put(&format!("/users/{}", ada.id), json!({"password_hash": other_hash()})).await.ok();
    let proof = Proof::Password { verified: &PASSWORD_HASH, attempt: &attempt, device: None };
    assert!(server.begin_session(server.begin_rules(), ada.id, proof, &origin).await.is_none());
}

#[tokio::test]
async fn first_logins_with_an_imported_hash_all_succeed_though_one_replaces_it() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let root = server.administrator().await;
    let hash = bcrypt::hash("imported password", 4).expect("a hash");
    root.post("/users", crate::passwords::imported("ada", &hash)).await.ok();
    let requests = (0..8).map(|_| {
        let anonymous = server.anonymous();
        async move { anonymous.log_in("ada", "imported password").await }
    });
    let answers = Caller::together(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(sessions_of(&server, &answers).await, 8);
}

#[tokio::test]
async fn who_logs_in_beside_others_gets_a_session_of_their_own_and_waits_for_no_other() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let people = people(&server, 6).await;
    // Somebody else's transaction holds one of them, who comes twice.
    let mut tx = server.app.db.begin().await.expect("a transaction");
    portero::gate::store::people::lock(&mut tx, PersonId(people[0].id)).await.expect("a lock");
    let held = Caller::together([&people[0], &people[0]].map(log_in));
    let others: Vec<_> = people[1..].iter().cycle().take(10).collect();
    let free = async {
        let answers = Caller::together(others.iter().copied().map(log_in)).await;
        tx.commit().await.expect("a commit");
        answers
    };
    let (held, answers) = tokio::join!(held, free);
    for (ada, answer) in others.iter().zip(&answers) {
        assert_eq!((answer.status, &answer.body["payload"]["user_id"]), (200, &json!(ada.id)), "{answer:?}");
    }
    assert!(held.iter().all(|answer| answer.status == 200), "{held:?}");
    let began = sessions_of(&server, &answers).await + sessions_of(&server, &held).await;
    assert_eq!((began, told(&server).await), (12, 12));
}

#[tokio::test]
async fn failures_at_one_address_are_forgiven_whoever_gets_it_right_there_at_the_same_time() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let people = people(&server, 6).await;
    for ada in &people {
        assert_eq!(server.anonymous().log_in(&ada.username, "mistyped").await.status, 401);
    }
    let at_the_address = "select ceil(extract(epoch from max(forgotten_at) - now()))::bigint from auth.login_attempts
        where key like 'address:%'";
    assert!(server.number(at_the_address).await > 0);
    let answers = Caller::together(people.iter().map(log_in)).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(server.number(at_the_address).await <= 0, "all six");
    assert_eq!(server.number("select count(*) from auth.login_attempts where person_id is not null").await, 0);
}

#[tokio::test]
async fn a_row_that_somebody_holds_for_long_costs_nobody_beside_it_their_login() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8"), ("PASSWORD_HASH_THREADS", "2")]).await;
    let people = people(&server, 4).await;
    assert_eq!(people[0].log_in(&people[0].username, "mistyped").await.status, 401);
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select from auth.login_attempts for update").execute(&mut *tx).await.expect("locks");
    let mistyped = log_in(&people[0]);
    let others = async {
        let answers = Caller::together(people[1..].iter().map(log_in)).await;
        tx.commit().await.expect("a commit");
        answers
    };
    let (mistyped, others) = tokio::join!(mistyped, others);
    assert!(others.iter().all(|answer| answer.status == 200), "{others:?}");
    assert_eq!(mistyped.status, 200, "{mistyped:?}");
}

async fn people(server: &Server, count: usize) -> Vec<Caller> {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(server.person_with(&format!("ada{n}"), &[]).await);
    }
    people
}

fn log_in(person: &Caller) -> impl Future<Output = Response> + use<> {
    let person = person.clone();
    async move { person.log_in(&person.username, PASSWORD).await }
}

/// How many sessions the audit trail says have begun by a login.
async fn told(server: &Server) -> i64 {
    server
        .number("select count(*) from auth.audit_events where action = 'session.created' and request_id is not null")
        .await
}
