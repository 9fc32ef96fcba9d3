use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use crate::support::House;

/// A service, and its own table beside.
async fn furnished() -> House {
    let house = House::new().await;
    house.json(&["service", "add", "Shop"]);
    let tables = "
        create type state as enum ('draft', 'paid');
        create table invoice (
            id integer primary key, user_id integer, status varchar(20), tags text[], amount numeric(12, 2),
            state state, at timestamptz, place point
        );
        insert into invoice (id, user_id, status) values (1, 7, 'draft'), (2, 7, 'void'), (3, 8, 'draft'), (4, null, null);
    ";
    house.conn().await.execute(tables).await.expect("tables");
    house
}

#[tokio::test]
async fn policies_are_made_listed_and_removed() {
    let house = furnished().await;
    let said = house.run(&["policy", "add", "invoice", "read", "user_id = auth_user.id", "their own"]);
    assert!(said.code == 0 && said.out.contains("Created policy 1: read on invoice."), "{said:?}");
    assert!(said.err.contains("from now on policies decide"), "{said:?}");
    assert!(house.run(&["policy", "add", "invoice", "read", "user_id = auth_user.id"]).out.contains("Already exists"));
    let second = house.json(&["policy", "add", "all", "all", "", "--restrictive", "--service", "Shop"]);
    assert_eq!((&second["effect"], &second["expression"]), (&json!("restrictive"), &json!("")));
    let list = house.json(&["policy", "list"]);
    assert_eq!((list.as_array().map(Vec::len), &list[0]["description"]), (Some(2), &json!("their own")));
    assert!(house.run(&["policy", "list"]).out.contains("user_id = auth_user.id"));
    house.json(&["policy", "remove", "2"]);
    house.run(&["policy", "remove", "2"]).refused(&["no policy 2"]);
    house.run(&["policy", "add", "invoice", "read", "user_id ="]).refused(&["line 1"]);
    assert_eq!(house.told("policy.created").await.len(), 2);

    house.json(&["service", "add", "Bank"]);
    house.run(&["policy", "remove", "1", "--service", "Bank"]).refused(&["policy 1", "`Bank`", "`Shop`"]);
    let said = house.run(&["policy", "remove", "1", "--service", "Shop"]);
    assert!(said.code == 0 && said.err.contains("from now on permissions decide"), "{said:?}");
    house.run(&["policy", "list"]).refused(&["--service"]);
    let bank = house.json(&["policy", "enable", "--service", "Bank"]);
    assert_eq!((&bank["policies"], &bank["settings"]["policies_decide"]), (&json!(3), &json!(true)));
    assert_eq!(house.json(&["policy", "disable", "--service", "Bank"])["settings"]["policies_decide"], false);
}

#[tokio::test]
async fn a_service_declares_the_tables_of_its_own_database() {
    let house = furnished().await;
    let declare = ["policy", "schema", "--from", &house.url, "--table", "invoice"];
    let shown = house.json(&[&declare[..], &["--dry-run"]].concat());
    assert_eq!(house.number("select count(*) from auth.resource_types").await, 0, "a dry run");
    assert_eq!(house.json(&declare), shown);
    assert_eq!(
        shown[0]["columns"],
        json!({
            "id": "integer", "user_id": "integer", "status": "text", "tags": "text[]", "amount": "numeric",
            "state": "text", "at": "timestamptz",
        })
    );
    assert_eq!(shown[0]["left_out"], json!(["place point"]));
    house.run(&["policy", "add", "invoice", "read", "owner = auth_user.id"]).refused(&["owner"]);
    house.json(&["policy", "add", "invoice", "read", "user_id = auth_user.id and 'a' = any(tags)"]);
    house.run(&["policy", "schema", "--from", &house.url, "--table", "nosuch"]).refused(&["`nosuch`"]);
    house.run(&["policy", "schema", "--from", "mysql://x"]).refused(&["postgres://"]);
}

