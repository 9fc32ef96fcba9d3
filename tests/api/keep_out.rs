//! Guessers wait longer each time, and never keep anybody else out.

mod edges;

use axum::http::Method;
use portero::base::id::PersonId;
use portero::gate::audit::{Action, Actor, By, Event, Origin};
use portero::identity::attempts::{self, Attempt};
use portero::identity::sessions::Proof;
use serde_json::json;
use time::Duration;

use crate::support::{Caller, PASSWORD, Response, Server};

const WRONG: &str = "not the right password";
const HOME: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.99";

/// A server that believes its tests where they are.
async fn server() -> Server {
    Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1")]).await
}

async fn log_in_at(address: &str, caller: &Caller, username: &str, password: &str) -> Response {
    let body = json!({"username": username, "password": password}).to_string();
    caller.send_with(Method::POST, "/auth/login", &body, |request| request.header("x-forwarded-for", address)).await
}

/// So many wrong passwords, all at once.
async fn fail(server: &Server, times: usize, address: &'static str, username: &'static str) -> Vec<Response> {
    let caller = server.anonymous();
    let attempts = (0..times).map(|_| {
        let caller = caller.clone();
        async move { log_in_at(address, &caller, username, WRONG).await }
    });
    Caller::together(attempts).await
}

fn at(address: &str) -> Origin {
    Origin { address: Some(address.parse().expect("an address")), ..Origin::default() }
}

async fn fail_once(server: &Server, attempt: &Attempt) -> portero::base::error::Result<()> {
    let by = By { actor: Actor::Anonymous, origin: Origin::default(), now: server.app.clock.now() };
    attempt.failed(&server.app, by, Event::new(Action::LoginFailed)).await
}

/// So many failures of one person by a patient stranger, without the price of comparing.
async fn fail_patiently(server: &Server, times: usize, person: i32, address: &str) {
    let origin = at(address);
    for _ in 0..times {
        let attempt = Attempt::at(&server.app, PersonId(person), &origin).await.expect("the wait is over");
        fail_once(server, &attempt).await.expect("nobody else is there");
        server.app.clock.turn(Duration::minutes(15));
    }
}

fn count(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test]
async fn five_failures_are_free_and_then_each_wait_is_twice_the_last() {
    let server = server().await;
    server.person_with("ada", &[]).await;
    let stranger = server.anonymous();
    let answers = fail(&server, 5, ELSEWHERE, "ada").await;
    assert_eq!(count(&answers, 401), 5, "{answers:?}");
    for wait in [1, 2, 4, 8] {
        for password in [WRONG, PASSWORD] {
            let answer = log_in_at(ELSEWHERE, &stranger, "ada", password).await;
            assert_eq!(answer.refusal(), (429, "too_many_attempts"));
            let seconds: i64 = answer.header("retry-after").parse().expect("seconds");
            assert!((wait - 1..=wait).contains(&seconds.max(1)) || seconds == 1, "{seconds} of {wait}");
            assert_eq!(answer.header("ratelimit"), format!("\"login\";r=0;t={seconds}"));
            assert_eq!(answer.header("ratelimit-policy"), "\"login\";q=5");
        }
        server.app.clock.turn(Duration::seconds(wait));
        assert_eq!(log_in_at(ELSEWHERE, &stranger, "ada", WRONG).await.refusal(), (401, "invalid_credentials"));
    }
    server.app.clock.turn(Duration::seconds(16));
    assert_eq!(log_in_at(ELSEWHERE, &stranger, "ada", PASSWORD).await.status, 200, "whoever waits gets in");
    let answers = fail(&server, 5, ELSEWHERE, "ada").await;
    assert_eq!(count(&answers, 401), 5, "and begins anew: {answers:?}");
}

#[tokio::test]
async fn of_fifty_at_once_exactly_five_are_compared_whatever_the_instance_and_after_a_restart() {
    let server = server().await;
    let elsewhere = server.another_instance().await;
    let jose = server.person_with("José", &[]).await;
    for username in ["José", "nobody at all"] {
        let requests = (0..50).map(|n| {
            let caller = if n % 2 == 0 { server.anonymous() } else { elsewhere.anonymous() };
            // Two spellings of one name.
            let username = if n % 3 == 0 { username.replace('é', "e\u{301}") } else { username.to_owned() };
            async move { caller.log_in(&username, WRONG).await }
        });
        let answers = Caller::together(requests).await;
        assert_eq!((count(&answers, 401), count(&answers, 429)), (5, 45), "{answers:?}");
    }
    let told = "select count(*) from auth.audit_events where action = 'login.failed'";
    assert_eq!(server.number(told).await, 100, "whatever was compared is told, also what came too late");
    for wait in [1, 2, 4, 8, 16] {
        server.app.clock.turn(Duration::seconds(wait));
        let attempt = Attempt::at(&server.app, PersonId(jose.id), &at("127.0.0.1")).await.expect("the wait is over");
        fail_once(&server, &attempt).await.expect("nobody else is there");
    }
    let restarted = server.another_instance().await;
    assert_eq!(restarted.anonymous().log_in("Jose\u{301}", PASSWORD).await.status, 429);
    assert_eq!(server.number(told).await, 105, "what was not compared is not");
}

