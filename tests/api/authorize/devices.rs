//! Devices: what has no browser shows a code, and somebody lets it in on the page.

use serde_json::{Value, json};
use time::Duration;

use super::browser::digest;
use super::{Browser, Form, clerk, shop};
use crate::support::oauth::{NewClient, post_form};
use crate::support::{Caller, Response, Server};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A television: an app of the shop that can't keep a secret.
const TELEVISION: &str = "
    insert into auth.clients (id, client_id, name, service_id, auth_method, grant_types, scopes, created_at)
    values (1001, 'tv', 'Telly', 1000, 'none', '{urn:ietf:params:oauth:grant-type:device_code,refresh_token}',
            '{openid,profile,offline_access,Store:read,Store:write}', now());
    insert into auth.client_audience values (1001, 1000);
";

/// The shop with a client for televisions, and somebody who may read in it.
async fn world() -> (Server, Caller) {
    let server = shop().await;
    server.execute(TELEVISION).await;
    let (ada, _) = clerk(&server).await;
    (server, ada)
}

async fn ask(caller: &Caller, form: &[(&str, &str)]) -> Response {
    let form: Vec<_> = form.iter().copied().chain([("client_id", "tv")]).collect();
    post_form(caller, "/oauth/device_authorization", &form, |request| request).await
}

/// A device that has asked.
#[derive(Clone, Debug)]
struct Device {
    caller: Caller,
    answer: Value,
}

impl Device {
    async fn new(server: &Server) -> Self {
        Self::asking(server, "Store:read").await
    }

    async fn asking(server: &Server, scope: &str) -> Self {
        let caller = server.anonymous();
        let answer = ask(&caller, &[("scope", scope)]).await.ok().body;
        Self { caller, answer }
    }

    fn says(&self, member: &str) -> &str {
        self.answer[member].as_str().unwrap_or_else(|| panic!("{member} in {:?}", self.answer))
    }

    fn user_code(&self) -> &str {
        self.says("user_code")
    }

    async fn poll(&self) -> Response {
        self.poll_with(&[]).await
    }

    async fn poll_with(&self, more: &[(&str, &str)]) -> Response {
        let form = [("grant_type", GRANT), ("device_code", self.says("device_code")), ("client_id", "tv")];
        let form: Vec<_> = form.iter().chain(more).copied().collect();
        post_form(&self.caller, "/oauth/token", &form, |request| request).await
    }

    fn at(&self, other: &Server) -> Self {
        Self { caller: self.caller.at(other), ..self.clone() }
    }
}

/// Types a code, and sees who asks.
async fn typed(browser: &mut Browser, code: &str) -> Response {
    let page = browser.get("/device").await;
    browser.submit(&page, &[("user_code", code)]).await
}

