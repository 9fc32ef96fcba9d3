//! What ends with a client, with its service, with a person, with a session: whoever ends them, in psql too.

use serde_json::json;

use super::{BANK, CLERK, SHOP, make, robot, wiki, with, world};
use crate::support::oauth::{NewAuthorization, NewClient};
use crate::support::{Beside, Caller, PASSWORD, Server};

/// What people and clients have been given, each as often as it is there.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    authorizations: i64,
    tokens: i64,
    refresh_tokens: i64,
    consents: i64,
}

const NOTHING: Given = Given { authorizations: 0, tokens: 0, refresh_tokens: 0, consents: 0 };

async fn given(server: &Server) -> Given {
    Given {
        authorizations: server.number("select count(*) from auth.authorizations").await,
        tokens: server.number("select count(*) from auth.access_tokens").await,
        refresh_tokens: server.number("select count(*) from auth.authorization_refresh_tokens").await,
        consents: server.number("select count(*) from auth.consents").await,
    }
}

/// Shop's wiki and robot, for which ada has allowed the first all there is, and the second has a token of its own.
async fn world_with_tokens() -> (Server, Caller, Caller) {
    let (server, root) = world().await;
    make(&root, with(wiki(), json!({"audience": [SHOP, BANK], "scope": "openid offline_access Shop:sell"}))).await.ok();
    make(&root, robot()).await.ok();
    let ada = server.person_with("ada", &[]).await;
    server
        .execute(
            "insert into auth.authorizations (client_id, person_id, session, sid, scopes, services, auth_time, acr, amr,
                                              created_at, refreshed_at, expires_at)
             select c.id, p.id, t.token, 'sid', asked.scopes, asked.services, now(), '1', '{pwd}', now(), now(), now() + interval '1 day'
             from auth.clients c, auth.person p join auth.tokens_cache t on t.person_id = p.id,
                  (values ('{openid}'::text[], '{1}'::int[]), ('{openid,offline_access,Shop:sell}', '{1,2}')) asked (scopes, services)
             where c.client_id = 'wiki' and p.username = 'ada';
             insert into auth.access_tokens (token, authorization_id, client_id, person_id, scopes, services, issued_at, expires_at)
             select sha256(a.id::text::bytea), a.id, client_id, person_id, scopes, services, now(), now() + interval '1 hour'
             from auth.authorizations a;
             insert into auth.authorization_refresh_tokens (token, authorization_id, created_at)
             select sha256(('r' || id)::bytea), id, now() from auth.authorizations;
             insert into auth.consents select person_id, client_id, '{openid}', now(), now() from auth.authorizations limit 1;
             insert into auth.access_tokens (token, client_id, person_id, scopes, services, issued_at, expires_at)
             select sha256('robot'), c.id, p.id, '{}', '{1}', now(), now() + interval '1 hour'
             from auth.clients c join auth.person p on p.client_id = c.id",
        )
        .await;
    assert_eq!(given(&server).await, Given { authorizations: 2, tokens: 3, refresh_tokens: 2, consents: 1 });
    (server, root, ada)
}

#[tokio::test]
async fn a_new_password_takes_back_all_that_was_let_in_with_the_old_one() {
    let new = json!({"current_password": PASSWORD, "new_password": "another correct horse battery"});
    let (server, _root, ada) = world_with_tokens().await;
    ada.post("/auth/change-password", new).await.ok();
    assert_eq!(given(&server).await.authorizations, 2, "by whoever is logged in: that session goes on");

    let (server, root, ada) = world_with_tokens().await;
    ada.post("/auth/logout", json!({})).await.ok();
    assert_eq!(given(&server).await.authorizations, 1, "what has `offline_access`");
    let path = format!("/users/{}", server.number("select id::bigint from auth.person where username = 'ada'").await);
    root.patch(&path, json!({"password": "another correct horse battery"})).await.ok();
    assert_eq!(given(&server).await, Given { consents: 1, ..OF_THE_ROBOT });
}

const OF_THE_ROBOT: Given = Given { tokens: 1, ..NOTHING };

#[tokio::test]
async fn all_that_a_client_was_given_ends_with_it_and_backends_hear_of_it() {
    let (server, root, _) = world_with_tokens().await;
    root.delete("/clients/wiki").await.ok();
    assert_eq!(given(&server).await, OF_THE_ROBOT);
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 1, "the robot's");
    assert_eq!(server.number("select count(*) from auth.client_audience").await, 1);
    assert_eq!(server.number("select count(*) from auth.changes where kind = 'session-revoked'").await, 2);
    root.delete("/clients/robot").await.ok();
    assert_eq!(given(&server).await, NOTHING);
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 0);
    let here = "select count(*) from auth.person where client_id is not null and removed_at is null";
    assert_eq!(server.number(here).await, 0);
}

