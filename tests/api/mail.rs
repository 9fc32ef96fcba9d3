//! Mail: queued with what it tells, sent once, tried again, given up.

use portero::base::id::PersonId;
use portero::base::locale::Locale;
use portero::base::opaque::mail_token::Purpose;
use portero::identity::mail::store::tokens::{self, NewToken};
use portero::identity::mail::{self, Content, deliver};
use serde_json::json;
use time::Duration;

use crate::reset::{arriving, reachable, with_mail, with_mail_and};
use crate::support::{Caller, Mail, Mailbox, Server};

async fn queue(server: &Server, person: &Caller, content: &Content, locale: Option<Locale>) {
    let mut tx = server.app.db.begin().await.expect("a transaction");
    mail::queue(&mut tx, &server.app, PersonId(person.id), content, locale).await.expect("a mail to be sent");
    tx.commit().await.expect("a commit");
}

async fn told(server: &Server, mailbox: &Mailbox, person: &Caller, content: &Content, locale: Option<Locale>) -> Mail {
    queue(server, person, content, locale).await;
    arriving(server, mailbox).await.pop().expect("a mail")
}

fn from_elsewhere(user_agent: &str) -> Content {
    Content::NewDevice { address: "203.0.113.9".to_owned(), user_agent: Some(user_agent.to_owned()) }
}

#[tokio::test]
async fn every_kind_is_written_in_both_languages_as_text_and_as_html() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    for (content, english, spanish) in [
        (from_elsewhere("curl/8"), "203.0.113.9", "203.0.113.9"),
        (Content::PasswordChanged, "your password was changed", "su contraseña cambió"),
        (Content::EmailChanged, "your e-mail address was changed", "su dirección de correo cambió"),
        (Content::UsernameChanged { username: "lovelace".to_owned() }, "as lovelace", "como lovelace"),
    ] {
        for (locale, expected, greeting) in
            [(None, english, "Hello ada by name,"), (Some(Locale::Es), spanish, "Hola, ada by name:")]
        {
            let mail = told(&server, &mailbox, &ada, &content, locale).await;
            let text = format!("{}\n{}", mail.subject, mail.text);
            assert!(text.contains(expected) && text.contains(greeting), "{expected} in {text}");
            assert!(mail.html.contains(greeting) && mail.html.contains("<html lang="), "{}", mail.html);
            assert_eq!(mail.from, "portero@example.com");
            for header in ["Auto-Submitted: auto-generated", "multipart/alternative", "Message-ID: <", "Date: "] {
                assert!(mail.raw.contains(header), "{header} in {}", mail.raw);
            }
        }
    }
}

#[tokio::test]
async fn somebodys_own_language_goes_before_that_of_the_request() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let asked = async |language: &'static str| {
        let body = json!({"username": "ada"}).to_string();
        let anonymous = server.anonymous();
        let request = anonymous.send_with(axum::http::Method::POST, "/auth/forgot-password", &body, |request| {
            request.header("accept-language", language)
        });
        request.await.ok();
        server.app.clock.turn(Duration::minutes(2));
        arriving(&server, &mailbox).await.pop().expect("a mail").subject
    };
    assert_eq!(asked("es-PE,es;q=0.9").await, "Portero: una contraseña nueva");
    assert_eq!(asked("de").await, "Portero: a new password");
    let root = server.administrator().await;
    root.put(&format!("/users/{}", ada.id), json!({"locale": "es"})).await.ok();
    assert_eq!(asked("en").await, "Portero: una contraseña nueva");
    assert_eq!(root.put(&format!("/users/{}", ada.id), json!({"locale": "fr"})).await.status, 400);
}

