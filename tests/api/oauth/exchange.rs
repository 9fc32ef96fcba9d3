//! One token is exchanged for another: for one service, with no more than it gave, and with whoever acts.

use serde_json::{Value, json};
use time::Duration;

use crate::support::oauth::{Client, NewAuthorization, NewClient, claims};
use crate::support::{Caller, Response, Server};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Admin in Service A (1), Editor in Service C (3): read and update.
const EDITOR1: i32 = 5;
const A: i32 = 1;
const C: i32 = 3;

const INVALID: (u16, &str) = (400, "invalid_request");
const NO_SCOPE: (u16, &str) = (400, "invalid_scope");
const NO_TARGET: (u16, &str) = (400, "invalid_target");

/// A backend of Service A that asks Service C for whoever calls it.
fn gateway() -> NewClient<'static> {
    NewClient {
        client_id: "gateway",
        service: A,
        audience: &[A, C],
        grant_types: &[GRANT, "client_credentials"],
        scopes: &["roles", "permissions", "Service A:read", "Service C:read", "Service C:update", "Service C:delete"],
        roles: &[],
        ..NewClient::default()
    }
}

/// An application that people log in with.
fn app() -> NewClient<'static> {
    NewClient {
        service: A,
        audience: &[A, C],
        scopes: &["openid", "roles", "Service A:read", "Service C:read", "Service C:update"],
        roles: &[],
        ..NewClient::default()
    }
}

async fn exchange(client: &Client, subject: &str, more: &[(&str, &str)]) -> Response {
    let form = [("grant_type", GRANT), ("subject_token", subject), ("subject_token_type", TYPE)];
    client.token(&form.iter().chain(more).copied().collect::<Vec<_>>()).await
}

#[track_caller]
fn token(answer: &Response) -> String {
    answer.body["access_token"].as_str().unwrap_or_else(|| panic!("a token in {answer:?}")).to_owned()
}

/// An access token of the application for editor1.
async fn of_app(server: &Server, client: &Client, scopes: &[&str], services: &[i32]) -> String {
    let new = NewAuthorization { scopes, services, ..NewAuthorization::default() };
    let code = server.authorize(client, EDITOR1, new).await;
    token(&client.redeem(&code).await.ok())
}

#[tokio::test]
async fn a_session_is_exchanged_for_a_token_for_one_service_that_says_who_acts() {
    let server = Server::on_the_demo_data().await;
    let (gateway, editor1) = (server.client(gateway()).await, server.demo("editor1").await);
    let answer = exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await.ok();
    assert_eq!((&answer.body["issued_token_type"], &answer.body["token_type"]), (&json!(TYPE), &json!("Bearer")));
    assert_eq!(answer.body["scope"], "Service%20C:read Service%20C:update", "of what may be asked for, what is held");
    assert_eq!((answer.body.get("refresh_token"), answer.body.get("id_token")), (None, None));
    let token = token(&answer);
    let said = claims(&token);
    for (claim, value) in [
        ("sub", json!("5")),
        ("aud", json!("Service C")),
        ("client_id", json!("gateway")),
        ("act", json!({"sub": "gateway"})),
        ("acr", json!("1")),
    ] {
        assert_eq!(said[claim], value, "{claim}");
    }
    let by_token = server.anonymous().with_token(&token);
    let checked = by_token.post("/check-token", json!({"service_id": C})).await.ok();
    assert_eq!(
        (&checked.body["payload"]["user_id"], &checked.body["permissions"]),
        (&json!(5), &json!(["read", "update"]))
    );
    assert_eq!(by_token.post("/check-token", json!({"service_id": A})).await.refusal(), (401, "invalid_token"));
    let seen = gateway.introspect(&token).await;
    assert_eq!((&seen["act"], &seen["username"]), (&json!({"sub": "gateway"}), &json!("editor1")));
    assert_eq!(editor1.get("/auth/me/applications").await.column("client_id"), ["gateway"]);
}

