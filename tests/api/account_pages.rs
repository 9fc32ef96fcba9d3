//! People look after their accounts in a browser, and help themselves there: the acts are those of `/auth/…`.

mod applications;
mod by_mail;
mod email;
mod factors;
mod guards;
mod keys;
mod language;
mod looks;
mod passkeys;
mod password;
mod profile;
mod register;
mod sessions;

use crate::authorize::browser::{Browser, Form};
use crate::support::{Response, Server};

/// The pages of the account, as the menu has them.
const PAGES: [&str; 12] = [
    "/account",
    "/account/profile",
    "/account/password",
    "/account/factors",
    "/account/passkeys",
    "/account/providers",
    "/account/keys",
    "/account/email",
    "/account/sessions",
    "/account/activity",
    "/account/applications",
    "/account/language",
];

/// Those that post something.
const POSTING: [&str; 10] = [
    "/account/profile",
    "/account/password",
    "/account/factors",
    "/account/passkeys",
    "/account/providers",
    "/account/keys",
    "/account/email",
    "/account/sessions",
    "/account/applications",
    "/account/language",
];

/// A server with somebody, `ada`, and a browser in which they are logged in.
async fn at_home() -> (Server, Browser) {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    let browser = Browser::of(&server, "ada").await;
    (server, browser)
}

/// Looks at a page, and posts its form with these fields.
async fn filling(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Response {
    let page = browser.get(path).await;
    browser.submit_to(&page, path, fields).await
}

/// What the page says was done.
#[track_caller]
fn told(page: &Response) -> &str {
    assert_eq!(page.status, 200, "{page:?}");
    within(page, r#" id="told" role="status">"#)
}

/// What is wrong with a field, as a page with this status says it.
#[track_caller]
fn fault<'a>(page: &'a Response, status: u16, field: &str) -> &'a str {
    assert_eq!(page.status, status, "{page:?}");
    let fault = within(page, &format!(r#" id="{field}-error" role="alert">"#));
    let title = within(page, "<title>");
    assert!(title.starts_with(fault), "the title says it first: {title}");
    if field != "form" {
        let tag = page.text.split('<').find(|tag| tag.contains(&format!(r#" id="{field}""#))).expect("a field");
        let described =
            tag.split(r#"aria-describedby=""#).nth(1).is_some_and(|by| by.starts_with(&format!("{field}-error")));
        assert!(described && tag.contains(r#" aria-invalid="true""#) && tag.contains(" autofocus"), "{tag}");
    }
    fault
}

#[track_caller]
fn within<'a>(page: &'a Response, before: &str) -> &'a str {
    let rest = page.text.split_once(before).unwrap_or_else(|| panic!("{before} in {page:?}")).1;
    rest.split('<').next().unwrap_or_default()
}

/// What stands in a field.
#[track_caller]
fn value(page: &Response, field: &str) -> String {
    let tag = page.text.split('<').find(|tag| tag.starts_with("input") && tag.contains(&format!(r#" id="{field}""#)));
    let tag = tag.unwrap_or_else(|| panic!("{field} in {page:?}"));
    tag.split(r#" value=""#).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}
