//! What is scarce has shares: whoever floods it is refused, and nobody else feels it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, PASSWORD, Response, Server};

const FLOOD: &str = "203.0.113.7";
const FLOODERS: usize = 80;
const OTHERS: usize = 20;
/// How often they ask again.
const PATIENCE: usize = 20;
/// zxcvbn takes longest for these.
const DEAR: &str = "1!|70234567891!|70234567891!|70234567891!|7023456789";

/// What would stop each flood by itself is off.
const UNLIMITED: [(&str, &str); 4] = [
    ("TRUSTED_PROXIES", "127.0.0.1"),
    ("LOGIN_FREE_FAILURES", "0"),
    ("LOGIN_FREE_FAILURES_PER_ADDRESS", "0"),
    ("LOGINS_PER_MINUTE", "0"),
];

async fn server(settings: &[(&str, &str)]) -> Server {
    let server = Server::configured(&[&UNLIMITED, settings].concat()).await;
    for n in 0..OTHERS {
        server.person_with(&format!("other{n}"), &[]).await;
    }
    server.person_with("juan", &[]).await;
    server
}

async fn post_from(address: &str, caller: &Caller, path: &str, body: Value) -> Response {
    let with_address = |request: axum::http::request::Builder| request.header("x-forwarded-for", address);
    caller.send_with(Method::POST, path, &body.to_string(), with_address).await
}

async fn log_in_from(address: &str, caller: &Caller, username: &str, password: &str) -> Response {
    post_from(address, caller, "/auth/login", json!({"username": username, "password": password})).await
}

