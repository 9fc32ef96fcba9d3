//! Settings that are wrong stop the start and say so.

use crate::process::{Directory, Portero, portero};

fn refusal(vars: &[(&str, &str)]) -> String {
    let directory = Directory::new();
    let refused = portero(&directory, &["serve"], vars).output().unwrap();
    assert!(!refused.status.success());
    assert!(!directory.path().join("postgres").exists(), "nothing was begun");
    String::from_utf8(refused.stderr).unwrap()
}

#[test]
fn a_bad_value_stops_the_start_with_its_name_its_fault_and_an_example() {
    let message = refusal(&[("TOKEN_TTL_SECONDS", "-5"), ("CORS", "example.com/path")]);
    for part in ["TOKEN_TTL_SECONDS", "`-5`", "TOKEN_TTL_SECONDS=300", "CORS", "https://"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn a_database_that_is_not_there_is_named_without_its_password() {
    let message = refusal(&[("AUTH_DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/nowhere")]);
    assert!(message.contains("127.0.0.1") && message.contains("AUTH_DATABASE_URL"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn secrets_may_come_from_files_and_a_missing_file_is_named() {
    let message = refusal(&[("AUTH_DATABASE_URL_FILE", "/no/such/file")]);
    assert!(message.contains("AUTH_DATABASE_URL_FILE") && message.contains("/no/such/file"), "{message}");
}

#[tokio::test]
async fn a_probable_typo_is_named_and_stops_nothing() {
    let directory = Directory::new();
    let server = Portero::start(&directory, "serve", &[("TOKEN_TTL_SECOND", "60")]).await;
    assert!(server.said("TOKEN_TTL_SECOND is not a setting"), "{}", server.output());
    assert!(server.said("TOKEN_TTL_SECONDS?"), "{}", server.output());
}

#[tokio::test]
async fn a_service_for_documents_that_is_not_there_is_named_and_stops_nothing() {
    let directory = Directory::new();
    let server = Portero::start(&directory, "serve", &[("CLIENT_ID_METADATA_SERVICE", "Nope")]).await;
    assert!(server.said("CLIENT_ID_METADATA_SERVICE: no service of yours is `Nope`"), "{}", server.output());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let directory = Directory::new();
    let server = Portero::start(&directory, "serve", &[]).await;
    let port = server.url.rsplit(':').next().unwrap().to_owned();
    let other = Directory::new();
    let refused = portero(&other, &["serve"], &[("SERVER_PORT", &port)]).output().unwrap();
    let message = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(message.contains(&port) && message.contains("SERVER_PORT"), "{message}");
}

#[tokio::test]
async fn the_file_that_settings_came_from_is_named() {
    let directory = Directory::new();
    let file = directory.path().join(".env");
    std::fs::write(&file, "TOKEN_TTL_SECONDS=60\nEDITOR=vi\nPAGES_COLOUR='#336699'\n").unwrap();
    let server = Portero::start(&directory, "serve", &[]).await;
    let read = format!("read settings from {}, but no EDITOR", file.canonicalize().unwrap().display());
    assert_eq!(server.output().matches(&read).count(), 1, "{}", server.output());
    assert!(server.said("WARN") && server.said("did you mean PAGES_COLOR?"), "{}", server.output());
}

#[tokio::test]
async fn an_administrator_that_is_not_made_is_named() {
    let directory = Directory::new();
    let root = [("ADMIN", "root"), ("ADMIN_PASSWORD", "Zan$ahoria 77 limon verde")];
    drop(Portero::start(&directory, "serve", &root).await);
    let server = Portero::start(&directory, "serve", &root).await;
    assert!(!server.said("is ignored"), "{}", server.output());
    drop(server);
    let other = [("ADMIN", "root2"), ("ADMIN_PASSWORD", "Zan$ahoria 77 limon verde")];
    let server = Portero::start(&directory, "serve", &other).await;
    assert!(server.said("ADMIN=root2 is ignored") && server.said("portero admin add root2"), "{}", server.output());
}

#[test]
fn a_password_of_the_first_administrator_that_is_too_weak_names_its_setting() {
    let message = refusal(&[("ADMIN", "root"), ("ADMIN_PASSWORD", "admin123")]);
    assert!(message.contains("ADMIN_PASSWORD: ") && message.contains("guessed"), "{message}");
    assert!(!message.contains("admin123"), "{message}");
    let message = refusal(&[("ADMIN", "12"), ("ADMIN_PASSWORD", "Zan$ahoria 77 limon verde")]);
    assert!(message.contains("ADMIN: "), "{message}");
}

#[tokio::test]
async fn a_database_that_is_named_as_others_name_it_is_warned_of() {
    let directory = Directory::new();
    let vars = [("DATABASE_URL", "postgres://me:hunter2@db/app")];
    let server = Portero::start(&directory, "serve", &vars).await;
    assert!(server.said("DATABASE_URL is set, but Portero reads AUTH_DATABASE_URL"), "{}", server.output());
    assert!(!server.said("hunter2"));
}

#[test]
fn a_cause_is_told_once() {
    for (vars, once) in [
        ([("SMTP_URL", "mail.example.com"), ("MAIL_FROM", "a@example.com")], "does not begin with"),
        ([("PORTERO_DATA_DIR", "/proc/none/here"), ("REGISTRATION", "off")], "os error"),
    ] {
        let message = refusal(&vars);
        assert_eq!(message.matches(once).count(), 1, "{message}");
    }
}
