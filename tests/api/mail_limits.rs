//! How often mails are sent that their receivers did not ask for, and what must arrive all the same.

use axum::http::Method;
use portero::base::id::PersonId;
use portero::identity::mail::limits::may_be_proved;
use portero::identity::mail::{self, Content};
use serde_json::{Value, json};
use time::Duration;

use crate::reset::{arriving, reachable, with_mail, with_mail_and};
use crate::support::{Caller, Mail, Response};

const PHISH: &str = "Your account is locked. Sign in at https://evil.example/login within 24 hours";

async fn post_from(caller: &Caller, address: &str, path: &str, body: &Value) -> Response {
    let body = body.to_string();
    caller.send_with(Method::POST, path, &body, |request| request.header("x-forwarded-for", address)).await
}

fn registration(username: &str, email: &str) -> Value {
    json!({"username": username, "password": "zanahorias con limón", "name": PHISH, "email": email})
}

fn to<'a>(mails: &'a [Mail], receiver: &str) -> Vec<&'a Mail> {
    mails.iter().filter(|mail| mail.to[0] == receiver).collect()
}

#[tokio::test]
async fn nobody_floods_a_mailbox_by_saying_that_it_is_theirs() {
    let (server, mailbox) = with_mail().await;
    let eva = server.person_with("eva", &[]).await;
    let mut statuses = Vec::new();
    for n in 0..60 {
        for email in ["victim@example.org".to_owned(), format!("victim+{n}@example.org")] {
            let answer = eva.patch("/auth/me", json!({ "email": email })).await;
            if answer.status == 429 {
                assert!(["too_many_mails", "too_many_changes"].contains(&answer.error()), "{answer:?}");
                assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{answer:?}");
            }
            statuses.push(answer.status);
        }
    }
    assert!(statuses.iter().filter(|status| **status == 200).count() <= 10, "{statuses:?}");
    // These are all one mailbox; and what was to go to an address that has been replaced meanwhile is not sent.
    let mut got = arriving(&server, &mailbox).await.len();
    assert!(got <= 1, "{got}");

    // An hour later there are new ones again, and the victim gets no more than a few a day, whoever asks.
    for hour in 0..20 {
        server.app.clock.turn(Duration::hours(1));
        let somebody = server.person_with(&format!("somebody{hour}"), &[]).await;
        somebody.patch("/auth/me", json!({"email": "VICTIM@example.org"})).await.ok();
        got += arriving(&server, &mailbox).await.len();
    }
    assert!((4..=5).contains(&got), "{got}");
}

#[tokio::test]
async fn where_anybody_may_register_nobody_gets_many_mails_and_none_with_a_strangers_words() {
    let settings = [("REGISTRATION", "open"), ("TRUSTED_PROXIES", "127.0.0.1"), ("PASSWORD_HASH_THREADS", "2")];
    let (server, mailbox) = with_mail_and(&settings).await;
    server.secrets.add("zanahorias con limón");
    let anonymous = server.anonymous();
    for n in 0..40 {
        let address = format!("203.0.113.{n}");
        let body = registration(&format!("zz{n}"), "victim@example.org");
        let answer = post_from(&anonymous, &address, "/auth/register", &body).await;
        assert_eq!(answer.status, 201, "whoever else asked is not told: {answer:?}");
        server.secrets.add(answer.token());
    }
    let mails = arriving(&server, &mailbox).await;
    assert_eq!(mails.len(), 1);
    for part in [&mails[0].text, &mails[0].html, &mails[0].subject] {
        assert!(!part.contains("evil") && !part.contains("locked") && !part.contains("zz0"), "{part}");
    }
    assert!(mails[0].text.starts_with("Hello,"), "{}", mails[0].text);
}

#[tokio::test]
async fn one_network_has_so_many_new_addresses_verified_and_no_more() {
    let settings = [("TRUSTED_PROXIES", "127.0.0.1")];
    let (server, mailbox) = with_mail_and(&settings).await;
    let mut statuses = Vec::new();
    let patch = async |n: usize, address: &str| {
        let person = server.person_with(&format!("person{n}"), &[]).await;
        let body = json!({"email": format!("person{n}@example.org")}).to_string();
        let send =
            person.send_with(Method::PATCH, "/auth/me", &body, |request| request.header("x-forwarded-for", address));
        send.await.status
    };
    for n in 0..70 {
        statuses.push(patch(n, &format!("2001:db8:0:7::{n:x}")).await);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 60, "{statuses:?}");
    assert_eq!(statuses[60..], [429; 10]);
    assert_eq!(patch(70, "2001:db8:0:8::1").await, 200, "others are not concerned");
    assert_eq!(arriving(&server, &mailbox).await.len(), 61);
}

