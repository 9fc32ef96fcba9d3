//! What backends are told, and which of them: every kind of change, whoever makes it.

use serde_json::{Value, json};

use crate::support::{Caller, Event, PASSWORD_HASH, Server, Stream};

/// A backend of service 4, where juan is Viewer, and one of service 1, which has nothing to do with him.
struct Listeners {
    four: Stream,
    one: Stream,
}

impl Listeners {
    async fn of(server: &Server) -> Self {
        let mut four = server.backend(4).await.listen(None).await;
        let mut one = server.backend(1).await.listen(None).await;
        assert_eq!(four.expect("ready").await.data, json!({"service_id": 4}));
        assert_eq!(one.expect("ready").await.data, json!({"service_id": 1}));
        Self { four, one }
    }

    /// Both hear the same.
    async fn both(&mut self, name: &'static str) -> Value {
        let (four, one) = (self.four.expect(name).await, self.one.expect(name).await);
        assert_eq!(four, one);
        told_just_now(&four);
        four.data
    }

    /// Service 4 hears of somebody's grants there, or of everybody's.
    async fn four(&mut self, person: Option<i32>) {
        let event = self.four.expect("grants-changed").await;
        told_just_now(&event);
        assert_eq!(event.data["service_id"], 4);
        assert_eq!(event.data.get("user_id"), person.map(Value::from).as_ref(), "{event:?}");
    }

    async fn silence(&mut self) {
        self.four.silence().await;
        self.one.silence().await;
    }
}

fn told_just_now(event: &Event) {
    let at = event.data["event_timestamp"].as_i64().expect("seconds");
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    assert!((now - 20..=now).contains(&at), "{event:?}");
}

#[tokio::test]
async fn a_session_that_is_revoked_is_told_to_all_under_the_id_that_checks_gave() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let id = juan.check().await.body["session_id"].clone();
    assert_eq!(juan.get("/auth/profile").await.body["session_id"], id);
    let text = id.as_str().expect("an id");
    assert!(text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
    let stored: Vec<u8> =
        sqlx::query_scalar("select token from auth.tokens_cache").fetch_one(server.app.db.pool()).await.expect("a row");
    assert!(!hex::encode(stored).contains(&text[..8]) && !juan.token().contains(&text[..8]), "it leads to neither");

    let mut listeners = Listeners::of(&server).await;
    juan.post("/auth/logout", json!({})).await.ok();
    let told = listeners.both("session-revoked").await;
    assert_eq!((&told["session_id"], &told["user_id"]), (&id, &json!(7)));
    listeners.silence().await;
}

#[tokio::test]
async fn a_login_tells_which_session_it_began() {
    let server = Server::on_the_demo_data().await;
    let login = server.anonymous().log_in("juan", "juan-hash").await.ok();
    let check = server.anonymous().with_token(login.token()).check().await;
    assert_eq!(login.body["session_id"], check.body["session_id"]);
}

#[tokio::test]
async fn all_the_sessions_of_a_person_end_one_by_one() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for change in ["password", "disable", "remove"] {
        server.execute("update auth.person set disabled_at = null where id = 7").await;
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(server.session_of(7).await.check().await.body["session_id"].clone());
        }
        let mut listeners = Listeners::of(&server).await;
        match change {
            "password" => {
                let password = json!({"password_hash": PASSWORD_HASH.as_str()});
                adm1.put("/users/7", password).await.ok();
            }
            "disable" => server.execute("update auth.person set disabled_at = now() where id = 7").await,
            _ => {
                adm1.delete("/users/7").await.ok();
            }
        }
        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(listeners.both("session-revoked").await["session_id"].clone());
        }
        sessions.sort_by_key(Value::to_string);
        told.sort_by_key(Value::to_string);
        assert_eq!(told, sessions, "{change}");
        if change == "remove" {
            listeners.four(Some(7)).await;
            assert_eq!(listeners.both("account-purged").await["user_id"], 7);
        }
        listeners.silence().await;
    }
}