async fn let_in(browser: &mut Browser, device: &Device) -> Response {
    let page = typed(browser, device.user_code()).await;
    assert!(page.text.contains(r#"id="allow""#), "{page:?}");
    let done = browser.submit(&page, &[("answer", "allow")]).await;
    assert!(done.text.contains("You can close this window."), "{done:?}");
    done
}

fn later(server: &Server, seconds: i64) {
    server.app.clock.turn(Duration::seconds(seconds));
}

const PENDING: (u16, &str) = (400, "authorization_pending");
const SLOW_DOWN: (u16, &str) = (400, "slow_down");
const DENIED: (u16, &str) = (400, "access_denied");
const UNKNOWN: (u16, &str) = (400, "invalid_grant");

#[tokio::test]
async fn a_device_gets_its_tokens_once_somebody_has_let_it_in() {
    let (server, ada) = world().await;
    let device = Device::asking(&server, "openid offline_access Store:read Store:write").await;
    assert_eq!((&device.answer["expires_in"], &device.answer["interval"]), (&json!(600), &json!(5)));
    assert_eq!(device.says("verification_uri"), "http://127.0.0.1:7878/device");
    assert_eq!(
        device.says("verification_uri_complete"),
        format!("http://127.0.0.1:7878/device?user_code={}", device.user_code())
    );
    assert_eq!(device.poll().await.refusal(), PENDING);

    let mut browser = Browser::of(&server, "ada").await;
    let sloppy = format!(" {} ", device.user_code().to_lowercase().replace('-', ""));
    let page = typed(&mut browser, &sloppy).await;
    for told in ["Telly asks for access", "ada by name", device.user_code(), "“read” in Store", "while you are away"]
    {
        assert!(page.text.contains(told), "{told}: {page:?}");
    }
    assert!(!page.text.contains("“write”"), "nobody grants what they do not hold: {page:?}");
    later(&server, 5);
    assert_eq!(device.poll().await.refusal(), PENDING, "to type a code is no yes");
    let done = browser.submit(&page, &[("answer", "allow")]).await;
    assert!(done.text.contains("The device is connected"), "{done:?}");

    later(&server, 5);
    let tokens = device.poll().await.ok();
    assert_eq!(tokens.body["scope"], "Store:read offline_access openid");
    let access = server.anonymous().with_token(tokens.body["access_token"].as_str().expect("a token"));
    let checked = access.post("/check-token", json!({"service_id": 1000})).await.ok();
    assert_eq!(checked.body["permissions"], json!(["read"]));
    let claims = crate::support::oauth::claims(tokens.body["id_token"].as_str().expect("an ID token"));
    let sid = ada.get("/auth/sessions").await.column("id");
    assert_eq!(claims["sub"], json!(ada.id.to_string()));
    assert!(sid.contains(&claims["sid"]), "of the session that let it in: {claims}");
    later(&server, 5);
    assert_eq!(device.poll().await.refusal(), UNKNOWN, "a code is good once");
    assert_eq!(access.check().await.status, 200, "who polls again by mistake loses nothing");

    // With `offline_access` it outlives the session in the browser, and ends where people look for it.
    ada.delete("/auth/sessions").await.ok();
    let refresh = tokens.body["refresh_token"].as_str().expect("a token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", "tv")];
    let again = post_form(&device.caller, "/oauth/token", &form, |request| request).await.ok();
    let ada = server.session_of(ada.id).await;
    assert_eq!(ada.get("/auth/me/applications").await.column("client_id"), ["tv"]);
    ada.delete("/auth/me/applications/tv").await.ok();
    let access = access.with_token(again.body["access_token"].as_str().expect("a token"));
    assert_eq!(access.check().await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_device_is_logged_out_with_the_session_that_let_it_in() {
    let (server, ada) = world().await;
    let (first, second) = (Device::new(&server).await, Device::new(&server).await);
    let mut browser = Browser::of(&server, "ada").await;
    for device in [&first, &second] {
        let_in(&mut browser, device).await;
    }
    let tokens = first.poll().await.ok();
    ada.delete("/auth/sessions").await.ok();
    let access = server.anonymous().with_token(tokens.body["access_token"].as_str().expect("a token"));
    assert_eq!(access.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(second.poll().await.refusal(), DENIED);
}

#[tokio::test]
async fn the_trail_tells_who_let_which_device_in_and_who_did_not() {
    let (server, ada) = world().await;
    let (first, second) = (Device::new(&server).await, Device::new(&server).await);
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &first).await;
    let page = typed(&mut browser, second.user_code()).await;
    let done = browser.submit(&page, &[("answer", "deny")]).await;
    assert!(done.text.contains("The device is not connected"), "{done:?}");
    assert_eq!(second.poll().await.refusal(), DENIED);
    let told: Vec<(String, i32, Value)> = sqlx::query_as(
        "select action, service_id, after from auth.audit_events
         where actor = 'person' and actor_id = $1 and subject_id = $1 and action <> 'session.created' order by id",
    )
    .bind(ada.id)
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    let of = |action: &str, after: Value| (action.to_owned(), 1000, after);
    assert_eq!(
        told,
        [
            of("authorization.created", json!({"client_id": "tv", "scopes": ["Store:read"], "services": [1000]})),
            of("consent.granted", json!({"client_id": "tv", "scopes": ["Store:read"]})),
            of("device.refused", json!({"client_id": "tv"})),
        ]
    );
}

#[tokio::test]
async fn whoever_polls_too_often_is_slowed_down_on_every_instance() {
    let (server, _) = world().await;
    let elsewhere = server.another_instance().await;
    let device = Device::new(&server).await;
    let there = device.at(&elsewhere);
    assert_eq!(device.poll().await.refusal(), PENDING);
    later(&server, 4);
    assert_eq!(there.poll().await.refusal(), SLOW_DOWN);
    later(&server, 9);
    assert_eq!(device.poll().await.refusal(), SLOW_DOWN, "ten seconds by now");
    later(&server, 15);
    assert_eq!(there.poll().await.refusal(), PENDING);
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &device).await;
    assert_eq!(device.poll().await.refusal(), SLOW_DOWN, "also where there is something to tell");
    later(&server, 20);
    there.poll().await.ok();
}

#[tokio::test]
async fn of_fifty_polls_at_once_one_gets_the_tokens() {
    let (server, _) = world().await;
    let elsewhere = server.another_instance().await;
    for _ in 0..3 {
        let device = Device::new(&server).await;
        let mut browser = Browser::of(&server, "ada").await;
        let_in(&mut browser, &device).await;
        let polls = (0..50).map(|n| {
            let device = if n % 2 == 0 { device.clone() } else { device.at(&elsewhere) };
            async move { device.poll().await }
        });
        let answers = Caller::together(polls).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        let refused = answers.iter().filter(|answer| [SLOW_DOWN, UNKNOWN].contains(&answer.refusal())).count();
        assert_eq!((good, refused), (1, 49), "{answers:?}");
        later(&server, 60);
        assert_eq!(device.poll().await.refusal(), UNKNOWN);
    }
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 3);
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    let (server, _) = world().await;
    let device = Device::new(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = typed(&mut browser, device.user_code()).await;
    let answers = Caller::together((0..10).map(|n| {
        let (mut browser, page) = (browser.clone(), page.clone());
        async move { browser.submit(&page, &[("answer", if n % 2 == 0 { "allow" } else { "deny" })]).await }
    }));
    let done = answers.await.iter().filter(|answer| answer.text.contains("You can close this window.")).count();
    assert_eq!(done, 1);
    assert!(server.number("select count(*) from auth.authorizations").await <= 1);
    assert!([200, 400].contains(&device.poll().await.status));
}

#[tokio::test]
async fn codes_end_after_ten_minutes_with_or_without_an_answer() {
    let (server, _) = world().await;
    let (open, answered) = (Device::new(&server).await, Device::new(&server).await);
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &answered).await;
    later(&server, 600);
    let mut browser = Browser::of(&server, "ada").await;
    let page = typed(&mut browser, open.user_code()).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("This code is not valid, or not any more."), "{page:?}");
    assert_eq!(open.poll().await.refusal(), (400, "expired_token"));
    assert_eq!(answered.poll().await.refusal(), (400, "expired_token"));
    later(&server, 600);
    portero::oauth::tokens::purge(&server.app).await.expect("purged");
    assert_eq!(open.poll().await.refusal(), UNKNOWN);
    for empty in ["select count(*) from auth.device_authorizations", "select count(*) from auth.authorizations"] {
        assert_eq!(server.number(empty).await, 0);
    }
}

