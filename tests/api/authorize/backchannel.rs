//! Back-channel logout: whoever ends a session, each client that has had tokens of it is told.

use axum::http::Method;
use portero::oauth::backchannel_logout::{Deliveries, deliver_what_is_due, store};
use portero::oauth::keys::TokenType;
use serde_json::{Value, json};
use time::Duration;

use super::{Browser, WORLD, asking, code};
use crate::support::oauth::{NewClient, VERIFIER, post_form};
use crate::support::{Caller, PASSWORD, Place, Response, Said, Server};

/// A shop whose client hears of logouts.
async fn shop(place: &Place) -> Server {
    let server = Server::configured(&place.settings()).await;
    server.execute(WORLD).await;
    sqlx::query("update auth.clients set consent = 'none', backchannel_logout_uri = $1")
        .bind(place.at("/logout"))
        .execute(server.app.db.pool())
        .await
        .expect("a client");
    place.says("/logout", Said::status(200));
    server
}

/// Somebody who has logged in for the client, in a browser of theirs; what the ID token calls that session.
async fn visit(server: &Server, username: &str, scope: &str) -> (Browser, String) {
    let mut browser = Browser::of(server, username).await;
    let sid = visit_again(server, &mut browser, "web-shop", scope).await;
    (browser, sid)
}

async fn visit_again(server: &Server, browser: &mut Browser, client_id: &str, scope: &str) -> String {
    let code = code(&browser.get(&asking(&[("client_id", client_id), ("scope", scope)])).await);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", super::CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", client_id),
    ];
    let tokens = post_form(&server.anonymous(), "/oauth/token", &form, |request| request).await.ok();
    let id_token = tokens.body["id_token"].as_str().expect("an ID token");
    crate::support::oauth::claims(id_token)["sid"].as_str().expect("a sid").to_owned()
}

async fn deliver(server: &Server) -> usize {
    deliver_what_is_due(&server.app.oauth).await.expect("a delivery")
}

/// The claims of the logout tokens that have come, each verified.
async fn told(server: &Server, place: &Place) -> Vec<Value> {
    let mut told = Vec::new();
    for asked in place.asked() {
        assert_eq!((asked.method, asked.path.as_str()), (Method::POST, "/logout"));
        let token = asked.body.strip_prefix("logout_token=").expect("a token and nothing else");
        let now = server.app.clock.now();
        let read: Option<Value> =
            server.app.keys.read(&server.app.db, TokenType::Logout, token, now).await.expect("an answer");
        told.push(read.expect("a token that is ours"));
    }
    told
}

async fn queued(server: &Server) -> i64 {
    server.number("select count(*) from auth.backchannel_logouts").await
}

async fn clerk(server: &Server) -> Caller {
    server.person_with("ada", &[(1000, 1000)]).await
}

#[tokio::test]
async fn a_logout_token_says_who_has_logged_out_of_which_session() {
    let place = Place::open().await;
    let server = shop(&place).await;
    let ada = clerk(&server).await;
    let (mut browser, sid) = visit(&server, "ada", "openid").await;
    assert_eq!(deliver(&server).await, 0);
    let home = browser.get("/").await;
    browser.submit(&home, &[]).await;
    assert_eq!(queued(&server).await, 1);
    assert_eq!((deliver(&server).await, deliver(&server).await), (1, 0));
    assert_eq!(queued(&server).await, 0, "what was told is forgotten");
    let told = told(&server, &place).await;
    let [claims] = told.as_slice() else { panic!("one token: {told:?}") };
    let now = server.app.clock.now().unix_timestamp();
    for (claim, value) in [
        ("iss", json!(super::ISSUER)),
        ("aud", json!("web-shop")),
        ("sub", json!(ada.id.to_string())),
        ("sid", json!(sid)),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    let (iat, exp) = (claims["iat"].as_i64().expect("iat"), claims["exp"].as_i64().expect("exp"));
    assert!((now - iat).abs() < 60 && exp - iat == 120, "{claims}");
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() == 32) && claims.get("nonce").is_none(), "{claims}");
    let header = crate::support::oauth::jwt_part(place.asked()[0].body.trim_start_matches("logout_token="), 0);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("ES256")));
}

