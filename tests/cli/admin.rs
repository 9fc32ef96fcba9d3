use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

#[tokio::test]
async fn a_new_administrator_logs_in_with_the_password_from_standard_input() {
    let house = House::new().await;
    let made = house.json_with(&["admin", "add", "root", "--name", "Root"], PASSWORD);
    assert_eq!(made["created"], true);
    assert_eq!(made["password"], serde_json::Value::Null);
    assert!(house.log_in("root", PASSWORD.trim()).await.is_some());
    let listed = house.json(&["admin", "list"]);
    assert_eq!(listed[0]["username"], "root");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert!(house.run(&["admin", "list"]).out.contains("Root"));
}

#[tokio::test]
async fn a_random_password_is_shown_once_and_opens() {
    let house = House::new().await;
    let made = house.json(&["admin", "add", "root", "--random-password"]);
    let password = made["password"].as_str().expect("a password");
    assert!(house.log_in("root", password).await.is_some());
    let said = house.run(&["user", "add", "ada", "--name", "Ada", "--random-password"]);
    let password = said.out.rsplit(' ').next().expect("a password").trim();
    assert!(house.log_in("ada", password).await.is_some(), "{said:?}");
    assert_eq!(said.out.matches(password).count(), 1);
}

#[tokio::test]
async fn somebody_who_is_registered_becomes_administrator_and_keeps_their_password() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    assert_eq!(house.json_with(&["admin", "add", "ada"], "another password\n")["created"], false);
    assert!(house.log_in("ada", PASSWORD.trim()).await.is_some());
    house.run(&["admin", "add", "ada", "--random-password"]).refused(&["keeps their password", "reset-password"]);
    house.run(&["admin", "add", "77"]).refused(&["77", "username"]);
}

#[tokio::test]
async fn bad_passwords_are_refused_and_nothing_is_written() {
    let house = House::new().await;
    let add = |input| house.run_with(&["admin", "add", "rosalinda"], input, &[]);
    add("").refused(&["no password", "--random-password"]);
    add("\n").refused(&["no password"]);
    add("short\n").refused(&["too short"]);
    add("Rosalinda\n").refused(&["username"]);
    add(&"x".repeat(300)).refused(&["too long"]);
    assert_eq!(house.number("select count(*) from auth.person").await, 0);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    for refused in [["admin", "remove", "root"], ["user", "remove", "root"], ["user", "disable", "root"]] {
        house.run(&refused).refused(&["without a permanent administrator"]);
    }
    house.run(&["grant", "remove", "root", "0", "Administrator"]).refused(&["without a permanent administrator"]);
    house.run(&["service", "remove-role", "0", "0"]).refused(&["without a permanent administrator"]);
    let nothing = house.run(&["admin", "remove", "ada"]);
    assert_eq!(
        (nothing.code, nothing.out.contains("Nothing to do: ada is not an administrator")),
        (0, true),
        "{nothing:?}"
    );
    assert!(house.log_in("root", PASSWORD.trim()).await.is_some());

    house.json(&["admin", "add", "ada"]);
    house.json(&["user", "disable", "ada"]);
    house.run(&["admin", "remove", "root"]).refused(&["without a permanent administrator"]);
    let enabled = house.json(&["user", "enable", "ada"]);
    assert_eq!(enabled["disabled_at"], serde_json::Value::Null);
    house.json(&["admin", "remove", "root"]);
    assert_eq!(house.json(&["admin", "list"])[0]["username"], "ada");
}

#[tokio::test]
async fn a_reset_password_ends_all_sessions() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    let token = house.log_in("ada", PASSWORD.trim()).await.expect("a token");
    assert_eq!(house.run_with(&["token", "check"], &token, &[]).code, 0);
    house.run_with(&["admin", "reset-password", "ada"], "short\n", &[]).refused(&["too short"]);
    assert_eq!(house.run_with(&["token", "check"], &token, &[]).code, 0);

    let reset = house.json_with(&["admin", "reset-password", "ada"], "another password\n");
    assert_eq!(reset["revoked_tokens"], 1);
    let checked = house.run_with(&["token", "check"], &token, &[]);
    assert_eq!((checked.code, checked.out.contains("Not valid")), (1, true), "{checked:?}");
    assert!(house.log_in("ada", PASSWORD.trim()).await.is_none());
    assert!(house.log_in("ada", "another password").await.is_some());
}

