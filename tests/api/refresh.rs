//! Refresh tokens: each is good for one new pair, and a stolen one ends what it came from.

use axum::http::Method;
use portero::gate::sessions::walk_families;
use serde_json::json;
use time::Duration;

use crate::sessions::log_in_from;
use crate::support::{Caller, PASSWORD, Response, Server};

async fn refresh(caller: &Caller, token: &str) -> Response {
    caller.post("/auth/refresh", json!({ "refresh_token": token })).await
}

const REFUSED: (u16, &str) = (401, "invalid_refresh_token");

/// For less than this several tabs may use the same token.
const GRACE: Duration = Duration::seconds(30);

/// Somebody who is logged in with a refresh token.
async fn ada(server: &Server) -> (Caller, Response) {
    server.person_with("ada", &[]).await;
    log_in_from(server, "ada", "a laptop", true).await
}

#[tokio::test]
async fn who_asks_for_a_refresh_token_gets_one_and_nobody_else() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    assert!(login.refresh_token().starts_with("prt_"));
    assert_eq!((&login.body["token_type"], &login.body["expires_in"]), (&json!("Bearer"), &json!(300)));
    let ordinary = ada.log_in("ada", PASSWORD).await.ok();
    for field in ["refresh_token", "token_type", "expires_in"] {
        assert_eq!(ordinary.body.get(field), None);
    }
    assert_eq!(server.number("select count(*) from auth.refresh_families").await, 1);
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_ends_the_access_token_before() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    assert_eq!(ada.check().await.status, 200);
    let refreshed = refresh(&server.anonymous(), login.refresh_token()).await.ok();
    assert_eq!(refreshed.body["payload"], login.body["payload"]);
    assert_ne!(refreshed.refresh_token(), login.refresh_token());
    assert_eq!(ada.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(ada.with_token(refreshed.token()).check().await.status, 200);
    let ended = "select count(*) from auth.changes where kind = 'session-revoked'";
    assert_eq!(server.number(ended).await, 1, "backends hear of it");
}

#[tokio::test]
async fn a_lost_answer_is_no_logout() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let lost = refresh(&ada, login.refresh_token()).await.ok();
    server.app.clock.turn(GRACE);
    let lost_again = refresh(&ada, login.refresh_token()).await.ok();
    server.app.clock.turn(GRACE);
    let arrived = refresh(&ada, login.refresh_token()).await.ok();
    for lost in [lost, lost_again] {
        assert_eq!(ada.with_token(lost.token()).check().await.refusal(), (401, "invalid_token"));
    }
    assert_eq!(ada.with_token(arrived.token()).check().await.status, 200);
    refresh(&ada, arrived.refresh_token()).await.ok();
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'refresh.replayed'").await, 0);
}

#[tokio::test]
async fn a_replay_ends_the_whole_family_and_is_told() {
    let server = Server::on_a_fresh_database().await;
    let (_, first) = ada(&server).await;
    let anonymous = server.anonymous();
    for (n, case) in
        ["the access token was used", "the refresh token was used", "older still", "the pair that was lost"]
            .into_iter()
            .enumerate()
    {
        let (_, login) = log_in_from(&server, "ada", "a phone", true).await;
        let second = refresh(&anonymous, login.refresh_token()).await.ok();
        let (replayed, newest) = match n {
            0 => {
                assert_eq!(anonymous.with_token(second.token()).check().await.status, 200);
                server.app.clock.turn(GRACE);
                (login, second)
            }
            1 => {
                let third = refresh(&anonymous, second.refresh_token()).await.ok();
                (login, third)
            }
            2 => {
                let third = refresh(&anonymous, second.refresh_token()).await.ok();
                let fourth = refresh(&anonymous, third.refresh_token()).await.ok();
                (second, fourth)
            }
            _ => {
                server.app.clock.turn(GRACE);
                let another = refresh(&anonymous, login.refresh_token()).await.ok();
                (second, another)
            }
        };
        assert_eq!(refresh(&anonymous, replayed.refresh_token()).await.refusal(), REFUSED, "{case}");
        assert_eq!(anonymous.with_token(newest.token()).check().await.refusal(), (401, "invalid_token"), "{case}");
        assert_eq!(refresh(&anonymous, newest.refresh_token()).await.refusal(), REFUSED, "{case}");
    }
    let told = "select count(*) from auth.audit_events where action = 'refresh.replayed' and subject_id is not null";
    assert_eq!(server.number(told).await, 4);
    refresh(&anonymous, first.refresh_token()).await.ok();
}