#[tokio::test]
async fn what_ends_between_yes_and_poll_gives_no_token() {
    for (end, refusal) in [
        ("update auth.person set disabled_at = now() where username = 'ada'", DENIED),
        ("update auth.person set removed_at = now() where username = 'ada'", DENIED),
        ("delete from auth.authorizations", DENIED),
        ("update auth.clients set removed_at = now() where client_id = 'tv'", (401, "invalid_client")),
        ("update auth.services set removed_at = now() where id = 1000", (401, "invalid_client")),
        ("update auth.clients set grant_types = '{authorization_code}' where id = 1001", (400, "unauthorized_client")),
    ] {
        let (server, _) = world().await;
        let device = Device::new(&server).await;
        let mut browser = Browser::of(&server, "ada").await;
        let_in(&mut browser, &device).await;
        server.execute(end).await;
        assert_eq!(device.poll().await.refusal(), refusal, "{end}");
        assert_eq!(server.number("select count(*) from auth.access_tokens").await, 0, "{end}");
    }
}

#[tokio::test]
async fn what_ends_before_the_answer_lets_no_device_in() {
    for end in [
        "delete from auth.tokens_cache",
        "update auth.person set disabled_at = now() where username = 'ada'",
        "update auth.clients set removed_at = now() where client_id = 'tv'",
        "update auth.clients set scopes = '{openid}' where client_id = 'tv'",
        "update auth.clients set grant_types = '{authorization_code}' where id = 1001",
    ] {
        let (server, _) = world().await;
        let device = Device::new(&server).await;
        let mut browser = Browser::of(&server, "ada").await;
        let page = typed(&mut browser, device.user_code()).await;
        server.execute(end).await;
        let answer = browser.submit(&page, &[("answer", "allow")]).await;
        assert!(!answer.text.contains("You can close this window."), "{end}: {answer:?}");
        assert_eq!(server.number("select count(*) from auth.authorizations").await, 0, "{end}");
    }
}