#[tokio::test]
async fn people_are_shown_disabled_and_removed() {
    let house = House::new().await;
    let args = ["user", "add", "ada", "--name", "Ada Q", "--document-type", "dni", "--document-number", "1"];
    let ada = house.json_with(&[&args[..], &["--person-type", "N"]].concat(), PASSWORD);
    let id = ada["id"].to_string();
    house.run_with(&args, PASSWORD, &[]).refused(&["username is taken"]);
    let shown = house.json(&["user", "show", &id]);
    assert_eq!((&shown["document_type"], &shown["person_type"]), (&"DNI".into(), &"N".into()));
    assert!(house.run(&["user", "show", "ada"]).out.contains("DNI 1"));
    assert!(!house.run(&["user", "show", "ada"]).out.contains("argon2"));

    assert_eq!(house.json(&["user", "disable", "ada"])["changed"], true);
    let again = house.run(&["user", "disable", "ada"]);
    assert_eq!((again.code, again.out.contains("Nothing to do: ada (id 1) was disabled already")), (0, true));
    assert!(house.log_in("ada", PASSWORD.trim()).await.is_none());
    assert!(house.run(&["user", "list"]).out.contains("disabled"));
    assert_eq!(house.json(&["user", "enable", "ada"])["changed"], true);
    assert_eq!(house.json(&["user", "enable", "ada"])["changed"], false);
    let token = house.log_in("ada", PASSWORD.trim()).await.expect("a token");
    assert_eq!(house.json(&["user", "remove", "ada"])["revoked_tokens"], 1);
    assert_eq!(house.run_with(&["token", "check"], &token, &[]).code, 1);
    house.run(&["user", "show", "ada"]).refused(&["`ada`", "portero user list"]);
    house.json_with(&args, PASSWORD);
}

#[tokio::test]
async fn a_list_has_everybody() {
    let house = House::new().await;
    sqlx::query(
        "insert into auth.person (username, name, password_hash)
         select 'user-' || n || '-', 'User ' || n, 'x' from generate_series(1, 2500) n",
    )
    .execute(&mut house.conn().await)
    .await
    .expect("people");
    assert_eq!(house.json(&["user", "list"]).as_array().map(Vec::len), Some(2500));
    assert_eq!(house.run(&["user", "list"]).out.lines().count(), 2501);
    let beginning = house.json(&["user", "list", "--beginning", "USER-25"]);
    assert_eq!(beginning.as_array().map(Vec::len), Some(12));
}

#[tokio::test]
async fn misuse_is_exit_code_2_and_a_database_that_is_not_ready_is_1() {
    let house = House::empty().await;
    assert_eq!(house.run(&["admin", "add"]).code, 2);
    assert_eq!(house.run(&["user", "add", "12", "--name", "x"]).code, 2);
    assert_eq!(house.run(&["--demo", "serve"]).code, 2);
    assert_eq!(house.run(&["grant", "add", "ada", "1"]).code, 2);
    house.run(&["admin", "list"]).refused(&["portero migrate"]);
    assert!(house.json(&["migrate"])["version"].is_i64());
    assert_eq!(house.json(&["admin", "list"]), serde_json::json!([]));
    let url = [("AUTH_DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/x")];
    let said = house.run_with(&["user", "list"], "", &url);
    said.refused(&["can't connect", "127.0.0.1:1"]);
    assert!(!said.err.contains("hunter2"));
    house.file(".env", "TOKEN_SECRET=\"hunter2\n");
    let said = house.run(&["user", "list"]);
    said.refused(&[".env", "TOKEN_SECRET"]);
    assert!(!said.err.contains("hunter2"), "{said:?}");
}

#[tokio::test]
async fn failed_logins_are_shown_and_forgotten_for_who_is_enabled_or_has_a_new_password() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    let failed = "insert into auth.login_attempts (key, person_id, failures, forgotten_at, wait_until, last_failed_at)
        values ('person:2', 2, 100, now(), now(), now()),
               ('person:2@192.0.2.1/32', 2, 7, now(), now() + interval '10 minutes', now())";
    for forget in [["user", "enable", "ada"].as_slice(), &["user", "reset-password", "ada", "--random-password"]] {
        sqlx::query(failed).execute(&mut house.conn().await).await.expect("failures");
        let shown = house.run(&["user", "show", "ada"]).out;
        for words in
            ["100 in a row where they are not known", "user enable", "7 in a row at 192.0.2.1/32", "nobody can try"]
        {
            assert!(shown.contains(words), "{words} in {shown}");
        }
        let shown = house.json(&["user", "show", "ada"]);
        assert_eq!(
            (&shown["failed_logins"][0]["failures"], &shown["failed_logins"][1]["failures"]),
            (&100.into(), &7.into())
        );
        house.json(forget);
        assert_eq!(house.json(&["user", "show", "ada"])["failed_logins"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_lets_somebody_register() {
    let house = House::new().await;
    let made = house.json(&["user", "invite", "--note", "for Ada", "--days", "3"]);
    let invitation = made["invitation"].as_str().expect("an invitation");
    assert!(invitation.starts_with("pin_"));
    assert_eq!((&made["note"], &made["created_by"]), (&serde_json::json!("for Ada"), &serde_json::Value::Null));
    let said = house.run(&["user", "invite"]);
    assert_eq!(said.out.matches("pin_").count(), 1);
    assert!(said.err.contains("REGISTRATION"), "{said:?}");
    assert_eq!(house.run(&["user", "invite", "--days", "91"]).code, 2);
    assert_eq!(house.number("select count(*) from auth.invitations where created_by is null").await, 2);
    let told = "select count(*) from auth.audit_events where action = 'invitation.created' and actor = 'command-line'";
    assert_eq!(house.number(told).await, 2);
}
