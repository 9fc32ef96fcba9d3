//! Every way in that takes a password, walked by somebody who has a second factor: none of them opens a session.

use axum::http::Method;
use serde_json::json;

use super::{ada, enrol};
use crate::support::oauth::{NewClient, post_form};
use crate::support::{PASSWORD, Server};

/// Nothing that somebody could go in with.
const OPENED: &str = "select (select count(*) from auth.tokens_cache) + (select count(*) from auth.refresh_families)
    + (select count(*) from auth.authorizations) + (select count(*) from auth.access_tokens)";

#[tokio::test]
async fn no_password_alone_gets_past_a_second_factor() {
    let server = Server::on_the_demo_data().await;
    let ada = server.person_with("ada", &[]).await;
    enrol(&server, &ada).await;
    let old = NewClient { client_id: "old", grant_types: &["password"], ..NewClient::default() };
    let old = server.client(old).await;
    server.execute("delete from auth.tokens_cache").await;

    let anonymous = server.anonymous();
    for refresh in [false, true] {
        let body = json!({"username": "ada", "password": PASSWORD, "refresh": refresh});
        let answer = anonymous.post("/auth/login", body).await.ok();
        assert!(answer.body.get("token").is_none() && answer.body.get("refresh_token").is_none(), "{answer:?}");
    }
    let page = anonymous.send(Method::GET, "/login", "").await;
    let form = page.text.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = form.expect("a form").to_owned();
    let cookie = page.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let fields = [("form_token", form.as_str()), ("username", "ada"), ("password", PASSWORD)];
    let posted = post_form(&anonymous, "/login", &fields, |request| request.header("cookie", &cookie)).await;
    assert!(posted.status == 200 && !posted.headers.contains_key("location"), "{posted:?}");
    assert!(!posted.header("set-cookie").contains("ptk_"), "{posted:?}");

    let password = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)];
    let granted = old.token(&password).await;
    assert_eq!(granted.refusal(), (400, "invalid_grant"));
    assert!(granted.text.contains("second factor") && granted.text.contains("/oauth/authorize"), "{granted:?}");
    let of_old: Vec<_> = password.into_iter().chain([("client_id", "loopback")]).collect();
    let granted = post_form(&anonymous, "/api/v1/token", &of_old, |request| request).await;
    assert_eq!(granted.refusal(), (400, "invalid_grant"));
    assert_eq!(server.number(OPENED).await, 0);
}

#[tokio::test]
async fn the_statement_that_begins_sessions_holds_whoever_calls_it() {
    use portero::gate::audit::Origin;
    use portero::identity::factors::RequireMfa;
    use portero::identity::sessions::{BeginRules, Proof};

    let (server, ada) = ada().await;
    let begin = async |require_mfa: RequireMfa, proof: Proof<'_>| {
        let rules = BeginRules { require_mfa, ..server.begin_rules() };
        server.begin_session(rules, ada.id, proof, &Origin::default()).await.is_some()
    };
    assert!(begin(RequireMfa::Off, Proof::Registration).await);
    assert!(!begin(RequireMfa::All, Proof::Registration).await && !begin(RequireMfa::All, Proof::Invitation).await);
    assert!(begin(RequireMfa::Administrators, Proof::Registration).await);
    enrol(&server, &ada).await;
    for proof in [Proof::Registration, Proof::Invitation] {
        assert!(!begin(RequireMfa::Off, proof).await, "{proof:?}");
    }
}

#[tokio::test]
async fn a_new_password_by_mail_is_no_way_around_it() {
    let (server, mailbox) = crate::reset::with_mail().await;
    let ada = crate::reset::reachable(&server, "ada").await;
    enrol(&server, &ada).await;
    crate::reset::arriving(&server, &mailbox).await;
    server.anonymous().post("/auth/forgot-password", json!({"username": "ada"})).await.ok();
    let token = crate::reset::arriving(&server, &mailbox).await[0].token();
    let reset = json!({"token": token, "password": "another fine passphrase"});
    let answer = server.anonymous().post("/auth/reset-password", reset).await.ok();
    assert!(answer.body.get("token").is_none());
    let login = server.anonymous().log_in("ada", "another fine passphrase").await.ok();
    assert_eq!(login.body["mfa_required"], json!(true));
}

#[tokio::test]
async fn who_has_none_logs_in_as_ever() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    let login = server.anonymous().log_in("ada", PASSWORD).await.ok();
    assert!(login.body.get("mfa_required").is_none() && login.body["token"].is_string(), "{login:?}");
}