#[tokio::test]
async fn a_service_takes_its_clients_with_it() {
    for by_hand in [false, true] {
        let (server, root, _) = world_with_tokens().await;
        if by_hand {
            server.execute("update auth.services set removed_at = now() where name = 'Shop'").await;
        } else {
            root.delete("/services/1").await.ok();
        }
        assert_eq!(given(&server).await, NOTHING);
        assert_eq!(root.get("/clients").await.body, json!([]));
        let here = "select count(*) from auth.person where client_id is not null and removed_at is null";
        assert_eq!(server.number(here).await, 0);
    }
    let (server, _root, _) = world_with_tokens().await;
    server.execute("delete from auth.services where name = 'Shop'").await;
    assert_eq!(given(&server).await, NOTHING);
    assert_eq!(server.number("select count(*) from auth.clients").await, 0);
}

#[tokio::test]
async fn a_service_of_the_audience_leaves_it() {
    let (_server, root, _) = world_with_tokens().await;
    root.delete("/services/2").await.ok();
    assert_eq!(root.get("/clients/wiki").await.ok().body["audience"], json!([SHOP]));
}

#[tokio::test]
async fn what_a_client_loses_its_tokens_lose_at_once() {
    let (server, root, _) = world_with_tokens().await;
    root.patch("/clients/wiki", json!({"audience": [SHOP]})).await.ok();
    assert_eq!(given(&server).await, Given { authorizations: 2, tokens: 2, refresh_tokens: 2, consents: 1 });
    assert_eq!(server.number("select count(*) from auth.authorizations where services = '{1}'").await, 2);
    root.patch("/clients/wiki", json!({"scope": "openid offline_access"})).await.ok();
    assert_eq!(
        given(&server).await,
        Given { authorizations: 1, tokens: 2, refresh_tokens: 1, consents: 1 },
        "with fewer permissions asked for a token would open more"
    );
    root.patch(
        "/clients/robot",
        json!({"grant_types": ["authorization_code"], "redirect_uris": ["https://a.example/"]}),
    )
    .await
    .ok();
    assert_eq!(given(&server).await.tokens, 1, "it acts for itself no longer");
}

#[tokio::test]
async fn nothing_outlives_the_person() {
    for (end, consents) in [("disabled_at", 1), ("removed_at", 0)] {
        let (server, root, ada) = world_with_tokens().await;
        if end == "disabled_at" {
            root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
        } else {
            root.delete(&format!("/users/{}", ada.id)).await.ok();
        }
        assert_eq!(given(&server).await, Given { consents, ..OF_THE_ROBOT }, "{end}");
    }
}

#[tokio::test]
async fn a_session_takes_with_it_what_was_not_to_outlive_it() {
    let (server, _root, ada) = world_with_tokens().await;
    ada.post("/auth/logout", json!({})).await.ok();
    assert_eq!(given(&server).await, Given { authorizations: 1, tokens: 2, refresh_tokens: 1, consents: 1 });
    let left = "select count(*) from auth.authorizations where session is null and scopes @> '{offline_access}'";
    assert_eq!(server.number(left).await, 1);

    let (server, _root, _ada) = world_with_tokens().await;
    server
        .execute("begin; select set_config('portero.purging', 'on', true); delete from auth.tokens_cache; commit")
        .await;
    assert_eq!(given(&server).await.authorizations, 2, "what is only swept up ends nothing");
}

#[tokio::test]
async fn what_is_issued_while_a_client_loses_a_service_is_not_for_that() {
    let (server, root) = world().await;
    let person = server.person_with("ada", &[(SHOP, CLERK), (BANK, CLERK)]).await.id;
    let scopes = &["openid", "offline_access"];
    let new = NewClient { service: SHOP, audience: &[SHOP, BANK], scopes, roles: &[], ..NewClient::default() };
    let client = server.client(new).await;
    let authorization = || NewAuthorization { scopes, services: &[SHOP, BANK], ..NewAuthorization::default() };
    let code = server.authorize(&client, person, authorization()).await;
    let first = client.redeem(&code).await.ok();
    let refresh = first.body["refresh_token"].as_str().expect("a token");
    let code = server.authorize(&client, person, authorization()).await;
    let mut before = Beside::begin(&server).await;
    before.execute("select from auth.clients where client_id = 'app' for no key update").await;
    let (watched, own) = (tokio::sync::Mutex::new(before), [("grant_type", "client_credentials")]);
    let narrowed = async { root.patch("/clients/app", json!({"audience": [SHOP]})).await };
    // They have read what they may give, and come after the change.
    let issued = async {
        watched.lock().await.until_waiting(1).await;
        tokio::join!(client.redeem(&code), client.refresh(refresh), client.token(&own), async {
            let mut watched = watched.lock().await;
            watched.until_waiting(4).await;
            watched.execute("commit").await;
        })
    };
    let (narrowed, (redeemed, refreshed, own, ())) = tokio::join!(narrowed, issued);
    narrowed.ok();
    for answer in [redeemed, refreshed, own] {
        let access = server.anonymous().with_token(answer.ok().body["access_token"].as_str().expect("a token"));
        assert_eq!(access.post("/check-token", json!({"service_id": SHOP})).await.status, 200);
        let lost = access.post("/check-token", json!({"service_id": BANK})).await;
        assert_eq!(lost.refusal(), (401, "invalid_token"));
    }
    let left = "select count(*) from auth.access_tokens where services && '{2}'";
    assert_eq!(server.number(left).await, 0);
}