#[tokio::test]
async fn any_way_to_use_an_access_token_counts_as_its_use() {
    let server = Server::on_a_fresh_database().await;
    let elsewhere = server.another_instance().await;
    let (_, mut login) = ada(&server).await;
    let backend = {
        server.execute("insert into auth.services (id, name) values (1, 'Shop')").await;
        server.backend(1).await
    };
    for way in ["check", "check elsewhere", "check in a service", "check many", "profile", "body"] {
        let newest = refresh(&server.anonymous(), login.refresh_token()).await.ok();
        let caller = server.anonymous().with_token(newest.token());
        let used = match way {
            "check" => caller.check().await,
            "check elsewhere" => caller.at(&elsewhere).check().await,
            "check in a service" => caller.post("/check-token", json!({"service_id": 1})).await,
            "check many" => backend.post("/check-tokens", json!({"tokens": [newest.token()]})).await,
            "profile" => caller.get("/auth/profile").await,
            _ => server.anonymous().post("/check-token", json!({"token": newest.token()})).await,
        };
        assert_eq!(used.status, 200, "{way}");
        server.app.clock.turn(GRACE);
        assert_eq!(refresh(&server.anonymous(), login.refresh_token()).await.refusal(), REFUSED, "{way}");
        assert_eq!(caller.check().await.refusal(), (401, "invalid_token"), "{way}");
        login = log_in_from(&server, "ada", "a laptop", true).await.1;
    }
}

#[tokio::test]
async fn a_pair_is_marked_as_used_by_whatever_clock_and_without_renewals() {
    let server = Server::configured(&[("TOKEN_RENEW_THRESHOLD_SECONDS", "0"), ("REFRESH_GRACE_SECONDS", "0")]).await;
    let (ada, login) = ada(&server).await;
    assert_eq!(ada.check().await.body["renewed"], true, "the first use is noted by a renewal");
    assert_eq!(ada.check().await.body["renewed"], false);
    let newest = refresh(&ada, login.refresh_token()).await.ok();
    server.app.clock.turn(Duration::seconds(-20));
    assert_eq!(ada.with_token(newest.token()).check().await.status, 200);
    assert_eq!(refresh(&ada, login.refresh_token()).await.refusal(), REFUSED);
}

#[tokio::test]
async fn a_pair_whose_session_is_gone_counts_as_used() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    refresh(&ada, login.refresh_token()).await.ok();
    server.execute("delete from auth.tokens_cache where family_id is not null").await;
    server.app.clock.turn(GRACE);
    assert_eq!(refresh(&ada, login.refresh_token()).await.refusal(), REFUSED);
    assert_eq!(server.number("select count(*) from auth.refresh_families").await, 0);
}

async fn live(caller: &Caller, answers: &[Response]) -> usize {
    let mut live = 0;
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        live += usize::from(caller.with_token(answer.token()).check().await.status == 200);
    }
    live
}

#[tokio::test]
async fn of_fifty_refreshes_at_once_each_is_a_tab_that_stays_logged_in() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    let elsewhere = server.another_instance().await;
    let (ada, mut login) = ada(&server).await;
    for round in 0..3 {
        let callers = (0..50).map(|n| ada.at(if n % 2 == 0 { &server } else { &elsewhere }));
        let token = login.refresh_token().to_owned();
        let requests = callers.map(|caller| {
            let token = token.clone();
            async move { Caller::patiently(60, || refresh(&caller, &token)).await }
        });
        let answers = Caller::together(requests).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        assert_eq!(live(&ada, &answers).await, 50, "round {round}");
        assert_eq!(server.number("select count(*) from auth.tokens_cache where family_id is not null").await, 50);
        let newest = server.number("select generation::bigint from auth.refresh_families").await;
        assert_eq!(newest, 51, "each was one exchange");
        login = log_in_from(&server, "ada", "a laptop", true).await.1;
        server.execute("delete from auth.refresh_families where generation > 1").await;
    }
}

