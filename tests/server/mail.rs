//! Mail without a mail server: printed for whoever demonstrates, and nowhere else.

use serde_json::json;

use crate::process::{Directory, Portero, portero};

#[tokio::test]
async fn the_demo_prints_its_mail_and_the_token_in_it_works() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let admin = demo.log_in("adm1", "adm1-hash").await;
    let put = reqwest::Client::new().put(format!("{}/users/7", demo.url)).header("token", admin);
    let put = put.body(json!({"email": "juan@example.com", "locale": "es"}).to_string()).send().await.unwrap();
    assert_eq!(put.status(), 200);
    let (status, body) = demo.post("/auth/forgot-password", "", json!({"email": "juan@example.com"})).await;
    assert_eq!((status, body), (202, json!({"status": "accepted"})));
    for _ in 0..500 {
        if demo.said("pmt_") && demo.said("no cambiará nada.") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let output = demo.output();
    assert!(output.contains("To: juan@example.com") && output.contains("\nHola:\n"), "{output}");
    let rule = "-".repeat(72);
    assert!(output.lines().filter(|line| *line == rule).count() >= 2, "rules on lines of their own: {output}");
    let at = output.find("pmt_").unwrap();
    let token = &output[at..at + 76];
    assert_eq!(output.matches(token).count(), 1, "and it is in no line of the log");
    let reset = json!({"token": token, "password": "a"});
    assert_eq!(demo.post("/auth/reset-password", "", reset.clone()).await.0, 200, "the demo takes any password");
    assert_eq!(demo.post("/auth/reset-password", "", reset).await.1["error"], "invalid_reset_token");
    demo.log_in("juan", "a").await;
}

#[tokio::test]
async fn a_server_that_can_send_none_says_so_and_prints_none() {
    let directory = Directory::new();
    let server = Portero::start(&directory, "serve", &[]).await;
    // The log may be written a moment after the line that says ready.
    let begun = std::time::Instant::now();
    while !(server.said("no mail can be sent") && server.said("SMTP_URL")) {
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{}", server.output());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (status, body) = server.post("/auth/forgot-password", "", json!({"username": "admin"})).await;
    assert_eq!((status, body), (202, json!({"status": "accepted"})));
}

#[test]
fn settings_of_mail_that_are_wrong_stop_the_start_without_showing_the_password() {
    let directory = Directory::new();
    let vars = [
        ("SMTP_URL", "imap://me:hunter2@mail.example.com"),
        ("RESET_PASSWORD_URL", "https://app.example.com/reset"),
        ("VERIFY_EMAIL_URL", "javascript:alert('{token}')"),
    ];
    let refused = portero(&directory, &["serve"], &vars).output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    for part in ["SMTP_URL", "smtps://", "MAIL_FROM", "RESET_PASSWORD_URL", "lacks `{token}`", "VERIFY_EMAIL_URL"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert!(!message.contains("hunter2"), "{message}");
}