#[tokio::test]
async fn a_right_guess_among_fifty_is_one_of_the_five_or_nothing() {
    let server = server().await;
    let elsewhere = server.another_instance().await;
    for round in 0..3 {
        let username = format!("ada{round}");
        server.person_with(&username, &[]).await;
        let requests = (0..50).map(|n| {
            let caller = if n % 2 == 0 { server.anonymous() } else { elsewhere.anonymous() };
            let password = if n == 4 + 20 * round { PASSWORD } else { WRONG };
            let username = username.clone();
            async move { caller.log_in(&username, password).await }
        });
        let answers = Caller::together(requests).await;
        let (sessions, wrong) = (count(&answers, 200), count(&answers, 401));
        // The right one clears what was before it.
        let most = if sessions == 1 { 4 + 5 } else { 5 };
        // Or it was under way when the wait began.
        assert!(sessions <= 1 && wrong <= most && (sessions == 1 || wrong >= 4), "{sessions} {wrong}");
        assert_eq!(sessions + wrong + count(&answers, 429), 50);
    }
}

#[tokio::test]
async fn a_right_password_that_was_under_way_when_the_wait_began_opens_nothing() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let under_way = Attempt::at(&server.app, PersonId(ada.id), &at(ELSEWHERE)).await;
    fail(&server, 5, ELSEWHERE, "ada").await;

    let under_way = under_way.expect("nothing stood against it");
    let proof = Proof::Password { verified: &crate::support::PASSWORD_HASH, attempt: &under_way, device: None };
    let begun = server.begin_session(server.begin_rules(), ada.id, proof, &at(ELSEWHERE)).await;
    assert!(begun.is_none());
    let mut tx = server.app.db.begin().await.expect("a transaction");
    assert!(under_way.succeeded(&mut tx, server.app.clock.now()).await.is_err());
    assert!(under_way.must_not_wait(&server.app).await.is_err());
    server.app.clock.turn(Duration::seconds(1));
    let later = Attempt::at(&server.app, PersonId(ada.id), &at(ELSEWHERE)).await;
    let later = later.expect("the wait is over");
    later.succeeded(&mut tx, server.app.clock.now()).await.expect("and nobody has failed meanwhile");
    tx.commit().await.expect("a commit");
    assert_eq!(server.number("select count(*) from auth.login_attempts where person_id is not null").await, 0);
    assert_eq!(server.number("select count(*) from auth.person where last_login_at is not null").await, 1, "by hand");
}

#[tokio::test]
async fn nobody_hears_from_the_answers_who_exists() {
    let server = server().await;
    let admin = server.administrator().await;
    server.person_with("ada", &[]).await;
    let disabled = server.person_with("disabled", &[]).await;
    admin.post(&format!("/users/{}/disable", disabled.id), json!({})).await.ok();
    admin.post("/users", json!({"username": "without", "name": "Without a password"})).await.ok();
    let stranger = server.anonymous();
    let mut stories = Vec::new();
    for (username, address) in [
        ("ada", "192.0.2.1"),
        ("disabled", "192.0.2.2"),
        ("nobody", "192.0.2.3"),
        ("", "192.0.2.4"),
        ("without", "192.0.2.5"),
    ] {
        let mut story = Vec::new();
        for turn in [0, 0, 0, 0, 0, 0, 1, 0] {
            server.app.clock.turn(Duration::seconds(turn));
            let password = if story.len() == 5 { PASSWORD } else { WRONG };
            let answer = log_in_at(address, &stranger, username, password).await;
            let id = answer.header("x-request-id").to_owned();
            let headers: Vec<_> = answer.headers.iter().filter(|(name, _)| *name != "x-request-id").collect();
            story.push(format!("{} {} {headers:?}", answer.status, answer.text.replace(&id, "ID")));
        }
        stories.push(story);
    }
    assert!(stories[0][5].starts_with("429") && stories[0][7].starts_with("429"), "{stories:#?}");
    assert!(stories[0][6].starts_with("401"), "{stories:#?}");
    assert!(stories.windows(2).all(|pair| pair[0] == pair[1]), "{stories:#?}");
}