#[tokio::test]
async fn the_new_token_has_no_more_than_the_old_one() {
    let server = Server::on_the_demo_data().await;
    let (gateway, app) = (server.client(gateway()).await, server.client(app()).await);
    let narrow = of_app(&server, &app, &["Service A:read", "Service C:read"], &[A, C]).await;
    let answer = exchange(&gateway, &narrow, &[("audience", "Service C")]).await.ok();
    assert_eq!(answer.body["scope"], "Service%20C:read");
    for scope in
        ["Service%20C:update", "Service%20C:read Service%20C:update", "Service%20A:read", "roles", "superuser2"]
    {
        let wider = exchange(&gateway, &narrow, &[("audience", "Service C"), ("scope", scope)]).await;
        assert_eq!(wider.refusal(), NO_SCOPE, "{scope}");
    }
    // What is about a login is no use here.
    let asked = [("audience", "Service C"), ("scope", "openid profile Service%20C:read")];
    assert_eq!(exchange(&gateway, &narrow, &asked).await.ok().body["scope"], "Service%20C:read");
    // Neither does a token without scopes of the service open all of it to a client that may ask for some.
    let whole = of_app(&server, &app, &["Service A:read"], &[A]).await;
    assert_eq!(exchange(&gateway, &whole, &[("audience", "Service C")]).await.refusal(), NO_TARGET);
    // And what is lost is lost.
    server.take(EDITOR1, C).await;
    assert_eq!(exchange(&gateway, &narrow, &[("audience", "Service C")]).await.refusal(), NO_SCOPE);
}

#[tokio::test]
async fn narrower_scopes_may_be_asked_for() {
    let server = Server::on_the_demo_data().await;
    let (gateway, editor1) = (server.client(gateway()).await, server.demo("editor1").await);
    let asked = [("audience", "Service C"), ("scope", "Service%20C:update permissions")];
    let answer = exchange(&gateway, editor1.token(), &asked).await.ok();
    assert_eq!(answer.body["scope"], "Service%20C:update permissions");
    let token = token(&answer);
    assert_eq!(claims(&token)["permissions"], json!({"Service C": ["update"]}));
    let checked = server.anonymous().with_token(&token).post("/check-token", json!({"service_id": C})).await.ok();
    assert_eq!((&checked.body["permissions"], &checked.body["roles"]), (&json!(["update"]), &json!([])));
    for scope in ["Service%20C:delete", "Service%20C:share", "Service%20A:read", "nothing", "a\"b"] {
        let refused = exchange(&gateway, editor1.token(), &[("audience", "Service C"), ("scope", scope)]).await;
        assert_eq!(refused.refusal(), NO_SCOPE, "{scope}");
    }
}

#[tokio::test]
async fn a_client_without_scopes_of_a_service_passes_on_what_the_token_has() {
    let server = Server::on_the_demo_data().await;
    let gateway = server.client(NewClient { scopes: &[], ..gateway() }).await;
    let (app, editor1) = (server.client(app()).await, server.demo("editor1").await);
    let whole = exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await.ok();
    assert_eq!(whole.body["scope"], "");
    let checked = server.anonymous().with_token(&token(&whole)).post("/check-token", json!({"service_id": C})).await;
    assert_eq!(checked.ok().body["roles"], json!(["Editor"]));
    let narrow = of_app(&server, &app, &["Service A:read", "Service C:read"], &[A, C]).await;
    let answer = exchange(&gateway, &narrow, &[("audience", "Service C")]).await.ok();
    assert_eq!(answer.body["scope"], "Service%20C:read");
    let wider = exchange(&gateway, &narrow, &[("audience", "Service C"), ("scope", "Service%20C:update")]).await;
    assert_eq!(wider.refusal(), NO_SCOPE);
}

