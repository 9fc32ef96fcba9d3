//! Where people are sent, and how.

use super::browser::Form;
use super::{Browser, CALLBACK, ISSUER, asking, carried, clerk, shop};

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_only_looks_like_a_registered_one() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    for address in [
        "https://shop.example.com/callbac",
        "https://shop.example.com/callback2",
        "https://shop.example.com/callback/",
        "https://shop.example.com/callback/..",
        "https://shop.example.com/callback/../callback",
        "https://shop.example.com/callback;a=b",
        "https://shop.example.com/callback?a=b",
        "https://shop.example.com/callback#a",
        "https://shop.example.com/%63allback",
        "https://shop.example.com:443/callback",
        "https://SHOP.example.com/callback",
        "https://shop.example.com./callback",
        "https://me@shop.example.com/callback",
        "https://shop.example.com@evil.example/callback",
        "https://shop.example.com\\@evil.example/callback",
        "https://shop.example.com.evil.example/callback",
        "http://shop.example.com/callback",
        "//shop.example.com/callback",
        "/callback",
        "javascript:alert(1)",
        "data:text/html,hello",
        "http://localhost/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:99999/callback",
        "http://[::1]/callback",
    ] {
        let page = browser.get(&asking(&[("redirect_uri", address), ("prompt", "none")])).await;
        assert_eq!(page.status, 400, "{address}: {page:?}");
        assert!(page.text.contains("has not registered") && page.header("location").is_empty(), "{address}");
    }
}

#[tokio::test]
async fn a_native_app_takes_whatever_port_it_gets() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    let address = "http://127.0.0.1:51004/callback";
    let answer = browser.get(&asking(&[("redirect_uri", address), ("prompt", "none")])).await;
    assert_eq!(carried(&answer).0, address);
    let page = browser.get(&asking(&[("redirect_uri", address)])).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' http://127.0.0.1:51004;"), "{policy}");
}

#[tokio::test]
async fn the_state_comes_back_to_the_letter_in_each_mode() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none'").await;
    let (_, mut browser) = clerk(&server).await;
    let odd: String = "-._~!*'();:@&=+$,/?#[]%\"<>\\^`{|}ñ😀 ".chars().cycle().take(128).collect();
    let request = |mode| asking(&[("state", &odd), ("response_mode", mode)]);
    let page = browser.get(&request("")).await;
    let answer = browser.log_in(&page, "ada").await;
    assert_eq!(carried(&answer).1["state"], odd);
    let answer = browser.get(&request("fragment")).await;
    assert!(answer.header("location").starts_with(&format!("{CALLBACK}#code=pac_")), "{answer:?}");
    assert_eq!(carried(&answer).1["state"], odd);
    let page = browser.get(&request("form_post")).await;
    let form = Form::of(&page);
    assert_eq!((page.status, form.action.as_str()), (200, CALLBACK));
    assert_eq!((form.hidden["state"].as_str(), form.hidden["iss"].as_str()), (odd.as_str(), ISSUER));
    assert!(form.hidden["code"].starts_with("pac_") && page.text.contains(r#"id="continue""#));
    assert!(page.header("content-security-policy").contains("form-action 'self' https://shop.example.com;"));
    let refused = browser.get(&asking(&[("response_mode", "form_post"), ("scope", "nothing")])).await;
    assert_eq!(Form::of(&refused).hidden["error"], "invalid_scope");
}

#[tokio::test]
async fn a_registered_query_stays() {
    let server = shop().await;
    server.execute("update auth.clients set redirect_uris = '{https://shop.example.com/callback?shop=1}'").await;
    let (_, mut browser) = clerk(&server).await;
    let address = "https://shop.example.com/callback?shop=1";
    let answer = browser.get(&asking(&[("redirect_uri", address), ("prompt", "none")])).await;
    assert!(answer.header("location").starts_with(&format!("{address}&error=login_required")), "{answer:?}");
    assert_eq!(browser.get(&asking(&[])).await.status, 400);
}

#[tokio::test]
async fn a_request_by_post_goes_on_as_a_get() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'none'").await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let body = asking(&[("state", "a b")]).split_once('?').expect("a query").1.to_owned();
    let cross_site = |request: axum::http::request::Builder| request.header("sec-fetch-site", "cross-site");
    let answer = browser.post("/oauth/authorize", &body, cross_site).await;
    assert!(answer.header("location").starts_with(&format!("{ISSUER}/oauth/authorize?")), "{answer:?}");
    let path = answer.header("location").strip_prefix(ISSUER).expect("our own").to_owned();
    assert_eq!(carried(&browser.get(&path).await).1["state"], "a b");
    let refused = browser.post("/oauth/authorize", &body.replace("web-shop", "nobody"), |request| request).await;
    let path = refused.header("location").strip_prefix(ISSUER).expect("our own").to_owned();
    assert_eq!(browser.get(&path).await.status, 400);
}