#[tokio::test]
async fn a_stranger_keeps_nobody_out_where_they_are_known_and_nowhere_for_good() {
    let server = server().await;
    let admin = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let anonymous = server.anonymous();
    assert_eq!(log_in_at(HOME, &anonymous, "ada", PASSWORD).await.status, 200);

    fail_patiently(&server, 99, ada.id, ELSEWHERE).await;
    assert_eq!(log_in_at("192.0.2.1", &anonymous, "ada", PASSWORD).await.status, 200, "99 are not a hundred");
    fail_patiently(&server, 100, ada.id, ELSEWHERE).await;
    for days in [0, 30] {
        server.app.clock.turn(Duration::days(days));
        let abroad = log_in_at("192.0.2.2", &anonymous, "ada", PASSWORD).await;
        assert_eq!(abroad.refusal(), (401, "invalid_credentials"), "a hundred in a row, however long ago");
        assert_eq!(log_in_at(HOME, &anonymous, "ada", PASSWORD).await.status, 200);
    }
    attempts::purge(&server.app).await.expect("a purge");
    let abroad = log_in_at("192.0.2.2", &anonymous, "ada", PASSWORD).await;
    assert_eq!(abroad.status, 401, "nor does the purge forget");

    let reset = json!({"password": "a password of their own"});
    let admin = server.session_of(admin.id).await;
    admin.put(&format!("/users/{}", ada.id), reset).await.ok();
    assert_eq!(log_in_at("192.0.2.2", &anonymous, "ada", "a password of their own").await.status, 200);

    fail_patiently(&server, 100, ada.id, ELSEWHERE).await;
    assert_eq!(log_in_at("192.0.2.3", &anonymous, "ada", "a password of their own").await.status, 401);
    let admin = server.session_of(admin.id).await;
    admin.post(&format!("/users/{}/enable", ada.id), json!({})).await.ok();
    assert_eq!(log_in_at("192.0.2.3", &anonymous, "ada", "a password of their own").await.status, 200);
}

#[tokio::test]
async fn each_place_where_somebody_is_known_has_a_count_of_its_own() {
    let server = server().await;
    server.person_with("ada", &[]).await;
    let anonymous = server.anonymous();
    assert_eq!(log_in_at(HOME, &anonymous, "ada", PASSWORD).await.status, 200);
    fail(&server, 6, ELSEWHERE, "ada").await;
    assert_eq!(log_in_at("192.0.2.1", &anonymous, "ada", PASSWORD).await.status, 429, "all strangers are one");
    let answers = fail(&server, 6, HOME, "ada").await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (5, 1), "at home one's own");
    server.app.clock.turn(Duration::seconds(1));
    assert_eq!(log_in_at(HOME, &anonymous, "ada", PASSWORD).await.status, 200);
    assert_eq!(server.number("select count(*) from auth.login_attempts where person_id is not null").await, 1);

    server.app.clock.turn(Duration::days(91));
    fail(&server, 5, ELSEWHERE, "ada").await;
    assert_eq!(log_in_at(HOME, &anonymous, "ada", PASSWORD).await.status, 429, "after 90 days nobody is known");
}