#[tokio::test]
async fn of_fifty_at_once_as_many_are_counted_as_there_may_be() {
    let (server, _) = with_mail_and(&[("MAX_CONNECTIONS", "16")]).await;
    let now = server.app.clock.now();
    let racers = (0..50).map(|n| {
        let app = server.app.clone();
        async move {
            let email = format!("Victim+{n}@example.org").parse().expect("an address");
            let mut tx = app.db.begin().await.expect("a transaction");
            let may = may_be_proved(&mut tx, &email, now).await.expect("Postgres answers");
            tx.commit().await.expect("a commit");
            may
        }
    });
    assert_eq!(Caller::together(racers).await.iter().filter(|may| **may).count(), 1, "one a minute");
}

#[tokio::test]
async fn what_strangers_fill_keeps_no_notice_and_no_invitation_from_anybody() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let ada = reachable(&server, "ada").await;
    for n in 0..8 {
        let stranger = server.person_with(&format!("stranger{n}"), &[]).await;
        stranger.patch("/auth/me", json!({"email": "ada@example.com"})).await.ok();
        server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
        arriving(&server, &mailbox).await;
        server.app.clock.turn(Duration::minutes(2));
    }
    let root = server.session_of(root.id).await;
    for n in 0..30 {
        root.put(&format!("/users/{}", ada.id), json!({"password": format!("zanahorias {n} con limón")})).await.ok();
    }
    let told = arriving(&server, &mailbox).await;
    assert_eq!(told.iter().filter(|mail| mail.subject.contains("password was changed")).count(), 30);
    assert!(told[0].text.starts_with("Hello ada by name,"), "{}", told[0].text);
    assert_eq!(root.post("/invitations", json!({"email": "ada@example.com"})).await.status, 201);
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
    let again = root.post("/invitations", json!({"email": "Ada+1@example.com"})).await;
    assert_eq!(again.refusal(), (429, "too_many_mails"));
    assert!(!again.header("retry-after").is_empty());
}

#[tokio::test]
async fn an_address_that_is_not_proved_is_told_nothing_that_somebody_wrote() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    server.execute("update auth.person set email_verified_at = null, name = 'https://evil.example/a'").await;
    let told = async |content: Content| {
        let mut tx = server.app.db.begin().await.expect("a transaction");
        mail::queue(&mut tx, &server.app, PersonId(ada.id), &content, None).await.expect("a mail to be sent");
        tx.commit().await.expect("a commit");
        arriving(&server, &mailbox).await.pop()
    };
    let evil = "https://evil.example/b".to_owned();
    let contents = [
        Content::NewDevice { address: "203.0.113.9".to_owned(), user_agent: Some(evil.clone()) },
        Content::UsernameChanged { username: evil.clone() },
        Content::PasswordChanged,
    ];
    for content in contents {
        let mail = told(content).await.expect("a mail");
        assert!(mail.text.starts_with("Hello,") && !mail.text.contains("evil"), "{}", mail.text);
        assert!(!mail.html.contains("evil"), "{}", mail.html);
    }
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    let reset = arriving(&server, &mailbox).await.pop().expect("a mail");
    assert!(reset.text.starts_with("Hello,") && !reset.text.contains("evil"), "{}", reset.text);
    // And no more of them than so many a day: a loop of new names is no way to fill somebody's mailbox.
    let mut arrived = 0;
    for _ in 0..40 {
        arrived += usize::from(told(Content::PasswordChanged).await.is_some());
    }
    assert_eq!(arrived, 17, "twenty a day, with the three above");
    server.execute("update auth.person set email_verified_at = now()").await;
    let proved = told(Content::UsernameChanged { username: "lovelace".to_owned() }).await.expect("a mail");
    assert!(
        proved.text.starts_with("Hello,") && proved.text.contains("lovelace"),
        "no link is a name: {}",
        proved.text
    );
}

