//! API keys on their page, and the accounts elsewhere on theirs.

use form_urlencoded::Serializer;
use serde_json::json;
use time::Duration;

use super::{Browser, at_home, fault, told, within};
use crate::policies::{EDITOR, SHOP, world};
use crate::reset::{arriving, reachable, with_mail};
use crate::support::{PASSWORD, Response, Server};

const KEYS: &str = "/account/keys";

#[tokio::test]
async fn a_key_is_seen_with_its_scopes_and_revoked_at_a_click() {
    let (server, _root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let bob = server.person_with("bob", &[(SHOP, EDITOR)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    assert!(browser.get(KEYS).await.text.contains("You have no API keys."));
    let new = json!({"name": "nightly <export>", "scopes": ["Shop:read"]});
    let key = ada.post("/auth/me/keys", new.clone()).await.ok().id().to_string();
    let others = bob.post("/auth/me/keys", new).await.ok().id().to_string();
    let page = browser.get(KEYS).await;
    assert!(page.text.contains("nightly &#60;export&#62;") && page.text.contains("Shop:read"), "{page:?}");
    for id in [&*key, &others, "0", "x"] {
        let page = browser.submit_to(&page, KEYS, &[("revoke", id)]).await;
        assert_eq!(told(&page), "The key is revoked. Programs that have it are refused from now on.", "{id}");
    }
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 1, "that of bob");
}

#[tokio::test]
async fn a_key_that_has_expired_is_seen_below_the_others_with_nothing_to_revoke() {
    let (server, _root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    server
        .execute(
            "insert into auth.api_keys (person_id, key_hash, name, created_at, expires_at)
            select id, sha256(called::bytea), called, now() - interval '2 days', now() + days * interval '1 day'
            from auth.person, (values ('old', -1), ('ancient', -31), ('new', 1)) keys (called, days) where username = 'ada'",
        )
        .await;
    let page = Browser::of(&server, "ada").await.get(KEYS).await;
    let place = |text: &str| page.text.find(text).unwrap_or_else(|| panic!("{text}: {page:?}"));
    assert!(place(">new</h2>") < place(">old</h2>") && place(">old</h2>") < place("Expired "), "{page:?}");
    assert_eq!((page.text.contains("ancient"), page.text.matches(r#"name="revoke""#).count()), (false, 1));
}

/// Posts the form with these fields, of which some come more than once.
async fn wanting(browser: &mut Browser, fields: &[(&str, &str)]) -> Response {
    let page = browser.get(KEYS).await;
    browser.post_own(KEYS, &sent_by(&page, fields)).await
}

/// What the form of a page sends.
fn sent_by(page: &Response, fields: &[(&str, &str)]) -> String {
    let of_page = |name: &str| {
        page.text.split(&format!(r#"name="{name}" value=""#)).nth(1).and_then(|rest| rest.split('"').next())
    };
    let hidden = ["form_token", "form_id"].into_iter().filter_map(|name| Some((name, of_page(name)?)));
    Serializer::new(String::new()).extend_pairs(hidden).extend_pairs(fields).finish()
}

fn key(page: &Response) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    within(page, r#"<code id="api-key" class="secret">"#).to_owned()
}

#[tokio::test]
async fn a_key_is_made_of_what_one_holds_and_shown_once() {
    let (server, root) = world().await;
    root.post("/permissions", json!({"name": "write"})).await.ok();
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(KEYS).await;
    assert!(page.text.contains(r#"name="scope" value="1:read""#) && page.text.contains("Shop"), "{page:?}");
    assert!(!page.text.contains("write") && !page.text.contains("Bank"), "only what they hold: {page:?}");
    let day = (server.app.clock.now() + Duration::days(2)).date();
    let fields = [
        ("name", "nightly <export>"),
        ("expires_at", &day.to_string()),
        ("networks", "203.0.113.0/24\r\n 10.0.0.7"),
        ("scope", "1:read"),
    ];
    let page = wanting(&mut browser, &fields).await;
    assert!(page.text.contains("Your key “nightly &#60;export&#62;”"), "{page:?}");
    let key = key(&page);
    assert!(key.starts_with("pak_") && key.len() == 76, "{key}");
    server.secrets.add(&key);
    assert!(browser.get(KEYS).await.text.contains("nightly &#60;export&#62;"), "and the key is not there");
    let row = &ada.get("/auth/me/keys").await.ok().body[0];
    assert_eq!((&row["scopes"], &row["networks"]), (&json!(["Shop:read"]), &json!(["203.0.113.0/24", "10.0.0.7/32"])));
    assert_eq!(row["expires_at"], format!("{day}T00:00:00Z"), "when the day begins");
    let program = server.anonymous().with_token(&key);
    assert_eq!(program.check().await.status, 401, "not from here");
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told_at_its_field_and_the_rest_stays() {
    let (server, _root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let today = server.app.clock.now().date();
    let (past, beyond) = (today.to_string(), (today + Duration::days(400)).to_string());
    let many = "10.0.0.1\n".repeat(21);
    for (fields, field, told) in [
        (vec![("scope", "1:read")], "name", "Enter a name"),
        (vec![("name", "k"), ("scope", "1:read"), ("expires_at", "soon")], "expires_at", "Choose a day after today"),
        (vec![("name", "k"), ("scope", "1:read"), ("expires_at", &past)], "expires_at", "Choose a day after today"),
        (vec![("name", "k"), ("scope", "1:read"), ("expires_at", &beyond)], "expires_at", "Choose a day after today"),
        (vec![("name", "k"), ("scope", "1:read"), ("networks", "here")], "networks", "“here” is no network."),
        (vec![("name", "k"), ("scope", "1:read"), ("networks", "10.0.0.1/8")], "networks", "Enter 10.0.0.0/8, if"),
        (vec![("name", "k"), ("scope", "1:read"), ("networks", &many)], "networks", "Enter at most 20 networks"),
    ] {
        let page = wanting(&mut browser, &fields).await;
        assert!(fault(&page, 400, field).starts_with(told), "{page:?}");
        assert!(page.text.contains(r#"value="1:read" checked"#), "{page:?}");
    }
    for (scopes, status, told) in [
        (vec![], 400, "Choose what it may do"),
        (vec![("scope", "1:write")], 400, "Choose what it may do"),
        (vec![("scope", "2:read")], 403, "You hold one of these no longer."),
        (vec![("scope", "0:users:read")], 403, "You hold one of these no longer."),
        (vec![("scope", "1:read"); 101], 400, "Choose what it may do"),
    ] {
        let fields: Vec<_> = [("name", "k")].into_iter().chain(scopes).collect();
        let page = wanting(&mut browser, &fields).await;
        assert_eq!(page.status, status, "{page:?}");
        assert!(within(&page, r#" id="scopes-error" role="alert">"#).starts_with(told), "{page:?}");
        assert!(page.text.contains(r#"id="name" name="name" type="text" value="k""#), "{page:?}");
    }
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 0);
}

#[tokio::test]
async fn a_form_that_is_sent_twice_leaves_one_key_and_that_is_the_one_that_was_shown() {
    let (server, _root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let form = browser.get(KEYS).await;
    let sent = sent_by(&form, &[("name", "k"), ("scope", "1:read")]);
    let first = browser.post_own(KEYS, &sent).await;
    assert!(!first.text.contains("sent twice"), "{first:?}");
    let first = server.anonymous().with_token(&key(&first));
    let second = browser.post_own(KEYS, &sent).await;
    assert!(second.text.contains("The form was sent twice."), "{second:?}");
    let second = server.anonymous().with_token(&key(&second));
    assert_eq!(first.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(ada.get("/auth/me/keys").await.ok().column("name"), [json!("k")]);
    assert_eq!(second.check().await.status, 200);

    // From now on somebody has it.
    server.execute("update auth.api_keys set last_used_at = now()").await;
    let other = sent_by(&form, &[("name", "other"), ("scope", "1:read")]);
    for again in [&sent, &other] {
        let page = browser.post_own(KEYS, again).await;
        assert!(fault(&page, 400, "form").starts_with("This form has made a key already"), "{page:?}");
        assert!(page.text.contains(r#"value="1:read" checked"#), "{page:?}");
    }
    assert_eq!(second.check().await.status, 200);
    let page = browser.post_own(KEYS, &other).await;
    key(&browser.post_own(KEYS, &sent_by(&page, &[("name", "other"), ("scope", "1:read")])).await);
    assert_eq!(ada.get("/auth/me/keys").await.ok().column("name"), [json!("k"), json!("other")], "as one wanted it");
}

#[tokio::test]
async fn there_is_an_end_to_keys() {
    let (server, _root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let fields = [("name", "k"), ("scope", "1:read")];
    let full = "insert into auth.api_keys (person_id, key_hash, name, created_at, expires_at)
        select id, sha256(n::text::bytea), 'k', now(), now() + interval '1 day'
        from auth.person, generate_series(1, 50) n where username = 'ada'";
    server.execute(full).await;
    assert!(fault(&wanting(&mut browser, &fields).await, 409, "form").starts_with("You have 50 keys"));
}

#[tokio::test]
async fn a_stolen_session_makes_no_key() {
    let (server, mailbox) = with_mail().await;
    server.execute("insert into auth.services (id, name) values (4, 'Shop')").await;
    let ada = reachable(&server, "ada").await;
    give_read(&server, ada.id).await;
    let mut browser = Browser::of(&server, "ada").await;
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(KEYS).await;
    }
    let page = browser.get(KEYS).await;
    assert!(page.text.contains(r#"href="/account/prove?page=keys""#) && !page.text.contains("scope"), "{page:?}");
    let sent_on = wanting(&mut browser, &[("name", "k"), ("scope", "4:read")]).await;
    assert!(sent_on.header("location").ends_with("/account/prove?page=keys"), "{sent_on:?}");
    let asked = browser.get("/account/prove?page=keys").await;
    assert!(asked.text.contains("Is it you?") && asked.text.contains("acts for you"), "{asked:?}");
    let back = browser.submit_to(&asked, "/account/prove", &[("current_password", PASSWORD)]).await;
    assert_eq!(told(&back), "Thank you. Go on where you were.");
    let mails = arriving(&server, &mailbox).await;
    assert!(mails.is_empty(), "{mails:?}");
    key(&wanting(&mut browser, &[("name", "k"), ("scope", "4:read")]).await);
    assert_eq!(arriving(&server, &mailbox).await.len(), 1, "they hear of it");
}

/// Lets somebody read in Shop.
async fn give_read(server: &Server, person: i32) {
    server.execute("insert into auth.permission (id, name) values (1, 'read')").await;
    let root = server.administrator().await;
    let body = json!({"person_id": person, "service_id": 4, "permission_id": 1});
    root.post("/person-service-permissions", body).await.ok();
}

#[tokio::test]
async fn who_holds_much_finds_it_by_service_and_who_holds_nothing_is_told_so() {
    let (server, mut browser) = at_home().await;
    assert!(browser.get(KEYS).await.text.contains("You hold no permission in any service"));
    server
        .execute(
            "insert into auth.services (id, name) select n, 'Service ' || n from generate_series(1, 30) n;
             insert into auth.permission (id, name) select n, 'do ' || n from generate_series(1, 40) n;
             insert into auth.role (id, name) values (1, 'All');
             insert into auth.role_permission (role_id, permission_id) select 1, n from generate_series(1, 40) n;
             insert into auth.service_roles (service_id, role_id) select n, 1 from generate_series(1, 30) n;
             insert into auth.person_service_role (person_id, service_id, role_id)
             select id, n, 1 from auth.person, generate_series(1, 30) n where username = 'ada'",
        )
        .await;
    let page = browser.get(KEYS).await;
    assert_eq!(page.text.matches(r#"name="scope""#).count(), 1000);
    assert_eq!(page.text.matches("<details").count(), 25);
    assert!(!page.text.contains("<details open") && page.text.contains("there-are-more"), "{}", page.status);
    let many: Vec<String> = (1..=40).flat_map(|n| [format!("1:do {n}"), format!("30:do {n}")]).collect();
    let fields: Vec<_> = [("name", "k")].into_iter().chain(many.iter().map(|one| ("scope", one.as_str()))).collect();
    let made = wanting(&mut browser, &fields).await;
    assert_eq!(made.text.matches("<li>Service").count(), 80, "{made:?}");
}

#[tokio::test]
async fn who_has_linked_nothing_is_told_so() {
    let (_server, mut browser) = at_home().await;
    let page = browser.get("/account/providers").await;
    assert!(page.text.contains("You have linked no account elsewhere."), "{page:?}");
}
