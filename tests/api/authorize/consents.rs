//! What people are asked, and what is remembered of it.

use serde_json::{Value, json};

use super::browser::digest;
use super::{Browser, asking, carried, clerk, code, error, shop};
use crate::support::{Beside, Server};

async fn granted(server: &Server) -> (Vec<String>, Vec<i32>) {
    sqlx::query_as("select scopes, services from auth.authorizations order by id desc limit 1")
        .fetch_one(server.app.db.pool())
        .await
        .expect("an authorization")
}

#[tokio::test]
async fn a_consent_is_remembered_until_more_is_asked_for() {
    let server = shop().await;
    let (ada, _) = clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    for told in [
        "Web Shop asks for access",
        "ada by name",
        "know who you are",
        "use your permission “read” in Store",
        "You continue to shop.example.com.",
    ] {
        assert!(page.text.contains(told), "{told}: {page:?}");
    }
    assert!(page.header("content-security-policy").contains("form-action 'self' https://shop.example.com;"));
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    code(&browser.get(&asking(&[])).await);
    code(&browser.get(&asking(&[("scope", "openid Store:read")])).await);
    let page = browser.get(&asking(&[("scope", "openid profile offline_access Store:read")])).await;
    assert!(
        page.text.contains("see your name, username and profile") && page.text.contains("while you are away"),
        "{page:?}"
    );
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    code(&browser.get(&asking(&[("scope", "profile openid Store:read")])).await);
    let told: Vec<Value> = sqlx::query_scalar(
        "select after from auth.audit_events where action = 'consent.granted' and subject_id = $1 order by id",
    )
    .bind(ada.id)
    .fetch_all(server.app.db.pool())
    .await
    .expect("events");
    assert_eq!(told[0], json!({"client_id": "web-shop", "scopes": ["Store:read", "openid"]}));
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn whoever_does_not_agree_gives_nothing() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    let answer = browser.submit(&page, &[("answer", "deny")]).await;
    assert_eq!((error(&answer).as_str(), carried(&answer).1["state"].as_str()), ("access_denied", "xyz"));
    for nothing in ["select count(*) from auth.authorizations", "select count(*) from auth.consents"] {
        assert_eq!(server.number(nothing).await, 0);
    }
    assert!(browser.submit(&page, &[("answer", "perhaps")]).await.text.contains(r#"id="allow""#), "asked anew");
}

#[tokio::test]
async fn a_client_may_have_people_asked_each_time_or_never() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    server.execute("update auth.clients set consent = 'ask'").await;
    for _ in 0..2 {
        let page = browser.get(&asking(&[])).await;
        code(&browser.submit(&page, &[("answer", "allow")]).await);
    }
    assert_eq!(error(&browser.get(&asking(&[("prompt", "none")])).await), "consent_required");
    assert_eq!(server.number("select count(*) from auth.consents").await, 0);
    server.execute("update auth.clients set consent = 'none'").await;
    code(&browser.get(&asking(&[])).await);
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none'").await;
    clerk(&server).await;
    server.person_with("bob", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    code(&browser.get(&asking(&[("scope", "openid Store:read Store:write")])).await);
    assert_eq!(granted(&server).await, (vec!["Store:read".to_owned(), "openid".to_owned()], vec![1000]));
    // Without one of the permissions that were asked for in a service, a token is not for it: else it would allow more.
    code(&browser.get(&asking(&[("scope", "openid Store:write")])).await);
    assert_eq!(granted(&server).await, (vec!["openid".to_owned()], vec![]));
    let mut browser = Browser::of(&server, "bob").await;
    code(&browser.get(&asking(&[("scope", "")])).await);
    assert_eq!(granted(&server).await, (vec![], vec![]));
    // A client that is for some permissions there gets no more by asking for none of them.
    code(&browser.get(&asking(&[("scope", "openid")])).await);
    assert_eq!(granted(&server).await, (vec!["openid".to_owned()], vec![]));
    server.execute("update auth.clients set scopes = '{openid}'").await;
    code(&browser.get(&asking(&[("scope", "openid")])).await);
    assert_eq!(granted(&server).await, (vec!["openid".to_owned()], vec![1000]));
}

#[tokio::test]
async fn all_that_one_may_do_in_a_service_is_asked_for_in_these_words() {
    let server = shop().await;
    server.execute("update auth.clients set scopes = '{openid,profile}'").await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[("scope", "openid"), ("ui_locales", "es-PE")])).await;
    assert!(page.text.contains(r#"lang="es""#));
    assert!(page.text.contains("hacer en Store todo lo que usted puede hacer allí"), "{page:?}");
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    code(&browser.get(&asking(&[("prompt", "none"), ("scope", "openid")])).await);
    let more = asking(&[("prompt", "none"), ("scope", "openid profile")]);
    assert_eq!(error(&browser.get(&more).await), "consent_required");
}

#[tokio::test]
async fn what_has_changed_since_it_was_shown_is_asked_anew() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[("scope", "openid Store:read Store:write")])).await;
    server.execute("insert into auth.role_permission values (1000, 1001)").await;
    let page = browser.submit(&page, &[("answer", "allow")]).await;
    assert!(page.text.contains("“write”"), "{page:?}");
    let more = digest(&["Store:read", "Store:write", "openid", "profile"]);
    let more = [("answer", "allow"), ("shown", more.as_str())];
    assert!(browser.submit(&page, &more).await.text.contains(r#"id="allow""#), "not what is asked for");
    code(&browser.submit(&page, &[("answer", "allow")]).await);
}

#[tokio::test]
async fn a_client_for_members_lets_nobody_else_in() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none', admits = 'members'").await;
    clerk(&server).await;
    server.person_with("bob", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    code(&browser.get(&asking(&[])).await);
    let mut browser = Browser::of(&server, "bob").await;
    let page = browser.get(&asking(&[])).await;
    assert_eq!(page.status, 403);
    for told in ["No access here", "Your account has no access to Web Shop.", "bob by name", "Back to Web Shop"] {
        assert!(page.text.contains(told), "{told}: {page:?}");
    }
    let link = page.text.split("href=\"/oauth/authorize?").nth(1).and_then(|rest| rest.split('"').next());
    let link = format!("/oauth/authorize?{}", link.expect("a link").replace("&#38;", "&"));
    let page = browser.get(&link).await;
    code(&browser.log_in(&page, "ada").await);
    server.execute("delete from auth.person_service_role").await;
    assert_eq!(browser.get(&asking(&[])).await.status, 403, "a lost role is lost in the next request");
}

#[tokio::test]
async fn what_ends_midway_gives_no_code() {
    for end in [
        "delete from auth.tokens_cache",
        "update auth.person set disabled_at = now() where username = 'ada'",
        "update auth.clients set removed_at = now()",
        "update auth.clients set redirect_uris = '{}'",
        "update auth.services set removed_at = now() where id = 1000",
    ] {
        let server = shop().await;
        clerk(&server).await;
        let mut browser = Browser::of(&server, "ada").await;
        let page = browser.get(&asking(&[])).await;
        server.execute(end).await;
        let answer = browser.submit(&page, &[("answer", "allow")]).await;
        assert!(!answer.header("location").contains("code="), "{end}: {answer:?}");
        assert_eq!(server.number("select count(*) from auth.authorizations").await, 0, "{end}");
    }
}

#[tokio::test]
async fn claims_that_are_asked_for_one_by_one_are_agreed_to_and_are_of_scopes_of_the_client() {
    let server = shop().await;
    let (ada, mut browser) = clerk(&server).await;
    let claims = json!({"phone_number": "+51987654321", "given_name": "Ada"});
    ada.patch("/auth/me", json!({ "claims": claims })).await.ok();
    let wanted = json!({"id_token": {"given_name": null, "phone_number": null}}).to_string();
    let login = browser.get(&asking(&[("scope", "openid"), ("claims", &wanted)])).await;
    let page = browser.log_in(&login, "ada").await;
    assert!(page.text.contains("see your name, username and profile"), "{page:?}");
    assert!(!page.text.contains("see your phone number"), "the client may not ask for it: {page:?}");
    let answer = browser.submit(&page, &[("answer", "allow")]).await;
    let stored: Value = sqlx::query_scalar("select claims from auth.authorizations")
        .fetch_one(server.app.db.pool())
        .await
        .expect("claims");
    assert_eq!(stored, json!({"id_token": {"given_name": null}}), "{answer:?}");
    let again = browser.get(&asking(&[("scope", "openid"), ("claims", &wanted), ("prompt", "none")])).await;
    code(&again);
}

#[tokio::test]
async fn a_consent_is_for_what_it_was_given_for_whatever_that_is_called() {
    let server = shop().await;
    clerk(&server).await;
    server
        .execute(
            "insert into auth.services (id, name) values (1001, 'Annex');
             insert into auth.client_audience values (1000, 1001);
             insert into auth.service_roles values (1001, 1000);
             insert into auth.person_service_role (person_id, service_id, role_id)
             select id, 1001, 1000 from auth.person where username = 'ada';
             update auth.clients set scopes = scopes || '{Annex:read}'",
        )
        .await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[("scope", "openid Store:read Annex:read")])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    server.execute("update auth.services set name = 'Market' where id = 1000").await;
    let asks = |scope: &'static str| asking(&[("scope", scope), ("prompt", "none")]);
    code(&browser.get(&asks("openid Market:read Annex:read")).await);
    assert_eq!(error(&browser.get(&asks("openid Store:read Annex:read")).await), "invalid_scope");
    // What a service was trusted with that is gone, another one of its name is not.
    server
        .execute(
            "update auth.services set removed_at = now() where id = 1001;
             insert into auth.services (id, name) values (1002, 'Annex');
             insert into auth.client_audience values (1000, 1002);
             insert into auth.service_roles values (1002, 1000);
             insert into auth.person_service_role (person_id, service_id, role_id)
             select id, 1002, 1000 from auth.person where username = 'ada'",
        )
        .await;
    assert_eq!(error(&browser.get(&asks("openid Market:read Annex:read")).await), "consent_required");
}

