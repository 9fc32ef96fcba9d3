use serde_json::json;

use crate::support::House;

async fn furnished() -> House {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], "correct horse\n");
    house.json(&["permission", "add", "read"]);
    house.json(&["permission", "add", "share"]);
    house.json(&["service", "add", "Shop", "--description", "Sells"]);
    house.json(&["role", "add", "Editor", "--permission", "read", "--service", "Shop"]);
    house
}

#[tokio::test]
async fn services_roles_and_permissions_are_made_listed_and_removed() {
    let house = furnished().await;
    assert_eq!(house.json(&["service", "list"]), json!([{ "id": 1, "name": "Shop", "description": "Sells" }]));
    let editor = json!([{ "id": 1, "name": "Editor", "description": null }]);
    assert_eq!(house.json(&["role", "list", "--service", "1"]), editor);
    let read = json!([{ "id": 1, "name": "read", "description": null }]);
    assert_eq!(house.json(&["permission", "list", "--role", "Editor"]), read);
    assert_eq!(house.json(&["permission", "list"]).as_array().map(Vec::len), Some(2));
    assert!(house.run(&["role", "list", "--service", "0"]).out.contains("Auditor"));
    assert!(house.run(&["service", "add", "Shop", "--description", "Sells"]).out.contains("Already exists"));
    assert_eq!(house.json(&["service", "add", "Shop"])["description"], "Sells", "who says nothing is content");
    house.run(&["service", "add", "Shop", "--description", "Buys"]).refused(&["another service"]);

    let carried = house.json(&["role", "add-permission", "Editor", "share", "1"]);
    assert_eq!(carried["permissions"].as_array().map(Vec::len), Some(2));
    house.json(&["role", "remove-permission", "Editor", "read"]);
    house.json(&["service", "remove-role", "Shop", "Editor"]);
    assert_eq!(house.json(&["service", "add-role", "Shop", "-2"])["roles"][0]["name"], "Reader");

    house.json(&["permission", "remove", "share"]);
    house.json(&["role", "remove", "Editor"]);
    house.json(&["service", "remove", "Shop"]);
    for list in ["service", "role", "permission"] {
        let left = house.json(&[list, "list"]);
        assert_eq!(left.as_array().map(Vec::len), Some(usize::from(list == "permission")), "{list}");
    }
    for [noun, row] in [["service", "0"], ["service", "portero"], ["role", "-1"], ["permission", "users:read"]] {
        house.run(&[noun, "remove", row]).refused(&["Portero"]);
    }
    house.run(&["role", "remove", "Editor"]).refused(&["no role", "`Editor`", "portero role list"]);
}

#[tokio::test]
async fn grants_are_given_listed_and_taken() {
    let house = furnished().await;
    let granted = house.json(&["grant", "add", "ada", "Shop", "Editor"]);
    assert_eq!(granted["grants"][0]["permissions"], json!(["read"]));
    house.json(&["grant", "add", "1", "1", "--permission", "share"]);
    let held = house.json(&["grant", "list", "ada"]);
    assert_eq!(held.as_array().map(Vec::len), Some(2));
    assert_eq!((&held[1]["direct"], &held[1]["permissions"]), (&json!(true), &json!(["share"])));
    assert!(house.run(&["grant", "list", "--service", "Shop"]).out.contains("directly"));
    assert_eq!(house.json(&["user", "show", "ada"])["grants"], held);
    house.run(&["grant", "remove", "ada", "Shop", "direct:1:1"]).refused(&["--permission"]);

    house.json(&["grant", "remove", "ada", "Shop", "--permission", "share"]);
    house.json(&["grant", "remove", "ada", "Shop", "Editor"]);
    assert_eq!(house.json(&["grant", "list"]), json!([]));
    house.run(&["grant", "add", "bob", "Shop", "Editor"]).refused(&["`bob`"]);
    house.run(&["grant", "add", "ada", "Shop", "--permission", "sahre"]).refused(&["`sahre`"]);
}

