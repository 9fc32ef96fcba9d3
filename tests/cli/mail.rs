//! Addresses, and the mails that could not be delivered.

use serde_json::json;

use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

#[tokio::test]
async fn people_have_addresses_and_languages() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada", "--email", "ada@example.com", "--locale", "es"], PASSWORD);
    let ada = house.json(&["user", "show", "ada"]);
    assert_eq!((&ada["email"], &ada["locale"]), (&json!("ada@example.com"), &json!("es")));
    assert_eq!(ada["email_verified_at"], json!(null));
    assert!(house.run(&["user", "show", "ada"]).out.contains("ada@example.com"));
    let taken = ["user", "add", "eva", "--name", "Eva", "--email", "ADA@example.com"];
    house.run_with(&taken, PASSWORD, &[]).refused(&["another person has that e-mail address"]);
    assert_eq!(house.run(&["user", "add", "eva", "--name", "Eva", "--email", "eva"]).code, 2);
    let known = ["user", "add", "eva", "--name", "Eva", "--email", "zanahoria@example.com"];
    house.run_with(&known, "Zanahoria1\n", &[]).refused(&["too easily guessed", "others know of you"]);
}

#[tokio::test]
async fn addresses_come_with_imported_people_each_once() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada", "--email", "ada@example.com"], PASSWORD);
    let csv = "username,name,password,email\n\
               bob,Bob,correct horse,bob@example.com\n\
               cid,Cid,correct horse,BOB@example.com\n\
               dan,Dan,correct horse,Ada@example.com\n\
               eve,Eve,correct horse,nowhere\n\
               fay,Fay,password123,\n";
    let said = house.run(&["user", "import", &house.file("people.csv", csv)]);
    said.refused(&[
        "4 faults in 4 lines",
        ":3: email: BOB@example.com is also in line 2",
        ":4: email: Ada@example.com is that of ada (id 1)",
        ":5: email: is not an e-mail address",
        ":6: password: too easily guessed",
    ]);
    let good = csv.lines().take(2).collect::<Vec<_>>().join("\n");
    house.json(&["user", "import", &house.file("good.csv", &good)]);
    assert_eq!(house.json(&["user", "show", "bob"])["email"], "bob@example.com");
}

#[tokio::test]
async fn dead_letters_are_seen_and_tried_again() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    assert_eq!(house.json(&["mail", "list"]), json!([]));
    let dead = "insert into auth.mails (data, recipient, created_at, next_try_at, attempts, last_error, dead_at)
                values ('{\"kind\": \"password-changed\"}', 'ada@example.com', now(), now(), 9, '550 no', now())";
    sqlx::raw_sql(dead).execute(&mut house.conn().await).await.expect("a dead letter");
    let doctor = house.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("1 mail was given up") && doctor.out.contains("portero mail list"), "{doctor:?}");
    let listed = house.json(&["mail", "list"]);
    assert_eq!((&listed[0]["kind"], &listed[0]["last_error"]), (&json!("password-changed"), &json!("550 no")));
    assert!(house.run(&["mail", "list"]).out.contains("ada@example.com"));
    assert_eq!(house.json(&["mail", "retry"]), json!({"retried": 1}));
    assert_eq!(house.json(&["mail", "list"]), json!([]));
    assert_eq!(house.number("select count(*) from auth.mails where attempts = 0 and dead_at is null").await, 1);
}

#[tokio::test]
async fn the_doctor_tries_the_mail_server() {
    let house = House::new().await;
    let vars = [("SMTP_URL", "smtp://me:hunter2@127.0.0.1:1"), ("MAIL_FROM", "portero@example.com")];
    let said = house.run_with(&["doctor"], "", &vars);
    assert!(said.out.contains("mail server") && said.out.contains("look into SMTP_URL"), "{said:?}");
    assert!(!said.out.contains("hunter2") && !said.err.contains("hunter2"), "{said:?}");
    assert!(house.run(&["doctor"]).out.contains("SMTP_URL is not set"));
}

#[tokio::test]
async fn a_mail_to_set_a_new_password_goes_to_a_proved_address_only() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada", "--email", "ada@example.com"], PASSWORD);
    let send = ["user", "send-reset", "ada"];
    let vars = [("SMTP_URL", "smtp://127.0.0.1:1"), ("MAIL_FROM", "portero@example.com")];
    house.run(&send).refused(&["sends no mail"]);
    house.run_with(&send, "", &vars).refused(&["has not verified their address"]);
    let prove = "update auth.person set email_verified_at = now()";
    sqlx::raw_sql(prove).execute(&mut house.conn().await).await.expect("a proved address");
    let said = house.run_with(&send, "", &vars);
    assert!(said.code == 0 && said.out.contains("ada (id 1)"), "{said:?}");
    assert_eq!(house.number("select count(*) from auth.mails where recipient = 'ada@example.com'").await, 1);
    let told = "select count(*) from auth.audit_events where action = 'password.reset-sent' and actor = 'command-line'";
    assert_eq!(house.number(told).await, 1);
}

#[tokio::test]
async fn who_gives_a_role_hears_whose_password_and_address_somebody_else_chose() {
    let house = House::new().await;
    for name in ["desk", "ada"] {
        house.json_with(&["user", "add", name, "--name", name, "--email", &format!("{name}@example.com")], PASSWORD);
    }
    let chosen = "update auth.person set password_set_by = 1, email_given_by = 1 where id = 2";
    sqlx::raw_sql(chosen).execute(&mut house.conn().await).await.expect("somebody of the desk");
    house.json(&["service", "add", "Shop"]);
    house.json(&["role", "add", "Clerk"]);
    let business = house.run(&["grant", "add", "ada", "Shop", "Clerk"]);
    assert!(business.code == 0 && business.err.contains("`desk`, who could not grant this"), "{business:?}");
    house.json(&["permission", "add", "sell"]);
    let more = house.run(&["role", "add-permission", "Clerk", "sell"]);
    assert!(more.code == 0 && more.err.contains("could not grant this and still knows it: `ada`"), "{more:?}");
    let own = house.run(&["role", "add-permission", "Clerk", "users:read"]);
    assert!(own.code == 0 && own.err.contains("have not verified their address"), "{own:?}");
    let promoted = house.run(&["admin", "add", "ada"]);
    assert!(promoted.code == 0 && promoted.err.contains("have not verified their address"), "{promoted:?}");
}

#[tokio::test]
async fn the_doctor_names_clients_that_were_not_told_of_logouts() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    house.json(&["service", "add", "Shop"]);
    house.json(&[
        "client",
        "add",
        "Wiki",
        "--service",
        "Shop",
        "--id",
        "wiki",
        "--redirect-uri",
        "https://wiki.example/cb",
    ]);
    let dead = "insert into auth.backchannel_logouts (client_id, person_id, sid, attempts, last_error, dead_at)
                select id, 1, 'sid', 8, 'answered 500', now() from auth.clients where client_id = 'wiki'";
    sqlx::raw_sql(dead).execute(&mut house.conn().await).await.expect("a dead letter");
    let doctor = house.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(
        doctor.out.contains("1 logout was given up") && doctor.out.contains("wiki (1: answered 500)"),
        "{doctor:?}"
    );
}
