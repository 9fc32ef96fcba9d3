use axum::http::Method;
use serde_json::Value;

use super::{HOME, asked, server, with_passkey};
use crate::authorize::Form;
use crate::support::{Response, Server};

pub fn cookies(answer: &Response) -> Vec<String> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    cookies.map(|cookie| cookie.to_str().expect("ASCII").split(';').next().unwrap_or_default().to_owned()).collect()
}

/// What a page has the browser ask for.
pub fn options(page: &Response) -> Value {
    data(page, "options")["publicKey"].clone()
}

/// What a page has for its script.
pub fn data(page: &Response, name: &str) -> Value {
    let rest = page.text.split_once(&format!(r#" data-{name}=""#)).unwrap_or_else(|| panic!("{name} in {page:?}")).1;
    let text = rest.split('"').next().unwrap_or_default();
    let entities = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    let text = entities.iter().fold(text.to_owned(), |text, (entity, own)| text.replace(entity, own));
    serde_json::from_str::<Value>(&text).expect("JSON")
}

async fn submit(server: &Server, page: &Response, fields: &[(&str, &str)]) -> Response {
    let body = Form::of(page).body(fields);
    let cookies = cookies(page).join("; ");
    let anybody = server.anonymous();
    anybody
        .send_with(Method::POST, "/login", &body, |request| {
            request
                .header("cookie", cookies)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
        })
        .await
}

#[tokio::test]
async fn the_login_page_takes_a_passkey_in_the_place_of_username_and_password() {
    let server = server().await;
    let (_, mut phone) = with_passkey(&server, "ada").await;
    let page = server.anonymous().get("/login").await.ok();
    assert!(page.text.contains(r#"autocomplete="username webauthn""#), "{}", page.text);
    let signed = phone.get(&asked(&server).await).to_string();
    let answer = submit(&server, &page, &[("passkey", &signed)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, format!("{HOME}/").as_str()));
    let session = cookies(&answer).into_iter().find(|cookie| cookie.starts_with("__Host-portero=")).expect("a session");
    server.secrets.add(session.split('=').nth(1).expect("a token"));

    let again = submit(&server, &page, &[("passkey", &signed)]).await;
    assert_eq!(again.status, 403);
    assert!(again.text.contains("This passkey can&#39;t be used here."), "{}", again.text);
    assert!(!cookies(&again).iter().any(|cookie| cookie.starts_with("__Host-portero=")));
    assert_eq!(submit(&server, &page, &[("passkey", "{")]).await.status, 400);
    let empty = submit(&server, &page, &[("username", ""), ("password", "")]).await;
    assert!(empty.text.contains("Enter your username."), "an empty field is none");
}

#[tokio::test]
async fn the_one_script_is_ours_and_the_policy_allows_no_other() {
    let server = server().await;
    let page = server.anonymous().get("/login").await.ok();
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(policy.split("; ").any(|own| own == part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let (_, script) = page.text.split_once("<script src=\"").expect("a script");
    let (path, rest) = script.split_once('"').expect("an address");
    assert!(rest.starts_with(" defer></script>") && !rest.contains("<script"), "{rest}");
    let script = server.anonymous().get(path).await.ok();
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    for sink in ["innerHTML", "eval(", "document.write", "insertAdjacentHTML", "localStorage"] {
        assert!(!script.text.contains(sink), "{sink}");
    }
    let other = server.anonymous().get("/logout").await;
    assert!(!other.header("content-security-policy").contains("script-src"), "no other page has one");
}

#[tokio::test]
async fn where_there_are_no_passkeys_the_login_page_has_no_script() {
    let server = Server::configured(&[("PUBLIC_URL", "http://127.0.0.1:7878")]).await;
    let page = server.anonymous().get("/login").await.ok();
    assert!(!page.text.contains("passkey") && !page.text.contains("<script"), "{}", page.text);
    assert!(!page.header("content-security-policy").contains("script-src"));
}