#[tokio::test]
async fn whoever_asks_for_somebodys_new_password_in_vain_uses_up_their_own_share() {
    let (server, mailbox) = with_mail_and(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    reachable(&server, "ada").await;
    let ask = async |address: &str| {
        let answer =
            post_from(&server.anonymous(), address, "/auth/forgot-password", &json!({"username": "ada"})).await;
        assert_eq!((answer.status, &answer.body), (202, &json!({"status": "accepted"})));
        server.app.clock.turn(Duration::minutes(2));
        arriving(&server, &mailbox).await.len()
    };
    let mut got = Vec::new();
    for _ in 0..8 {
        got.push(ask("203.0.113.9").await);
    }
    assert_eq!(got, [1, 1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(ask("198.51.100.7").await, 1, "Ada herself is elsewhere");
}

#[tokio::test]
async fn a_flood_for_nobody_stops_neither_those_who_are_somebody_nor_other_mail() {
    let (server, mailbox) = with_mail_and(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let ada = reachable(&server, "ada").await;
    let anonymous = server.anonymous();
    for n in 0..300 {
        let body = json!({"username": format!("nobody{n}")});
        let answer = post_from(&anonymous, "203.0.113.9", "/auth/forgot-password", &body).await;
        assert_eq!((answer.status, &answer.body), (202, &json!({"status": "accepted"})));
    }
    assert_eq!(server.number("select count(*) from auth.mails").await, 100, "the share of one network");
    // Others have filled all the places that a network can have more than one of.
    server
        .execute(
            "insert into auth.mails (data, created_at, next_try_at, network)
             select jsonb_build_object('kind', 'password-reset', 'username', 'nobody' || n), now(), now(), 'net' || n % 100
             from generate_series(1, 9900) n",
        )
        .await;
    let ask = async |address: &str| {
        post_from(&anonymous, address, "/auth/forgot-password", &json!({"username": "ada"})).await.ok();
        server.number("select count(*) from auth.mails where data->>'username' = 'ada'").await
    };
    assert_eq!(ask("203.0.113.9").await, 0, "whose share is full already");
    assert_eq!(ask("198.51.100.7").await, 1);
    assert_eq!(ask("198.51.100.7").await, 1, "one, while so many wait");
    let mut tx = server.app.db.begin().await.expect("a transaction");
    mail::queue(&mut tx, &server.app, PersonId(ada.id), &Content::PasswordChanged, None).await.expect("a mail");
    let now = server.app.clock.now();
    let claimed = mail::store::claim(&mut tx, now, Duration::minutes(2), 4).await.expect("Postgres answers");
    assert_eq!(claimed.iter().map(|mail| &mail.content).collect::<Vec<_>>(), [&Content::PasswordChanged]);
    drop(tx);
    let mails = arriving(&server, &mailbox).await;
    assert_eq!(to(&mails, "ada@example.com").len(), 1);
    assert_eq!(server.number("select count(*) from auth.mails").await, 0);
}

#[tokio::test]
async fn what_tells_of_something_goes_before_what_somebody_waits_for() {
    let (server, _) = with_mail().await;
    for n in 0..4 {
        let person = server.person_with(&format!("person{n}"), &[]).await;
        person.patch("/auth/me", json!({"email": format!("person{n}@example.org")})).await.ok();
    }
    let ada = reachable(&server, "ada").await;
    server.app.clock.turn(Duration::SECOND);
    let mut tx = server.app.db.begin().await.expect("a transaction");
    mail::queue(&mut tx, &server.app, PersonId(ada.id), &Content::PasswordChanged, None).await.expect("a mail");
    let now = server.app.clock.now();
    let claimed = mail::store::claim(&mut tx, now, Duration::minutes(2), 2).await.expect("Postgres answers");
    assert_eq!(claimed[0].content, Content::PasswordChanged);
    assert_eq!(claimed[1].content, Content::VerifyEmail);
}

#[tokio::test]
async fn the_second_spelling_of_an_address_is_the_same_mailbox_at_a_network_of_its_own_too() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    for who in [json!({"email": "ADA@EXAMPLE.com"}), json!({"username": " Ada "}), json!({"email": "ada@example.com"})]
    {
        server.anonymous().post("/auth/forgot-password", who).await.ok();
    }
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
    assert_eq!(server.number("select count(*) from auth.mail_limits where key like '%ada%'").await, 0, "digests only");
    let mut tx = server.app.db.begin().await.expect("a transaction");
    mail::store::clear(&mut tx, server.app.clock.now() + Duration::days(2)).await.expect("Postgres answers");
    tx.commit().await.expect("a commit");
    assert_eq!(server.number("select count(*) from auth.mail_limits").await, 0, "what counts no more is forgotten");
}
