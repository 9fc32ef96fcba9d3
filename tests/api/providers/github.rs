//! GitHub's OAuth, which has no ID token: its API says who it is.

use serde_json::{Value, json};

use super::{CLIENT, Idp, SECRET, Sent, add, depart, linked};
use crate::authorize::browser::Browser;
use crate::support::{Caller, Said, Server};

async fn world(newcomers: &str) -> (Idp, Server, Caller) {
    let idp = Idp::open().await;
    let server = Server::configured(&idp.place.settings()).await;
    let root = server.administrator().await;
    add(&root, &idp, json!({"kind": "github", "newcomers": newcomers})).await.ok();
    let token = json!({"access_token": "gho_1", "token_type": "bearer", "scope": "read:user,user:email"});
    idp.place.says("/login/oauth/access_token", Said::json(&token));
    (idp, server, root)
}

fn tells(idp: &Idp, user: &Value, addresses: &Value) {
    idp.place.says("/api/v3/user", Said::json(user));
    idp.place.says("/api/v3/user/emails", Said::json(addresses));
}

async fn come_back(idp: &Idp, browser: &mut Browser, sent: &Sent) -> crate::support::Response {
    browser.get(&idp.back_with(sent, &[("iss", "")])).await
}

#[tokio::test]
async fn whoever_is_linked_with_a_number_at_github_logs_in() {
    let (idp, server, _) = world("off").await;
    linked(&server.person_with("ada", &[]).await, "4711").await;
    tells(&idp, &json!({"id": 4711, "login": "ada-renamed", "name": "Ada"}), &json!([]));
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    assert_eq!(sent.address, idp.place.at("/login/oauth/authorize"));
    assert_eq!((sent.of("scope"), sent.of("code_challenge_method")), ("read:user user:email", "S256"));
    let home = come_back(&idp, &mut browser, &sent).await;
    assert!(home.text.contains("signed in as"), "{home:?}");
    let asked = idp.place.asked();
    let form = Sent::at(&format!("?{}", asked[0].body));
    assert_eq!((form.of("client_id"), form.of("client_secret"), form.of("code")), (CLIENT, SECRET, "the-code"));
    assert_eq!(asked[0].headers["accept"], "application/json");
    assert!(asked[1..].iter().all(|asked| asked.headers["authorization"] == "Bearer gho_1"));
}

#[tokio::test]
async fn a_name_is_no_number_and_an_address_counts_only_where_github_has_verified_it() {
    let (idp, server, _) = world("open").await;
    let ada = server.person_with("ada", &[]).await;
    super::verified(&ada, "ada@example.com").await;
    for bad in [json!({"id": "4711", "login": "ada"}), json!({"login": "ada"}), json!({"id": null}), json!([])] {
        tells(&idp, &bad, &json!([]));
        let mut browser = Browser::new(&server);
        let sent = depart(&mut browser).await;
        assert_eq!(come_back(&idp, &mut browser, &sent).await.status, 502, "{bad}");
    }
    let address = |verified, primary| json!([{"email": "ada@example.com", "primary": primary, "verified": verified}]);
    // What the profile shows is whatever its owner has typed.
    let user = json!({"id": 7, "login": "ada", "email": "ada@example.com", "email_verified": true, "sub": "4711"});
    for (n, (addresses, is_offered)) in
        [(address(false, true), false), (address(true, false), false), (address(true, true), true)]
            .into_iter()
            .enumerate()
    {
        let mut user = user.clone();
        user["id"] = json!(100 + n);
        tells(&idp, &user, &addresses);
        let mut browser = Browser::new(&server);
        let sent = depart(&mut browser).await;
        let page = come_back(&idp, &mut browser, &sent).await;
        assert_eq!(page.text.contains("id=\"join\""), is_offered, "{page:?}");
    }
}

#[tokio::test]
async fn what_github_refuses_with_200_is_refused() {
    let (idp, server, _) = world("off").await;
    linked(&server.person_with("ada", &[]).await, "4711").await;
    tells(&idp, &json!({"id": 4711, "login": "ada"}), &json!([]));
    for said in [json!({"error": "bad_verification_code"}), json!({"error": "x", "access_token": null}), json!([])] {
        idp.place.says("/login/oauth/access_token", Said::json(&said));
        let mut browser = Browser::new(&server);
        let sent = depart(&mut browser).await;
        assert_eq!(come_back(&idp, &mut browser, &sent).await.status, 502, "{said}");
    }
    assert!(server.log.text().contains("bad_verification_code"));
}
