//! `POST /auth/setup`: the first administrator, as the predecessor made them.

use axum::http::Method;

use crate::support::{Caller, Server};

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let server = Server::on_a_fresh_database().await;
    let anybody = server.anonymous();
    let made = anybody.send(Method::POST, "/auth/setup", "").await.ok();
    assert_eq!((made.status, &made.body["username"]), (200, &"admin".into()));
    let password = made.body["password"].as_str().expect("a password").to_owned();
    let login = anybody.log_in("admin", &password).await.ok();
    let admin = anybody.with_token(login.token());
    assert_eq!(admin.get("/administrators").await.column("username"), ["admin"]);
    assert_eq!(anybody.send(Method::POST, "/auth/setup", "").await.refusal(), (409, "already_set_up"));
}

#[tokio::test]
async fn of_several_at_once_one_is_made() {
    let server = Server::on_a_fresh_database().await;
    let ask = || {
        let anybody = server.anonymous();
        async move { anybody.send(Method::POST, "/auth/setup", "").await.status }
    };
    let mut answers = Caller::together([ask(), ask(), ask()]).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 409, 409]);
    assert_eq!(server.number("select count(*) from auth.person").await, 1);
}

#[tokio::test]
async fn nobody_from_elsewhere_is_told_and_no_page_in_a_browser() {
    let server = Server::on_a_fresh_database().await;
    for (header, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("via", "1.1 proxy"),
        ("origin", "http://localhost:7878"),
    ] {
        let asked = server.anonymous();
        let answer = asked.send_with(Method::POST, "/auth/setup", "", |request| request.header(header, value)).await;
        assert_eq!(answer.refusal(), (403, "not_on_this_machine"), "{header}");
    }
    assert_eq!(server.number("select count(*) from auth.person").await, 0);
}
