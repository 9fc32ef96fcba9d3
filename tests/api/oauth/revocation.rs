//! Revocation (RFC 7009).

use serde_json::json;

use crate::support::Server;
use crate::support::oauth::{NewAuthorization, NewClient};

#[tokio::test]
async fn an_access_token_ends_alone_and_a_refresh_token_takes_all_along() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    for new in [NewClient::default(), NewClient { client_id: "public", ..NewClient::public() }] {
        let client = server.client(new).await;
        let asker = server.backend(4).await;
        let active = |token: String| {
            let asker = asker.at(&elsewhere);
            async move { asker.post("/check-token", json!({"token": token})).await.status == 200 }
        };
        let code = server.authorize(&client, 7, NewAuthorization::default()).await;
        let answer = client.redeem(&code).await.ok();
        let token = |member: &str| answer.body[member].as_str().expect("a token").to_owned();
        let (access, refresh) = (token("access_token"), token("refresh_token"));
        assert!(active(access.clone()).await);
        let revoked = client.post("/oauth/revoke", &[("token", &access), ("token_type_hint", "refresh_token")]).await;
        assert_eq!((revoked.status, revoked.text.as_str()), (200, ""));
        assert!(!active(access.clone()).await);
        assert_eq!(client.post("/oauth/revoke", &[("token", &access)]).await.status, 200, "again");
        let second = client.refresh(&refresh).await.ok();
        let access = second.body["access_token"].as_str().expect("a token").to_owned();
        assert!(active(access.clone()).await);
        let latest = second.body["refresh_token"].as_str().expect("a token");
        assert_eq!(client.post("/oauth/revoke", &[("token", latest)]).await.status, 200);
        assert!(!active(access).await);
        assert_eq!(client.refresh(latest).await.refusal(), (400, "invalid_grant"));
    }
    let told = "select count(*) from auth.audit_events where action = 'authorization.revoked' and subject_id = 7";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn what_is_unknown_has_ended_and_what_is_anothers_is_refused() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let other = server.client(NewClient { client_id: "other", ..NewClient::default() }).await;
    let session = server.demo("juan").await;
    for unknown in ["nonsense", "pat_nonsense", "eyJhbGciOiJub25lIn0.e30.c2ln", session.token()] {
        assert_eq!(client.post("/oauth/revoke", &[("token", unknown)]).await.status, 200, "{unknown}");
    }
    assert_eq!(session.check().await.status, 200, "a session is none of a client's");
    let code = server.authorize(&client, 7, NewAuthorization::default()).await;
    let answer = client.redeem(&code).await.ok();
    for member in ["access_token", "refresh_token"] {
        let token = answer.body[member].as_str().expect("a token");
        assert_eq!(other.post("/oauth/revoke", &[("token", token)]).await.refusal(), (400, "invalid_grant"));
        assert_eq!(client.introspect(token).await["active"], true);
    }
    assert_eq!(client.post("/oauth/revoke", &[]).await.refusal(), (400, "invalid_request"));
}