#[tokio::test]
async fn sessions_that_ended_by_themselves_are_not_told() {
    let server = Server::on_the_demo_data().await;
    server.demo("juan").await;
    let mut listeners = Listeners::of(&server).await;
    server.app.clock.turn(time::Duration::hours(1));
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    assert_eq!(portero::gate::sessions::walk(&server.app).await.expect("a purge"), 1);
    let juan = server.demo("juan").await;
    juan.check().await.ok();
    listeners.silence().await;
    sqlx::query("delete from auth.tokens_cache").execute(&mut *conn).await.expect("an end before its time");
    listeners.both("session-revoked").await;
}

#[tokio::test]
async fn neither_logins_nor_checks_nor_renewals_write_to_the_log() {
    let server = Server::on_the_demo_data().await;
    let before = server.number("select count(*) from auth.changes").await;
    let login = server.anonymous().log_in("juan", "juan-hash").await.ok();
    let juan = server.anonymous().with_token(login.token());
    server.app.clock.turn(time::Duration::seconds(285));
    assert_eq!(juan.check().await.body["renewed"], true);
    assert_eq!(server.number("select count(*) from auth.changes").await, before);
}

#[tokio::test]
async fn a_new_name_is_told_to_all() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let mut listeners = Listeners::of(&server).await;
    for change in [json!({"name": "Juan the Second"}), json!({"username": "juan2"})] {
        adm1.put("/users/7", change).await.ok();
        assert_eq!(listeners.both("token-claims-change").await["user_id"], 7);
    }
    adm1.put("/users/7", json!({"name": "Juan the Second", "document_number": "99999999"})).await.ok();
    listeners.silence().await;
}

#[tokio::test]
async fn grants_are_told_to_their_service_alone() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let mut listeners = Listeners::of(&server).await;
    let grant = json!({"person_id": 7, "service_id": 4, "role_id": "Editor"});
    let direct = json!({"person_id": 7, "service_id": 4, "permission_name": "share"});
    adm1.post("/person-service-roles", grant.clone()).await.ok();
    listeners.four(Some(7)).await;
    adm1.post("/person-service-roles", grant.clone()).await.ok();
    listeners.four.silence().await;
    adm1.delete_with("/person-service-roles", grant).await.ok();
    listeners.four(Some(7)).await;
    adm1.post("/person-service-permissions", direct.clone()).await.ok();
    listeners.four(Some(7)).await;
    listeners.four(Some(7)).await;
    adm1.delete_with("/person-service-permissions", direct).await.ok();
    listeners.four(Some(7)).await;
    listeners.four(Some(7)).await;
    listeners.silence().await;
    server.execute("update auth.person_service_role set person_id = 6 where person_id = 7").await;
    let mut both =
        [listeners.four.event().await, listeners.four.event().await].map(|event| event.data["user_id"].clone());
    both.sort_by_key(Value::to_string);
    assert_eq!(both, [6, 7], "who had it and who has it");
    listeners.silence().await;
}

#[tokio::test]
async fn what_a_role_means_is_told_wherever_somebody_holds_it() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let mut listeners = Listeners::of(&server).await;
    // Editor is held in 3 and 4, not in 1.
    let link = json!({"role_id": "Editor", "permission_id": "share"});
    adm1.post("/role-permissions", link.clone()).await.ok();
    listeners.four(None).await;
    adm1.put("/permissions/5", json!({"name": "lend"})).await.ok();
    listeners.four(None).await;
    adm1.delete_with("/role-permissions", json!({"role_id": "Editor", "permission_id": "lend"})).await.ok();
    listeners.four(None).await;
    adm1.put("/roles/3", json!({"name": "Redactor"})).await.ok();
    listeners.four(None).await;
    adm1.post("/service-roles", json!({"service_id": 1, "role_id": "Redactor"})).await.ok();
    adm1.put("/roles/3", json!({"name": "Editor"})).await.ok();
    listeners.four(None).await;
    listeners.silence().await;
    // Deleted permissions that roles carry, and one that nobody carries.
    adm1.delete("/permissions/5").await.ok();
    listeners.silence().await;
    adm1.delete("/permissions/3").await.ok();
    listeners.four(None).await;
    assert_eq!(listeners.one.expect("grants-changed").await.data["service_id"], 1);
    listeners.silence().await;
}

