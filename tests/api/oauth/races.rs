//! Many at once, on two instances: one wins, or nobody does.

use serde_json::json;

use crate::support::oauth::{NewAuthorization, NewClient};
use crate::support::{Caller, Response, Server};

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
        "update auth.clients set removed_at = now()",
        "delete from auth.clients",
    ] {
        let server = Server::on_the_demo_data().await;
        let client = server.client(NewClient { roles: &[(4, 4)], ..NewClient::default() }).await;
        let mut codes = Vec::new();
        for _ in 0..10 {
            codes.push(server.authorize(&client, JUAN, NewAuthorization::default()).await);
        }
        let redemptions = Caller::together(codes.into_iter().map(|code| {
            let client = client.clone();
            async move { client.redeem(&code).await }
        }));
        let own = Caller::together((0..20).map(|_| {
            let client = client.clone();
            async move { client.token(&[("grant_type", "client_credentials")]).await }
        }));
        let ending = async {
            tokio::task::yield_now().await;
            server.execute(ends).await;
        };
        let (redemptions, own, ()) = tokio::join!(redemptions, own, ending);
        for answer in redemptions.iter().chain(&own) {
            assert!([200, 400, 401].contains(&answer.status), "{ends}: {answer:?}");
        }
        let left = "select count(*) from auth.access_tokens t join auth.person p on p.id = t.person_id
                    join auth.clients c on c.id = t.client_id
                    where p.disabled_at is not null or p.removed_at is not null or c.removed_at is not null";
        assert_eq!(server.number(left).await, 0, "{ends}");
    }
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
