//! What the old primary committed last, and the new one lacks.

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::task::block_in_place;

use super::pair::{Pair, until_replayed};
use super::{PASSWORD, post_until, served};
use crate::process::{Directory, Portero};

async fn may(at: &Portero, token: &str) -> serde_json::Value {
    post_until(at, "/check-token", token, json!({"service_id": "Shop"})).await.1["permissions"].clone()
}

/// Lost transactions leave their numbers to others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_role_carried_in_lost_transactions_is_not_taken_for_what_it_carries() {
    let directory = Directory::new();
    let pair = Pair::start(&directory).await;
    let (a, b) = (&pair.a, &pair.b);
    let portero = served(&directory, "list", &pair.url()).await;
    let root = portero.log_in("root", PASSWORD).await;
    for (path, body) in [
        ("/services", json!({"name": "Shop"})),
        ("/roles", json!({"name": "Clerk"})),
        ("/permissions", json!({"name": "refund"})),
        ("/person-service-roles", json!({"person_id": "root", "service_id": "Shop", "role_id": "Clerk"})),
    ] {
        let (status, body) = portero.post(path, &root, body).await;
        assert!(status < 300, "{path}: {status} {body}");
    }
    assert_eq!(may(&portero, &root).await, json!([]));
    until_replayed(a, b).await;
    block_in_place(|| b.stop());
    // So that the one below has a number that the other server is still to give.
    for _ in 0..50 {
        sqlx::query("select pg_current_xact_id()").execute(&mut a.psql().await).await.unwrap();
    }

    let carries = json!({"role_id": "Clerk", "permission_id": "refund"});
    assert_eq!(portero.post("/role-permissions", &root, carries).await.0, 200);
    assert_eq!(may(&portero, &root).await, json!(["refund"]));
    let lost: i64 = sqlx::query_scalar("select xmin::text::bigint from auth.vocabulary")
        .fetch_one(&mut a.psql().await)
        .await
        .unwrap();
    portero.signal(Signal::SIGSTOP);
    block_in_place(|| {
        a.kill();
        b.start();
        b.promote();
    });
    let mut psql = b.psql().await;
    let next = "select pg_current_xact_id()::text::bigint";
    loop {
        let given: i64 = sqlx::query_scalar(next).fetch_one(&mut psql).await.unwrap();
        assert!(given < lost, "{given} was given, and {lost} is wanted");
        if given == lost - 1 {
            break;
        }
    }
    sqlx::query("insert into auth.permission (name) values ('another')").execute(&mut psql).await.unwrap();
    let changed: i64 =
        sqlx::query_scalar("select xmin::text::bigint from auth.vocabulary").fetch_one(&mut psql).await.unwrap();
    assert_eq!(changed, lost, "the same number once more");

    portero.signal(Signal::SIGCONT);
    assert_eq!(may(&portero, &root).await, json!([]), "nobody was given that, as far as anybody knows now");
}
