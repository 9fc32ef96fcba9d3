//! The predecessor's database, in its own schema.

use serde_json::json;
use sqlx::Executor;

use crate::support::House;

const SCHEMA: &str = "
create schema auth;
create type auth.person_type as enum ('N', 'J');
create type auth.document_type as enum ('DNI', 'CE', 'RUC');
create table auth.person (
    id serial primary key, username varchar(50) unique not null, password_hash text not null, name text not null,
    person_type auth.person_type, document_type auth.document_type, document_number varchar(20),
    created_at bigint, removed_at bigint
);
create table auth.role (id serial primary key, name text unique not null);
create table auth.permission (id serial primary key, name text unique not null);
create table auth.services (id serial primary key, name text not null, description text, status boolean default true);
create table auth.service_roles (service_id int, role_id int, primary key (service_id, role_id));
create table auth.role_permission (role_id int, permission_id int, primary key (role_id, permission_id));
create table auth.person_service_role (person_id int, service_id int, role_id int);
";

const ROWS: &str = "
insert into auth.person values
    (1, 'ana', '{ana}', 'Ana', 'N', 'DNI', '1', 1600000000, null),
    (2, 'bea', '{bea}', 'Bea', 'J', 'RUC', '2', 1600000000, null),
    (7, 'old', 'gone', E'control\\x01', null, null, null, 1600000000, 1700000000),
    (90, 'cid', '{ana}', 'Cid', null, null, null, null, null);
insert into auth.services values (1, 'Shop', 'Sells', true), (2, 'Closed', null, false), (40, 'Desk', '', true);
insert into auth.role values (1, 'Admin'), (2, 'User'), (30, 'direct:2:40'), (31, 'direct:7:1'), (32, 'direct:1:2');
insert into auth.permission values (1, 'read'), (2, 'write'), (50, 'share');
insert into auth.role_permission values (1, 1), (1, 2), (2, 1), (30, 50), (31, 1), (2, 999);
insert into auth.service_roles values (1, 1), (2, 1), (40, 30);
insert into auth.person_service_role values
    (1, 1, 1), (1, 1, 1), (2, 40, 30), (2, 40, 2), (2, 2, 1), (7, 1, 1), (90, 1, 0);
";

fn bcrypt(password: &str) -> String {
    bcrypt::hash_with_result(password, 4).expect("a hash").format_for_version(bcrypt::Version::TwoY)
}

async fn predecessor(more: &'static str) -> House {
    let old = House::empty().await;
    let rows = ROWS.replace("{ana}", &bcrypt("anas old password")).replace("{bea}", &bcrypt("beas old password"));
    let mut conn = old.conn().await;
    conn.execute(SCHEMA).await.expect("the old schema");
    conn.execute(sqlx::AssertSqlSafe(rows)).await.expect("the old rows");
    conn.execute(more).await.expect("more rows");
    old
}

#[tokio::test]
async fn everybody_logs_in_as_before_and_holds_the_same() {
    let (old, house) = (predecessor("").await, House::new().await);
    let dry = house.json(&["user", "import", "--from-database", &old.url, "--dry-run"]);
    assert_eq!((&dry["people"], &dry["imported"]), (&json!(4), &json!(false)));
    assert_eq!(house.number("select count(*) from auth.person").await, 0);

    // The URL may hold a password: not as an argument.
    let vars = [("IMPORT_DATABASE_URL", old.url.as_str())];
    let said = house.run_with(&["user", "import", "--from-database", "-", "--json"], "", &vars);
    assert_eq!(said.code, 0, "{said:?}");
    let summary = said.json();
    for (what, number) in [
        ("people", 4),
        ("removed_people", 1),
        ("services", 3),
        ("removed_services", 1),
        ("roles", 3),
        ("direct_roles", 1),
        ("permissions", 3),
        ("role_permissions", 4),
        ("service_roles", 3),
        ("offers_made", 1),
        ("grants", 3),
        ("left_out", 8),
    ] {
        assert_eq!(summary[what], number, "{what} in {summary}");
    }
    assert!(said.err.contains("portero admin add"), "{said:?}");

    assert!(house.log_in("ana", "anas old password").await.is_some());
    assert!(house.log_in("ana", "beas old password").await.is_none());
    assert!(house.log_in("bea", "beas old password").await.is_some(), "and again, with the new hash");
    assert_eq!(house.number("select count(*) from auth.person where password_hash like '$argon2id$%'").await, 2);
    let bea = house.json(&["user", "show", "2"]);
    assert_eq!(bea["created_at"], "2020-09-13T12:26:40Z");
    assert_eq!(bea["grants"][0]["role"], "User");
    assert_eq!((&bea["grants"][1]["direct"], &bea["grants"][1]["permissions"]), (&json!(true), &json!(["share"])));
    house.run(&["user", "show", "7"]).refused(&["no user"]);
    house.run(&["service", "remove", "Closed"]).refused(&["no service"]);
    house.json(&["grant", "remove", "bea", "Desk", "--permission", "share"]);

    assert_eq!(house.json_with(&["user", "add", "new", "--name", "New"], "correct horse\n")["id"], 91);
    assert_eq!(house.json(&["service", "add", "Closed"])["id"], 41);
    assert_eq!(house.json(&["role", "add", "New"])["id"], 33);
    assert_eq!(house.json(&["permission", "add", "new"])["id"], 51);

    // Twice would be too often: every row is in its own way.
    let said = house.run(&["user", "import", "--from-database", &old.url]);
    said.refused(&["person 1 (ana): its id is taken here by `ana`", "service 40 (Desk)", "role 1 (Admin)"]);
}

