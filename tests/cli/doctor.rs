use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::{House, Said};

/// A port that nobody listens on; each test its own, since the doctor tries it.
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port().to_string()
}

fn status(said: &Said, check: &str) -> Vec<String> {
    let report = said.json();
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.filter(|f| f["check"] == check).map(|f| f["status"].as_str().expect("a status").to_owned()).collect()
}

#[tokio::test]
async fn a_sound_house_is_found_sound() {
    let port = free_port();
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], "correct horse\n");
    let said = house.run_with(&["doctor", "--json"], "", &[("SERVER_PORT", port.as_str())]);
    assert_eq!(said.json()["ok"], true, "{said:?}");
    assert_eq!(said.code, 0);
    for check in ["configuration", "token lifetime", "database", "clock", "migrations", "administrator", "port"] {
        assert_eq!(status(&said, check), ["ok"], "{check} in {said:?}");
    }
    let said = house.run_with(&["doctor"], "", &[("SERVER_PORT", port.as_str())]);
    assert!(said.out.contains("Nothing is wrong"), "{said:?}");
}

#[tokio::test]
async fn everything_wrong_is_found_at_once() {
    let port = free_port();
    let house = House::empty().await;
    let env = house.file(".env", "TOKEN_TTL_SECONDS=60\n");
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).expect("chmod");
    let vars = [
        ("SERVER_PORT", port.as_str()),
        ("TOKEN_RENEW_THRESHOLD_SECONDS", "60"),
        ("TOKEN_TTL", "5"),
        ("MAX_CONNECTIONS", "many"),
    ];
    let said = house.run_with(&["doctor", "--json"], "", &vars);
    assert_eq!((said.code, &said.json()["ok"]), (1, &Value::Bool(false)));
    assert_eq!(status(&said, "configuration"), ["wrong", "wrong"], "{said:?}");
    for check in ["token lifetime", "secret files", "migrations"] {
        assert_eq!(status(&said, check), ["wrong"], "{check} in {said:?}");
    }
    assert_eq!(status(&said, "administrator"), ["skipped"]);
    let report = said.json();
    for finding in report["findings"].as_array().expect("findings") {
        assert_eq!(finding["advice"].is_string(), finding["status"] == "wrong", "{finding}");
    }
}

#[tokio::test]
async fn without_a_database_the_rest_is_still_looked_at() {
    let port = free_port();
    let house = House::new().await;
    let url = ("AUTH_DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/x");
    let said = house.run_with(&["doctor", "--json"], "", &[("SERVER_PORT", port.as_str()), url]);
    assert_eq!(said.code, 1);
    assert_eq!((status(&said, "database"), status(&said, "port")), (vec!["wrong".into()], vec!["ok".into()]));
    assert!(!said.out.contains("hunter2"));

    // With a private Postgres that is not running, nothing is started.
    let said = house.run_with(&["doctor", "--json"], "", &[("SERVER_PORT", port.as_str()), ("AUTH_DATABASE_URL", "")]);
    assert_eq!((said.code, status(&said, "database")), (0, vec!["skipped".into()]), "{said:?}");
    assert!(!house.files.path().join("none").exists());
}

#[tokio::test]
async fn the_direct_address_must_lead_to_the_same_database() {
    let (house, elsewhere) = (House::new().await, House::new().await);
    let port = free_port();
    for (url, expected) in [
        (house.url.clone(), "ok"),
        (elsewhere.url.clone(), "wrong"),
        ("postgres://me:hunter2@127.0.0.1:1/x".to_owned(), "wrong"),
    ] {
        let vars = [("SERVER_PORT", port.as_str()), ("AUTH_DATABASE_DIRECT_URL", url.as_str())];
        let said = house.run_with(&["doctor", "--json"], "", &vars);
        assert_eq!(status(&said, "direct"), [expected], "{said:?}");
        assert!(!said.out.contains("hunter2"));
    }
}

fn finding(said: &Said, check: &str) -> (String, String) {
    let report = said.json();
    let found = report["findings"].as_array().expect("findings").iter().find(|f| f["check"] == check).cloned();
    let found = found.unwrap_or_else(|| panic!("no {check} in {said:?}"));
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("detail"), text("advice"))
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_said_once_and_what_to_do_is_something_else() {
    let port = free_port();
    let house = House::new().await;
    let nowhere = house.url.replace("/test_", "/no_test_");
    for (url, words, servers) in [
        ("postgres://me:hunter2@127.0.0.1:1/x".to_owned(), &["127.0.0.1:1", "database x", "Connection refused"][..], 1),
        (
            "postgres://me:hunter2@127.0.0.1:1,127.0.0.1:2/x".to_owned(),
            &["127.0.0.1:1: ", "127.0.0.1:2: ", "no primary", "Connection refused"],
            2,
        ),
        (nowhere, &["does not exist"], 1),
    ] {
        let vars = [("SERVER_PORT", port.as_str()), ("AUTH_DATABASE_URL", url.as_str())];
        let (detail, advice) = finding(&house.run_with(&["doctor", "--json"], "", &vars), "database");
        let said = house.run_with(&["user", "list"], "", &vars);
        said.refused(words);
        for text in [&detail, &said.err] {
            for word in words {
                assert!(text.contains(word), "{word} in {text}");
            }
            assert_eq!(text.matches(words[words.len() - 1]).count(), servers, "{text}");
            assert!(!text.contains("hunter2") && !text.contains("at line"), "{text}");
        }
        assert!(!advice.is_empty() && !detail.contains(&advice) && !advice.contains(&detail), "{detail} → {advice}");
        assert!(said.err.contains(&advice), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portero_that_is_serving_is_known_by_what_it_answers() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], "correct horse\n");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port().to_string();
    let app = house.app().await;
    tokio::spawn(async move { axum::serve(listener, portero::app::router(&app)).await });
    let said = house.run_with(&["doctor", "--json"], "", &[("SERVER_PORT", port.as_str())]);
    assert_eq!((status(&said, "port"), said.code), (vec!["ok".into()], 0), "{said:?}");
    assert!(finding(&said, "port").0.contains("a Portero is serving"), "{said:?}");
}