#[tokio::test]
async fn a_consent_that_is_taken_back_meanwhile_gives_no_code() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    let mut taken_back = Beside::begin(&server).await;
    taken_back.execute("delete from auth.consents").await;
    taken_back.execute("delete from auth.authorizations").await;
    let request = asking(&[("prompt", "none")]);
    let (answer, ()) = tokio::join!(browser.get(&request), async {
        taken_back.until_waiting(1).await;
        taken_back.commit().await;
    });
    assert_eq!(error(&answer), "consent_required");
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
}

#[tokio::test]
async fn a_code_that_nobody_comes_for_leaves_nothing_behind() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none'").await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    code(&browser.get(&asking(&[])).await);
    server.app.clock.turn(time::Duration::seconds(61));
    portero::oauth::tokens::purge(&server.app).await.expect("a purge");
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
}

#[tokio::test]
async fn an_app_that_others_could_pass_for_is_asked_about_each_time() {
    let server = shop().await;
    clerk(&server).await;
    server
        .execute("update auth.clients set redirect_uris = redirect_uris || '{http://localhost/callback,com.example.shop:/callback}'")
        .await;
    let mut browser = Browser::of(&server, "ada").await;
    let mut at = async |uri: &str, prompt: &str| {
        let mut answer = browser.get(&asking(&[("redirect_uri", uri), ("prompt", prompt)])).await;
        let asked = answer.text.contains(r#"id="allow""#);
        if asked {
            answer = browser.submit(&answer, &[("answer", "allow")]).await;
        }
        let (_, mut fields) = carried(&answer);
        (asked, fields.remove("error").unwrap_or_else(|| fields.remove("code").expect("a code")[..4].to_owned()))
    };
    let answer = |text: &str| text.to_owned();
    let natives = ["http://127.0.0.1:5000/callback", "http://localhost/callback", "com.example.shop:/callback"];
    for native in natives {
        for _ in 0..2 {
            assert_eq!(at(native, "").await, (true, answer("pac_")), "{native}");
        }
        assert_eq!(at(native, "none").await, (false, answer("consent_required")), "{native}");
    }
    // What has a place of its own in the network, or a secret, or an administrator's word, proves who it is.
    assert_eq!(at(super::CALLBACK, "none").await, (false, answer("pac_")));
    server.execute("update auth.clients set consent = 'none'").await;
    for native in natives {
        assert_eq!(at(native, "none").await, (false, answer("pac_")), "{native}");
    }
    server.execute("update auth.clients set consent = 'remember', auth_method = 'client_secret_basic'").await;
    assert_eq!(at(natives[0], "none").await, (false, answer("pac_")));
}

#[tokio::test]
async fn people_are_told_how_long_an_access_lasts() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    for (scope, language, told) in [
        ("openid", "en", "This access ends when you sign out."),
        ("openid", "es", "Este acceso termina cuando cierre la sesión."),
        ("openid offline_access", "en", "This access stays when you sign out, for at most 90 days."),
        ("openid offline_access", "es", "Este acceso se mantiene aunque cierre la sesión, como máximo 90 días."),
    ] {
        let page = browser.get(&asking(&[("scope", scope), ("ui_locales", language)])).await;
        assert!(page.text.contains(told), "{told}: {page:?}");
    }
}
