//! Logging in by an account that is linked.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;
use sha2::{Digest, Sha256};
use time::Duration;

use super::{CLIENT, Idp, SECRET, Sent, depart, linked, log_in, world};
use crate::authorize::ISSUER;
use crate::authorize::browser::Browser;
use crate::support::Server;
use crate::support::oauth::basic;

#[tokio::test]
async fn whoever_is_linked_logs_in_at_the_provider_and_is_in() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    assert!(page.text.contains("Sign in with Acme") && page.text.contains("/login/providers/acme\""), "{page:?}");
    let sent = depart(&mut browser).await;
    assert_eq!(sent.address, idp.place.at("/auth"));
    let asked = [("response_type", "code"), ("client_id", CLIENT), ("code_challenge_method", "S256")];
    for (name, value) in asked {
        assert_eq!(sent.of(name), value);
    }
    assert_eq!(sent.of("scope"), "openid email profile");
    assert_eq!(sent.of("redirect_uri"), format!("{ISSUER}/login/callback/acme"));
    assert!(sent.of("nonce").len() == 43 && sent.of("state").starts_with("pst_"), "{sent:?}");
    idp.tells(&server, &sent, json!({}));
    let home = browser.get(&idp.back(&sent)).await;
    assert!(home.text.contains("signed in as ada by name"), "{home:?}");
    // What was sent to the token endpoint: the code, the verifier of the challenge, and who asks.
    let asked = idp.place.asked();
    let token = asked.iter().find(|asked| asked.path == "/token").expect("an exchange");
    let form = Sent::at(&format!("?{}", token.body));
    let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(form.of("code_verifier").as_bytes()));
    assert_eq!((form.of("code"), challenge.as_str()), ("the-code", sent.of("code_challenge")));
    assert_eq!(form.of("redirect_uri"), sent.of("redirect_uri"));
    assert_eq!(token.headers["authorization"], basic(CLIENT, SECRET).as_str());
    assert!(!token.body.contains("secret") && !server.log.text().contains(SECRET));
}

#[tokio::test]
async fn discovery_and_keys_are_read_once_and_a_new_key_is_found() {
    let (idp, server, _) = world(json!({})).await;
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    for _ in 0..3 {
        log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    }
    let asked = |path: &str| idp.place.asked().iter().filter(|asked| asked.path == path).count();
    assert_eq!((asked("/.well-known/openid-configuration"), asked("/jwks"), asked("/token")), (1, 1, 3));
    server.app.clock.turn(Duration::hours(1));
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    assert_eq!((asked("/.well-known/openid-configuration"), asked("/jwks")), (2, 2));
}

