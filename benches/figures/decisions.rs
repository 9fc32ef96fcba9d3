//! Decisions: one row, many rows, searches through many resources, and what groups cost a check.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{Bench, DATABASE, check};
use crate::load::{Ask, By, Connection, Load, Subjects};
use crate::stage::Server;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::Person;

/// Services with so many policies, ten a type of resource: two an action.
const POLICIES: [(i32, i32); 2] = [(1, 1_000), (2, 10_000)];

/// Questions of one request.
const MANY: usize = 1000;

/// The service that has told of so many resources, so many in each folder.
const TOLD: i32 = 3;
const RESOURCES: i32 = 100_000;
const IN_A_FOLDER: i32 = 100;

/// The service in which everybody holds a role.
const OF_EVERYBODY: i32 = 4;

/// How a search finds them, and the action that stands for it.
const SEARCHES: [(&str, &str); 3] =
    [("by owner", "own"), ("every second one", "print"), ("by a role on a folder", "open")];

/// Connections that search.
const SEARCHING: usize = 4;

/// Groups in each other.
const NESTED: i32 = 8;

const GROUPED: &str = "grouped";

/// What is kept of the rounds.
#[derive(Default)]
struct Series {
    checks: Rounds,
    of_few: Rounds,
    of_many: Rounds,
    filters: Rounds,
    thousand: Rounds,
    grouped: Rounds,
    people: Rounds,
    searches: [Rounds; SEARCHES.len()],
}