#[tokio::test]
async fn a_lost_permission_is_lost_between_yes_and_poll_and_after() {
    let (server, ada) = world().await;
    let device = Device::asking(&server, "openid Store:read").await;
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &device).await;
    server.take(ada.id, 1000).await;
    assert_eq!(device.poll().await.ok().body["scope"], "openid");
}

#[tokio::test]
async fn what_the_client_loses_between_yes_and_poll_the_device_does_not_get() {
    let (server, ada) = world().await;
    let root = server.administrator().await;
    server
        .execute(
            "insert into auth.services (id, name) values (1001, 'Annex');
             insert into auth.client_audience values (1001, 1001);
             insert into auth.service_roles values (1001, 1000)",
        )
        .await;
    server.give(ada.id, 1001, 1000).await;
    let (first, second) =
        (Device::asking(&server, "openid Store:read").await, Device::asking(&server, "openid Store:read").await);
    let mut browser = Browser::of(&server, "ada").await;
    for device in [&first, &second] {
        let_in(&mut browser, device).await;
    }
    root.patch("/clients/tv", json!({"audience": ["Store"]})).await.ok();
    let tokens = first.poll().await.ok();
    let access = server.anonymous().with_token(tokens.body["access_token"].as_str().expect("a token"));
    assert_eq!(access.post("/check-token", json!({"service_id": 1000})).await.status, 200);
    let lost = access.post("/check-token", json!({"service_id": 1001})).await;
    assert_eq!(lost.refusal(), (401, "invalid_token"));
    root.patch("/clients/tv", json!({"scope": "openid profile offline_access"})).await.ok();
    assert_eq!(second.poll().await.refusal(), DENIED, "with fewer permissions asked for a token would open more");
}

#[tokio::test]
async fn a_device_asks_for_the_same_whatever_the_service_is_called() {
    let (server, _) = world().await;
    let (first, second) = (Device::new(&server).await, Device::new(&server).await);
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &first).await;
    server.execute("update auth.services set name = 'Market' where id = 1000").await;
    let_in(&mut browser, &second).await;
    for device in [first, second] {
        assert_eq!(device.poll().await.ok().body["scope"], "Market:read");
    }
}

#[tokio::test]
async fn a_device_of_a_client_for_members_gets_nothing_for_whoever_is_none_any_more() {
    let (server, ada) = world().await;
    server.execute("update auth.clients set admits = 'members'").await;
    let device = Device::asking(&server, "openid").await;
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &device).await;
    server.take(ada.id, 1000).await;
    assert_eq!(device.poll().await.refusal(), UNKNOWN);
}

