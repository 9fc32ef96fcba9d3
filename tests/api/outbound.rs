//! Calls to what others have named (server-side request forgery): never inside, never further than was said, never for long.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use portero::platform::outbound::{Answer, Call, Failure, Outbound, Settings};

use crate::support::{Place, Said};

fn trusting(allows_internal: bool) -> Outbound {
    let pem = std::fs::read(Place::certificate()).expect("a certificate");
    let authorities = Settings::read_authorities(&pem).expect("certificates");
    Outbound::new(Settings { allows_internal, authorities })
}

async fn get(outbound: &Outbound, url: &str) -> Result<Answer, Failure> {
    outbound.send(&Call::get(url, "application/json")).await
}

#[tokio::test]
async fn what_is_on_this_machine_is_called_only_where_that_is_allowed() {
    let place = Place::open().await;
    place.says("/", Said::status(200));
    for url in [place.at("/"), format!("https://127.0.0.1:{}/", place.port)] {
        let refused = get(&trusting(false), &url).await.expect_err("a refusal");
        assert!(matches!(&refused, Failure::Refused(why) if why.contains("127.0.0.1")), "{refused:?}");
        assert_eq!(place.asked().len(), 0, "not even a connection");
    }
    let answer = get(&trusting(true), &place.at("/")).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let plain = format!("http://localhost:{}/", place.port);
    assert!(matches!(get(&trusting(true), &plain).await, Err(Failure::Refused(_))), "https alone");
}

#[tokio::test]
async fn a_certificate_that_nobody_has_named_is_not_believed() {
    let place = Place::open().await;
    let strict = Outbound::new(Settings { allows_internal: true, authorities: Vec::new() });
    let failed = get(&strict, &place.at("/")).await.expect_err("a failure");
    assert!(matches!(failed, Failure::Unreachable(_) | Failure::Refused(_)), "{failed:?}");
    assert_eq!(place.asked().len(), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let place = Place::open().await;
    place.says("/a", Said::status(302).with("location", &place.at("/b")).with("set-cookie", "a=b"));
    place.says("/b", Said::status(200));
    let outbound = trusting(true);
    for _ in 0..2 {
        let answer = get(&outbound, &place.at("/a")).await.expect("an answer");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (302, 0));
    }
    let asked = place.asked();
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.path == "/a"), "{asked:?}");
    assert!(asked.iter().all(|asked| !asked.headers.contains_key("cookie")), "{asked:?}");
    assert_eq!(asked[0].headers["host"], format!("localhost:{}", place.port).as_str());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_late_is_none() {
    let place = Place::open().await;
    place.says("/large", Said { body: Bytes::from(vec![b'x'; 64 * 1024 + 1]), ..Said::status(200) });
    place.says("/full", Said { body: Bytes::from(vec![b'x'; 64 * 1024]), ..Said::status(200) });
    place.says("/late", Said::status(200).after(Duration::from_mins(10)));
    let outbound = trusting(true);
    assert!(matches!(get(&outbound, &place.at("/large")).await, Err(Failure::TooLarge(65_536))));
    assert_eq!(get(&outbound, &place.at("/full")).await.expect("an answer").body.len(), 64 * 1024);
    let small = place.at("/full");
    let small = Call::get(&small, "*/*").at_most(100);
    assert!(matches!(outbound.send(&small).await, Err(Failure::TooLarge(100))));
    let (began, late) = (Instant::now(), place.at("/late"));
    let late = Call::get(&late, "*/*").within(Duration::from_millis(50));
    assert!(matches!(outbound.send(&late).await, Err(Failure::TooSlow(_))));
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn a_form_is_posted_as_it_is_and_nothing_else_is_told() {
    let place = Place::open().await;
    place.says("/form", Said::status(204));
    let url = place.at("/form?a=b");
    let answer = trusting(true).send(&Call::post_form(&url, "c=d%20e".to_owned())).await.expect("an answer");
    assert_eq!(answer.status, 204);
    let asked = place.asked().remove(0);
    assert_eq!((asked.method.as_str(), asked.body.as_str()), ("POST", "c=d%20e"));
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    let mut told: Vec<&str> = asked.headers.keys().map(axum::http::HeaderName::as_str).collect();
    told.sort_unstable();
    let expected = ["accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"];
    assert_eq!(told, expected);
}
