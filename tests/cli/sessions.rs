//! Where somebody is logged in.

use portero::app::trail::tell_of_configuration;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

#[tokio::test]
async fn sessions_of_a_person_are_listed_and_ended_one_or_all() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    let root = house.log_in("root", PASSWORD.trim()).await.expect("a token");
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(house.log_in("ada", PASSWORD.trim()).await.expect("a token"));
    }
    let listed = house.json(&["user", "sessions", "ada"]);
    let asked: Value = serde_json::from_slice(&house.get("/users/2/sessions", &root).await).expect("JSON");
    assert_eq!(listed, asked, "as the API has it");
    let latest = listed[0]["id"].as_str().expect("an id");
    let table = house.run(&["user", "sessions", "ada"]).out;
    assert!(table.contains("LAST SEEN") && table.contains(latest) && table.lines().count() == 4, "{table}");

    let works = |token: &str| house.run_with(&["token", "check"], token, &[]).code == 0;
    let one = ["user", "end-sessions", "ada", "--session", latest];
    assert_eq!(house.json(&one), json!({"id": 2, "username": "ada", "revoked_tokens": 1}));
    assert_eq!([works(&tokens[0]), works(&tokens[1]), works(&tokens[2])], [true, true, false]);
    house.run(&one).refused(&["ada (id 2) has no session", latest, "portero user sessions ada"]);
    let roots = house.json(&["user", "sessions", "root"])[0]["id"].as_str().expect("an id").to_owned();
    house.run(&["user", "end-sessions", "ada", "--session", &roots]).refused(&["no session"]);
    let said = house.run(&["user", "end-sessions", "ada", "--session", "latest"]);
    assert_eq!((said.code, said.err.contains("not the id of a session")), (2, true), "{said:?}");

    let said = house.run(&["user", "end-sessions", "ada"]);
    assert_eq!((said.code, said.out.as_str()), (0, "ada (id 2): 2 sessions have ended.\n"));
    assert_eq!([works(&tokens[0]), works(&tokens[1]), works(&root)], [false, false, true]);
    assert_eq!(house.json(&["user", "sessions", "ada"]), json!([]));
    let said = house.run(&["user", "end-sessions", "ada"]);
    assert_eq!((said.code, said.out.as_str()), (0, "Nothing to do: ada (id 2) has no session.\n"));
    assert_eq!(house.json(&["user", "end-sessions", "ada"])["revoked_tokens"], 0);
    let told = house.told("session.revoked").await;
    assert_eq!(told, [(json!({"session_id": latest}), json!(null)), (json!({"sessions": 2}), json!(null))]);
    assert_eq!(house.number("select count(*) from auth.changes where kind = 'session-revoked'").await, 3);
}

#[tokio::test]
async fn sessions_end_as_the_server_has_it_that_was_started_here_whatever_the_tool_is_told() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    house.log_in("ada", PASSWORD.trim()).await.expect("a token");
    let lasts = || {
        let shown = house.run_with(&["user", "sessions", "ada", "--json"], "", &[("TOKEN_TTL_SECONDS", "60")]);
        let session = shown.json()[0].clone();
        let seen = OffsetDateTime::parse(session["last_seen_at"].as_str().expect("a time"), &Rfc3339).expect("a time");
        session["expires_at"].as_i64().expect("an end") - seen.unix_timestamp()
    };
    assert_eq!(lasts(), 60, "no server was started here");
    tell_of_configuration(&house.app().await).await.expect("told");
    assert_eq!(lasts(), 300, "as it is by default");
}
