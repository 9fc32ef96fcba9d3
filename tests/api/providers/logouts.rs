//! Whoever logs out at the provider is logged out here, where their session began there.

use serde_json::{Value, json};
use time::Duration;

use super::{CLIENT, Idp, linked, log_in, world};
use crate::authorize::browser::{Browser, Form};
use crate::factors::enrol;
use crate::foreign::now;
use crate::support::{Caller, Response, Server};

fn token(idp: &Idp, server: &Server, more: Value) -> String {
    let at = now(server);
    let mut claims = json!({
        "iss": idp.place.url, "aud": CLIENT, "iat": at, "exp": at + 120, "jti": format!("{at}-{more}"), "sub": "ada-there",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    super::merge(&mut claims, &more);
    idp.signer.sign(&claims)
}

async fn tell(server: &Server, token: &str) -> Response {
    let path = "/login/providers/acme/backchannel-logout";
    let body = format!("logout_token={token}");
    let media = "application/x-www-form-urlencoded";
    server
        .anonymous()
        .send_with(axum::http::Method::POST, path, &body, |request| request.header("content-type", media))
        .await
}

/// Somebody who has logged in at the provider, in its session `sid`.
async fn session(idp: &Idp, server: &Server, sid: &str) -> Caller {
    let mut browser = Browser::new(server);
    log_in(idp, server, &mut browser, json!({"sid": sid})).await.ok();
    server.anonymous().with_token(&browser.cookies["portero"])
}

#[tokio::test]
async fn a_logout_there_ends_that_session_or_all_that_began_there_and_no_other() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let (one, two) = (session(&idp, &server, "s1").await, session(&idp, &server, "s2").await);
    let told = tell(&server, &token(&idp, &server, json!({"sid": "s1"}))).await.ok();
    assert_eq!(told.header("cache-control"), "no-store");
    assert_eq!((one.get("/auth/profile").await.status, two.get("/auth/profile").await.status), (401, 200));
    let three = session(&idp, &server, "s3").await;
    tell(&server, &token(&idp, &server, json!({"sub": null, "sid": "s3"}))).await.ok();
    assert_eq!((three.get("/auth/profile").await.status, two.get("/auth/profile").await.status), (401, 200));
    tell(&server, &token(&idp, &server, json!({}))).await.ok();
    assert_eq!((two.get("/auth/profile").await.status, ada.get("/auth/profile").await.status), (401, 200));
    let told = "select count(*) from auth.audit_events
        where action = 'session.revoked' and after ->> 'provider' = 'acme' and actor = 'system'";
    assert_eq!(server.number(told).await, 3);
}

#[tokio::test]
async fn a_logout_there_ends_what_the_second_step_has_opened_here_by_the_api_too() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({"sid": "s1"})).await;
    let mfa_token = Form::of(&page).hidden["mfa_token"].clone();
    let step = json!({"mfa_token": mfa_token, "method": "totp", "code": authenticator.next(&server)});
    let opened = server.anonymous().post("/auth/mfa", step).await.ok();
    let one = ada.with_token(opened.token());
    assert_eq!(server.number("select count(*) from auth.provider_pending").await, 0);
    tell(&server, &token(&idp, &server, json!({"sid": "s1"}))).await.ok();
    assert_eq!((one.get("/auth/profile").await.status, ada.get("/auth/profile").await.status), (401, 200));
}

#[tokio::test]
async fn a_login_that_waits_ends_with_what_it_began_by() {
    let (idp, server, admin) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let (authenticator, _) = enrol(&server, &ada).await;
    for what in ["logout", "off", "unlinked"] {
        let mut browser = Browser::new(&server);
        let page = log_in(&idp, &server, &mut browser, json!({"sid": "s1"})).await;
        let mfa_token = Form::of(&page).hidden["mfa_token"].clone();
        match what {
            "logout" => drop(tell(&server, &token(&idp, &server, json!({"sid": "s1"}))).await.ok()),
            "off" => drop(admin.patch("/providers/acme", json!({"enabled": false})).await.ok()),
            _ => server.execute("delete from auth.provider_links where subject = 'ada-there'").await,
        }
        let step = json!({"mfa_token": mfa_token, "method": "totp", "code": authenticator.next(&server)});
        let refused = server.anonymous().post("/auth/mfa", step).await;
        assert_eq!(refused.refusal(), (401, "invalid_mfa_token"), "{what}");
        admin.patch("/providers/acme", json!({"enabled": true})).await.ok();
    }
    assert_eq!(server.number("select count(*) from auth.provider_sessions").await, 0);
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let (idp, server, _) = world(json!({})).await;
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    let token = token(&idp, &server, json!({}));
    tell(&server, &token).await.ok();
    let one = session(&idp, &server, "s1").await;
    assert_eq!(tell(&server, &token).await.refusal(), (400, "invalid_logout_token"));
    one.get("/auth/profile").await.ok();
    server.app.clock.turn(Duration::minutes(12));
    assert_eq!(tell(&server, &token).await.refusal(), (400, "invalid_logout_token"), "nor once it is forgotten");
}

#[tokio::test]
async fn a_logout_token_that_is_not_as_it_must_be_ends_nothing() {
    let (idp, server, _) = world(json!({})).await;
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    let one = session(&idp, &server, "s1").await;
    let at = now(&server);
    for wrong in [
        json!({"iss": "https://other.example"}),
        json!({"aud": "somebody-else"}),
        json!({"iat": null}),
        json!({"iat": at - 3600}),
        json!({"exp": at - 100}),
        json!({"jti": null}),
        json!({"events": null}),
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": true}}),
        json!({"events": {"other": {}}}),
        json!({"nonce": "n"}),
        json!({"sub": null}),
        json!({"sub": 7}),
    ] {
        let refused = tell(&server, &token(&idp, &server, wrong.clone())).await;
        assert_eq!(refused.refusal(), (400, "invalid_logout_token"), "{wrong}");
    }
    let stranger =
        Idp { place: super::Place::open().await, signer: super::Signer::new(super::Algorithm::ES256, "one") };
    let forged = Idp { place: idp.place, signer: stranger.signer };
    assert_eq!(tell(&server, &token(&forged, &server, json!({}))).await.status, 400);
    for bad in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(tell(&server, bad).await.status, 400, "{bad}");
    }
    one.get("/auth/profile").await.ok();
}