#[tokio::test]
async fn what_takes_nothing_away_says_so_and_a_name_that_means_two_is_refused() {
    let house = furnished().await;
    for (args, held) in [
        (["grant", "remove", "ada", "Shop", "Editor"].as_slice(), "ada does not hold `Editor` there"),
        (&["grant", "remove", "ada", "Shop", "--permission", "share"], "ada does not hold `share` there"),
        (&["service", "remove-role", "Shop", "Reader"], "Service 1 offers: Editor"),
        (&["role", "remove-permission", "Editor", "share"], "Role 1 carries: read"),
    ] {
        let said = house.run(args);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("Nothing to do") && said.out.contains(held), "{said:?}");
        assert_eq!(house.json(args)["revoked"], false, "{args:?}");
    }
    house.json(&["grant", "add", "ada", "Shop", "Editor"]);
    assert_eq!(house.json(&["grant", "remove", "ada", "Shop", "Editor"])["revoked"], true);

    for [noun, name] in
        [["role", "administrator"], ["role", "Writer"], ["permission", "Users:Write"], ["service", "Portero"]]
    {
        let said = house.run(&[noun, "add", name]);
        assert_eq!((said.code, said.err.contains("one of Portero's own")), (2, true), "{said:?}");
    }
    // As an import from the system that Portero succeeds may leave it.
    sqlx::raw_sql("insert into auth.role (name) values ('Administrator'); insert into auth.permission (name) values ('users:write')")
        .execute(&mut house.conn().await)
        .await
        .expect("namesakes");
    house.json(&["admin", "add", "ada"]);
    for args in [
        ["grant", "remove", "ada", "portero", "Administrator"].as_slice(),
        &["grant", "add", "ada", "portero", "Administrator"],
        &["grant", "remove", "ada", "Shop", "Administrator"],
        &["grant", "remove", "ada", "portero", "--permission", "users:write"],
        &["service", "remove-role", "portero", "Administrator"],
        &["role", "remove", "Administrator"],
        &["permission", "remove", "users:write"],
    ] {
        house.run(args).refused(&["means several", "(Portero's own)"]);
    }
    assert_eq!(
        house.json(&["grant", "add", "ada", "Shop", "Administrator"])["grants"][0]["role_id"],
        2,
        "the users' own"
    );
    assert_eq!(house.json(&["admin", "list"])[0]["username"], "ada");
}

#[tokio::test]
async fn what_is_there_is_taken_away_and_what_is_not_is_named() {
    let house = furnished().await;
    house.json(&["grant", "add", "ada", "Shop", "--permission", "read"]);
    for (args, lacked) in [
        (
            ["grant", "remove", "ada", "Shop", "--permission", "read", "--permission", "share"].as_slice(),
            "ada did not hold `share` there.",
        ),
        (&["service", "remove-role", "Shop", "Editor", "Reader"], "It did not offer `Reader`. Service 1 offers"),
        (&["role", "remove-permission", "Editor", "read", "share"], "It did not carry `share`. Role 1 carries"),
    ] {
        let said = house.run(args);
        assert!(said.code == 0 && said.out.contains(lacked) && !said.out.contains("Nothing"), "{said:?}");
    }
}