#[tokio::test]
async fn without_grace_one_branch_of_fifty_lives() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16"), ("REFRESH_GRACE_SECONDS", "0")]).await;
    let (ada, login) = ada(&server).await;
    let token = login.refresh_token().to_owned();
    let requests = (0..50).map(|_| {
        let (ada, token) = (ada.clone(), token.clone());
        async move { Caller::patiently(60, || refresh(&ada, &token)).await }
    });
    let answers = Caller::together(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(live(&ada, &answers).await, 1);
    assert_eq!(server.number("select count(*) from auth.tokens_cache where family_id is not null").await, 1);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_logged_in() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let a = refresh(&ada, login.refresh_token()).await.ok();
    assert_eq!(ada.with_token(a.token()).check().await.status, 200, "also when the first has been used already");
    let b = refresh(&ada, login.refresh_token()).await.ok();
    assert_ne!(a.refresh_token(), b.refresh_token());
    let (mut tabs, minutes) = ([a, b], [4, 1, 4]);
    for minutes in minutes {
        for tab in &tabs {
            assert_eq!(ada.with_token(tab.token()).check().await.status, 200);
        }
        let list = ada.with_token(tabs[0].token()).get("/auth/sessions").await.ok();
        let of_tabs = list.column("device").iter().filter(|device| **device == json!("a laptop")).count();
        assert_eq!((of_tabs, &list.body[0]["current"]), (1, &json!(true)), "they are one session");
        for tab in &mut tabs {
            server.app.clock.turn(Duration::minutes(minutes));
            *tab = refresh(&ada, tab.refresh_token()).await.ok();
        }
    }
    assert_eq!(server.number("select count(*) from auth.tokens_cache where family_id is not null").await, 2);
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'refresh.replayed'").await, 0);
    ada.with_token(tabs[0].token()).post("/auth/logout", json!({})).await.ok();
    assert_eq!(ada.with_token(tabs[1].token()).check().await.status, 401, "to log out in one is to log out");
    assert_eq!(refresh(&ada, tabs[1].refresh_token()).await.refusal(), REFUSED);
}

#[tokio::test]
async fn after_the_grace_whoever_comes_with_a_token_of_before_ends_all_tabs() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let a = refresh(&ada, login.refresh_token()).await.ok();
    server.app.clock.turn(GRACE - Duration::seconds(1));
    let b = refresh(&ada, login.refresh_token()).await.ok();
    for tab in [&a, &b] {
        assert_eq!(ada.with_token(tab.token()).check().await.status, 200);
    }
    server.app.clock.turn(Duration::seconds(1));
    assert_eq!(refresh(&ada, login.refresh_token()).await.refusal(), REFUSED);
    for tab in [&a, &b] {
        assert_eq!(ada.with_token(tab.token()).check().await.status, 401);
        assert_eq!(refresh(&ada, tab.refresh_token()).await.refusal(), REFUSED);
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'refresh.replayed'").await, 1);
}

#[tokio::test]
async fn a_session_has_so_many_tabs_and_the_oldest_makes_room() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let mut tabs = Vec::new();
    for _ in 0..70 {
        tabs.push(refresh(&ada, login.refresh_token()).await.ok());
    }
    assert_eq!(server.number("select count(*) from auth.tokens_cache where family_id is not null").await, 65);
    assert_eq!(live(&ada, &tabs).await, 65);
    assert_eq!(refresh(&ada, tabs[0].refresh_token()).await.refusal(), REFUSED);
    refresh(&ada, tabs[69].refresh_token()).await.ok();
}

#[tokio::test]
async fn what_an_instance_of_before_has_exchanged_is_not_good_again() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    server
        .execute(
            "update auth.refresh_families set generation = 2, parent = 1;
            insert into auth.refresh_tokens (token, family_id, generation)
            select sha256('another'), id, 2 from auth.refresh_families",
        )
        .await;
    assert_eq!(refresh(&ada, login.refresh_token()).await.refusal(), REFUSED);
    assert_eq!(server.number("select count(*) from auth.refresh_families").await, 0);
}

