//! What is done to people.

use axum::http::Method;
use axum::http::request::Builder;
use portero::access::administrators::{FirstAdmin, ensure_an_administrator};
use portero::platform::passwords::Password;
use serde_json::{Value, json};

use super::{House, NEW_PASSWORD, assert_alike, told};
use crate::reset::arriving;
use crate::support::PASSWORD;

#[tokio::test]
async fn a_new_password_is_the_same_act_at_every_door() {
    let house = House::new().await;
    let mut all = Vec::new();
    for (n, door) in
        ["change-password", "reset-password", "PATCH", "PUT", "user reset-password", "admin reset-password"]
            .into_iter()
            .enumerate()
    {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await;
        let path = format!("/users/{}", ada.id);
        let mut token = String::new();
        if door == "reset-password" {
            house.root.post("/auth/forgot-password", json!({"username": username})).await;
            let mails = arriving(&house.server, &house.mailbox).await;
            token = mails.iter().find(|mail| mail.text.contains("pmt_")).expect("a mail with a token").token();
        }
        let since = house.mark().await;
        let new = json!({"password": NEW_PASSWORD});
        match door {
            "change-password" => {
                let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
                ada.post("/auth/change-password", change).await.ok();
            }
            "reset-password" => {
                let reset = json!({"token": token, "password": NEW_PASSWORD});
                house.root.post("/auth/reset-password", reset).await.ok();
            }
            "PATCH" => drop(house.root.patch(&path, new).await.ok()),
            "PUT" => drop(house.root.put(&path, new).await.ok()),
            "user reset-password" => house.portero(&["user", "reset-password", &username, "--random-password"]),
            _ => house.portero(&["admin", "reset-password", &username, "--random-password"]),
        }
        let mut left = house.left(ada.id, &since).await;
        // The session that changes its own password goes on; what came by mail says so.
        let kept = i32::from(door == "change-password");
        assert_eq!(left["sessions"].take(), kept, "{door}");
        let by = if door == "reset-password" { json!(["by"]) } else { Value::Null };
        assert_eq!(left["told"][0]["after"].take(), by, "{door}");
        assert_eq!(told(&left), ["password.changed"], "{door}");
        all.push((door, left));
    }
    assert_alike(&all);
}

#[tokio::test]
async fn somebody_is_registered_by_the_same_act_at_every_door_and_alike_by_imports_of_many() {
    let house = House::new().await;
    let mut all = Vec::new();
    let doors =
        ["POST /users", "register", "invitation", "import", "user add", "user import", "admin add", "first start"];
    for (n, door) in doors.into_iter().enumerate() {
        let username = format!("person{n}");
        let mut invitation = Value::Null;
        if door == "invitation" {
            invitation = house.root.post("/invitations", json!({})).await.body["invitation"].clone();
        }
        if door == "first start" {
            house.server.execute("delete from auth.person_service_role where service_id = 0").await;
        }
        let since = house.mark().await;
        let new = json!({"username": username, "password": NEW_PASSWORD, "name": "Ada"});
        match door {
            "POST /users" => drop(house.root.post("/users", new).await.ok()),
            "register" => drop(house.root.post("/auth/register", new).await.ok()),
            "invitation" => {
                let mut new = new;
                new["invitation"] = invitation;
                house.root.post("/auth/register", new).await.ok();
            }
            "import" => {
                let csv = |request: Builder| request.header("content-type", "text/csv");
                house.root.send_with(Method::POST, "/users/import", &file(&username), csv).await.ok();
            }
            "user import" => {
                let directory = tempfile::tempdir().expect("a directory");
                let path = directory.path().join("people.csv");
                std::fs::write(&path, file(&username)).expect("a file");
                house.portero(&["user", "import", path.to_str().expect("a path")]);
            }
            "user add" => house.portero(&["user", "add", &username, "--name", "Ada", "--random-password"]),
            "first start" => {
                let (username, password) = (username.parse().expect("a username"), password(NEW_PASSWORD));
                let made = ensure_an_administrator(&house.server.app, FirstAdmin { username, password }).await;
                assert_eq!(made.expect("an answer"), Ok(true));
            }
            _ => house.portero(&["admin", "add", &username, "--name", "Ada", "--random-password"]),
        }
        let mut left = house.left(house.id(&username).await, &since).await;
        let is_own = matches!(door, "register" | "invitation");
        let is_administrator = matches!(door, "admin add" | "first start");
        // Whoever registers is logged in; an administrator is given that role; of an import there is one more word.
        let more = match door {
            _ if is_own => vec!["session.created", "user.created"],
            _ if is_administrator => vec!["grant.added", "user.created"],
            "import" | "user import" => vec!["user.created", "users.imported"],
            _ => vec!["user.created"],
        };
        let mut actions = told(&left);
        actions.sort_unstable();
        assert_eq!(actions, more, "{door}");
        let events = left["told"].take();
        let made = events.as_array().expect("events").iter().find(|event| event["action"] == "user.created");
        let mut made = made.expect("an event").clone();
        if is_own {
            let keys = made["after"].as_array_mut().expect("keys");
            keys.retain(|key| key != "by" && key != "invitation");
        }
        assert_eq!(left["sessions"].take(), i32::from(is_own), "{door}");
        assert_eq!(left["grants"].take().as_array().map(Vec::len), Some(usize::from(is_administrator)), "{door}");
        if is_administrator {
            assert!(!left["changes"].as_array().expect("changes").is_empty());
            left["changes"] = json!([]);
        }
        left["told"] = made;
        all.push((door, left));
    }
    assert_alike(&all);
}