#[tokio::test]
async fn its_own_postgres_enforces_what_is_exported() {
    let house = furnished().await;
    house.json(&["policy", "add", "invoice", "read", "user_id = auth_user.id or auth_user.is_admin"]);
    house.json(&["policy", "add", "invoice", "read", "'Clerk' = any(auth_user.roles) and status = 'draft'"]);
    house.json(&["policy", "add", "invoice", "all", "status is distinct from 'void'", "--restrictive"]);
    house.json(&["policy", "add", "invoice", "update", "user_id = auth_user.id"]);
    let exported = house.run(&["policy", "export", "--row-security", "Shop"]);
    for named in [vec!["--service", "Shop"], vec![]] {
        assert_eq!(house.run(&[&["policy", "export", "--row-security"][..], &named].concat()).out, exported.out);
    }
    assert_eq!(exported.code, 0, "{exported:?}");
    let mut conn = house.conn().await;
    for _ in 0..2 {
        conn.execute(AssertSqlSafe(exported.out.clone())).await.expect("statements that may be run again");
    }
    let role = format!("clerk_{}", std::process::id());
    let make =
        format!("create role {role}; grant select, update, insert, delete on invoice to {role}; set role {role}");
    conn.execute(AssertSqlSafe(make)).await.expect("a role that row security holds");
    for (settings, rows) in [
        (vec![], vec![]),
        (vec![("user_id", "7")], vec![1]),
        (vec![("user_id", "8"), ("roles", r#"["Clerk"]"#)], vec![1, 3]),
        (vec![("user_id", "9"), ("is_admin", "true")], vec![1, 3, 4]),
    ] {
        for name in ["user_id", "roles", "is_admin"] {
            let value = settings.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| *value);
            let set = sqlx::query("select set_config('portero.' || $1, $2, false)").bind(name).bind(value);
            set.execute(&mut conn).await.expect("a setting");
        }
        let kept: Vec<i32> =
            sqlx::query_scalar("select id from invoice order by id").fetch_all(&mut conn).await.expect("rows");
        assert_eq!(kept, rows, "{settings:?}");
    }
    let set =
        sqlx::query("select set_config('portero.user_id', '7', false), set_config('portero.is_admin', '', false)");
    set.execute(&mut conn).await.expect("settings");
    let changed = sqlx::query("update invoice set amount = 1").execute(&mut conn).await.expect("an update");
    assert_eq!(changed.rows_affected(), 1);
    assert!(
        sqlx::query("update invoice set user_id = 8").execute(&mut conn).await.is_err(),
        "it may not be given away"
    );
    assert!(
        sqlx::query("insert into invoice (id) values (9)").execute(&mut conn).await.is_err(),
        "no policy is about it"
    );
    let clean = format!("reset role; drop owned by {role}; drop role {role}");
    conn.execute(AssertSqlSafe(clean)).await.expect("as it was");
}

#[tokio::test]
async fn what_is_exported_again_replaces_what_was_exported_before() {
    let house = furnished().await;
    house.json(&["policy", "add", "invoice", "read", "true"]);
    house.json(&["policy", "add", "invoice", "approve", "auth_user.is_admin"]);
    // It is a type, and no table here; its text would end a block of statements.
    house.json(&["policy", "add", "letter", "read", "title = '$portero$ $portero1$'"]);
    let mut conn = house.conn().await;
    let exported = house.run(&["policy", "export", "--row-security", "Shop"]);
    assert!(exported.out.contains("Postgres does not enforce: approve"), "{exported:?}");
    conn.execute(AssertSqlSafe(exported.out)).await.expect("statements");
    let policies = "select count(*) from pg_policies where policyname like 'portero%select'";
    assert_eq!(house.number(policies).await, 1);
    for id in ["1", "2", "3"] {
        house.run(&["policy", "remove", id]);
    }
    house.json(&["policy", "add", "invoice", "update", "user_id = auth_user.id"]);
    let exported = house.run(&["policy", "export", "--row-security", "Shop"]);
    conn.execute(AssertSqlSafe(exported.out)).await.expect("statements");
    assert_eq!(house.number(policies).await, 0, "what was removed permits nothing any more");
}

#[tokio::test]
async fn a_view_is_a_type_and_left_out_where_row_security_is_turned_on() {
    let house = furnished().await;
    let more = "
        create view mine as select * from invoice;
        create materialized view kept as select * from invoice;
        create table visit (id integer, user_id integer) partition by range (id);
    ";
    let mut conn = house.conn().await;
    conn.execute(more).await.expect("no plain tables");
    house.json(&["policy", "add", "all", "read", "user_id = auth_user.id", "--service", "Shop"]);
    let wanted = ["invoice", "mine", "kept", "visit"].map(|table| ["--table", table]).concat();
    house.json(&[&["policy", "schema", "--from", &house.url][..], &wanted].concat());
    let exported = house.run(&["policy", "export", "--row-security", "Shop"]);
    conn.execute(AssertSqlSafe(exported.out)).await.expect("statements, though one is about a view");
    let held: Vec<String> = sqlx::query_scalar("select tablename::text from pg_policies order by tablename")
        .fetch_all(&mut conn)
        .await
        .expect("policies");
    assert_eq!(held, ["invoice", "visit"]);
}

#[tokio::test]
async fn all_policies_that_its_postgres_can_not_enforce_are_named() {
    let house = furnished().await;
    house.json(&["policy", "add", "invoice", "read", "user_id = auth_user.id"]);
    house.json(&["policy", "add", "invoice", "read", "lower(at::text) = 'x'"]);
    house.json(&["policy", "add", "letter", "update", "sent < due"]);
    house.json(&["policy", "add", "all", "all", "a > b"]);
    let said = house.run(&["policy", "export", "--row-security", "Shop"]);
    said.refused(&["policy 3 (update on letter):", "policy 4 (all on all), for `invoice`:"]);
    assert_eq!(said.err.matches("policy 4").count(), 1, "{said:?}");
    assert!(!said.err.contains("policy 1 "), "{said:?}");
}