#[tokio::test]
async fn an_older_version_lacks_some_columns() {
    let old = predecessor(
        "delete from auth.person where id = 7;
         alter table auth.person drop created_at, drop removed_at, drop person_type;
         alter table auth.services drop status, drop description",
    )
    .await;
    let house = House::new().await;
    let said = house.run_with(&["user", "import", "--from-database", "-", "--json"], &format!("{}\n", old.url), &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!((&said.json()["people"], &said.json()["removed_services"]), (&json!(3), &json!(0)));
    assert!(house.run(&["user", "show", "ana"]).out.contains("DNI 1"));
}

#[tokio::test]
async fn everything_that_can_not_come_along_is_named_and_nothing_does() {
    let old = predecessor(
        "insert into auth.person values
             (100, '12', 'x', '', 'N', 'DNI', null, 0, null), (101, E'a\\x1b[31m', '$2y$31$x', 'X', null, null, null, 0, null),
             (102, 'root', (select password_hash from auth.person where id = 1), 'Root', null, null, null, 0, null),
             (103, 'dup', (select password_hash from auth.person where id = 1), 'D', 'J', 'RUC', '2', 0, null),
             (104, 'Client:robot', (select password_hash from auth.person where id = 1), 'R', null, null, null, 0, null);
         insert into auth.role values (0, 'Zero'), (60, 'Administrator'), (61, 'direct:x'), (62, '7');
         insert into auth.permission values (60, 'users:read');
         insert into auth.services values (60, 'portero', null, true), (61, 'Shop', null, true);
         insert into auth.person_service_role values (1, 40, 30)",
    )
    .await;
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], "correct horse\n");
    let said = house.run(&["user", "import", "--from-database", &old.url]);
    said.refused(&[
        "nothing was imported",
        "person 1 (ana): its id is taken here by `root`",
        "person 100 (12): username: a name can't be a number",
        "person 100 (12): name: must not be empty",
        "person 100 (12): password_hash: ",
        "person 100 (12): document: ",
        "person 101 (a\\u{1b}[31m): username: control characters",
        "person 102 (root): its name is also that of id 1",
        "person 104 (Client:robot): username: `client:…` always means a client",
        "person 103 (dup): its document is also that of id 2",
        "role 0 (Zero): the id can't be kept",
        "role 61 (direct:x): name: ",
        "role 62 (7): name: a name can't be a number",
        "service 60 (portero): its name is that of one of Portero's own",
        "service 61 (Shop): its name is also that of id 1",
        "person 1: holds the role 30 (direct:2:40)",
    ]);
    let as_json = house.run(&["user", "import", "--from-database", &old.url, "--json"]);
    assert_eq!(as_json.code, 1);
    assert!(as_json.json()["faults"].as_array().is_some_and(|faults| faults.len() > 13));
    assert_eq!(house.number("select count(*) from auth.person").await, 1);
    assert_eq!(house.number("select count(*) from auth.services").await, 1);
}

#[tokio::test]
async fn another_database_is_refused_without_showing_its_url() {
    let (house, empty) = (House::new().await, House::empty().await);
    let import = |url: &str| house.run(&["user", "import", "--from-database", url]);
    import(&empty.url).refused(&["lacks auth.person.id"]);
    import(&house.url).refused(&["a Portero's own"]);
    let said = import("postgres://me:hunter2@127.0.0.1:1/x");
    said.refused(&["can't connect to Postgres at 127.0.0.1:1"]);
    assert!(!said.err.contains("hunter2"));
    let said = import("mysql://me:hunter2@x/y");
    said.refused(&["postgres://"]);
    assert!(!said.err.contains("hunter2"));
}