#[tokio::test]
async fn a_role_that_goes_is_told_to_those_who_lose_it() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for goes in ["withdrawn", "deleted"] {
        let mut listeners = Listeners::of(&server).await;
        let mut losers: Vec<i64> = if goes == "withdrawn" {
            adm1.delete_with("/service-roles", json!({"service_id": 4, "role_id": "Editor"})).await.ok();
            vec![12, 13]
        } else {
            adm1.delete("/roles/4").await.ok();
            vec![7, 14, 15]
        };
        while !losers.is_empty() {
            let told = listeners.four.expect("grants-changed").await.data["user_id"].as_i64().expect("somebody");
            assert!(losers.contains(&told), "{goes}: {told}");
            losers.retain(|loser| *loser != told);
        }
        listeners.silence().await;
    }
}

#[tokio::test]
async fn the_end_of_a_service_is_told_to_it_and_ends_its_streams() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let backend = server.backend(4).await;
    let mut listeners = Listeners::of(&server).await;
    let mut another = backend.at(&server.another_instance().await).listen(None).await;
    another.expect("ready").await;
    adm1.delete("/services/4").await.ok();
    for stream in [&mut listeners.four, &mut another] {
        for _ in 0..9 {
            assert_eq!(stream.expect("grants-changed").await.data["service_id"], 4);
        }
        stream.end().await;
    }
    listeners.one.silence().await;
    assert_eq!(backend.get("/changes").await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_crowd_is_told_as_everybody() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.person (username, name, password_hash)
             select 'extra' || n, 'Extra', '' from generate_series(1, 150) n",
        )
        .await;
    let mut listeners = Listeners::of(&server).await;
    server
        .execute("insert into auth.person_service_role select id, 4, 1 from auth.person where username like 'extra%'")
        .await;
    listeners.four(None).await;
    server.execute("delete from auth.person_service_role where service_id = 4 and role_id = 1").await;
    listeners.four(None).await;
    listeners.silence().await;
}

#[tokio::test]
async fn more_than_a_thousand_things_at_once_are_told_as_a_reset() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.person (username, name, password_hash)
             select 'extra' || n, 'Extra', '' from generate_series(1, 1100) n;
             insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at)
             select sha256(username::bytea), id, '{}', now(), now() from auth.person",
        )
        .await;
    let mut listeners = Listeners::of(&server).await;
    server.execute("delete from auth.tokens_cache where person_id > 50").await;
    assert_eq!(listeners.both("reset").await["reason"], "too_much");
    listeners.silence().await;
    server.execute("update auth.person set name = 'Other' where id > 5").await;
    for _ in 0..1000 {
        listeners.both("token-claims-change").await;
    }
    listeners.both("reset").await;
    listeners.silence().await;
    for table in ["tokens_cache", "person_service_role", "role_permission"] {
        let truncate = sqlx::AssertSqlSafe(format!("truncate auth.{table}"));
        sqlx::raw_sql(truncate).execute(server.app.db.pool()).await.expect("an empty table");
        listeners.both("reset").await;
    }
    listeners.silence().await;
}

