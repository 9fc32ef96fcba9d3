//! People, services, roles and permissions, when they become others.

use serde_json::{Value, json};

use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

#[tokio::test]
async fn a_person_is_changed_in_what_is_named_and_told_of_it() {
    let house = House::new().await;
    let add = ["user", "add", "ada", "--name", "Ada", "--email", "ada@example.com", "--locale", "en"];
    house.json_with(&add, PASSWORD);
    sqlx::query("update auth.person set email_verified_at = now()")
        .execute(&mut house.conn().await)
        .await
        .expect("a proved address");
    let token = house.log_in("ada", PASSWORD.trim()).await.expect("a token");

    let mail = [("SMTP_URL", "smtp://127.0.0.1:1"), ("MAIL_FROM", "portero@example.com")];
    let change = ["user", "change", "ada", "--name", "Ada Quispe", "--username", "quispe", "--json"];
    let moved = ["--email", "quispe@example.com", "--document-type", "dni", "--document-number", "45678912"];
    let said = house.run_with(&[&change[..], &moved].concat(), "", &mail);
    assert_eq!(said.code, 0, "{said:?}");
    let changed = said.json();
    assert_eq!((&changed["username"], &changed["name"]), (&json!("quispe"), &json!("Ada Quispe")));
    assert_eq!((&changed["email"], &changed["email_verified_at"]), (&json!("quispe@example.com"), &Value::Null));
    assert_eq!((&changed["document_type"], &changed["locale"]), (&json!("DNI"), &json!("en")));
    let shown = house.json(&["user", "show", "quispe"]);
    assert_eq!((&shown["id"], &shown["document_number"]), (&json!(1), &json!("45678912")));

    let before = json!({"username": "ada", "name": "Ada", "email": "ada@example.com", "document_type": null,
        "document_number": null});
    let after = json!({"username": "quispe", "name": "Ada Quispe", "email": "quispe@example.com",
        "document_type": "DNI", "document_number": "45678912"});
    assert_eq!(house.told("user.changed").await, [(before, after)]);
    let mails: Vec<(String, String)> = sqlx::query_as("select data ->> 'kind', recipient from auth.mails order by id")
        .fetch_all(&mut house.conn().await)
        .await
        .expect("mails");
    let expected = [("email-changed", "ada@example.com"), ("username-changed", "quispe@example.com")];
    assert_eq!(mails, expected.map(|(kind, to)| (kind.to_owned(), to.to_owned())));

    let profile: Value = serde_json::from_slice(&house.get("/auth/profile", &token).await).expect("JSON");
    assert_eq!(profile["payload"]["username"], "quispe", "the session goes on, and shows it");
    assert_eq!(house.number("select count(*) from auth.changes where kind = 'token-claims-change'").await, 1);
    let claims =
        ["--claim", "nickname=Ada", "--claim", "phone_number=+51987654321", "--claim", "phone_number_verified=true"];
    let address = ["--claim", "address.locality=Lima", "--claim", "address.country=Perú"];
    let said = house.json(&[&["user", "change", "quispe"], &claims[..], &address].concat());
    let address = json!({"locality": "Lima", "country": "Perú"});
    let all =
        json!({"nickname": "Ada", "phone_number": "+51987654321", "phone_number_verified": true, "address": address});
    assert_eq!(said["claims"], all);
    house.json(&["user", "change", "quispe", "--claim", "nickname=", "--claim", "address.country="]);
    let shown = house.run(&["user", "show", "quispe"]).out;
    assert!(
        shown.contains("address.locality") && shown.contains("+51987654321") && !shown.contains("nickname"),
        "{shown}"
    );
    for bad in [
        "nickname",
        "shoe_size=43",
        "website=juan",
        "address.planet=Earth",
        "name.first=Ada",
        "phone_number_verified=maybe",
    ] {
        house.run(&["user", "change", "quispe", "--claim", bad]).refused(&["--claim"]);
    }
    let said = house.run(&["user", "change", "quispe", "--locale", "es"]);
    assert_eq!((said.code, said.out.as_str()), (0, "Changed quispe (id 1).\n"), "{said:?}");
}

#[tokio::test]
async fn attributes_are_set_shown_and_told_to_services() {
    let house = House::new().await;
    let add = [
        "user",
        "add",
        "ada",
        "--name",
        "Ada",
        "--no-password",
        "--attribute",
        "department=sales",
        "--attribute",
        "x=",
    ];
    house.json(&add);
    assert_eq!(house.json(&["user", "show", "ada"])["attributes"], json!({"department": "sales"}));
    let found = |wanted: &[&str]| house.json(&[&["user", "list"], wanted].concat()).as_array().map(Vec::len);
    assert_eq!(found(&["--attribute", "department=sales"]), Some(1));
    assert_eq!(found(&["--attribute", "department=sales", "--attribute", "level=3"]), Some(0));
    assert_eq!(house.run(&["user", "list", "--attribute", "department"]).code, 2);
    let set = ["--attribute", "sites=[\"Lima\", 7]", "--attribute", "level=3", "--attribute", "code=\"007\""];
    let changed = house.json(&[&["user", "change", "ada"], &set[..], &["--attribute", "department="]].concat());
    assert_eq!(changed["attributes"], json!({"sites": ["Lima", 7], "level": 3, "code": "007"}));
    let shown = house.run(&["user", "show", "ada"]).out;
    for (name, value) in [("attribute.code", "007"), ("attribute.level", "3"), ("attribute.sites", "[\"Lima\",7]")] {
        let line = shown.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {shown}"));
        assert!(line.trim_end().ends_with(value), "{line}");
    }
    for bad in ["department", "1=2", "a=[null]", "a=12345678901234567890"] {
        assert_eq!(house.run(&["user", "change", "ada", "--attribute", bad]).code, 2, "{bad}");
    }
    house
        .run(&["user", "change", "ada", "--attribute", "a=1", "--attribute", "a=2"])
        .refused(&["--attribute a", "twice"]);
    let large = format!("a={}", "x".repeat(8200));
    house.run(&["user", "change", "ada", "--attribute", &large]).refused(&["too large"]);

    let service = house.json(&["service", "add", "Shop", "--claim", "level", "--claim", "department"]);
    assert_eq!(service["claims"], json!(["department", "level"]));
    let change = |args: &[&str]| house.json(&[&["service", "change", "Shop"], args].concat());
    assert_eq!(change(&["--claim", "sites"])["claims"], json!(["sites"]));
    assert_eq!(change(&["--description", "Till"])["claims"], json!(["sites"]));
    assert_eq!(change(&["--no-claims"]).get("claims"), None);
    for misuse in [&["--claim", "a b"][..], &["--claim", "a", "--no-claims"]] {
        assert_eq!(house.run(&[&["service", "change", "Shop"], misuse].concat()).code, 2, "{misuse:?}");
    }
}

