//! Whoever has a second factor here is asked for it, whatever the provider says.

use aws_lc_rs::hmac;
use serde_json::json;
use time::Duration;

use super::{Idp, linked, log_in, verified, world, world_with};
use crate::authorize::browser::Browser;
use crate::foreign::now;
use crate::support::{Caller, Response, Server};

/// An authenticator.
struct Authenticator(Vec<u8>);

impl Authenticator {
    /// That of somebody, from now on.
    async fn of(server: &Server, person: &Caller) -> Self {
        let made = person.post("/auth/me/factors", json!({"type": "totp", "name": "Phone"})).await.ok();
        let authenticator = Self(base32(made.body["secret"].as_str().expect("a secret")));
        let codes = json!({"code": authenticator.code(now(server) - 30), "next_code": authenticator.code(now(server))});
        let id = &made.body["id"];
        person.post(&format!("/auth/me/factors/{id}/confirm"), codes).await.ok();
        server.app.clock.turn(Duration::seconds(60));
        authenticator
    }

    /// RFC 6238.
    fn code(&self, at: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let digest = hmac::sign(&key, &(at / 30).to_be_bytes());
        let digest = digest.as_ref();
        let at = usize::from(digest[19] & 0xf);
        let number = u32::from_be_bytes(digest[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

fn base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for c in text.bytes() {
        let value = if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 };
        held = held << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).expect("a byte"));
        }
    }
    bytes
}

async fn step(server: &Server, browser: &mut Browser, page: &Response, authenticator: &Authenticator) -> Response {
    assert!(page.text.contains("/login/code"), "{page:?}");
    assert!(!browser.cookies.contains_key("portero"), "nobody is in yet");
    browser.submit(page, &[("code", &authenticator.code(now(server)))]).await
}

#[tokio::test]
async fn who_has_a_second_factor_here_is_asked_for_it() {
    let (idp, server, _) = world(json!({})).await;
    server.execute(crate::authorize::WORLD).await;
    let ada = server.person_with("ada", &[(1000, 1000)]).await;
    linked(&ada, "ada-there").await;
    let authenticator = Authenticator::of(&server, &ada).await;
    let mut browser = Browser::new(&server);
    let request = crate::authorize::asking(&[]);
    let query = request.split_once('?').expect("a query").1;
    let carried = form_urlencoded::Serializer::new(String::new()).append_pair("request", query).finish();
    let sent = super::Sent::read(&browser.get(&format!("/login/providers/acme?{carried}")).await);
    idp.tells(&server, &sent, json!({"sid": "s1", "amr": ["pwd", "mfa"]}));
    let page = browser.get(&idp.back(&sent)).await;
    let consent = step(&server, &mut browser, &page, &authenticator).await;
    assert!(consent.text.contains("Web Shop"), "what it was for goes on: {consent:?}");
    // The session began at the provider, and ends with its own.
    assert_eq!(server.number("select count(*) from auth.provider_sessions where sid = 's1'").await, 1);
    assert_eq!(server.number("select count(*) from auth.provider_pending").await, 0);
    let amr =
        "select count(*) from auth.tokens_cache join auth.provider_sessions using (token) where amr = '{pwd,otp,mfa}'";
    assert_eq!(server.number(amr).await, 1);
}

#[tokio::test]
async fn who_must_have_a_second_factor_sets_one_up_first() {
    let (idp, server, _) = world_with(json!({}), &[("REQUIRE_MFA", "all")]).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({"amr": ["mfa"]})).await;
    assert!(page.text.contains("otpauth:") && !browser.cookies.contains_key("portero"), "{page:?}");
}

#[tokio::test]
async fn a_join_wants_the_second_factor_too() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    verified(&ada, "ada@example.com").await;
    let authenticator = Authenticator::of(&server, &ada).await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    let page = browser.log_in(&page, "ada").await;
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 0, "a password is not enough");
    let home = step(&server, &mut browser, &page, &authenticator).await;
    assert!(home.text.contains("signed in as"), "{home:?}");
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 1);
    let _: &Idp = &idp;
}