fn password(text: &str) -> Password {
    Password::try_from(text.to_owned()).expect("a password")
}

fn file(username: &str) -> String {
    format!("username,name,password\n{username},Ada,{NEW_PASSWORD}\n")
}

#[tokio::test]
async fn somebody_is_changed_by_the_same_act_at_every_door() {
    let house = House::new().await;
    let mut all = Vec::new();
    for (n, door) in ["PATCH /auth/me", "PATCH", "PUT", "user change"].into_iter().enumerate() {
        let (username, new) = (format!("person{n}"), format!("renamed{n}"));
        let ada = house.somebody(&username).await;
        let path = format!("/users/{}", ada.id);
        let since = house.mark().await;
        let change = json!({"username": new, "name": "Ada Q."});
        match door {
            "PATCH /auth/me" => drop(ada.patch("/auth/me", change).await.ok()),
            "PATCH" => drop(house.root.patch(&path, change).await.ok()),
            "PUT" => drop(house.root.put(&path, change).await.ok()),
            _ => house.portero(&["user", "change", &username, "--username", &new, "--name", "Ada Q."]),
        }
        let left = house.left(ada.id, &since).await;
        assert_eq!(told(&left), ["user.changed"], "{door}");
        assert_eq!(left["mails"].as_array().map(Vec::len), Some(1), "{door}");
        all.push((door, left));
        // What is as it was before is nothing to write home about.
        let since = house.mark().await;
        let same = json!({"username": new});
        match door {
            "PATCH /auth/me" => drop(ada.patch("/auth/me", same).await.ok()),
            _ => drop(house.root.patch(&path, same).await.ok()),
        }
        assert_eq!(house.left(ada.id, &since).await["mails"], json!([]), "{door}");
    }
    assert_alike(&all);
}

#[tokio::test]
async fn somebody_is_removed_by_the_same_act_at_every_door() {
    let house = House::new().await;
    let mut all = Vec::new();
    for (n, door) in ["DELETE", "POST /users/delete", "user remove"].into_iter().enumerate() {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await;
        let since = house.mark().await;
        match door {
            "DELETE" => {
                let gone = house.root.delete(&format!("/users/{}", ada.id)).await.ok();
                assert_eq!(gone.body["revoked_tokens"], 4, "a session with a refresh token is one");
            }
            "POST /users/delete" => {
                let gone = house.root.post("/users/delete", json!({"user_ids": [ada.id]})).await.ok();
                assert_eq!(gone.body["revoked_tokens"], 4, "as at the other door");
            }
            _ => house.portero(&["user", "remove", &username]),
        }
        let left = house.left(ada.id, &since).await;
        assert_eq!((told(&left), &left["sessions"], &left["families"]), (vec!["user.deleted"], &json!(0), &json!(0)));
        all.push((door, left));
    }
    assert_alike(&all);
}

#[tokio::test]
async fn somebody_is_kept_out_and_let_in_by_the_same_acts_at_every_door() {
    let house = House::new().await;
    let (mut out, mut back) = (Vec::new(), Vec::new());
    for (n, door) in ["API", "command line"].into_iter().enumerate() {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await;
        for (act, action, all) in [("disable", "user.disabled", &mut out), ("enable", "user.enabled", &mut back)] {
            let since = house.mark().await;
            match door {
                "API" => drop(house.root.post(&format!("/users/{}/{act}", ada.id), json!({})).await.ok()),
                _ => house.portero(&["user", act, &username]),
            }
            let left = house.left(ada.id, &since).await;
            assert_eq!(told(&left), [action], "{door}");
            all.push((door, left));
        }
    }
    assert_alike(&out);
    assert_alike(&back);
}

#[tokio::test]
async fn sessions_are_ended_by_the_same_act_at_every_door() {
    let house = House::new().await;
    let mut all = Vec::new();
    for (n, door) in ["one's own", "an administrator", "command line"].into_iter().enumerate() {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await;
        let since = house.mark().await;
        match door {
            "one's own" => drop(ada.delete("/auth/sessions").await.ok()),
            "an administrator" => drop(house.root.delete(&format!("/users/{}/sessions", ada.id)).await.ok()),
            _ => house.portero(&["user", "end-sessions", &username]),
        }
        let mut left = house.left(ada.id, &since).await;
        // The session that asks goes on.
        assert_eq!(left["sessions"].take(), i32::from(door == "one's own"), "{door}");
        assert_eq!(told(&left), ["session.revoked"], "{door}");
        all.push((door, left));
    }
    assert_alike(&all);
}
