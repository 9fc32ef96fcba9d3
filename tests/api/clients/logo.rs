//! Logos of clients.

use serde_json::json;

use super::{BANK, FORBIDDEN, SHOP, make, wiki, with, world};
use crate::support::Server;

/// A PNG of a size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &size, b"\x08\x06\0\0\0....\0\0\0\0IEND\xae\x42\x60\x82"].concat()
}

/// The login page for the wiki.
async fn login_page(server: &Server) -> String {
    let query = "client_id=wiki&redirect_uri=https%3A%2F%2Fwiki.example%2Fcallback&response_type=code&code_challenge_method=S256\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let page = server.anonymous().get(&format!("/oauth/authorize?{query}")).await.ok();
    assert!(page.header("content-security-policy").contains("img-src 'self'"));
    page.text
}

#[tokio::test]
async fn a_logo_is_shown_where_people_log_in_and_served_from_here() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    assert!(!login_page(&server).await.contains("client-logo"));
    let set = root.put_bytes("/clients/wiki/logo", &png(64, 32)).await.ok();
    assert_eq!(
        (&set.body["media_type"], &set.body["width"], &set.body["height"]),
        (&json!("image/png"), &json!(64), &json!(32))
    );
    let path = format!("/pages/client-logos/{}", set.body["logo"].as_str().expect("a digest"));
    assert!(login_page(&server).await.contains(&format!("<img class=\"client-logo\" src=\"{path}\" alt=\"\">")));
    let (answer, bytes) = server.anonymous().get_bytes(&path, |request| request).await;
    assert_eq!((answer.status, bytes), (200, png(64, 32)));
    for (header, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "public, max-age=31536000, immutable"),
    ] {
        assert_eq!(answer.header(header), value, "{header}");
    }
    let tag = answer.header("etag").to_owned();
    let (known, bytes) = server.anonymous().get_bytes(&path, |request| request.header("if-none-match", &tag)).await;
    assert_eq!((known.status, bytes.len(), known.header("etag")), (304, 0, tag.as_str()));

    let other = root.put_bytes("/clients/wiki/logo", &png(8, 8)).await.ok();
    assert_ne!(other.body["logo"], set.body["logo"], "another picture has another address");
    assert_eq!(server.anonymous().get(&path).await.refusal(), (404, "logo_not_found"));
    root.delete("/clients/wiki/logo").await.ok();
    assert_eq!(root.delete("/clients/wiki/logo").await.refusal(), (404, "logo_not_found"));
    assert!(!login_page(&server).await.contains("client-logo"));
    root.put_bytes("/clients/wiki/logo", &png(8, 8)).await.ok();
    root.delete("/clients/wiki").await.ok();
    assert_eq!(server.number("select count(*) from auth.client_logos").await, 0, "it goes with its client");
    let events = root.get("/audit-events?action=client.changed").await.ok();
    assert_eq!(events.body.as_array().map(Vec::len), Some(4));
    assert_eq!(events.body[1]["before"], json!({"client_id": "wiki", "logo": other.body["logo"]}));
}

#[tokio::test]
async fn what_is_no_picture_of_a_sane_size_is_no_logo() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    for bad in [
        b"".to_vec(),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec(),
        b"<html>".to_vec(),
        b"GIF89a\x01\0\x01\0".to_vec(),
        png(0, 1),
        png(1025, 1),
        png(u32::MAX, u32::MAX),
    ] {
        assert_eq!(root.put_bytes("/clients/wiki/logo", &bad).await.refusal(), (400, "invalid_logo"), "{bad:?}");
    }
    let large = [png(8, 8), vec![0; 64 * 1024]].concat();
    assert_eq!(root.put_bytes("/clients/wiki/logo", &large).await.refusal(), (413, "request_body_too_large"));
    for bad in ["zz", "00", "..%2f..%2fetc%2fpasswd", &"0".repeat(64)] {
        let answer = server.anonymous().get(&format!("/pages/client-logos/{bad}")).await;
        assert_eq!(answer.refusal(), (404, "logo_not_found"), "{bad}");
    }
}

#[tokio::test]
async fn who_manages_a_service_sets_the_logos_of_its_clients_and_no_others() {
    let (server, root) = world().await;
    make(&root, wiki()).await.ok();
    make(&root, with(wiki(), json!({"client_id": "vault", "service_id": BANK}))).await.ok();
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let reader = server.person_with("reader", &[(0, -2)]).await;
    keeper.put_bytes("/clients/wiki/logo", &png(8, 8)).await.ok();
    for refused in [
        keeper.put_bytes("/clients/vault/logo", &png(8, 8)).await,
        keeper.put_bytes("/clients/nothing/logo", &png(8, 8)).await,
        keeper.delete("/clients/vault/logo").await,
        reader.put_bytes("/clients/wiki/logo", &png(8, 8)).await,
        reader.delete("/clients/wiki/logo").await,
    ] {
        assert_eq!(refused.refusal(), FORBIDDEN, "{refused:?}");
    }
    assert_eq!(root.put_bytes("/clients/nothing/logo", &png(8, 8)).await.refusal(), (404, "client_not_found"));
    keeper.delete("/clients/wiki/logo").await.ok();
}