#[tokio::test]
async fn a_login_for_a_client_goes_on_to_the_client() {
    let (idp, server, _) = world(json!({})).await;
    server.execute(crate::authorize::WORLD).await;
    let ada = server.person_with("ada", &[(1000, 1000)]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    let page = browser.get(&crate::authorize::asking(&[("max_age", "600"), ("login_hint", "ada")])).await;
    let (_, link) = page.text.split_once("id=\"provider-acme\"").expect("a button");
    let link = link.split("href=\"").nth(1).and_then(|link| link.split('"').next()).expect("an address");
    let link = link.replace("&#38;", "&");
    let sent = Sent::read(&browser.get(&link).await);
    assert_eq!((sent.of("max_age"), sent.of("login_hint"), sent.of("prompt")), ("600", "ada", ""));
    idp.tells(&server, &sent, json!({}));
    let consent = browser.get(&idp.back(&sent)).await;
    assert!(consent.text.contains("Web Shop"), "{consent:?}");
    let redirect = browser.submit(&consent, &[("answer", "allow")]).await;
    assert!(redirect.header("location").starts_with(crate::authorize::CALLBACK), "{redirect:?}");
}

#[tokio::test]
async fn whoever_is_turned_away_can_go_another_way_to_what_they_wanted() {
    let (idp, server, _) = world(json!({})).await;
    server.execute(crate::authorize::WORLD).await;
    server.person_with("ada", &[(1000, 1000)]).await;
    let mut browser = Browser::new(&server);
    let request = crate::authorize::asking(&[]);
    let query = request.split_once('?').expect("a query").1;
    let carried = form_urlencoded::Serializer::new(String::new()).append_pair("request", query).finish();
    for answer in [&[][..], &[("error", "access_denied"), ("code", "")], &[("code", "")]] {
        let sent = Sent::read(&browser.get(&format!("/login/providers/acme?{carried}")).await);
        idp.tells(&server, &sent, json!({}));
        let refused = browser.get(&idp.back_with(&sent, answer)).await;
        assert!([403, 502].contains(&refused.status), "{refused:?}");
        let login = browser.get(&way_on(&refused)).await;
        assert!(login.text.contains("to continue to Web Shop"), "{login:?}");
    }
    let login = browser.get(&request).await;
    let consent = browser.log_in(&login, "ada").await;
    assert!(consent.text.contains("Web Shop"), "{consent:?}");
    // What is over, and what is for nothing else, has nothing to go on to but the login itself.
    let over = Browser::new(&server).get("/login/callback/acme?state=none").await;
    assert_eq!((over.status, way_on(&over).as_str()), (400, "/login"));
    let refused = log_in(&idp, &server, &mut Browser::new(&server), json!({"sub": "somebody-else"})).await;
    assert_eq!(way_on(&refused), "/login");
}

/// The link of a page that turns somebody away.
pub fn way_on(page: &crate::support::Response) -> String {
    let (_, link) = page.text.split_once("id=\"way-on\" href=\"").expect("a link");
    link.split('"').next().expect("an address").replace("&#38;", "&")
}

#[tokio::test]
async fn a_session_says_how_and_when_the_provider_asked() {
    let (idp, server, _) = world(json!({})).await;
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    let before = server.app.clock.now().unix_timestamp() - 3600;
    let claims = json!({"amr": ["pwd", "sms", "fed", 7], "auth_time": before, "sid": "s1"});
    log_in(&idp, &server, &mut Browser::new(&server), claims).await.ok();
    let said: (Vec<String>, i64) = sqlx::query_as(
        "select amr, extract(epoch from authenticated_at)::bigint from auth.tokens_cache t
         join auth.provider_sessions s using (token) where s.sid = 's1'",
    )
    .fetch_one(server.app.db.pool())
    .await
    .expect("a session");
    assert_eq!(said, (vec!["pwd".to_owned(), "sms".to_owned()], before));
}

#[tokio::test]
async fn whoever_is_disabled_does_not_get_in_and_whoever_is_removed_is_unlinked() {
    let (idp, server, root) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
    let mut browser = Browser::new(&server);
    let refused = log_in(&idp, &server, &mut browser, json!({})).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.text.contains("disabled") && !browser.cookies.contains_key("portero"), "{refused:?}");
    let told = "select count(*) from auth.audit_events where action = 'login.failed'
        and after = '{\"reason\": \"disabled\", \"provider\": \"acme\"}'";
    assert_eq!(server.number(told).await, 1);
    root.delete(&format!("/users/{}", ada.id)).await.ok();
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 0);
    let refused = log_in(&idp, &server, &mut browser, json!({})).await;
    assert!(refused.status == 403 && refused.text.contains("Nobody here is linked"), "{refused:?}");
}

#[tokio::test]
async fn a_provider_that_is_off_lets_nobody_in_not_even_who_is_on_the_way() {
    let (idp, server, root) = world(json!({})).await;
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    idp.tells(&server, &sent, json!({}));
    root.patch("/providers/acme", json!({"enabled": false})).await.ok();
    assert_eq!(browser.get(&idp.back(&sent)).await.status, 404);
    assert_eq!(browser.get("/login/providers/acme").await.status, 404);
    assert!(!browser.get("/login").await.text.contains("Acme"));
    assert_eq!(browser.get("/login/providers/nobody").await.status, 404);
    assert_eq!(idp.redeemed(), 0);
}

#[tokio::test]
async fn whoever_says_no_there_is_told_so_here() {
    let (idp, server, _) = world(json!({})).await;
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    let refused = browser.get(&idp.back_with(&sent, &[("code", ""), ("error", "access_denied")])).await;
    assert!(refused.status == 403 && refused.text.contains("did not allow it"), "{refused:?}");
    let sent = depart(&mut browser).await;
    let refused = browser.get(&idp.back_with(&sent, &[("code", ""), ("error", "server_error")])).await;
    assert_eq!(refused.status, 502, "{refused:?}");
    assert_eq!(idp.redeemed(), 0);
}

#[tokio::test]
async fn a_public_client_and_one_whose_secret_goes_in_the_form_say_who_they_are_there() {
    let idp = Idp::open().await;
    let server = Server::configured(&idp.place.settings()).await;
    let root = server.administrator().await;
    super::add(&root, &idp, json!({"client_secret": null})).await.ok();
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    let asked = || {
        let asked = idp.place.asked().into_iter().rfind(|asked| asked.path == "/token").expect("an exchange");
        (Sent::at(&format!("?{}", asked.body)), asked.headers.contains_key("authorization"))
    };
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    let (form, has_header) = asked();
    assert_eq!((form.of("client_id"), form.of("client_secret"), has_header), (CLIENT, "", false));
    root.patch("/providers/acme", json!({"client_secret": SECRET})).await.ok();
    idp.describes(json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
    server.app.clock.turn(Duration::hours(1));
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    let (form, has_header) = asked();
    assert_eq!((form.of("client_id"), form.of("client_secret"), has_header), (CLIENT, SECRET, false));
}
