//! Many at once, on two instances: one wins, or nobody does.

use serde_json::json;

use crate::support::oauth::{NewAuthorization, NewClient};
use crate::support::{Beside, Caller, Response, Server};

const JUAN: i32 = 7;

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn of_fifty_redemptions_of_one_code_one_wins_and_then_everything_has_ended() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let client = server.client(NewClient::default()).await;
    for _ in 0..3 {
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        let requests = (0..50).map(|n| {
            let (client, code) = (if n % 2 == 0 { client.clone() } else { client.at(&elsewhere) }, code.clone());
            async move { client.redeem(&code).await }
        });
        let answers = Caller::together(requests).await;
        let good: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!((good.len(), count(&answers, 400)), (1, 49), "{answers:?}");
        let (access, refresh) = (&good[0].body["access_token"], &good[0].body["refresh_token"]);
        for token in [access, refresh] {
            assert_eq!(client.introspect(token.as_str().expect("a token")).await, json!({"active": false}));
        }
        assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    }
}

#[tokio::test]
async fn fifty_refreshes_at_once_are_tabs_and_each_goes_on() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let client = server.client(NewClient { token_format: "opaque", ..NewClient::default() }).await;
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    let first = client.redeem(&code).await.ok();
    let token = first.body["refresh_token"].as_str().expect("a token").to_owned();
    let refreshes = |token: String, n: usize| {
        let (client, elsewhere) = (client.clone(), client.at(&elsewhere));
        (0..n).map(move |n| {
            let (client, token) = (if n % 2 == 0 { client.clone() } else { elsewhere.clone() }, token.clone());
            async move { client.refresh(&token).await }
        })
    };
    let answers = Caller::together(refreshes(token.clone(), 50)).await;
    assert_eq!(count(&answers, 200), 50, "{answers:?}");
    let tokens: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer.body["refresh_token"].as_str().expect("a token").to_owned()).collect();
    assert_eq!(tokens.len(), 50, "each its own");
    let last = tokens.last().expect("a token").clone();
    assert_eq!(client.refresh(&last).await.status, 200);
    // Somebody went on: the first one is nobody's now.
    let answers = Caller::together(refreshes(token, 50)).await;
    assert_eq!(count(&answers, 400), 50, "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    let told = "select count(*) from auth.audit_events where action = 'client-refresh.replayed'";
    assert_eq!(server.number(told).await, 1, "it is told once");
}

#[tokio::test]
async fn of_twenty_refreshes_without_grace_one_wins_and_then_everything_has_ended() {
    let server = Server::configured(&[("REFRESH_GRACE_SECONDS", "0")]).await;
    let person = server.person_with("ada", &[]).await.id;
    let client = server.client(NewClient { service: 0, audience: &[], ..NewClient::default() }).await;
    let code =
        server.authorize(&client, person, NewAuthorization { services: &[], ..NewAuthorization::default() }).await;
    let first = client.redeem(&code).await.ok();
    let token = first.body["refresh_token"].as_str().expect("a token").to_owned();
    let requests = (0..20).map(|_| {
        let (client, token) = (client.clone(), token.clone());
        async move { client.refresh(&token).await }
    });
    let answers = Caller::together(requests).await;
    assert_eq!((count(&answers, 200), count(&answers, 400)), (1, 19), "{answers:?}");
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 0);
}

#[tokio::test]
async fn whoever_is_disabled_or_deleted_midway_leaves_no_token() {
    for ends in [
        "update auth.person set disabled_at = now() where id = 7",
        "update auth.clients set removed_at = now() where client_id = 'app'",
        "delete from auth.clients where client_id = 'app'",
    ] {
        let server = Server::on_the_demo_data().await;
        let client = server.client(NewClient { roles: &[(4, 4)], ..NewClient::default() }).await;
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        let first = client.redeem(&code).await.ok();
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        let refresh = first.body["refresh_token"].as_str().expect("a token");
        // All of them have read what they are about to store, and wait for whom it is about.
        let mut ending = Beside::begin(&server).await;
        ending
            .execute("select from auth.person where id = 7 or client_id is not null order by id for no key update")
            .await;
        ending.execute("select from auth.clients where client_id = 'app' for no key update").await;
        let own = [("grant_type", "client_credentials")];
        let (redeemed, refreshed, own, ()) =
            tokio::join!(client.redeem(&code), client.refresh(refresh), client.token(&own), async {
                ending.until_waiting(3).await;
                ending.execute(ends).await;
                ending.commit().await;
            });
        for answer in [&redeemed, &refreshed] {
            assert_eq!(answer.refusal(), (400, "invalid_grant"), "{ends}");
        }
        let own_goes_on = ends.contains("auth.person");
        assert_eq!(own.status, if own_goes_on { 200 } else { 400 }, "{ends}: {own:?}");
        let left = server.number("select count(*) from auth.access_tokens").await;
        assert_eq!(left, i64::from(own_goes_on), "{ends}");
    }
}

#[tokio::test]
async fn whoever_changes_a_client_and_whoever_issues_its_tokens_do_not_wait_for_each_other_in_a_circle() {
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
    let server = Server::on_the_demo_data().await;
    let grant_types = &["client_credentials", EXCHANGE];
    let client = server.client(NewClient { grant_types, scopes: &["UI Store:read"], ..NewClient::default() }).await;
    let subject = client.of_itself().await;
    let exchange = [("grant_type", EXCHANGE), ("subject_token", &subject), ("subject_token_type", TYPE)];
    for form in [&[("grant_type", "client_credentials")][..], &exchange] {
        // As whoever changes or deletes a client does: first the subject that it is, then the client.
        let mut change = Beside::begin(&server).await;
        change.execute("select from auth.person where client_id is not null for no key update").await;
        let (answer, ()) = tokio::join!(client.token(form), async {
            change.until_waiting(1).await;
            change.execute("select from auth.clients where client_id = 'app' for no key update").await;
            change.commit().await;
        });
        answer.ok();
    }
}

#[tokio::test]
async fn clients_are_changed_and_deleted_while_their_tokens_are_issued() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let root = server.demo("adm1").await;
    let changes = (0..10).map(|n| {
        let root = root.clone();
        async move {
            match n {
                9 => root.delete("/clients/app").await,
                _ if n % 2 == 0 => root.patch("/clients/app", json!({"client_name": format!("App {n}")})).await,
                _ => root.post("/clients/app/secrets", json!({"overlap_seconds": 60})).await,
            }
        }
    });
    let own = (0..50).map(|_| {
        let client = client.clone();
        async move { client.token(&[("grant_type", "client_credentials")]).await }
    });
    let (changes, own) = tokio::join!(Caller::together(changes), Caller::together(own));
    for answer in changes.iter().chain(&own) {
        assert!([200, 201, 400, 401, 404, 409].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 0);
}

#[tokio::test]
async fn many_clients_at_once_get_each_their_own() {
    let server = Server::on_the_demo_data().await;
    let mut clients = Vec::new();
    for n in 0..5 {
        let client_id = format!("client-{n}");
        clients.push(server.client(NewClient { client_id: &client_id, ..NewClient::default() }).await);
    }
    let requests = (0..100).map(|n| {
        let client = clients[n % 5].clone();
        async move {
            let answer = client.token(&[("grant_type", "client_credentials")]).await.ok();
            (client.client_id, answer.body["access_token"].as_str().expect("a token").to_owned())
        }
    });
    let tokens = Caller::together(requests).await;
    for (client_id, token) in &tokens {
        assert_eq!(crate::support::oauth::claims(token)["sub"], client_id.as_str());
    }
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 100);
}
