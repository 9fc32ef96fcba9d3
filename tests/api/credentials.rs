//! Where a token is looked for, and what is not taken for one.

use axum::http::Method;

use crate::support::{Caller, Response, Server};

async fn profile(caller: &Caller, headers: &[(&str, &str)]) -> Response {
    caller
        .send_with(Method::GET, "/auth/profile", "", |request| {
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
        })
        .await
}

#[tokio::test]
async fn without_a_token_there_is_no_entry() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let anonymous = server.anonymous();
    let bearer = format!("Bearer {}", root.token());
    let basic = format!("Basic {}", root.token());
    for headers in [
        vec![],
        vec![("token", "")],
        vec![("token", "   ")],
        vec![("authorization", "")],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", basic.as_str())],
        vec![("authorization", root.token())],
        vec![("cookie", bearer.as_str())],
        vec![("x-token", root.token())],
    ] {
        assert_eq!(profile(&anonymous, &headers).await.refusal(), (401, "missing_token_header"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_token_in_the_url_is_not_read() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for path in ["/auth/profile", "/users", "/users/1"] {
        let path = format!("{path}?token={}&access_token={}", root.token(), root.token());
        assert_eq!(server.anonymous().get(&path).await.refusal(), (401, "missing_token_header"));
    }
}

#[tokio::test]
async fn the_two_headers_may_agree_but_never_differ_or_double() {
    let server = Server::on_a_fresh_database().await;
    let (root, nobody) = (server.administrator().await, server.powerless().await);
    let anonymous = server.anonymous();
    let bearer = |caller: &Caller| format!("Bearer {}", caller.token());
    let (roots, nobodys) = (bearer(&root), bearer(&nobody));
    let lower = roots.replace("Bearer", "bEARER");
    for headers in [
        vec![("token", root.token()), ("authorization", roots.as_str())],
        vec![("authorization", lower.as_str())],
        vec![("token", root.token()), ("authorization", "Basic abc")],
        vec![("token", ""), ("authorization", roots.as_str())],
    ] {
        assert_eq!(profile(&anonymous, &headers).await.status, 200, "{headers:?}");
    }
    for headers in [
        vec![("token", root.token()), ("authorization", nobodys.as_str())],
        vec![("token", nobody.token()), ("authorization", roots.as_str())],
        vec![("token", root.token()), ("authorization", "Bearer x")],
        vec![("token", root.token()), ("token", root.token())],
        vec![("token", root.token()), ("token", nobody.token())],
        vec![("token", ""), ("token", root.token())],
        vec![("authorization", roots.as_str()), ("authorization", roots.as_str())],
    ] {
        assert_eq!(profile(&anonymous, &headers).await.refusal(), (401, "invalid_token"), "{headers:?}");
    }
}

#[tokio::test]
async fn nothing_but_the_exact_token_is_the_token() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let token = root.token().to_owned();
    let mut wrong: Vec<String> =
        (1..token.len()).flat_map(|cut| [token[..cut].to_owned(), token[cut..].to_owned()]).collect();
    for at in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'0' { b'1' } else { b'0' };
        wrong.push(String::from_utf8(other).expect("ASCII"));
    }
    wrong.extend([
        token.to_uppercase(),
        token.replace("ptk_", "PTK_"),
        format!("{token}0"),
        format!(" {token}"),
        format!("{token} "),
        format!("\t{token}"),
        format!("{token},{token}"),
        format!("{token}\u{e9}"),
        format!("Bearer {token}"),
        "x".repeat(1_000_000),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_owned(),
        "null".to_owned(),
        "' or true --".to_owned(),
    ]);
    for wrong in wrong {
        let answer = root.with_token(&wrong).check().await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{} of {}", wrong.len(), token.len());
    }
    assert_eq!(root.check().await.status, 200);
}

#[tokio::test]
async fn headers_that_are_not_text_are_not_tokens() {
    let server = Server::on_a_fresh_database().await;
    for header in ["token", "authorization"] {
        let anonymous = server.anonymous();
        let answer = anonymous.send_with(Method::GET, "/auth/profile", "", |request| {
            request.header(header, axum::http::HeaderValue::from_bytes(b"Bearer \xff\xfe").expect("opaque bytes"))
        });
        assert_eq!(answer.await.refusal(), (401, "invalid_token"), "{header}");
    }
}

#[tokio::test]
async fn what_is_stored_of_a_token_is_no_token() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let stored: Vec<u8> =
        sqlx::query_scalar("select token from auth.tokens_cache").fetch_one(server.app.db.pool()).await.expect("a row");
    assert_eq!(stored.len(), 32, "a digest");
    for guess in
        [hex::encode(&stored), format!("ptk_{}", hex::encode(&stored)), format!("ptk_{}00000000", hex::encode(&stored))]
    {
        assert_eq!(root.with_token(&guess).check().await.refusal(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn log_lines_name_a_token_by_eight_digits_of_its_hash() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.check().await;
    let stored: Vec<u8> =
        sqlx::query_scalar("select token from auth.tokens_cache").fetch_one(server.app.db.pool()).await.expect("a row");
    let hash = hex::encode(stored);
    let lines = server.log.lines(&hash[..8]);
    assert_eq!(lines.len(), 1, "the one request is in the log");
    assert!(!server.log.text().contains(&hash[..9]), "no more than eight digits");
}