/// Does something while many ask for `flood`, with a number of its own each time, as fast as they are answered, from when
/// it `is_felt` by what they hear; and what they heard.
async fn during<F, T>(
    flood: impl Fn(usize) -> F + 'static,
    is_felt: impl Fn(&[Response]) -> bool,
    others: impl Future<Output = T>,
) -> (T, Vec<Response>)
where
    F: Future<Output = Response> + 'static,
{
    let (flood, next, heard) = (Rc::new(flood), Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
    let local = tokio::task::LocalSet::new();
    for _ in 0..FLOODERS {
        let (flood, next, heard) = (Rc::clone(&flood), Rc::clone(&next), Rc::clone(&heard));
        local.spawn_local(async move {
            loop {
                next.set(next.get() + 1);
                let answer = flood(next.get()).await;
                heard.borrow_mut().push(answer);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    let felt = async {
        while !is_felt(&heard.borrow()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let done = local.run_until(async {
        tokio::time::timeout(Duration::from_mins(1), felt).await.expect("a flood that is felt");
        others.await
    });
    let done = done.await;
    // The flood ends with its tasks.
    drop(local);
    (done, heard.take())
}

/// How many of the others get in, one after the other, each from where `address` says. They ask again where Portero can't
/// answer: whether it is the flood that keeps them out for a while, the log says.
async fn logins(caller: Caller, patience: usize, address: impl Fn(usize) -> String) -> usize {
    let mut answers = Vec::new();
    for n in 0..OTHERS {
        let (address, username) = (address(n), format!("other{n}"));
        answers.push(Caller::patiently(patience, || log_in_from(&address, &caller, &username, PASSWORD)).await);
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

fn elsewhere(n: usize) -> String {
    format!("198.51.{n}.1")
}

fn is_overloaded(heard: &[Response]) -> bool {
    heard.iter().any(|answer| answer.status == 503)
}

fn is_refused(heard: &[Response]) -> bool {
    heard.iter().any(|answer| answer.status == 429)
}

/// What the log says when nobody has more than their share of a queue, and there are too many.
const FULL: [&str; 2] = ["the password hashing queue is full", "too many passwords wait to be looked at"];

#[track_caller]
fn assert_unharmed(got_in: usize) {
    assert!(got_in * 100 >= OTHERS * 95, "{got_in} of {OTHERS} got in");
}

#[track_caller]
fn assert_refused(server: &Server, heard: &[Response]) {
    let refused = heard.iter().find(|answer| answer.status == 429).expect("somebody of the flood is refused");
    assert_eq!((refused.error(), refused.header("retry-after")), ("too_many_at_once", "1"));
    assert_not_full(server);
}

/// Of Postgres anybody may hear that it can't answer: the machine may be busy with other things.
#[track_caller]
fn assert_not_full(server: &Server) {
    let log = server.log.text();
    assert!(FULL.iter().all(|full| !log.contains(full)), "nobody hears that Portero is overloaded");
}

#[tokio::test]
async fn one_person_who_logs_in_and_in_keeps_nobody_out() {
    let server = server(&[]).await;
    let anonymous = server.anonymous();
    let flood = {
        let anonymous = anonymous.clone();
        move |_| {
            let anonymous = anonymous.clone();
            async move { log_in_from(FLOOD, &anonymous, "juan", PASSWORD).await }
        }
    };
    let (got_in, heard) = during(flood, is_refused, logins(anonymous, PATIENCE, elsewhere)).await;
    assert_unharmed(got_in);
    assert_refused(&server, &heard);
}

#[tokio::test]
async fn nor_where_all_have_one_address() {
    let server = server(&[]).await;
    let anonymous = server.anonymous();
    let flood = {
        let anonymous = anonymous.clone();
        move |_| {
            let anonymous = anonymous.clone();
            async move { log_in_from(FLOOD, &anonymous, "juan", PASSWORD).await }
        }
    };
    let (got_in, heard) = during(flood, is_refused, logins(anonymous, PATIENCE, |_| FLOOD.to_owned())).await;
    assert_unharmed(got_in);
    assert_refused(&server, &heard);
}

#[tokio::test]
async fn wrong_passwords_for_made_up_names_from_many_networks_of_one_site_keep_nobody_out() {
    let server = server(&[]).await;
    let anonymous = server.anonymous();
    let flood = {
        let anonymous = anonymous.clone();
        move |n: usize| {
            let anonymous = anonymous.clone();
            let address = format!("2001:db8:7:{:x}::1", n % 100);
            async move { log_in_from(&address, &anonymous, &format!("made up {n}"), "a guess").await }
        }
    };
    let (got_in, heard) = during(flood, is_refused, logins(anonymous, PATIENCE, elsewhere)).await;
    assert_unharmed(got_in);
    assert_refused(&server, &heard);
}

#[tokio::test]
async fn from_a_thousand_sites_those_get_in_who_are_known_where_they_are() {
    let server = server(&[]).await;
    let anonymous = server.anonymous();
    for n in 0..OTHERS {
        assert_eq!(log_in_from(&elsewhere(n), &anonymous, &format!("other{n}"), PASSWORD).await.status, 200);
    }
    let flood = {
        let anonymous = anonymous.clone();
        move |n: usize| {
            let anonymous = anonymous.clone();
            let address = format!("10.{}.{}.1", n / 250, n % 250);
            async move { log_in_from(&address, &anonymous, &format!("made up {n}"), "a guess").await }
        }
    };
    let (got_in, heard) = during(flood, is_overloaded, logins(anonymous, 0, elsewhere)).await;
    assert_unharmed(got_in);
    assert!(is_overloaded(&heard), "nobody has more than their share, and there are too many");
}

#[tokio::test]
async fn who_registers_without_an_invitation_costs_nothing() {
    let server = server(&[("REGISTRATION", "invite")]).await;
    let anonymous = server.anonymous();
    let unknown = server.app.new_invitation(server.app.clock.now()).expect("an invitation").reveal().to_owned();
    let flood = {
        let anonymous = anonymous.clone();
        move |n: usize| {
            let (anonymous, unknown) = (anonymous.clone(), unknown.clone());
            let mut body = json!({"username": format!("new{n}"), "password": "zanahorias con limón"});
            if n.is_multiple_of(2) {
                body["invitation"] = json!(unknown);
            }
            async move { post_from(FLOOD, &anonymous, "/auth/register", body).await }
        }
    };
    let (got_in, heard) = during(flood, |heard| heard.len() > FLOODERS, logins(anonymous, PATIENCE, elsewhere)).await;
    assert_unharmed(got_in);
    assert_not_full(&server);
    let heard: Vec<_> = heard.iter().filter(|answer| answer.status != 503).map(Response::refusal).collect();
    assert!(!heard.is_empty() && heard.iter().all(|refusal| *refusal == (403, "invalid_invitation")), "{heard:?}");
}

#[tokio::test]
async fn where_anybody_may_register_one_network_keeps_nobody_from_it_and_nobody_out() {
    let server = server(&[("REGISTRATION", "open")]).await;
    let anonymous = server.anonymous();
    let flood = {
        let anonymous = anonymous.clone();
        move |n: usize| {
            let anonymous = anonymous.clone();
            let body = json!({"username": format!("new{n}"), "password": "zanahorias con limón"});
            async move { post_from(FLOOD, &anonymous, "/auth/register", body).await }
        }
    };
    let others = async move {
        let got_in = logins(anonymous.clone(), PATIENCE, elsewhere).await;
        let body = json!({"username": "ada", "password": "zanahorias con limón"});
        let ada = || post_from("192.0.2.1", &anonymous, "/auth/register", body.clone());
        (got_in, Caller::patiently(PATIENCE, ada).await)
    };
    let ((got_in, ada), heard) = during(flood, is_refused, others).await;
    assert_unharmed(got_in);
    assert_eq!(ada.status, 201, "{ada:?}");
    assert_refused(&server, &heard);
}

#[tokio::test]
async fn one_person_who_changes_their_password_all_the_time_keeps_nobody_out() {
    let server = server(&[]).await;
    let juan = server.person_with("juan the second", &[]).await;
    let flood = move |_| {
        let juan = juan.clone();
        let body = json!({"current_password": "a guess", "new_password": "zanahorias con limón"});
        async move { post_from(FLOOD, &juan, "/auth/change-password", body).await }
    };
    let (got_in, heard) = during(flood, is_refused, logins(server.anonymous(), PATIENCE, elsewhere)).await;
    assert_unharmed(got_in);
    assert_refused(&server, &heard);
}

#[tokio::test]
async fn who_asks_how_good_passwords_are_keeps_nobody_from_setting_one() {
    let server = server(&[("REGISTRATION", "open")]).await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let anonymous = server.anonymous();
    let flood = {
        let anonymous = anonymous.clone();
        move |n: usize| {
            let anonymous = anonymous.clone();
            let address = format!("2001:db8:7:{:x}::1", n % 4);
            let body = json!({"password": DEAR, "username": "ada".repeat(30)});
            async move { post_from(&address, &anonymous, "/auth/password-strength", body).await }
        }
    };
    let others = async move {
        let patiently = async |address: &str, caller: &Caller, path: &str, body: Value| {
            Caller::patiently(PATIENCE, || post_from(address, caller, path, body.clone())).await
        };
        for n in 0..5 {
            let person = json!({"username": format!("made{n}"), "name": "Made", "password": "zanahorias con limón",
                "person_type": "N", "document_type": "DNI", "document_number": format!("{n}")});
            let made = patiently("192.0.2.1", &root, "/users", person).await;
            assert_eq!(made.status, 201, "{made:?}");
            let body = json!({"username": format!("new{n}"), "password": "zanahorias con limón"});
            let registered = patiently(&elsewhere(n), &anonymous, "/auth/register", body).await;
            assert_eq!(registered.status, 201, "{registered:?}");
        }
        let body = json!({"current_password": PASSWORD, "new_password": "zanahorias con limón"});
        let changed = patiently("192.0.2.2", &ada, "/auth/change-password", body).await;
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    let is_served = |heard: &[Response]| heard.iter().any(|answer| answer.status == 200);
    let is_shared = |heard: &[Response]| is_refused(heard) && is_served(heard);
    let ((), heard) = during(flood, is_shared, others).await;
    assert_refused(&server, &heard);
    assert!(is_served(&heard), "the flood has its share");
}

#[tokio::test]
async fn an_office_behind_one_address_that_logs_in_at_once_is_no_flood() {
    let server = server(&[]).await;
    let requests = (0..OTHERS).map(|n| {
        let anonymous = server.anonymous();
        let username = format!("other{n}");
        async move { Caller::patiently(1, || log_in_from(FLOOD, &anonymous, &username, PASSWORD)).await.status }
    });
    assert_eq!(Caller::together(requests).await, [200; OTHERS]);
}

#[tokio::test]
async fn who_goes_away_leaves_a_place_free() {
    let server = server(&[]).await;
    let local = tokio::task::LocalSet::new();
    for n in 0..200_usize {
        let anonymous = server.anonymous();
        local.spawn_local(
            async move { log_in_from(&format!("10.0.{n}.1"), &anonymous, &format!("gone {n}"), "x").await },
        );
    }
    let waited = tokio::time::timeout(Duration::from_millis(200), local).await;
    assert!(waited.is_err(), "they were still waiting");
    let requests = (0..OTHERS).map(|n| {
        let anonymous = server.anonymous();
        let (address, username) = (elsewhere(n), format!("other{n}"));
        async move { Caller::patiently(60, || log_in_from(&address, &anonymous, &username, PASSWORD)).await.status }
    });
    assert_eq!(Caller::together(requests).await, [200; OTHERS]);
}

#[tokio::test]
async fn one_person_logs_in_so_often_from_one_network_and_no_more() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1"), ("LOGINS_PER_MINUTE", "1")]).await;
    server.person_with("ada", &[]).await;
    server.person_with("eva", &[]).await;
    let anonymous = server.anonymous();
    assert_eq!(
        log_in_from(FLOOD, &anonymous, "ada", "a guess").await.status,
        401,
        "wrong ones have a rule of their own"
    );
    let requests = (0..31).map(|_| {
        let anonymous = anonymous.clone();
        async move { log_in_from(FLOOD, &anonymous, "ada", PASSWORD).await }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 30, "half an hour's worth at once");
    let refused = log_in_from(FLOOD, &anonymous, "ada", PASSWORD).await;
    assert_eq!(refused.refusal(), (429, "too_many_logins"));
    let seconds: i64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("ratelimit-policy"), "\"logins\";q=30;w=1800");
    assert_eq!(log_in_from(FLOOD, &anonymous, "eva", PASSWORD).await.status, 200, "others are others");
    assert_eq!(
        log_in_from("198.51.100.1", &anonymous, "ada", PASSWORD).await.status,
        200,
        "and elsewhere is elsewhere"
    );
    server.app.clock.turn(time::Duration::minutes(1));
    assert_eq!(log_in_from(FLOOD, &anonymous, "ada", PASSWORD).await.status, 200);
    assert_eq!(log_in_from(FLOOD, &anonymous, "ada", PASSWORD).await.status, 429);
}
