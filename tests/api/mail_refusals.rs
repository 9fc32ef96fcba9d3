//! What mail servers answer, and to whom it speaks: to us, who have a setting to mend, or about the mail.

use portero::base::id::PersonId;
use portero::identity::mail::{self, Content, deliver};
use serde_json::json;
use time::Duration;

use crate::reset::{arriving, reachable, with_mail, with_mail_and};
use crate::support::{Caller, Server};

async fn queue(server: &Server, person: &Caller) {
    let mut tx = server.app.db.begin().await.expect("a transaction");
    mail::queue(&mut tx, &server.app, PersonId(person.id), &Content::PasswordChanged, None).await.expect("a mail");
    tx.commit().await.expect("a commit");
}

async fn dead(server: &Server) -> i64 {
    server.number("select count(*) from auth.mails where dead_at is not null").await
}

#[tokio::test]
async fn what_speaks_of_us_waits_for_a_mended_setting_and_what_speaks_of_the_mail_does_not() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    for (verb, answer, gives_up) in [
        ("CONNECT", "554 no SMTP service here", 0),
        ("CONNECT", "421 too busy", 0),
        ("EHLO", "504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname", 0),
        ("EHLO", "550 5.7.1 Helo command rejected: Host not found", 0),
        ("EHLO", "501 Syntactically invalid EHLO argument(s)", 0),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", 0),
        ("MAIL", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", 0),
        ("MAIL", "553 5.7.1 <portero@example.com>: Sender address rejected: not owned by user portero", 0),
        ("MAIL", "550 5.7.1 Authentication required", 0),
        ("MAIL", "454 4.7.0 TLS not available", 0),
        ("RCPT", "554 5.7.1 <ada@example.com>: Relay access denied", 0),
        ("RCPT", "550 relay not permitted", 0),
        ("RCPT", "530 5.7.1 Authentication required", 0),
        ("RCPT", "450 4.2.0 greylisted", 0),
        ("RCPT", "550 5.1.1 <ada@example.com>: User unknown", 1),
        ("RCPT", "550 no such mailbox", 1),
        ("DATA", "554 5.7.1 message looks like spam", 1),
        ("DATA", "552 5.3.4 message too big", 1),
        ("DATA", "451 later", 0),
    ] {
        server.execute("delete from auth.mails").await;
        mailbox.answer(verb, Some(answer));
        queue(&server, &ada).await;
        assert_eq!(arriving(&server, &mailbox).await.len(), 0, "{verb}: {answer}");
        assert_eq!(dead(&server).await, gives_up, "{verb}: {answer}");
        let why = server.number("select count(*) from auth.mails where last_error is not null").await;
        assert_eq!(why, 1, "{verb}: {answer}");
        mailbox.answer(verb, None);
        if gives_up == 0 {
            server.app.clock.turn(Duration::minutes(1));
            assert_eq!(arriving(&server, &mailbox).await.len(), 1, "{verb}: {answer}, mended");
        }
    }
}

#[tokio::test]
async fn a_fault_of_ours_is_looked_at_every_quarter_of_an_hour_for_three_days() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    mailbox.answer("EHLO", Some("504 need fully-qualified hostname"));
    queue(&server, &ada).await;
    let mut tries = 0;
    while dead(&server).await == 0 {
        tries += deliver::deliver_what_is_due(&server.app).await.expect("Postgres answers");
        server.app.clock.turn(Duration::minutes(15));
        assert!(tries < 1000, "there is an end");
    }
    assert_eq!(tries, 3 * 24 * 4 + 1);
    mailbox.answer("EHLO", None);
    let mut tx = server.app.db.begin().await.expect("a transaction");
    mail::store::retry(&mut tx, server.app.clock.now()).await.expect("Postgres answers");
    tx.commit().await.expect("a commit");
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
}

#[tokio::test]
async fn we_say_who_we_are_by_the_name_that_is_set_and_else_by_one_with_a_dot() {
    for (settings, name) in [(vec![("SMTP_EHLO_NAME", "vm.example.org")], Some("vm.example.org")), (vec![], None)] {
        let (server, mailbox) = with_mail_and(&settings).await;
        let ada = reachable(&server, "ada").await;
        queue(&server, &ada).await;
        assert_eq!(arriving(&server, &mailbox).await.len(), 1);
        let said = mailbox.heard("EHLO");
        let said = said.strip_prefix("EHLO ").expect("a name");
        assert!(name.map_or(said.contains('.'), |name| name == said), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_knows_ascii_only_takes_mail_for_every_domain() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let ada = reachable(&server, "ada").await;
    let path = format!("/users/{}", ada.id);
    root.patch(&path, json!({"email": "ada@münchen.example"})).await.ok();
    arriving(&server, &mailbox).await;
    queue(&server, &ada).await;
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
    assert_eq!(mailbox.heard("RCPT"), "RCPT TO:<ada@xn--mnchen-3ya.example>");

    // Before the @ there is no other way to write it: that mail can't be sent there, and says why.
    root.patch(&path, json!({"email": "ñandú@example.com"})).await.ok();
    arriving(&server, &mailbox).await;
    queue(&server, &ada).await;
    assert_eq!(arriving(&server, &mailbox).await.len(), 0);
    let why = "select count(*) from auth.mails where dead_at is not null and last_error like '%SMTPUTF8%'";
    assert_eq!(server.number(why).await, 1);
}