#[tokio::test]
async fn the_target_is_one_service_of_the_clients_audience() {
    let server = Server::on_the_demo_data().await;
    let (gateway, editor1) = (server.client(gateway()).await, server.demo("editor1").await);
    let target = async |more: &[(&str, &str)]| exchange(&gateway, editor1.token(), more).await;
    for named in [
        &[("audience", "Service C")][..],
        &[("audience", "urn:portero:service:Service%20C")],
        &[("resource", "urn:portero:service:Service C")],
        &[("resource", "http://127.0.0.1:7878/services/3")],
        &[("audience", "Service C"), ("resource", "urn:portero:service:Service%20C")],
    ] {
        assert_eq!(claims(&token(&target(named).await.ok()))["aud"], "Service C", "{named:?}");
    }
    for other in [
        &[][..],
        &[("audience", "Service B")],
        &[("audience", "3")],
        &[("audience", "service c")],
        &[("audience", "Portero")],
        &[("audience", "gateway")],
        &[("resource", "https://elsewhere.example")],
        &[("audience", "Service A"), ("resource", "urn:portero:service:Service%20C")],
        &[("resource", "urn:portero:service:Service%20A"), ("resource", "urn:portero:service:Service%20C")],
        &[("audience", "Service C"), ("resource", "urn:portero:service:Service%20B")],
    ] {
        assert_eq!(target(other).await.refusal(), NO_TARGET, "{other:?}");
    }
    assert_eq!(target(&[("audience", "Service A"), ("audience", "Service C")]).await.refusal(), INVALID);
    // Where there is only one, it need not be named.
    let only = server.client(NewClient { client_id: "only", audience: &[C], ..self::gateway() }).await;
    assert_eq!(claims(&token(&exchange(&only, editor1.token(), &[]).await.ok()))["aud"], "Service C");
}

#[tokio::test]
async fn whoever_acts_is_told_link_by_link() {
    let server = Server::on_the_demo_data().await;
    let (gateway, editor1) = (server.client(gateway()).await, server.demo("editor1").await);
    let new =
        NewClient { client_id: "store", service: C, audience: &[C], scopes: &["Service C:read"], ..self::gateway() };
    let store = server.client(new).await;
    let first = token(&exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await.ok());
    let second = token(&exchange(&store, &first, &[]).await.ok());
    let chain = json!({"sub": "store", "act": {"sub": "gateway"}});
    assert_eq!((&claims(&second)["act"], &claims(&second)["sub"]), (&chain, &json!("5")));
    assert_eq!(store.introspect(&second).await["act"], chain);
    let told: Vec<(i32, i32, Value)> = sqlx::query_as(
        "select subject_id, service_id, after from auth.audit_events where action = 'token.exchanged' order by id",
    )
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    assert_eq!((told.len(), told[1].0, told[1].1), (2, EDITOR1, C));
    let after = &told[1].2;
    assert_eq!(
        (&after["act"], &after["client_id"], &after["scopes"]),
        (&chain, &json!("store"), &json!(["Service C:read"]))
    );
    assert_eq!(after["exchanged"], told[0].2["session_id"], "which token came of which");
    // With a token of its own, an actor is who that says.
    let (own, juan) = (gateway.of_itself().await, server.demo("juan").await);
    for (actor, sub) in [(own.as_str(), "gateway"), (juan.token(), "7")] {
        let more = [("audience", "Service C"), ("actor_token", actor), ("actor_token_type", TYPE)];
        let answer = exchange(&gateway, editor1.token(), &more).await.ok();
        assert_eq!(claims(&token(&answer))["act"], json!({"sub": sub}));
    }
    let mut last = second;
    for _ in 0..3 {
        last = token(&exchange(&store, &last, &[]).await.ok());
    }
    assert_eq!(exchange(&store, &last, &[]).await.refusal(), INVALID, "five act already");
}

#[tokio::test]
async fn a_client_that_acts_for_itself_stays_who_it_is() {
    let server = Server::on_the_demo_data().await;
    let gateway = server.client(gateway()).await;
    let new = NewClient { client_id: "robot", roles: &[(C, 3)], scopes: &["Service C:read"], ..app() };
    let robot = server.client(new).await;
    let exchanged = token(&exchange(&gateway, &robot.of_itself().await, &[("audience", "Service C")]).await.ok());
    let said = claims(&exchanged);
    assert_eq!((&said["sub"], &said["act"]), (&json!("robot"), &json!({"sub": "gateway"})));
    assert_eq!((said.get("auth_time"), said.get("acr"), said.get("amr")), (None, None, None), "it never logged in");
    let seen = gateway.introspect(&exchanged).await;
    assert_eq!((&seen["sub"], &seen["client_id"], seen.get("username")), (&json!("robot"), &json!("gateway"), None));
}