#[tokio::test]
async fn fifty_refreshes_that_race_the_use_of_what_they_give_leave_one_branch_or_none() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16"), ("REFRESH_GRACE_SECONDS", "0")]).await;
    let (ada, login) = ada(&server).await;
    let token = login.refresh_token().to_owned();
    let requests = (0..50).map(|_| {
        let (ada, token) = (ada.clone(), token.clone());
        async move {
            let answer = refresh(&ada, &token).await;
            if answer.status == 200 {
                ada.with_token(answer.token()).check().await;
            }
            answer
        }
    });
    let answers = Caller::together(requests).await;
    let lives = live(&ada, &answers).await;
    let refused = answers.iter().any(|answer| answer.refusal() == REFUSED);
    assert_eq!(lives, usize::from(!refused), "who comes after the first use ends it all");
}

#[tokio::test]
async fn a_refresh_that_races_the_end_of_everything_leaves_no_session() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    let root = server.administrator().await;
    let person = server.person_with("ada", &[]).await;
    for way in ["logout", "others", "administrator", "password", "removal"] {
        let (ada, login) = log_in_from(&server, "ada", "a laptop", true).await;
        let id = person.id;
        let token = login.refresh_token().to_owned();
        let requests = (0..8).map(|n| {
            let (root, ada, token) = (root.clone(), ada.clone(), token.clone());
            async move {
                match (n, way) {
                    (4, "logout") => ada.post("/auth/logout", json!({})).await,
                    (4, "others") => root.with_token(ada.token()).delete("/auth/sessions").await,
                    (4, "administrator") => root.delete(&format!("/users/{id}/sessions")).await,
                    (4, "password") => {
                        let hash = portero::platform::passwords::PasswordHash::dummy();
                        root.put(&format!("/users/{id}"), json!({"password_hash": hash.as_str()})).await
                    }
                    (4, _) => root.delete(&format!("/users/{id}")).await,
                    _ => refresh(&ada, &token).await,
                }
            }
        });
        let mut answers = Caller::together(requests).await;
        let end = answers.remove(4);
        // A logout whose token a refresh has ended comes too late; and its own session outlives the end of the others.
        let ended = end.status == 200 && way != "others";
        assert!(ended || end.status == 401 || way == "others", "{way}: {end:?}");
        let given = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(live(&root, &answers).await, if ended { 0 } else { given }, "{way}");
        if way == "password" {
            server.execute("update auth.person set password_hash = (select password_hash from auth.person where username = 'root') where username = 'ada'").await;
        }
        server.execute("delete from auth.refresh_families").await;
    }
}

#[tokio::test]
async fn a_family_ends_with_all_that_ends_sessions() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let person = server.person_with("ada", &[]).await;
    let user = format!("/users/{}", person.id);
    for way in ["logout", "password", "psql", "disabled in psql", "removal"] {
        let (ada, login) = log_in_from(&server, "ada", "a laptop", true).await;
        match way {
            "logout" => drop(ada.post("/auth/logout", json!({})).await.ok()),
            "password" => drop(root.put(&user, json!({"password": PASSWORD})).await.ok()),
            "psql" => server.execute("delete from auth.refresh_families").await,
            "disabled in psql" => {
                server.execute("update auth.person set disabled_at = now() where username = 'ada'").await;
            }
            _ => drop(root.delete(&user).await.ok()),
        }
        assert_eq!(ada.check().await.refusal(), (401, "invalid_token"), "{way}");
        assert_eq!(refresh(&ada, login.refresh_token()).await.refusal(), REFUSED, "{way}");
        for table in [
            "select count(*) from auth.refresh_families",
            "select count(*) from auth.refresh_tokens",
            "select count(*) from auth.tokens_cache where family_id is not null",
        ] {
            assert_eq!(server.number(table).await, 0, "{way}");
        }
        server.execute("update auth.person set disabled_at = null where username = 'ada'").await;
    }
}