#[tokio::test]
async fn an_invitation_goes_to_somebody_who_is_nobody_yet_and_is_used_once() {
    let (server, mailbox) = with_mail_and(&[("INVITATION_URL", "https://app.example.com/join#{token}")]).await;
    let now = server.app.clock.now();
    let email = "guest@example.com".parse().expect("an address");
    let content = Content::Invitation { from: Some("Eva".to_owned()) };
    let new = NewToken {
        content: &content,
        purpose: Purpose::Invitation,
        person: None,
        email: &email,
        locale: Some(Locale::Es),
        now,
        expires_at: now + Duration::days(7),
    };
    let mut tx = server.app.db.begin().await.expect("a transaction");
    let id = tokens::queue(&mut tx, &new).await.expect("a mail");
    tx.commit().await.expect("a commit");
    let invitation = arriving(&server, &mailbox).await.pop().expect("a mail");
    assert!(invitation.text.contains("Eva le invita") && invitation.text.contains("/join#pmt_"), "{}", invitation.text);

    let hash = portero::base::opaque::mail_token::MailTokenHash::of(&invitation.token()).expect("a token");
    let mut tx = server.app.db.begin().await.expect("a transaction");
    for purpose in [Purpose::PasswordReset, Purpose::VerifyEmail] {
        assert!(tokens::spend(&mut tx, purpose, hash, now).await.expect("Postgres answers").is_none());
    }
    let spent = tokens::spend(&mut tx, Purpose::Invitation, hash, now).await.expect("Postgres answers").expect("good");
    assert_eq!((spent.person, spent.email, spent.mail), (None, email, id));
    assert!(tokens::spend(&mut tx, Purpose::Invitation, hash, now).await.expect("Postgres answers").is_none());
}

#[tokio::test]
async fn what_people_call_themselves_is_text_and_never_markup_nor_a_header() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let evil = "<script>alert(1)<script><a href=evil>\r\nBcc eva\r\n\r\nClick";
    sqlx::query("update auth.person set name = $1").bind(evil).execute(server.app.db.pool()).await.expect("a name");
    let mail = told(&server, &mailbox, &ada, &from_elsewhere("<img src=x onerror=alert(1)>\r\n.\r\nQUIT"), None).await;
    assert_eq!(mail.to, ["ada@example.com"]);
    let head = mail.raw.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
    assert!(!head.contains("bcc") && !head.contains("evil") && !head.contains("script"), "{head}");
    for markup in ["<script", "<a href", "<img", "</p><"] {
        assert!(!mail.html.contains(markup), "{markup} in {}", mail.html);
    }
    assert!(mail.html.contains("&#60;script&#62;") || mail.html.contains("&lt;script&gt;"), "{}", mail.html);
    assert!(!mail.text.lines().any(|line| line.starts_with("Bcc") || line.starts_with("Click")), "{}", mail.text);
}

#[tokio::test]
async fn several_instances_send_each_mail_once() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    for n in 0..20 {
        queue(&server, &ada, &from_elsewhere(&n.to_string()), None).await;
    }
    let instances = (0..4).map(|_| {
        let app = server.app.clone();
        async move { while deliver::deliver_what_is_due(&app).await.expect("Postgres answers") > 0 {} }
    });
    Caller::together(instances).await;
    assert_eq!(mailbox.take(&server.secrets).len(), 20);
    assert_eq!(server.number("select count(*) from auth.mails").await, 0);
}

#[tokio::test]
async fn a_mail_that_is_not_taken_is_tried_again_ever_later_and_given_up_after_a_day() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    mailbox.refuse(Some("451 later"));
    queue(&server, &ada, &Content::PasswordChanged, None).await;
    for (attempt, minutes) in [1, 5, 15, 60, 180, 360, 360, 480].into_iter().enumerate() {
        assert_eq!(deliver::deliver_what_is_due(&server.app).await.expect("Postgres answers"), 1, "{attempt}");
        server.app.clock.turn(Duration::minutes(minutes) - Duration::seconds(5));
        assert_eq!(deliver::deliver_what_is_due(&server.app).await.expect("Postgres answers"), 0, "{attempt}");
        server.app.clock.turn(Duration::seconds(5));
    }
    assert_eq!(server.number("select count(*) from auth.mails where dead_at is null and attempts = 8").await, 1);
    assert_eq!(deliver::deliver_what_is_due(&server.app).await.expect("Postgres answers"), 1);
    let dead = "select count(*) from auth.mails where dead_at is not null and last_error like '%451%'";
    assert_eq!(server.number(dead).await, 1);

    mailbox.refuse(None);
    server.app.clock.turn(Duration::days(1));
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "given up is given up");
    let mut tx = server.app.db.begin().await.expect("a transaction");
    assert_eq!(mail::store::retry(&mut tx, server.app.clock.now()).await.expect("Postgres answers"), 1);
    tx.commit().await.expect("a commit");
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
}