#[tokio::test]
async fn the_new_token_ends_with_the_old_one_and_all_that_it_hangs_on() {
    for end in [
        "delete from auth.tokens_cache where person_id = 5",
        "delete from auth.access_tokens where client_id = (select id from auth.clients where client_id = 'app')",
        "delete from auth.authorizations where client_id = (select id from auth.clients where client_id = 'app')",
        "update auth.clients set removed_at = now() where client_id = 'app'",
        "update auth.clients set removed_at = now() where client_id = 'gateway'",
        "update auth.person set disabled_at = now() where id = 5",
        "update auth.person set removed_at = now() where id = 5",
        "update auth.services set removed_at = now() where id = 1",
    ] {
        let server = Server::on_the_demo_data().await;
        let (gateway, app) = (server.client(gateway()).await, server.client(app()).await);
        let of_session = end.contains("tokens_cache");
        let subject = if of_session {
            server.demo("editor1").await.token().to_owned()
        } else {
            of_app(&server, &app, &["Service A:read", "Service C:read"], &[A, C]).await
        };
        let first = token(&exchange(&gateway, &subject, &[("audience", "Service C")]).await.ok());
        let second = token(&exchange(&gateway, &first, &[]).await.ok());
        for token in [&first, &second] {
            server.anonymous().with_token(token).check().await.ok();
        }
        server.execute("delete from auth.changes").await;
        server.execute(end).await;
        for token in [&first, &second] {
            let dead = server.anonymous().with_token(token).check().await;
            assert_eq!(dead.refusal(), (401, "invalid_token"), "{end}");
            let gone = exchange(&gateway, token, &[]).await;
            assert!([INVALID, (401, "invalid_client")].contains(&gone.refusal()), "{end}: {gone:?}");
        }
        let told = server.number("select count(*) from auth.changes where kind = 'session-revoked'").await;
        assert!(told >= 2, "{end}: backends hear of both");
    }
}

#[tokio::test]
async fn a_revoked_or_logged_out_subject_ends_what_it_was_exchanged_for() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let (gateway, app, editor1) =
        (server.client(gateway()).await, server.client(app()).await, server.demo("editor1").await);
    let of_session = token(&exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await.ok());
    let subject = of_app(&server, &app, &["Service A:read", "Service C:read"], &[A, C]).await;
    let of_token = token(&exchange(&gateway, &subject, &[("audience", "Service C")]).await.ok());
    app.at(&elsewhere).post("/oauth/revoke", &[("token", &subject)]).await.ok();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.with_token(&of_token).check().await.refusal(), (401, "invalid_token"));
    anonymous.with_token(&of_session).check().await.ok();
    editor1.at(&elsewhere).post("/auth/logout", json!({})).await.ok();
    assert_eq!(anonymous.with_token(&of_session).check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.number("select count(*) from auth.access_tokens where act is not null").await, 0);
}

#[tokio::test]
async fn the_new_token_lives_no_longer_than_the_old_one_may() {
    let server = Server::on_the_demo_data().await;
    let gateway = server.client(NewClient { token_seconds: 86_400, ..gateway() }).await;
    let (app, editor1) = (server.client(app()).await, server.demo("editor1").await);
    let lives = |answer: Response| answer.ok().body["expires_in"].as_i64().expect("a number");
    let absolute = server.app.sessions.lifetime.absolute.whole_seconds();
    let longest = lives(exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await);
    assert!((1..=absolute.min(86_400)).contains(&longest), "{longest}");
    let subject = of_app(&server, &app, &["Service A:read", "Service C:read"], &[A, C]).await;
    server.app.clock.turn(Duration::seconds(200));
    let left = lives(exchange(&gateway, &subject, &[("audience", "Service C")]).await);
    assert!((98..=100).contains(&left), "{left}");
    server.app.clock.turn(Duration::seconds(100));
    assert_eq!(exchange(&gateway, &subject, &[("audience", "Service C")]).await.refusal(), INVALID, "it has expired");
    let short = server.client(NewClient { client_id: "short", token_seconds: 60, ..self::gateway() }).await;
    let editor1 = server.session_of(EDITOR1).await;
    assert_eq!(lives(exchange(&short, editor1.token(), &[("audience", "Service C")]).await), 60);
}