#[tokio::test]
async fn of_a_session_with_several_tabs_only_the_one_that_ends_the_others_goes_on() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let person = server.person_with("ada", &[]).await;
    for way in ["password", "others"] {
        let (ada, login) = log_in_from(&server, "ada", "a laptop", true).await;
        // Whoever has stolen the token, and comes while it is good for several.
        let thief = refresh(&ada, login.refresh_token()).await.ok();
        let own = refresh(&ada, login.refresh_token()).await.ok();
        let ada = ada.with_token(own.token());
        match way {
            "password" => {
                let change = json!({"current_password": PASSWORD, "new_password": "otra zanahoria 44"});
                ada.post("/auth/change-password", change).await.ok();
            }
            _ => assert_eq!(ada.delete("/auth/sessions").await.ok().body["revoked"], 0, "they were one session"),
        }
        assert_eq!(ada.with_token(thief.token()).check().await.refusal(), (401, "invalid_token"), "{way}");
        for token in [thief.refresh_token(), login.refresh_token()] {
            assert_eq!(refresh(&ada, token).await.refusal(), REFUSED, "{way}");
        }
        assert_eq!(ada.check().await.status, 200, "{way}");
        let next = refresh(&ada, own.refresh_token()).await.ok();
        let lost = refresh(&ada, own.refresh_token()).await.ok();
        for tab in [&next, &lost] {
            assert_eq!(ada.with_token(tab.token()).check().await.status, 200, "{way}");
        }
        root.put(&format!("/users/{}", person.id), json!({"password": PASSWORD})).await.ok();
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'refresh.replayed'").await, 0);
}

#[tokio::test]
async fn a_family_is_one_session_with_one_id_from_login_to_end() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let id = |list: &Response| list.body[0]["id"].clone();
    let first = ada.get("/auth/sessions").await;
    assert_eq!((&first.body[0]["device"], &first.body[0]["current"]), (&json!("a laptop"), &json!(true)));
    server.app.clock.turn(Duration::hours(1));
    let refreshed = refresh(&ada, login.refresh_token()).await.ok();
    let ada = ada.with_token(refreshed.token());
    let second = ada.get("/auth/sessions").await;
    assert_eq!((second.column("id").len(), id(&second)), (1, id(&first)));
    assert_eq!(second.body[0]["created_at"], first.body[0]["created_at"]);
    assert!(second.body[0]["last_seen_at"].as_str() > first.body[0]["last_seen_at"].as_str());
    server.app.clock.turn(Duration::hours(1));
    let elsewhere = server.session_of(ada.id).await;
    let list = elsewhere.get("/auth/sessions").await;
    assert_eq!(list.column("device")[1], "a laptop", "also while it has no access token that is good");
    elsewhere.delete("/auth/sessions").await.ok();
    assert_eq!(refresh(&ada, refreshed.refresh_token()).await.refusal(), REFUSED);
}

#[tokio::test]
async fn a_family_ends_when_it_is_not_refreshed_for_long_and_is_never_older_than_allowed() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let (_, idle) = log_in_from(&server, "ada", "a phone", true).await;
    let mut newest = login;
    for _ in 0..3 {
        server.app.clock.turn(Duration::days(29));
        newest = refresh(&ada, newest.refresh_token()).await.ok();
    }
    assert_eq!(refresh(&ada, idle.refresh_token()).await.refusal(), REFUSED, "30 days without a refresh");
    server.app.clock.turn(Duration::days(3) - Duration::seconds(200));
    let last = refresh(&ada, newest.refresh_token()).await.ok();
    let left = last.body["expires_in"].as_i64().expect("seconds");
    assert!((190..=200).contains(&left), "its access token ends with it: {left}");
    assert_eq!(ada.with_token(last.token()).check().await.body["renewed"], false, "whatever the renewals");
    server.app.clock.turn(Duration::seconds(200));
    assert_eq!(refresh(&ada, last.refresh_token()).await.refusal(), REFUSED);
    assert_eq!(ada.with_token(last.token()).check().await.refusal(), (401, "expired_token"));
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'refresh.replayed'").await, 0);
    assert_eq!(server.number("select count(*) from auth.refresh_families").await, 2, "over before they are purged");
    assert_eq!(walk_families(&server.app).await.expect("a purge"), 2);
    assert_eq!(server.number("select count(*) from auth.refresh_tokens").await, 0);
}

#[tokio::test]
async fn the_purge_walks_through_all_families_and_tells_nobody() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    server
        .execute(
            "insert into auth.refresh_families (public_id, person_id, created_at, rotated_at, generation)
            select md5(n::text), 1, now() - '40 days'::interval, now() - make_interval(days => n % 40), 1
            from generate_series(1, 2000) n",
        )
        .await;
    assert_eq!(walk_families(&server.app).await.expect("a purge"), 500);
    assert_eq!(server.number("select count(*) from auth.refresh_families").await, 1501);
    assert_eq!(server.number("select count(*) from auth.changes").await, 0);
    refresh(&ada, login.refresh_token()).await.ok();
}

