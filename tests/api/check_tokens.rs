//! Many tokens in one question, for backends.

use serde_json::{Value, json};
use time::Duration;

use crate::support::{Caller, Server};

fn tokens(of: &[&Caller]) -> Value {
    json!({"tokens": of.iter().map(|caller| caller.token()).collect::<Vec<_>>()})
}

#[tokio::test]
async fn one_answer_each_in_order_as_single_checks_have_it() {
    let server = Server::on_the_demo_data().await;
    let backend = server.backend(4).await;
    let (juan, adm2, out, late) =
        (server.demo("juan").await, server.demo("adm2").await, server.demo("usr1").await, server.demo("usr2").await);
    out.post("/auth/logout", json!({})).await.ok();
    let unknown =
        server.anonymous().with_token(server.app.new_token(server.app.clock.now()).expect("a token").reveal());
    server
        .execute("update auth.tokens_cache set modified_at = modified_at - interval '1 hour' where person_id = 3")
        .await;
    let nonsense = server.anonymous().with_token("nonsense");
    let asked = [&adm2, &nonsense, &late, &juan, &unknown, &out, &juan, &backend];
    let answers = backend.post("/check-tokens", tokens(&asked)).await;
    assert_eq!(answers.status, 200, "{answers:?}");
    assert_eq!(
        answers.column("valid"),
        [true, false, false, true, false, false, true, false].map(Value::from),
        "one answer each"
    );
    for (caller, answer) in asked.iter().zip(answers.body.as_array().expect("a list")) {
        let mut single = caller.post("/check-token", json!({"service_id": 4})).await;
        if answer["valid"] == true {
            assert_eq!(*answer, single.body, "what a single check says");
        } else {
            // A key is no token, whoever asks about it.
            let said =
                if caller.token() == backend.token() { json!("invalid_token") } else { single.body["error"].take() };
            assert_eq!(*answer, json!({"valid": false, "error": said}));
        }
    }
    assert_eq!(answers.body[2]["error"], "expired_token");
    assert_eq!(answers.body[3]["permissions"], json!(["read"]));
}

#[tokio::test]
async fn roles_and_permissions_are_those_of_the_keys_own_service() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (service, roles) in [(1, json!(["Admin"])), (4, json!([]))] {
        let answers = server.backend(service).await.post("/check-tokens", tokens(&[&adm1])).await;
        assert_eq!((&answers.body[0]["service_id"], &answers.body[0]["roles"]), (&json!(service), &roles));
    }
}

#[tokio::test]
async fn one_to_a_thousand_tokens_are_taken() {
    let server = Server::on_the_demo_data().await;
    let (backend, juan) = (server.backend(4).await, server.demo("juan").await);
    for count in [0, 1, 1000, 1001] {
        let answers = backend.post("/check-tokens", tokens(&vec![&juan; count])).await;
        if (1..=1000).contains(&count) {
            assert_eq!(answers.column("valid"), vec![json!(true); count]);
        } else {
            assert_eq!(answers.refusal(), (400, "invalid_request_body"), "{count}");
            assert!(answers.body["detail"].as_str().is_some_and(|detail| detail.contains("`tokens`")), "{answers:?}");
        }
    }
    for (body, named) in [
        (json!({"tokens": [juan.token(), 7]}), "`tokens[1]`"),
        (json!({"tokens": juan.token()}), "`tokens`"),
        (json!({"tokens": null}), "`tokens`"),
        (json!({"token": juan.token()}), "`token`"),
    ] {
        let refused = backend.post("/check-tokens", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"));
        assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains(named)), "{refused:?}");
    }
}

#[tokio::test]
async fn those_near_their_end_are_renewed_once_whoever_asks() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "One"})).await.ok();
    let backend = server.backend(1).await;
    let mut people = Vec::new();
    for n in 0..20 {
        people.push(server.person_with(&format!("person{n}"), &[]).await);
    }
    for _ in 0..3 {
        server.app.clock.turn(Duration::seconds(285));
        let fresh = server.session_of(people[0].id).await;
        let mut all: Vec<&Caller> = people.iter().collect();
        all.push(&fresh);
        // The first twice.
        all.push(&people[0]);
        let mut reversed = all.clone();
        reversed.reverse();
        let bodies = [tokens(&all), tokens(&reversed)];
        let answers = Caller::together((0..10).map(|n| {
            let (backend, body) = (backend.clone(), bodies[n % 2].clone());
            async move { backend.post("/check-tokens", body).await }
        }));
        let singles = people.iter().map(|person| {
            let person = person.clone();
            async move { person.check().await }
        });
        let (answers, singles) = tokio::join!(answers, Caller::together(singles));
        let mut renewals = std::collections::BTreeMap::<i64, usize>::new();
        let mut count = |answer: &Value| {
            assert_eq!(answer["valid"], true, "{answer}");
            if answer["renewed"] == true {
                *renewals.entry(answer["payload"]["user_id"].as_i64().expect("an id")).or_default() += 1;
            }
        };
        answers.iter().flat_map(|answer| answer.body.as_array().expect("a list")).for_each(&mut count);
        singles.iter().map(|answer| &answer.body).for_each(&mut count);
        assert_eq!(renewals.len(), 20, "everybody's");
        assert!(renewals.values().all(|times| *times == 1), "once each: {renewals:?}");
    }
    let after = backend.post("/check-tokens", tokens(&[&people[0]])).await;
    let end = after.body[0]["expires_at"].as_i64().expect("seconds") - server.app.clock.now().unix_timestamp();
    assert!((298..=300).contains(&end), "{end}");
}

#[tokio::test]
async fn who_logs_out_is_out_in_the_very_next_list() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let (backend, juan, adm2) = (server.backend(4).await, server.demo("juan").await, server.demo("adm2").await);
    assert_eq!(backend.post("/check-tokens", tokens(&[&juan, &adm2])).await.column("valid"), [true, true]);
    juan.at(&elsewhere).post("/auth/logout", json!({})).await.ok();
    let answers = backend.post("/check-tokens", tokens(&[&juan, &adm2])).await;
    assert_eq!(answers.column("valid"), [false, true]);
    assert_eq!(answers.body[0], json!({"valid": false, "error": "invalid_token"}));
}