pub async fn decisions(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let mut conn = bench.stage.connect(DATABASE).await?;
    for (service, count) in POLICIES {
        write_policies(&mut conn, service, count).await?;
    }
    tell_of_resources(&mut conn, world.people).await?;
    give_everybody_a_role(&mut conn, world.people).await?;
    bench.stage.populate(GROUPED, world.people).await?;
    put_into_groups(&mut bench.stage.connect(GROUPED).await?).await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let grouped = bench.stage.portero(GROUPED, &[]).await?;
    let [few, many, told] = [key(&portero, 1).await?, key(&portero, 2).await?, key(&portero, TOLD).await?];

    let with_service =
        check().body(r#"{"service_id":{service},"permission":"{permission}"}"#).proof(r#","allowed":true"#);
    let of_a_person = format!("/people/{{person}}/services/{OF_EVERYBODY}");
    let of_a_person =
        Ask::new("GET", &of_a_person, By::Key(key(&portero, OF_EVERYBODY).await?)).proof("{\"user\":{\"id\":{person},");
    let one = |key: &str| asking(key, "evaluation", &question()).proof(r#""decision":true"#);
    let filter = asking(&few, "filter", &question()).proof(r#""kind":"conditional""#);
    let asked: Vec<Value> = (0..MANY).map(|id| json!({"resource": row(&id.to_string())})).collect();
    let mut question = question();
    question["evaluations"] = json!(asked);
    let thousand = asking(&few, "evaluations", &question).proof(r#""decision":true"#);

    let mut series = Series::default();
    for round in bench.rounds() {
        let load = |server: &Server, ask: &Ask| Load {
            seconds: bench.seconds,
            seed: u64::from(round),
            ..Load::new(server.address, world, ask.clone())
        };
        series.checks.add(load(&portero, &with_service).run().await?.per_second);
        series.of_few.add(load(&portero, &one(&few)).run().await?.per_second);
        series.of_many.add(load(&portero, &one(&many)).run().await?.per_second);
        series.filters.add(load(&portero, &filter).run().await?.per_second);
        series.grouped.add(load(&grouped, &with_service).run().await?.per_second);
        series.people.add(load(&portero, &of_a_person).run().await?.per_second);
        // Few of them: each is large.
        let alone = Load { connections: 1, subjects: Subjects::Drawn(50), ..load(&portero, &thousand) };
        series.thousand.add(alone.run().await?.p50);
        for ((_, action), rounds) in SEARCHES.iter().zip(&mut series.searches) {
            let search = asking(&told, "search/resource", &sought(action)).proof(r#""results":["#);
            let found = Load { connections: SEARCHING, ..load(&portero, &search) }.run().await?;
            rounds.add(found.p99);
        }
        eprintln!("decisions, round {round}: {:.0}/s", series.of_few.0[series.of_few.0.len() - 1]);
    }
    let check = ("/check-token with a permission", &series.checks);
    let per_second = Unit::PerSecond;
    let at_least = Target::RatioAtLeast(0.8);
    let mut rows = vec![
        Row::against(check, "one decision of 1,000 policies", per_second, series.of_few, at_least),
        Row::against(check, "one decision of 10,000 policies", per_second, series.of_many, at_least),
        Row::against(check, "a filter of 1,000 policies", per_second, series.filters, Target::None),
        Row::alone("1,000 decisions in one request: median", Unit::Time, series.thousand, Target::AtMost(15_000.0)),
        Row::against(check, "the check, in 8 nested groups", per_second, series.grouped, Target::RatioAtLeast(0.95)),
        Row::against(check, "/people/{id}/services/{id}, by a backend", per_second, series.people, at_least),
    ];
    for ((how, _), rounds) in SEARCHES.iter().zip(series.searches) {
        let name = format!("p99 of a page of 100,000 resources, {how}");
        rows.push(Row::alone(&name, Unit::Time, rounds, Target::AtMost(20_000.0)));
    }
    Ok(rows)
}

fn sought(action: &str) -> Value {
    json!({"subject": {"type": "user", "id": "{person}"}, "action": {"name": action}, "resource": {"type": "doc"}})
}

/// The second of two policies permits.
fn question() -> Value {
    json!({"subject": {"type": "user", "id": "{person}"}, "action": {"name": "read"}, "resource": row("12")})
}

/// A row of ten properties.
fn row(id: &str) -> Value {
    json!({"type": "type_7", "id": id, "properties": {
        "user_id": "PERSON", "status": "draft", "department": "sales", "amount": 120, "currency": "PEN", "closed_at": null,
        "created_at": "2026-01-31T10:00:00Z", "title": "Three chairs", "is_public": false, "project_id": 17,
    }})
}

fn asking(key: &str, what: &str, question: &Value) -> Ask {
    let body = question.to_string().replace(r#""PERSON""#, "{person}");
    Ask::new("POST", &format!("/access/v1/{what}"), By::Key(key.to_owned())).body(&body)
}

async fn write_policies(conn: &mut PgConnection, service: i32, count: i32) -> anyhow::Result<()> {
    let sql = format!(
        r"
        insert into auth.policies (service_id, table_name, action, expression)
        select {service}, 'type_' || n / 10, (array['read', 'create', 'update', 'delete', 'all'])[1 + n % 5],
               case when n % 10 < 5
                   then format('status in (''paid'', ''void'') and amount > %s', n)
                   else 'user_id = auth_user.id and (closed_at is null or closed_at > now())'
               end
        from generate_series(0, {count} - 1) n
        "
    );
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// A backend asks about those who hold something in its service.
async fn give_everybody_a_role(conn: &mut PgConnection, people: i32) -> anyhow::Result<()> {
    let sql = format!(
        r"
        insert into auth.person_service_role (person_id, service_id, role_id)
        select n, {OF_EVERYBODY}, offered.role_id
        from generate_series(1, {people}) n
        cross join (select min(role_id) as role_id from auth.service_roles where service_id = {OF_EVERYBODY}) offered
        on conflict do nothing
        "
    );
    conn.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// Documents in folders. Each has an owner, every second one is public, and everybody holds a role on one folder.
async fn tell_of_resources(conn: &mut PgConnection, people: i32) -> anyhow::Result<()> {
    let folders = RESOURCES / IN_A_FOLDER;
    let sql = format!(
        r"
        insert into auth.resources (service_id, type, key) select {TOLD}, 'folder', n from generate_series(1, {folders}) n;
        insert into auth.resources (service_id, type, key, properties, parent_id)
        select {TOLD}, 'doc', n, json_build_object('user_id', 1 + n % {people}, 'is_public', n % 2 = 0, 'title', 'Document ' || n), folder.id
        from generate_series(1, {RESOURCES}) n
        join auth.resources folder on folder.service_id = {TOLD} and folder.key = (1 + n / {IN_A_FOLDER} % {folders})::text;
        insert into auth.resource_roles (service_id, resource_id, role_id, person_id)
        select {TOLD}, folder.id, offered.role_id, n
        from generate_series(1, {people}) n
        join auth.resources folder on folder.service_id = {TOLD} and folder.type = 'folder' and folder.key = (1 + n % {folders})::text
        cross join (select min(role_id) as role_id from auth.service_roles where service_id = {TOLD}) offered;
        insert into auth.policies (service_id, table_name, action, expression)
        select {TOLD}, 'doc', action, expression
        from (values ('own', 'user_id = auth_user.id'), ('print', 'is_public'), ('open', (
            select quote_literal(name) || ' = any(auth_user.roles)'
            from auth.role
            where id = (select min(role_id) from auth.service_roles where service_id = {TOLD})
        ))) these (action, expression);
        vacuum analyze auth.resources;
        vacuum analyze auth.resource_ancestors;
        vacuum analyze auth.resource_roles;
        "
    );
    for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
        conn.execute(AssertSqlSafe(statement.to_owned())).await?;
    }
    Ok(())
}

/// Everybody is in the innermost of groups in groups; the outermost holds a role that they are not asked about.
async fn put_into_groups(conn: &mut PgConnection) -> anyhow::Result<()> {
    let sql = format!(
        r"
        insert into auth.groups (name) select 'group ' || n from generate_series(1, {NESTED}) n;
        insert into auth.group_nestings (group_id, member_id) select n, n + 1 from generate_series(1, {NESTED} - 1) n;
        insert into auth.group_members (group_id, person_id) select {NESTED}, id from auth.person where client_id is null;
        insert into auth.group_service_role (group_id, service_id, role_id)
        select 1, service_id, role_id from auth.service_roles where service_id > 0 order by service_id, role_id limit 100;
        vacuum analyze;
        "
    );
    for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
        conn.execute(AssertSqlSafe(statement.to_owned())).await?;
    }
    Ok(())
}

/// A new key of a service.
async fn key(server: &Server, service: i32) -> anyhow::Result<String> {
    let (token, body) = (Person::ADMINISTRATOR.token(0), r#"{"name":"figures"}"#);
    let request = format!(
        "POST /services/{service}/keys HTTP/1.1\r\nhost: portero\r\ntoken: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        token.reveal(),
        body.len()
    );
    let mut connection = Connection::open(server.address).await?;
    let answer = connection.exchange(request.as_bytes()).await?;
    ensure!(answer.status == 201, "POST /services/{service}/keys answered {}: {}", answer.status, answer.text());
    let answer: Value = serde_json::from_slice(answer.body)?;
    Ok(answer["key"].as_str().context("no key")?.to_owned())
}