#[tokio::test]
async fn only_so_many_old_tokens_of_a_family_are_remembered() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    server.execute("update auth.refresh_families set generation = 501").await;
    server.execute("update auth.refresh_tokens set generation = 501").await;
    server
        .execute(
            "insert into auth.refresh_tokens (token, family_id, generation, exchanged_at)
            select sha256(n::text::bytea), (select id from auth.refresh_families), n, now()
            from generate_series(1, 500) n",
        )
        .await;
    refresh(&ada, login.refresh_token()).await.ok();
    assert_eq!(server.number("select min(generation)::bigint from auth.refresh_tokens").await, 3);
    assert_eq!(server.number("select count(*) from auth.refresh_tokens").await, 500);
}

#[tokio::test]
async fn what_is_not_exactly_a_refresh_token_is_none() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let (own, token) = (login.refresh_token(), login.token());
    let unknown = server.app.new_refresh_token(server.app.clock.now()).expect("a token");
    let hash = hex::encode(portero::base::opaque::refresh_token::RefreshHash::of(own).expect("a token").as_bytes());
    for forged in [
        "",
        " ",
        "prt_",
        &own[..75],
        &own[1..],
        &format!("{own} "),
        &format!(" {own}"),
        &format!("{own}\n"),
        &format!("{own}0"),
        &own.to_uppercase(),
        &own.replace("prt_", "PRT_"),
        &own.replace("prt_", "ptk_"),
        &own.replace("prt_", ""),
        &format!("Bearer {own}"),
        token,
        &token.replace("ptk_", "prt_"),
        &hash,
        unknown.reveal(),
        &"9".repeat(10_000),
    ] {
        assert_eq!(refresh(&ada, forged).await.refusal(), REFUSED, "{forged}");
    }
    for body in [json!({"refresh_token": 7}), json!({"refresh_token": null}), json!({}), json!({"token": own})] {
        assert_eq!(ada.post("/auth/refresh", body).await.refusal(), (400, "invalid_request_body"));
    }
    let bearer = server.anonymous().with_token(own);
    assert_eq!(bearer.check().await.refusal(), (401, "invalid_token"), "it opens nothing else");
    assert_eq!(bearer.get("/auth/sessions").await.refusal(), (401, "invalid_token"));
    let in_header = server.anonymous().send_with(Method::POST, "/auth/refresh", "", |r| r.header("token", own)).await;
    assert_eq!(in_header.refusal(), (400, "invalid_request_body"));
    refresh(&ada, own).await.ok();
}

#[tokio::test]
async fn refreshing_follows_a_new_name_and_keeps_the_device() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    server.execute("update auth.person set name = 'Ada Q.' where username = 'ada'").await;
    let refreshed = refresh(&ada, login.refresh_token()).await.ok();
    assert_eq!(refreshed.body["payload"]["name"], "Ada Q.");
    let list = ada.with_token(refreshed.token()).get("/auth/sessions").await;
    assert_eq!((&list.body[0]["device"], &list.body[0]["client_id"]), (&json!("a laptop"), &json!("web-shop")));
}

#[tokio::test]
async fn whoever_refreshes_without_end_has_to_wait_and_keeps_their_token() {
    let server = Server::on_a_fresh_database().await;
    let (ada, login) = ada(&server).await;
    let mut newest = login.refresh_token().to_owned();
    for _ in 0..200 {
        newest = refresh(&ada, &newest).await.ok().refresh_token().to_owned();
    }
    let told = server.number("select count(*) from auth.changes").await;
    for _ in 0..5 {
        let refused = refresh(&ada, &newest).await;
        assert_eq!(refused.refusal(), (429, "too_many_refreshes"));
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=30).contains(&seconds)));
    }
    assert_eq!(server.number("select count(*) from auth.changes").await, told, "no backend hears of it");
    server.app.clock.turn(Duration::seconds(30));
    newest = refresh(&ada, &newest).await.ok().refresh_token().to_owned();

    let replayed = refresh(&ada, login.refresh_token()).await;
    assert_eq!(replayed.refusal(), (401, "invalid_refresh_token"), "a replay is one also when it comes too often");
    assert_eq!(refresh(&ada, &newest).await.refusal(), (401, "invalid_refresh_token"), "and ends the session");
}