#[tokio::test]
async fn too_many_grants_at_once_are_told_to_their_service_and_to_no_other() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.person (username, name, password_hash)
             select 'extra' || n, 'Extra', '' from generate_series(1, 1100) n",
        )
        .await;
    let mut listeners = Listeners::of(&server).await;
    server
        .execute(
            "do $$
             declare p integer;
             begin
                 for p in select id from auth.person where username like 'extra%' order by id loop
                     insert into auth.person_service_role (person_id, service_id, role_id) values (p, 4, 1);
                 end loop;
             end $$",
        )
        .await;
    for _ in 0..1000 {
        listeners.four.expect("grants-changed").await;
    }
    let rest = listeners.four.expect("grants-changed").await;
    assert_eq!(rest.data.get("user_id"), None, "everybody there");
    listeners.silence().await;
}

#[tokio::test]
async fn too_many_sessions_of_a_few_are_told_as_all_about_those() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at)
             select sha256((id || '-' || n)::bytea), id, '{}', now(), now()
             from auth.person, generate_series(1, 700) n where id in (6, 7)",
        )
        .await;
    let mut listeners = Listeners::of(&server).await;
    server.execute("delete from auth.tokens_cache where person_id in (6, 7)").await;
    let mut people = Vec::new();
    for _ in 0..2 {
        people.push(listeners.both("token-claims-change").await["user_id"].clone());
    }
    people.sort_by_key(Value::as_i64);
    assert_eq!(people, [6, 7]);
    listeners.silence().await;
}

#[tokio::test]
async fn an_ordinary_person_makes_nobody_forget_all_they_keep() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for _ in 0..150 {
        server.session_of(juan.id).await;
    }
    let keeps = server.session_of(juan.id).await;
    let mut listeners = Listeners::of(&server).await;
    assert_eq!(keeps.delete("/auth/sessions").await.ok().body["revoked"], 99);
    for _ in 0..99 {
        listeners.both("session-revoked").await;
    }
    listeners.silence().await;
}

#[tokio::test]
async fn what_is_rolled_back_is_told_to_nobody() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let mut listeners = Listeners::of(&server).await;
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("delete from auth.tokens_cache").execute(&mut *tx).await.expect("an end");
    tx.rollback().await.expect("not after all");
    listeners.silence().await;
    juan.post("/auth/logout", json!({})).await.ok();
    listeners.both("session-revoked").await;
}

#[tokio::test]
async fn a_backend_that_keeps_answers_as_the_documentation_says_is_never_wrong_for_long() {
    let server = Server::on_the_demo_data().await;
    let (adm1, backend, juan) = (server.demo("adm1").await, server.backend(4).await, server.demo("juan").await);
    let mut stream = backend.listen(None).await;
    stream.expect("ready").await;
    let ask = async || juan.post("/check-token", json!({"service_id": 4})).await;
    let mut kept = ask().await.body;
    let drops = |kept: &Value, event: &Event| {
        let about = |field: &str, of: &Value| event.data[field] == *of;
        match event.name.as_str() {
            "session-revoked" => about("session_id", &kept["session_id"]),
            "grants-changed" => event.data.get("user_id").is_none() || about("user_id", &kept["payload"]["user_id"]),
            "token-claims-change" | "account-purged" => about("user_id", &kept["payload"]["user_id"]),
            _ => true,
        }
    };
    let acts: [(&str, &Caller, &str, Value); 4] = [
        ("POST", &adm1, "/person-service-roles", json!({"person_id": 7, "service_id": 4, "role_id": "Admin"})),
        ("PUT", &adm1, "/roles/1", json!({"name": "Chief"})),
        ("PUT", &adm1, "/users/7", json!({"name": "Juan, Chief"})),
        ("POST", &juan, "/auth/logout", json!({})),
    ];
    for (method, by, path, body) in acts {
        by.send(method.parse().expect("a method"), path, &body.to_string()).await.ok();
        while !drops(&kept, &stream.event().await) {}
        let fresh = ask().await.body;
        assert_ne!(fresh, kept, "after {path}");
        kept = fresh;
    }
    assert_eq!(kept["error"], "invalid_token");
}
