//! What came of logins at providers is counted, by the provider's name.

use serde_json::json;

use super::{depart, linked, log_in, world_with};
use crate::authorize::browser::Browser;
use crate::factors::enrol;
use crate::support::{Said, Server};

/// Counts of one provider, by outcome.
fn counted(server: &Server, outcome: &str) -> Option<u64> {
    let series = format!("portero_provider_logins_total{{outcome=\"{outcome}\",provider=\"acme\"}} ");
    server.app.metrics.text().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

fn by_way(server: &Server, way: &str, outcome: &str) -> Option<u64> {
    let series = format!("portero_logins_total{{outcome=\"{outcome}\",way=\"{way}\"}} ");
    server.app.metrics.text().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

#[tokio::test]
async fn logins_are_counted_by_the_provider_and_what_came_of_them() {
    let (idp, server, _) = world_with(json!({}), &[("METRICS_ADDRESS", "127.0.0.1:9")]).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    log_in(&idp, &server, &mut browser, json!({})).await.ok();
    log_in(&idp, &server, &mut browser, json!({"sub": "nobody", "email": null})).await;
    enrol(&server, &ada).await;
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await;
    let sent = depart(&mut browser).await;
    browser.get(&idp.back_with(&sent, &[("code", ""), ("error", "access_denied")])).await;
    browser.get(&idp.back(&sent)).await;
    let sent = depart(&mut browser).await;
    idp.place.says("/token", Said::json(&json!({})));
    browser.get(&idp.back(&sent)).await;
    for outcome in ["success", "refused", "second_factor_due", "denied", "over", "unusable_answer"] {
        assert_eq!(counted(&server, outcome), Some(1), "{outcome} in {}", server.app.metrics.text());
        assert_eq!(by_way(&server, "provider", outcome), Some(1), "{outcome}");
    }
    assert_eq!(by_way(&server, "passkey", "success"), Some(0));
}

#[tokio::test]
async fn no_stranger_names_a_series() {
    let (idp, server, _) = world_with(json!({}), &[("METRICS_ADDRESS", "127.0.0.1:9")]).await;
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    browser.get(&idp.back(&sent).replace("callback/acme", "callback/stranger")).await;
    server.anonymous().get("/login/callback/another").await;
    let text = server.app.metrics.text();
    assert!(!text.contains("stranger\"") && !text.contains("another\""), "{text}");
    assert_eq!(counted(&server, "over"), None);
}