#[tokio::test]
async fn nobody_at_the_same_network_keeps_anybody_out_who_is_known_there() {
    let settings = [("TRUSTED_PROXIES", "127.0.0.1"), ("LOGIN_FREE_FAILURES_PER_ADDRESS", "20")];
    let server = Server::configured(&settings).await;
    let ada = server.person_with("ada", &[]).await;
    let with = |device: &'static str, username: &'static str, password: &'static str| {
        let anonymous = server.anonymous();
        async move {
            let body = json!({"username": username, "password": password}).to_string();
            let headers = |request: axum::http::request::Builder| {
                request.header("x-forwarded-for", HOME).header("user-agent", device)
            };
            anonymous.send_with(Method::POST, "/auth/login", &body, headers).await
        }
    };
    assert_eq!(with("her laptop", "ada", PASSWORD).await.status, 200);
    for _ in 0..6 {
        with("a colleague's", "ada", WRONG).await;
    }
    assert_eq!(with("her new phone", "ada", PASSWORD).await.status, 429, "what is not known waits");
    assert_eq!(with("her laptop", "ada", PASSWORD).await.status, 200);

    for name in ["one", "two", "three", "four", "five", "six"].into_iter().cycle().take(30) {
        with("a colleague's", name, WRONG).await;
    }
    assert_eq!(
        with("a colleague's", "eva", PASSWORD).await.refusal(),
        (429, "too_many_attempts"),
        "all at the address"
    );
    assert_eq!(with("her laptop", "ada", WRONG).await.status, 401, "but those who are known there");
    assert_eq!(with("her laptop", "ada", PASSWORD).await.status, 200);

    server.app.clock.turn(Duration::days(1));
    for device in ["a colleague's", "her laptop"] {
        let origin = Origin { user_agent: Some(device.to_owned()), ..at(HOME) };
        for _ in 0..100 {
            let attempt = Attempt::at(&server.app, PersonId(ada.id), &origin).await.expect("the wait is over");
            fail_once(&server, &attempt).await.expect("nobody else is there");
            server.app.clock.turn(Duration::minutes(15));
        }
    }
    let barred = with("her new phone", "ada", PASSWORD).await;
    assert_eq!(barred.refusal(), (401, "invalid_credentials"), "what is not known gets a hundred guesses");
    assert_eq!(with("her laptop", "ada", PASSWORD).await.status, 200, "what is known always gets another");
}

#[tokio::test]
async fn an_address_that_tries_many_names_waits_and_nobody_else_does() {
    let server =
        Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1"), ("LOGIN_FREE_FAILURES_PER_ADDRESS", "3")]).await;
    server.person_with("ada", &[]).await;
    let anonymous = server.anonymous();
    for name in ["one", "two", "three"] {
        assert_eq!(log_in_at("2001:db8::1", &anonymous, name, WRONG).await.status, 401);
    }
    let neighbour = log_in_at("2001:db8::2", &anonymous, "ada", PASSWORD).await;
    assert_eq!(neighbour.refusal(), (429, "too_many_attempts"), "a /64 is one");
    assert_eq!(log_in_at("2001:db8:0:1::1", &anonymous, "ada", PASSWORD).await.status, 200);
    assert_eq!(log_in_at("2001:db8::1, 192.0.2.1", &anonymous, "ada", PASSWORD).await.status, 200);
    assert_eq!(log_in_at("192.0.2.1, 2001:db8::1", &anonymous, "ada", PASSWORD).await.status, 429, "spoofed");
    server.app.clock.turn(Duration::seconds(1));
    assert_eq!(log_in_at("2001:db8::1", &anonymous, "four", WRONG).await.status, 401);
    assert_eq!(log_in_at("2001:db8::1", &anonymous, "five", WRONG).await.status, 429);
    server.app.clock.turn(Duration::hours(2));
    let later = log_in_at("2001:db8::1", &anonymous, "ada", PASSWORD).await;
    assert_eq!(later.status, 200, "it leaks");
}

#[tokio::test]
async fn forged_headers_are_no_new_address() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES_PER_ADDRESS", "2")]).await;
    let anonymous = server.anonymous();
    let mut statuses = Vec::new();
    for n in 0..4 {
        let body = json!({"username": format!("name {n}"), "password": WRONG}).to_string();
        let answer = anonymous.send_with(Method::POST, "/auth/login", &body, |request| {
            let address = format!("192.0.2.{n}");
            request.header("x-forwarded-for", &address).header("x-real-ip", &address).header("forwarded", address)
        });
        statuses.push(answer.await.status);
    }
    assert_eq!(statuses, [401, 401, 429, 429]);
}

#[tokio::test]
async fn an_office_of_many_who_mistype_now_and_then_is_no_attack() {
    let server =
        Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1"), ("LOGIN_FREE_FAILURES_PER_ADDRESS", "8")]).await;
    let people: Vec<String> = (0..8).map(|n| format!("clerk{n}")).collect();
    for name in &people {
        server.person_with(name, &[]).await;
    }
    for round in 0..5 {
        let mornings = people.iter().enumerate().map(|(n, name)| {
            let (caller, name) = (server.anonymous(), name.clone());
            async move {
                if (n + round) % 4 == 0 {
                    assert_eq!(log_in_at(HOME, &caller, &name, WRONG).await.status, 401);
                }
                for _ in 0..4 {
                    assert_eq!(log_in_at(HOME, &caller, &name, PASSWORD).await.status, 200);
                }
            }
        });
        Caller::together(mornings).await;
    }
    let level = "select count(*) from auth.login_attempts where key like 'address:%' and forgotten_at > now()";
    assert_eq!(server.number(level).await, 0, "whoever gets it right in the end has used up nothing");
}