#[tokio::test]
async fn type_and_document_are_taken_away() {
    let house = House::new().await;
    let document = ["--person-type", "N", "--document-type", "DNI", "--document-number", "45678912"];
    house.json(&[&["user", "add", "ada", "--name", "Ada", "--no-password"], &document[..]].concat());
    let changed = house.json(&["user", "change", "ada", "--no-person-type", "--no-document"]);
    assert_eq!((&changed["person_type"], &changed["document_number"]), (&Value::Null, &Value::Null));
    for misuse in [&["--no-document", "--document-number", "1"][..], &["--no-person-type", "--person-type", "J"]] {
        assert_eq!(house.run(&[&["user", "change", "ada"], misuse].concat()).code, 2, "{misuse:?}");
    }
}

#[tokio::test]
async fn a_person_is_not_changed_into_somebody_else() {
    let house = House::new().await;
    for name in ["ada", "eva"] {
        let email = format!("{name}@example.com");
        house.json_with(&["user", "add", name, "--name", name, "--email", &email], PASSWORD);
    }
    let change = |args: &[&str]| house.run(&[&["user", "change", "eva"], args].concat());
    change(&["--username", "ada"]).refused(&["username is taken"]);
    change(&["--username", "ADA"]).refused(&["differs from that one only in capital"]);
    change(&["--email", "Ada@example.com"]).refused(&["another person has that e-mail address"]);
    change(&["--document-number", "1"]).refused(&["`document_type`", "missing"]);
    house.run(&["user", "change", "bob", "--name", "Bob"]).refused(&["`bob`", "portero user list"]);
    for misuse in [&["--username", "12"][..], &["--email", "eva"], &["--name", ""], &[]] {
        assert_eq!(change(misuse).code, 2, "{misuse:?}");
    }
    assert_eq!(house.told("user.changed").await, []);
    assert_eq!(house.json(&["user", "show", "eva"])["email"], "eva@example.com");
}

#[tokio::test]
async fn services_roles_and_permissions_are_renamed_and_described() {
    let house = House::new().await;
    for noun in ["service", "role", "permission"] {
        house.json(&[noun, "add", "Old", "--description", "Once"]);
        house.json(&[noun, "add", "Other"]);
        let change = |args: &[&str]| house.run(&[&[noun, "change", "Old"], args].concat());
        change(&["--name", "Other"]).refused(&["another", "has that name"]);
        change(&["--name", "other"]).refused(&["capital"]);
        for misuse in [&[][..], &["--name", "12"], &["--description", "x", "--no-description"]] {
            assert_eq!(change(misuse).code, 2, "{noun} {misuse:?}");
        }

        assert_eq!(
            house.json(&[noun, "change", "Old", "--name", "New", "--description", "Now"]),
            json!({"id": 1, "name": "New", "description": "Now"})
        );
        let said = house.run(&[noun, "change", "1", "--no-description"]);
        assert_eq!((said.code, said.out), (0, format!("Changed {noun} 1 `New`.\n")));
        let listed = house.json(&[noun, "list"]);
        assert_eq!(listed[0], json!({"id": 1, "name": "New", "description": null}));
        house.run(&[noun, "change", "Old", "--name", "New"]).refused(&["`Old`", &format!("portero {noun} list")]);
        house.run(&[noun, "change", "0", "--name", "Mine"]).refused(&["Portero"]);

        let told = house.told(&format!("{noun}.changed")).await;
        let (names, descriptions): (Vec<_>, Vec<_>) = told
            .iter()
            .map(|(before, after)| {
                let was_and_is = |member: &str| (before[member].clone(), after[member].clone());
                (was_and_is("name"), was_and_is("description"))
            })
            .unzip();
        assert_eq!(names[0], (json!("Old"), json!("New")), "{noun}");
        assert_eq!(descriptions, [(json!("Once"), json!("Now")), (json!("Now"), json!(null))], "{noun}");
    }
    for [noun, name] in [["role", "Writer"], ["permission", "users:write"], ["service", "Portero"]] {
        let said = house.run(&[noun, "change", "1", "--name", name]);
        assert_eq!((said.code, said.err.contains("one of Portero's own")), (2, true), "{said:?}");
    }
}