#[tokio::test]
async fn by_whatever_door_a_session_ends_its_clients_hear_of_it() {
    let place = Place::open().await;
    let server = shop(&place).await;
    let root = server.administrator().await;
    for door in ["disable", "password", "remove", "own session", "of another", "all others", "role"] {
        let username = door.replace(' ', "-");
        let person = server.person_with(&username, &[(1000, 1000)]).await;
        let (_browser, sid) = visit(&server, &username, "openid offline_access").await;
        let id = person.id;
        match door {
            "disable" => root.post(&format!("/users/{id}/disable"), json!({})).await.ok(),
            "password" => {
                let change = json!({"current_password": PASSWORD, "new_password": "another good passphrase"});
                server.secrets.add("another good passphrase");
                person.post("/auth/change-password", change).await.ok()
            }
            "remove" => root.delete(&format!("/users/{id}")).await.ok(),
            "own session" => person.delete(&format!("/auth/sessions/{sid}")).await.ok(),
            "of another" => root.delete(&format!("/users/{id}/sessions")).await.ok(),
            "all others" => person.delete("/auth/sessions").await.ok(),
            _ => {
                // No session ends with a role: nobody is told.
                server.take(id, 1000).await;
                assert_eq!(queued(&server).await, 0, "{door}");
                continue;
            }
        };
        assert_eq!(queued(&server).await, 1, "{door}");
        deliver(&server).await;
        let told = told(&server, &place).await;
        let last = told.last().expect("a token");
        assert_eq!((&last["sub"], &last["sid"]), (&json!(id.to_string()), &json!(sid)), "{door}");
    }
}

#[tokio::test]
async fn only_clients_that_had_tokens_of_that_session_and_want_to_hear_are_told() {
    let place = Place::open().await;
    let server = shop(&place).await;
    server
        .execute(
            "insert into auth.clients
                 (id, client_id, name, service_id, auth_method, grant_types, redirect_uris, scopes, consent,
                  backchannel_logout_uri, created_at)
             select 1000 + n, name, name, 1000, 'none', '{authorization_code,refresh_token}',
                    '{https://shop.example.com/callback}', '{openid,offline_access}', 'none', null, now()
             from unnest(array['deaf', 'absent', 'second']) with ordinality as other (name, n);
             update auth.clients
             set backchannel_logout_uri = (select backchannel_logout_uri from auth.clients where id = 1000)
             where client_id in ('absent', 'second')",
        )
        .await;
    clerk(&server).await;
    let (mut browser, sid) = visit(&server, "ada", "openid").await;
    visit_again(&server, &mut browser, "deaf", "openid").await;
    visit_again(&server, &mut browser, "second", "openid").await;
    // Twice: it is told once.
    assert_eq!(visit_again(&server, &mut browser, "second", "openid").await, sid);
    // A code that nobody has redeemed is no token.
    code(&browser.get(&asking(&[("client_id", "absent"), ("scope", "openid")])).await);
    let (_other_browser, other_sid) = visit(&server, "ada", "openid").await;
    let home = browser.get("/").await;
    browser.submit(&home, &[]).await;
    deliver(&server).await;
    let told = told(&server, &place).await;
    let mut audiences: Vec<&str> = told.iter().map(|claims| claims["aud"].as_str().expect("aud")).collect();
    audiences.sort_unstable();
    assert_eq!(audiences, ["second", "web-shop"]);
    assert!(told.iter().all(|claims| claims["sid"] == sid.as_str() && claims["sid"] != other_sid.as_str()));
}

#[tokio::test]
async fn a_client_that_has_ended_what_it_had_hears_of_the_session_all_the_same() {
    let place = Place::open().await;
    let server = shop(&place).await;
    clerk(&server).await;
    let (mut browser, _) = visit(&server, "ada", "openid").await;
    server.execute("delete from auth.authorizations").await;
    let home = browser.get("/").await;
    browser.submit(&home, &[]).await;
    assert_eq!(deliver(&server).await, 1);
}