#[tokio::test]
async fn the_link_of_a_device_fills_its_code_in_and_asks_all_the_same() {
    let (server, _) = world().await;
    let device = Device::new(&server).await;
    let mut browser = Browser::new(&server);
    let link = device.says("verification_uri_complete").replace("http://127.0.0.1:7878", "");
    let page = browser.get(&format!("{link}&ui_locales=es")).await;
    assert!(
        page.text.contains(r#"id="password""#) && page.text.contains(r#"lang="es""#),
        "they log in first: {page:?}"
    );
    let page = browser.log_in(&page, "ada").await;
    assert!(page.text.contains("Conectar un dispositivo"), "{page:?}");
    assert!(page.text.contains(&format!(r#"value="{}" autocomplete="off""#, device.user_code())), "{page:?}");
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    let page = browser.submit(&page, &[("user_code", device.user_code())]).await;
    assert!(page.text.contains("Telly pide acceso") || page.text.contains("Telly"), "{page:?}");
    assert!(page.text.contains("si tiene el dispositivo delante") && page.text.contains(r#"lang="es""#), "{page:?}");
    let done = browser.submit(&page, &[("answer", "allow")]).await;
    assert!(done.text.contains("Puede cerrar esta ventana."), "{done:?}");
    device.poll().await.ok();
}

#[tokio::test]
async fn a_code_that_is_none_is_told_beside_the_field() {
    let (server, _) = world().await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get("/device").await;
    assert!(page.text.contains(r#"autocomplete="off""#), "{page:?}");
    for (code, told) in [
        ("", "Enter the code."),
        ("   ", "This code is not valid"),
        ("BBBB-BBBB", "This code is not valid"),
        ("12345678", "This code is not valid"),
        ("<script>", "This code is not valid"),
    ] {
        let answer = browser.submit(&page, &[("user_code", code)]).await;
        assert_eq!(answer.status, 400, "{code}");
        assert!(answer.text.contains(told) && answer.text.contains(r#"aria-invalid="true""#), "{code}: {answer:?}");
    }
    assert_eq!(server.number("select count(*) from auth.quotas where key like 'user-codes:%'").await, 1);
}

#[tokio::test]
async fn nobody_guesses_codes() {
    let (server, _) = world().await;
    let device = Device::new(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get("/device").await;
    let guesses = Caller::together((0..60).map(|_| {
        let (mut browser, page) = (browser.clone(), page.clone());
        async move { browser.submit(&page, &[("user_code", "BCDF-GHJK")]).await.status }
    }));
    let guesses = guesses.await;
    let (wrong, too_many) =
        (guesses.iter().filter(|s| **s == 400).count(), guesses.iter().filter(|s| **s == 429).count());
    assert_eq!((wrong, too_many), (40, 20));
    let refused = browser.submit(&page, &[("user_code", device.user_code())]).await;
    assert_eq!(refused.status, 429, "also the right one");
    assert!(refused.text.contains("Too many attempts") || refused.text.contains("too many"), "{refused:?}");
    // To post the second page's form is no way around the first.
    let answer = Form { action: "/device/answer".to_owned(), ..Form::of(&page) };
    let body =
        answer.body(&[("user_code", device.user_code()), ("answer", "allow"), ("shown", &digest(&["Store:read"]))]);
    let same = |request: axum::http::request::Builder| request.header("sec-fetch-site", "same-origin");
    assert_eq!(browser.post(&answer.action, &body, same).await.status, 429);
    // Somebody else is not kept out, and an hour later nobody is.
    server.person_with("bob", &[]).await;
    let mut bobs = Browser::of(&server, "bob").await;
    assert_eq!(typed(&mut bobs, device.user_code()).await.status, 200);
    later(&server, 3600);
    let device = Device::new(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    assert_eq!(typed(&mut browser, device.user_code()).await.status, 200);
}

#[tokio::test]
async fn forms_of_others_let_no_device_in() {
    let (server, _) = world().await;
    let device = Device::new(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get("/device").await;
    let question = browser.submit(&page, &[("user_code", device.user_code())]).await;
    for (form, fields) in [
        (Form::of(&page), vec![("user_code", device.user_code())]),
        (Form::of(&question), vec![("answer", "allow")]),
        (Form::of(&question), vec![("answer", "deny")]),
    ] {
        let good = form.body(&fields);
        let foreign = |request: axum::http::request::Builder| request.header("sec-fetch-site", "cross-site");
        assert_eq!(browser.post(&form.action, &good, foreign).await.status, 403);
        let mut forged = form.clone();
        forged.hidden.insert("form_token".to_owned(), format!("pfm_{}", "0".repeat(72)));
        let same = |request: axum::http::request::Builder| request.header("sec-fetch-site", "same-origin");
        assert_eq!(browser.post(&form.action, &forged.body(&fields), same).await.status, 403);
        assert_eq!(browser.post(&form.action, "", same).await.status, 403);
    }
    // Nor does one of nobody: they log in first.
    let mut nobody = Browser::new(&server);
    let login = nobody.get("/device").await;
    let form = Form { action: "/device/answer".to_owned(), ..Form::of(&login) };
    let body =
        form.body(&[("user_code", device.user_code()), ("answer", "allow"), ("shown", &digest(&["Store:read"]))]);
    let same = |request: axum::http::request::Builder| request.header("sec-fetch-site", "same-origin");
    assert_eq!(nobody.post(&form.action, &body, same).await.status, 303);
    // What was not shown is not granted.
    let question = browser.submit(&page, &[("user_code", device.user_code())]).await;
    for shown in [String::new(), digest(&["Store:read", "Store:write"]), digest(&["Store:*"])] {
        let again = browser.submit(&question, &[("answer", "allow"), ("shown", &shown)]).await;
        assert!(again.text.contains(r#"id="allow""#), "{shown}: {again:?}");
    }
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    assert_eq!(device.poll().await.refusal(), PENDING);
}

#[tokio::test]
async fn a_client_for_members_lets_nobody_else_in_by_a_device() {
    let (server, _) = world().await;
    server.execute("update auth.clients set admits = 'members' where client_id = 'tv'").await;
    server.person_with("bob", &[]).await;
    let device = Device::new(&server).await;
    let mut browser = Browser::of(&server, "bob").await;
    let page = typed(&mut browser, device.user_code()).await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("Your account has no access to Telly."), "{page:?}");
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &device).await;
}

#[tokio::test]
async fn a_device_asks_for_what_its_client_may_have_and_no_more_later() {
    let (server, _) = world().await;
    let anonymous = server.anonymous();
    for (form, refusal) in [
        (&[("scope", "email")][..], "invalid_scope"),
        (&[("scope", "superuser")], "invalid_scope"),
        (&[("scope", "a\"b")], "invalid_scope"),
        (&[("resource", "urn:portero:service:Other")], "invalid_target"),
    ] {
        assert_eq!(ask(&anonymous, form).await.refusal(), (400, refusal), "{form:?}");
    }
    let shop = post_form(&anonymous, "/oauth/device_authorization", &[("client_id", "web-shop")], |r| r).await;
    assert_eq!(shop.refusal(), (400, "unauthorized_client"));
    let device = Device::asking(&server, "openid").await;
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &device).await;
    assert_eq!(device.poll_with(&[("scope", "openid Store:read")]).await.refusal(), (400, "invalid_scope"));
}

#[tokio::test]
async fn a_code_is_its_clients_alone() {
    let (server, _) = world().await;
    let new = NewClient {
        client_id: "box",
        service: 1000,
        audience: &[1000],
        grant_types: &[GRANT],
        scopes: &["Store:read"],
        ..NewClient::default()
    };
    let other = server.client(new).await;
    let device = Device::new(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let_in(&mut browser, &device).await;
    let code = device.says("device_code");
    assert_eq!(other.token(&[("grant_type", GRANT), ("device_code", code)]).await.refusal(), UNKNOWN);
    let changed = code.replace("pdc_", "pac_");
    for bad in ["", "pdc_", &changed, &code[..75], &format!("{code}0")] {
        let refused = other.token(&[("grant_type", GRANT), ("device_code", bad)]).await;
        assert!([UNKNOWN, (400, "invalid_request")].contains(&refused.refusal()), "{bad}");
    }
    device.poll().await.ok();
    // A confidential client proves who it is, also here.
    let asked = other.post("/oauth/device_authorization", &[]).await.ok();
    assert!(asked.body["device_code"].as_str().is_some_and(|code| code.starts_with("pdc_")));
    let forged = post_form(&server.anonymous(), "/oauth/device_authorization", &[("client_id", "box")], |r| r).await;
    assert_eq!(forged.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn a_client_gets_so_many_codes_and_no_more() {
    let (server, _) = world().await;
    let anonymous = server.anonymous();
    for _ in 0..100 {
        ask(&anonymous, &[]).await.ok();
    }
    assert_eq!(ask(&anonymous, &[]).await.refusal(), (429, "temporarily_unavailable"));
    assert_eq!(server.number("select count(distinct user_code) from auth.device_authorizations").await, 100);
    later(&server, 36);
    ask(&anonymous, &[]).await.ok();
}
