//! Clients hear of logouts, also where Portero is killed meanwhile.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::place::{Place, Said};
use crate::process::{Directory, Portero, portero};

/// Twice the lease of a logout, whose end is waited for when the kill came before the answer was noted.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until the place was asked so often.
async fn until_asked(place: &Place, times: usize, server: &Portero) {
    let begun = Instant::now();
    while place.asked().len() < times {
        assert!(begun.elapsed() < PATIENCE, "asked {} times: {}", place.asked().len(), server.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_logout_that_was_queued_is_told_after_a_crash() {
    let (directory, place) = (Directory::new(), Place::open().await);
    place.says("/out", Said::status(503));
    let [allow, trust] = place.settings();
    let vars = [allow, trust, ("ADMIN", "root"), ("ADMIN_PASSWORD", "correct horse battery staple")];
    let server = Portero::start(&directory, "serve", &vars).await;
    for arguments in [
        &["service", "add", "Shop"][..],
        &[
            "client",
            "add",
            "Wiki",
            "--service",
            "Shop",
            "--redirect-uri",
            "https://wiki.example/cb",
            "--backchannel-logout-uri",
            &place.at("/out"),
        ],
    ] {
        let said = portero(&directory, arguments, &[allow]).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    }
    let token = server.log_in("root", "correct horse battery staple").await;
    let socket = directory.path().join("run");
    let url = format!("postgres://portero@localhost/portero?host={}", socket.to_str().unwrap().replace('/', "%2F"));
    let mut psql = PgConnection::connect(&url).await.unwrap();
    // As if the client had redeemed a code of this session.
    sqlx::query(
        "insert into auth.session_clients (session, client_id, person_id, sid)
         select t.token, c.id, t.person_id, 'sid' from auth.tokens_cache t, auth.clients c",
    )
    .execute(&mut psql)
    .await
    .unwrap();
    psql.close().await.unwrap();
    assert_eq!(server.post("/auth/logout", &token, json!({})).await.0, 200);
    until_asked(&place, 1, &server).await;
    server.signal(Signal::SIGKILL);
    server.ended().await;
    place.says("/out", Said::status(200));
    let server = Portero::start(&directory, "serve", &vars).await;
    until_asked(&place, 2, &server).await;
    let told = place.asked();
    assert!(told.iter().all(|asked| asked.body.starts_with("logout_token=eyJ")), "{told:?}");
    assert_ne!(told[0].body, told[1].body, "each try has a token of its own");
}