#[tokio::test]
async fn what_is_only_swept_up_is_told_to_nobody_and_what_is_gone_is_told_nothing() {
    let place = Place::open().await;
    let server = shop(&place).await;
    clerk(&server).await;
    visit(&server, "ada", "openid").await;
    server
        .execute("begin; select set_config('portero.purging', 'on', true); delete from auth.tokens_cache; commit")
        .await;
    assert_eq!(queued(&server).await, 0);
    assert_eq!(server.number("select count(*) from auth.session_clients").await, 0);
    visit(&server, "ada", "openid").await;
    server.execute("truncate auth.tokens_cache").await;
    assert_eq!(queued(&server).await, 1);
    server.execute("update auth.clients set removed_at = now()").await;
    assert_eq!((queued(&server).await, deliver(&server).await), (0, 0));
    assert_eq!(place.asked().len(), 0);
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_asked_again_and_in_the_end_given_up() {
    let place = Place::open().await;
    let server = shop(&place).await;
    place.says("/logout", Said::status(503));
    clerk(&server).await;
    let (mut browser, _) = visit(&server, "ada", "openid").await;
    let home = browser.get("/").await;
    browser.submit(&home, &[]).await;
    for tries in 1..=8 {
        assert_eq!(deliver(&server).await, 1, "try {tries}");
        assert_eq!(deliver(&server).await, 0, "not at once");
        server.app.clock.turn(Duration::hours(8));
    }
    assert_eq!(deliver(&server).await, 0);
    let mut conn = server.app.db.read().await.expect("a connection");
    let counts = store::queue_counts(&mut conn).await.expect("counts");
    assert_eq!((counts.waiting, counts.dead), (0, 1));
    let unreached = store::unreached(&mut conn, 10).await.expect("clients").remove(0);
    assert_eq!((unreached.client_id.as_str(), unreached.logouts), ("web-shop", 1));
    assert!(unreached.last_error.is_some_and(|error| error.contains("503")));
    let ids: std::collections::BTreeSet<String> =
        told(&server, &place).await.iter().map(|claims| claims["jti"].to_string()).collect();
    assert_eq!(ids.len(), 8, "each try has a token of its own");
    store::clear(&mut conn, server.app.clock.now() + Duration::days(31)).await.expect("order");
    conn.keep().await.expect("a commit");
    assert_eq!(queued(&server).await, 0);
}

#[tokio::test]
async fn what_an_instance_has_begun_and_not_ended_another_takes_over() {
    let place = Place::open().await;
    let server = shop(&place).await;
    clerk(&server).await;
    let (mut browser, _) = visit(&server, "ada", "openid").await;
    let home = browser.get("/").await;
    browser.submit(&home, &[]).await;
    let mut tx = server.app.db.begin().await.expect("a transaction");
    let now = server.app.clock.now();
    let claimed = store::claim(&mut tx, (now, Duration::minutes(1)), (10, 10), &[]).await.expect("a claim");
    assert_eq!(claimed.len(), 1);
    tx.commit().await.expect("a commit");
    // It was killed here.
    assert_eq!(deliver(&server).await, 0, "while it might still be at it");
    server.app.clock.turn(Duration::seconds(61));
    assert_eq!(deliver(&server).await, 1);
}

#[tokio::test]
async fn several_instances_tell_each_logout_once() {
    let place = Place::open().await;
    let server = shop(&place).await;
    for n in 0..6 {
        server.person_with(&format!("p{n}"), &[]).await;
        visit(&server, &format!("p{n}"), "openid").await;
    }
    server.execute("delete from auth.tokens_cache").await;
    assert_eq!(queued(&server).await, 6);
    let deliveries = (0..8).map(|_| {
        let oauth = server.app.oauth.clone();
        tokio::spawn(async move { deliver_what_is_due(&oauth).await.expect("a delivery") })
    });
    for delivery in deliveries.collect::<Vec<_>>() {
        delivery.await.expect("a delivery");
    }
    while deliver(&server).await > 0 {}
    let told = told(&server, &place).await;
    let subjects: std::collections::BTreeSet<&str> =
        told.iter().map(|claims| claims["sub"].as_str().expect("sub")).collect();
    assert_eq!((told.len(), subjects.len()), (6, 6));
}

#[tokio::test]
async fn whoever_logs_out_while_a_client_redeems_its_code_is_logged_out_there_too() {
    let place = Place::open().await;
    let server = shop(&place).await;
    clerk(&server).await;
    for _ in 0..8 {
        let mut browser = Browser::of(&server, "ada").await;
        let code = code(&browser.get(&asking(&[("scope", "openid")])).await);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", super::CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", "web-shop"),
        ];
        let anonymous = server.anonymous();
        let home = browser.get("/").await;
        let (tokens, _) =
            tokio::join!(post_form(&anonymous, "/oauth/token", &form, |request| request), browser.submit(&home, &[]),);
        let expected = i64::from(tokens.status == 200);
        assert_eq!(queued(&server).await, expected, "who has tokens is told: {tokens:?}");
        server.execute("delete from auth.backchannel_logouts").await;
        assert_eq!(server.number("select count(*) from auth.session_clients").await, 0);
    }
}