#[tokio::test]
async fn what_the_server_will_never_take_is_given_up_at_once_but_not_for_a_fault_of_ours() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    for (refusal, dead) in [("550 no such mailbox", 1), ("535 who are you", 0), ("530 log in first", 0)] {
        server.execute("delete from auth.mails").await;
        mailbox.refuse(Some(refusal));
        queue(&server, &ada, &Content::PasswordChanged, None).await;
        assert_eq!(arriving(&server, &mailbox).await.len(), 0);
        assert_eq!(server.number("select count(*) from auth.mails where dead_at is not null").await, dead, "{refusal}");
    }
}

#[tokio::test]
async fn a_mail_whose_sender_died_is_anothers_after_a_while() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    queue(&server, &ada, &Content::PasswordChanged, None).await;
    let mut tx = server.app.db.begin().await.expect("a transaction");
    let lease = Duration::minutes(2);
    let claimed = mail::store::claim(&mut tx, server.app.clock.now(), lease, 9).await.expect("Postgres answers");
    tx.commit().await.expect("a commit");
    assert_eq!(arriving(&server, &mailbox).await.len(), 0);
    server.app.clock.turn(lease);
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
    let mut tx = server.app.db.begin().await.expect("a transaction");
    let now = server.app.clock.now();
    mail::store::put_back(&mut tx, &claimed[0], Some(now), now, "too late").await.expect("Postgres answers");
    tx.commit().await.expect("a commit");
    assert_eq!(arriving(&server, &mailbox).await.len(), 0, "one that comes back to life does not send it again");
}

#[tokio::test]
async fn what_nobody_will_ask_for_again_is_cleared_away() {
    let (server, _) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    queue(&server, &ada, &Content::PasswordChanged, None).await;
    server.execute("update auth.mails set dead_at = created_at").await;
    let clear = async || {
        let mut tx = server.app.db.begin().await.expect("a transaction");
        mail::store::clear(&mut tx, server.app.clock.now()).await.expect("Postgres answers");
        tx.commit().await.expect("a commit");
        server.number("select count(*) from auth.mails").await
    };
    assert_eq!(clear().await, 1);
    server.app.clock.turn(Duration::days(31));
    assert_eq!(clear().await, 0);
}

#[tokio::test]
async fn a_changed_password_is_told_to_its_owner() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let ada = reachable(&server, "ada").await;
    let unreachable = server.person_with("eva", &[]).await;
    for person in [&ada, &unreachable] {
        let path = format!("/users/{}", person.id);
        root.put(&path, json!({"password": "zanahorias con limón"})).await.ok();
        root.put(&path, json!({"name": "Somebody"})).await.ok();
    }
    let told = arriving(&server, &mailbox).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].to[0].as_str(), told[0].subject.as_str()),
        ("ada@example.com", "Portero: your password was changed")
    );
}

#[tokio::test]
async fn whose_password_is_changed_hears_that_their_api_keys_go_on() {
    let (server, mailbox) = with_mail().await;
    let (root, ada) = (server.administrator().await, reachable(&server, "ada").await);
    let path = format!("/users/{}", ada.id);
    let told = async |password: &str, language: &str| {
        root.put(&path, json!({"password": password, "locale": language})).await.ok();
        arriving(&server, &mailbox).await.pop().expect("a mail")
    };
    let without = told("zanahorias con limón", "en").await;
    assert!(!without.text.contains("API keys"), "{}", without.text);
    sqlx::query(
        "insert into auth.api_keys (person_id, key_hash, name, created_at, expires_at)
         values ($1, sha256('a key'), 'CI', now(), now() + interval '1 day')",
    )
    .bind(ada.id)
    .execute(server.app.db.pool())
    .await
    .expect("a key");
    let with = told("limones con zanahoria", "en").await;
    assert!(with.text.contains("Your API keys go on working.") && with.text.contains("/auth/me/keys"), "{}", with.text);
    let spanish = told("remolachas con limón", "es").await;
    assert!(spanish.text.contains("Sus claves de API siguen funcionando."), "{}", spanish.text);
    server
        .execute(
            "update auth.api_keys set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'",
        )
        .await;
    let over = told("limones con remolacha", "en").await;
    assert!(!over.text.contains("API keys"), "they are over: {}", over.text);
}
