use std::fs;
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
