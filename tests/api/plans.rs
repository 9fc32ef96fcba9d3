//! No statement walks through a table that grows with the people: each is explained on a world large enough for Postgres
//! to prefer an index wherever there is one, once for any parameters and once for likely ones.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use time::OffsetDateTime;

use crate::support::{Data, TestDatabase};

#[path = "../../benches/world/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the figures need more of it")]
mod world;

const PEOPLE: i32 = 20_000;

/// The tables that grow with the people.
const BIG: &[&str] = &["person", "person_service_role", "role", "role_permission", "service_roles", "tokens_cache"];

/// Statements that may walk through all of a big table. This list should only ever shrink.
const EXCEPTIONS: &[Exception] = &[
    Exception { statement: "setval('auth.person_id_seq'", table: "role", _reason: "an import, once, at its end" },
    Exception {
        statement: "left join auth.role by_name",
        table: "role",
        _reason: "an import, once, at its beginning: it compares all roles with all",
    },
    Exception {
        statement: "from auth.vocabulary",
        table: "role",
        _reason: "the vocabulary is loaded on a lane, where Postgres is told to prefer an index whatever it believes",
    },
];

struct Exception {
    /// What the statement contains.
    statement: &'static str,
    table: &'static str,
    /// Why it may.
    _reason: &'static str,
}

impl Exception {
    fn is_about(&self, sql: &str, table: &str) -> bool {
        sql.contains(self.statement) && table == self.table
    }
}

/// Everybody has one, so that their roles are as many as the people.
const DIRECT_GRANTS: &str = "
    insert into auth.role (name, direct_person_id, direct_service_id)
    select format('direct:%s:200', id), id, 200 from auth.person;
    insert into auth.service_roles (service_id, role_id)
    select 200, id from auth.role where direct_service_id = 200;
    insert into auth.role_permission (role_id, permission_id)
    select id, 1 + id % 500 from auth.role where direct_service_id = 200;
    insert into auth.person_service_role (person_id, service_id, role_id)
    select direct_person_id, 200, id from auth.role where direct_service_id = 200;
    analyze;
";

#[tokio::test]
async fn no_statement_walks_through_a_big_table() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    world::fill(&mut conn, world::World { people: PEOPLE }, OffsetDateTime::now_utc()).await.expect("a world");

    sqlx::raw_sql(DIRECT_GRANTS).execute(&mut conn).await.expect("direct grants");

    let mut faults = BTreeSet::new();
    let mut needed = BTreeSet::new();
    for statement in statements() {
        for mode in ["generic", "custom"] {
            let plan = explain(&mut conn, &statement, mode).await;
            let mut walks = BTreeSet::new();
            find_walks(&plan, &mut walks);
            for table in walks {
                match EXCEPTIONS.iter().position(|exception| exception.is_about(&statement.sql, &table)) {
                    Some(exception) => drop(needed.insert(exception)),
                    None => drop(faults.insert(format!("all of {table}, by a {mode} plan of\n{}", statement.sql))),
                }
            }
        }
    }

    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n\n"));
    assert_eq!(needed.len(), EXCEPTIONS.len(), "exceptions that are not needed any more");
}

#[tokio::test]
async fn the_world_of_the_figures_holds_together() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    world::fill(&mut conn, world::World { people: 500 }, OffsetDateTime::now_utc()).await.expect("a world");

    // It was filled without asking the foreign keys: now they are asked, one by one.
    let keys: Vec<(String, String, String)> = sqlx::query_as(
        "select conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'",
    )
    .fetch_all(&mut conn)
    .await
    .expect("foreign keys");
    assert!(!keys.is_empty());
    for (table, name, definition) in keys {
        let again = format!("alter table {table} drop constraint {name}, add constraint {name} {definition}");
        conn.execute(AssertSqlSafe(again)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

struct Statement {
    sql: String,
    kinds: Vec<String>,
}

/// All that the macros have checked.
fn statements() -> Vec<Statement> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = fs::read_dir(directory).expect("the offline query data").map(|entry| entry.expect("an entry").path());
    let statements: Vec<Statement> = files.map(|path| statement(&fs::read(path).expect("a file"))).collect();
    assert!(statements.len() > 50);
    statements
}

fn statement(file: &[u8]) -> Statement {
    let file: Value = serde_json::from_slice(file).expect("JSON");
    let parameters = file["describe"]["parameters"]["Left"].as_array().expect("parameters");
    Statement {
        sql: file["query"].as_str().expect("a query").to_owned(),
        kinds: parameters
            .iter()
            .map(|kind| kind.as_str().or(kind["Custom"]["name"].as_str()).expect("a type").to_owned())
            .collect(),
    }
}

/// A likely value of a type.
fn sample(kind: &str) -> &'static str {
    match kind {
        "Int4" => "777",
        "Int8" => "101",
        "Int4Array" => "array[777, 778]",
        "Text" => "'ba'",
        "TextArray" => "array['ba', 'be']",
        "Bytea" => "sha256('a token')",
        "ByteaArray" => "array[sha256('a token'), sha256('another')]",
        "Timestamptz" => "now() - interval '1 hour'",
        "Bool" => "true",
        _ => "null",
    }
}

async fn explain(conn: &mut PgConnection, statement: &Statement, mode: &str) -> Value {
    let Statement { sql, kinds } = statement;
    let list = |items: Vec<String>| if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) };
    let types = kinds.iter().map(|kind| kind.strip_suffix("Array").map_or(kind.clone(), |of| format!("{of}[]")));
    let is_address = |n: usize| sql.contains(&format!("${n}::text::inet"));
    let values = kinds
        .iter()
        .zip(1..)
        .map(|(kind, n)| if mode == "custom" && !is_address(n) { sample(kind) } else { "null" }.to_owned());
    let prepare = format!("prepare one{} as {sql}", list(types.collect()));
    let explain = format!("explain (format json) execute one{}", list(values.collect()));

    conn.execute(AssertSqlSafe(format!("set plan_cache_mode = force_{mode}_plan"))).await.expect("a setting");
    conn.execute(AssertSqlSafe(prepare)).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    let plan = sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_one(&mut *conn).await;
    conn.execute("deallocate one").await.expect("it was prepared");
    plan.unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// Big tables of which all is read: row by row, or through an index without a condition.
fn find_walks(plan: &Value, walks: &mut BTreeSet<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| find_walks(part, walks)),
        Value::Object(node) => {
            let kind = node.get("Node Type").and_then(Value::as_str).unwrap_or_default();
            let table = node.get("Relation Name").and_then(Value::as_str).unwrap_or_default();
            // A bitmap's own scan says by which index, and under which condition.
            let is_bounded = ["Index Cond", "TID Cond", "Recheck Cond"].iter().any(|cond| node.contains_key(*cond));
            let scans = kind.ends_with("Scan") && !is_bounded;
            if scans && BIG.contains(&table) {
                walks.insert(table.to_owned());
            }
            node.values().for_each(|part| find_walks(part, walks));
        }
        _ => {}
    }
}