/// Whatever the grant, a client has tokens of a session.
#[tokio::test]
async fn clients_without_a_page_hear_of_the_end_of_the_session_that_their_tokens_came_of() {
    const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
    const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
    const TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
    let place = Place::open().await;
    let server = shop(&place).await;
    let (grant_types, scopes) = (&["password", DEVICE, EXCHANGE], &["openid"]);
    let new = NewClient {
        client_id: "daemon",
        service: 1000,
        audience: &[1000],
        grant_types,
        scopes,
        ..NewClient::default()
    };
    let client = server.client(new).await;
    server.execute("update auth.clients set backchannel_logout_uri = (select backchannel_logout_uri from auth.clients where id = 1000)").await;
    let ada = clerk(&server).await;
    let sid_of = |answer: &Response| {
        let id_token = answer.body["id_token"].as_str().expect("an ID token");
        crate::support::oauth::claims(id_token)["sid"].as_str().expect("a sid").to_owned()
    };

    let mut browser = Browser::of(&server, "ada").await;
    let asked = client.post("/oauth/device_authorization", &[("scope", "openid")]).await.ok();
    let page = browser.get("/device").await;
    let page = browser.submit(&page, &[("user_code", asked.body["user_code"].as_str().expect("a code"))]).await;
    browser.submit(&page, &[("answer", "allow")]).await;
    let device_code = asked.body["device_code"].as_str().expect("a code");
    let of_device = client.token(&[("grant_type", DEVICE), ("device_code", device_code)]).await.ok();
    let password = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD), ("scope", "openid")];
    let of_password = client.token(&password).await.ok();
    let session = server.session_of(ada.id).await;
    let exchange = [("grant_type", EXCHANGE), ("subject_token", session.token()), ("subject_token_type", TYPE)];
    client.token(&exchange).await.ok();
    let exchanged = session.check().await.ok().body["session_id"].as_str().expect("an id").to_owned();

    ada.delete("/auth/sessions").await.ok();
    deliver(&server).await;
    let told = told(&server, &place).await;
    let mut sids: Vec<&str> = told.iter().map(|claims| claims["sid"].as_str().expect("a sid")).collect();
    let mut expected = [sid_of(&of_device), sid_of(&of_password), exchanged];
    sids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sids, expected);
}

#[tokio::test]
async fn while_one_client_hangs_the_others_are_told_all_the_same() {
    let place = Place::open().await;
    let server = shop(&place).await;
    place.says("/hangs", Said { after: std::time::Duration::from_mins(1), ..Said::status(200) });
    sqlx::query(
        "insert into auth.clients
             (id, client_id, name, service_id, auth_method, grant_types, redirect_uris, scopes, consent,
              backchannel_logout_uri, created_at)
         values (1001, 'hangs', 'Hangs', 1000, 'none', '{authorization_code}', '{https://shop.example.com/callback}',
                 '{openid}', 'none', $1, now())",
    )
    .bind(place.at("/hangs"))
    .execute(server.app.db.pool())
    .await
    .expect("a client");
    clerk(&server).await;
    let mut deliveries = Deliveries::new(server.app.oauth.clone());
    for (begun, why) in [(2, "both"), (1, "the one that hangs is told of nothing more")] {
        let (mut browser, _) = visit(&server, "ada", "openid").await;
        visit_again(&server, &mut browser, "hangs", "openid").await;
        let home = browser.get("/").await;
        browser.submit(&home, &[]).await;
        assert_eq!(deliveries.begin().await.expect("a claim"), begun, "{why}");
        deliveries.one_ends_within(std::time::Duration::from_secs(4)).await;
    }
    assert_eq!(queued(&server).await, 2);
}

#[tokio::test]
async fn whoever_logs_in_again_has_logged_out_of_the_session_before() {
    let place = Place::open().await;
    let server = shop(&place).await;
    clerk(&server).await;
    server.person_with("bob", &[]).await;
    for username in ["ada", "bob"] {
        let (mut browser, sid) = visit(&server, "ada", "openid").await;
        let before = told(&server, &place).await.len();
        let page = browser.get(&asking(&[("prompt", "login")])).await;
        code(&browser.log_in(&page, username).await);
        assert_eq!(deliver(&server).await, 1, "{username}");
        let told = told(&server, &place).await;
        assert_eq!((told.len(), &told[before]["sid"]), (before + 1, &json!(sid)), "{username}");
    }
}