#[tokio::test]
async fn a_service_for_clients_of_documents_that_is_not_there_is_named() {
    let (house, port) = (House::new().await, free_port());
    let doctor = || {
        let vars = [("SERVER_PORT", port.as_str()), ("CLIENT_ID_METADATA_SERVICE", "Nope")];
        house.run_with(&["doctor", "--json"], "", &vars)
    };
    let (detail, advice) = finding(&doctor(), "documents");
    assert!(detail.contains("`Nope`") && advice.contains("portero service add"), "{detail} → {advice}");
    house.json(&["service", "add", "Nope"]);
    assert_eq!(status(&doctor(), "documents"), ["ok"]);
}

#[tokio::test]
async fn a_setting_in_a_file_that_is_probably_mistyped_is_named() {
    let (house, port) = (House::new().await, free_port());
    let env = house.file(".env", "PAGES_COLOUR='#336699'\nEDITOR=vi\n");
    fs::set_permissions(&env, fs::Permissions::from_mode(0o600)).expect("chmod");
    let said = house.run_with(&["doctor", "--json"], "", &[("SERVER_PORT", port.as_str())]);
    assert_eq!(status(&said, "settings file"), ["ok", "wrong"], "{said:?}");
    assert!(said.out.contains("did you mean PAGES_COLOR?"), "{said:?}");
}

#[tokio::test]
async fn a_url_that_names_several_servers_badly_is_refused_without_being_shown() {
    let house = House::new().await;
    for (url, words) in [
        ("postgres://me:hunter2@a,,b/x", "comma"),
        ("postgres://me:hunter2@a,b/x?target_session_attrs=standby", "read-write"),
        ("postgres://me:hunter2@a,b,c/x?port=1,2", "2 ports for 3 servers"),
    ] {
        let said = house.run_with(&["user", "list"], "", &[("AUTH_DATABASE_URL", url)]);
        said.refused(&["AUTH_DATABASE_URL", words]);
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
}

#[tokio::test]
async fn ids_that_come_to_their_end_are_named() {
    let port = free_port();
    let house = House::new().await;
    let vars = [("SERVER_PORT", port.as_str())];
    assert_eq!(status(&house.run_with(&["doctor", "--json"], "", &vars), "ids"), ["ok"]);
    house.number("select setval(pg_get_serial_sequence('auth.person', 'id'), 2147483600)").await;
    let said = house.run_with(&["doctor", "--json"], "", &vars);
    assert_eq!((status(&said, "ids"), said.code), (vec!["wrong".into()], 1), "{said:?}");
    assert!(finding(&said, "ids").0.contains("auth.person"), "{said:?}");
}

/// A mail server that answers one command, by its verb, with something of its own.
fn mail_server(verb: &'static str, answer: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.write_all(b"220 tests\r\n");
            for line in BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok) {
                let said = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
                let answer = match said.as_str() {
                    said if said == verb => answer,
                    "EHLO" => "250-tests\r\n250 AUTH PLAIN",
                    "AUTH" => "235 welcome",
                    "QUIT" => "221 bye",
                    _ => "250 well",
                };
                let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
            }
        }
    });
    format!("smtp://me:hunter2@127.0.0.1:{port}")
}

#[tokio::test]
async fn a_mail_server_is_tried_as_far_as_our_sender_and_the_setting_at_fault_is_named() {
    let house = House::new().await;
    let port = free_port();
    for (verb, answer, setting) in [
        ("NONE", "", None),
        ("EHLO", "504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname", Some("SMTP_EHLO_NAME")),
        ("AUTH", "535 5.7.8 authentication failed", Some("user and password")),
        ("MAIL", "553 5.7.1 not owned by user me", Some("MAIL_FROM")),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", Some("SMTP_URL")),
        ("MAIL", "550 5.7.60 Client does not have permissions to send as this sender", Some("MAIL_FROM")),
    ] {
        let url = mail_server(verb, answer);
        let vars = [
            ("SERVER_PORT", port.as_str()),
            ("SMTP_URL", url.as_str()),
            ("MAIL_FROM", "Portero <portero@example.com>"),
        ];
        let said = house.run_with(&["doctor", "--json"], "", &vars);
        let report = said.json();
        let findings = report["findings"].as_array().expect("findings").iter();
        let found = findings.into_iter().find(|finding| finding["check"] == "mail server").expect("a finding");
        match setting {
            None => assert_eq!(found["status"], "ok", "{found}"),
            Some(setting) => {
                assert_eq!(found["status"], "wrong", "{found}");
                assert!(
                    found["advice"].as_str().is_some_and(|advice| advice.contains(setting)),
                    "{setting} in {found}"
                );
                assert!(found.to_string().contains(answer.split(' ').next_back().expect("a word")), "{found}");
            }
        }
        assert!(!said.out.contains("hunter2"), "{said:?}");
    }
}