#[tokio::test]
async fn grants_end_when_it_was_said() {
    let house = furnished().await;
    let end = |grants: &serde_json::Value| grants["grants"][0]["expires_at"].as_str().map(str::to_owned);
    let add = ["grant", "add", "ada", "Shop", "Editor"];
    let with = |more: &[&'static str]| [add.as_slice(), more].concat();
    let granted = house.json(&with(&["--expires", "30d", "--reason", "stands in for Eva"]));
    assert!(end(&granted).is_some() && granted["grants"][0]["reason"] == "stands in for Eva", "{granted}");
    assert_eq!(end(&house.json(&add)), end(&granted), "nothing was said");
    let list = house.run(&["grant", "list", "ada"]).out;
    assert!(list.contains("ENDS") && end(&granted).is_some_and(|end| list.contains(&end[..10])), "{list}");
    assert_eq!(end(&house.json(&with(&["--expires", "never"]))), None);
    house.run(&with(&["--expires", "2020-01-01"])).refused(&["expires_at", "passed"]);
    house.run(&with(&["--expires", "2999-01-01"])).refused(&["ten years"]);

    house.json(&["grant", "add", "ada", "Shop", "--permission", "share", "--expires", "2h"]);
    let held = house.json(&["grant", "list", "ada"]);
    assert_eq!((held[0]["expires_at"].is_null(), held[1]["expires_at"].is_string()), (true, true), "{held}");
    sqlx::query("update auth.role_permission set expires_at = now() where expires_at is not null")
        .execute(&mut house.conn().await)
        .await
        .expect("an end");
    assert_eq!(house.json(&["grant", "list"]).as_array().map(Vec::len), Some(1), "what is over is not listed");
}

#[tokio::test]
async fn a_token_is_checked_as_a_backend_would() {
    let house = furnished().await;
    house.json(&["grant", "add", "ada", "Shop", "Editor"]);
    let token = house.log_in("ada", "correct horse").await.expect("a token");
    let check =
        |args: &[&str], token: &str| house.run_with(&[&["token", "check", "--json"], args].concat(), token, &[]);

    let valid = check(&["--service", "Shop", "--permission", "read"], &format!("{token}\n"));
    assert_eq!(valid.code, 0, "{valid:?}");
    let answer = valid.json();
    assert_eq!((&answer["valid"], &answer["allowed"]), (&json!(true), &json!(true)));
    assert_eq!((&answer["roles"], &answer["payload"]["username"]), (&json!(["Editor"]), &json!("ada")));

    let lacks = check(&["--service", "Shop", "--permission", "read", "--permission", "share"], &token);
    assert_eq!((lacks.code, &lacks.json()["allowed"]), (1, &json!(false)));
    for no_token in ["hunter2", &token[1..], &format!("{token}0")] {
        let said = check(&[], no_token);
        assert_eq!(
            (said.code, &said.json()["valid"], &said.json()["error"]),
            (1, &json!(false), &json!("invalid_token"))
        );
        assert!(!said.out.contains(no_token));
    }
    check(&[], "").refused(&["no token"]);
    check(&["--service", "Shed"], &token).refused(&["`Shed`"]);

    sqlx::query("update auth.tokens_cache set modified_at = now() - interval '1 hour'")
        .execute(&mut house.conn().await)
        .await
        .expect("an old session");
    assert_eq!(check(&[], &token).json()["error"], "expired_token");
}

#[tokio::test]
async fn keys_of_a_service_are_made_shown_once_listed_and_revoked() {
    let house = furnished().await;
    let made = house.json(&["service", "key", "add", "Shop", "--name", "till 1"]);
    let key = made["key"].as_str().expect("a key").to_owned();
    assert!(key.starts_with("psk_") && made["id"] == 1 && made["service_id"] == 1, "{made}");
    let second = house.run(&["service", "key", "add", "1"]);
    assert!(second.out.contains("psk_") && second.out.contains("shown only once"), "{}", second.out);

    let list = house.json(&["service", "key", "list", "Shop"]);
    assert_eq!((&list[0]["name"], &list[1]["name"]), (&json!("till 1"), &json!("made on the command line")));
    assert!(list[0].get("key").is_none() && list[0]["fingerprint"] == made["fingerprint"]);
    let table = house.run(&["service", "key", "list", "Shop", "--beginning", "TILL"]);
    assert!(table.out.contains("till 1") && !table.out.contains("psk_") && !table.out.contains("command"));

    assert_eq!(house.json(&["service", "key", "revoke", "Shop", "1"])["status"], "key_revoked");
    house.run(&["service", "key", "revoke", "Shop", "1"]).refused(&["no service key"]);
    house.run(&["service", "key", "revoke", "Shop", "till 1"]).refused(&["`till 1`", "not the id"]);
    house.run(&["service", "key", "add", "0"]).refused(&["Portero itself"]);
    house.run(&["service", "key", "add", "Nowhere"]).refused(&["`Nowhere`", "portero service list"]);
    assert_eq!(house.json(&["service", "key", "list", "Shop"]).as_array().map(Vec::len), Some(1));
}