#[tokio::test]
async fn what_is_no_subject_is_refused() {
    let server = Server::on_the_demo_data().await;
    let (gateway, app, editor1) =
        (server.client(gateway()).await, server.client(app()).await, server.demo("editor1").await);
    let code = server.authorize(&app, EDITOR1, NewAuthorization { services: &[A], ..Default::default() }).await;
    let tokens = app.redeem(&code).await.ok();
    let text = |member: &str| tokens.body[member].as_str().expect("a token").to_owned();
    let good = editor1.token().to_owned();
    let backend = server.backend(A).await;
    let (refresh, id, longer) = (text("refresh_token"), text("id_token"), format!("{good}0"));
    for bad in [refresh.as_str(), &id, backend.token(), &good[..75], &longer, "x", "eyJ.e30.x"] {
        assert_eq!(exchange(&gateway, bad, &[("audience", "Service A")]).await.refusal(), INVALID, "{bad}");
    }
    // A token of somebody else's, for somebody else.
    let new = NewClient { client_id: "other", service: 4, audience: &[C], scopes: &["Service C:read"], ..self::app() };
    let other = server.client(new).await;
    let foreign = of_app(&server, &other, &["Service C:read"], &[C]).await;
    assert_eq!(exchange(&gateway, &foreign, &[("audience", "Service C")]).await.refusal(), INVALID);
    let form = |more: &[(&'static str, &'static str)]| more.to_vec();
    for (more, refusal) in [
        (form(&[]), INVALID),
        (form(&[("subject_token", "x")]), INVALID),
        (form(&[("subject_token_type", TYPE)]), INVALID),
        (form(&[("subject_token", "x"), ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token")]), INVALID),
    ] {
        let form: Vec<_> = std::iter::once(("grant_type", GRANT)).chain(more).collect();
        assert_eq!(gateway.token(&form).await.refusal(), refusal, "{form:?}");
    }
    for more in [
        &[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")][..],
        &[("actor_token", "x"), ("actor_token_type", TYPE)],
        &[("actor_token", &good)],
        &[("actor_token_type", TYPE)],
        &[("actor_token", &foreign), ("actor_token_type", TYPE)],
    ] {
        let more: Vec<_> = more.iter().copied().chain([("audience", "Service C")]).collect();
        assert_eq!(exchange(&gateway, &good, &more).await.refusal(), INVALID, "{more:?}");
    }
    server.execute("update auth.access_tokens set jkt = 'a thumbprint'").await;
    assert_eq!(exchange(&gateway, &text("access_token"), &[]).await.refusal(), INVALID, "it is bound to a key");
}

#[tokio::test]
async fn only_clients_that_keep_a_secret_and_may_exchange_do() {
    let server = Server::on_the_demo_data().await;
    let (app, editor1) = (server.client(app()).await, server.demo("editor1").await);
    let refused = (400, "unauthorized_client");
    assert_eq!(exchange(&app, editor1.token(), &[]).await.refusal(), refused);
    let public = NewClient { client_id: "public", auth_method: "none", grant_types: &[GRANT], ..gateway() };
    let public = server.client(public).await;
    assert_eq!(exchange(&public, editor1.token(), &[("audience", "Service C")]).await.refusal(), refused);
    let gateway = server.client(gateway()).await;
    let bearer = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", "eyJ.e30.c2ln")];
    assert_eq!(gateway.token(&bearer).await.refusal(), (400, "unsupported_grant_type"));
    server.execute("update auth.clients set admits = 'members' where client_id = 'gateway'").await;
    exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await.ok();
    server.take(EDITOR1, A).await;
    assert_eq!(exchange(&gateway, editor1.token(), &[("audience", "Service C")]).await.refusal(), INVALID);
}

#[tokio::test]
async fn whoever_logs_out_midway_leaves_no_token() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let (gateway, editor1) = (server.client(gateway()).await, server.demo("editor1").await);
    let exchanges = Caller::together((0..50).map(|n| {
        let client = if n % 2 == 0 { gateway.clone() } else { gateway.at(&elsewhere) };
        let subject = editor1.token().to_owned();
        async move { exchange(&client, &subject, &[("audience", "Service C")]).await }
    }));
    let ending = async {
        tokio::task::yield_now().await;
        editor1.at(&elsewhere).post("/auth/logout", json!({})).await.ok();
    };
    let (answers, ()) = tokio::join!(exchanges, ending);
    for answer in &answers {
        assert!(answer.status == 200 || answer.refusal() == INVALID, "{answer:?}");
    }
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 0);
}
