//! `create policy` in a service's own Postgres keeps the rows of which an evaluation says yes.

use portero::access::policies::language::{ColumnType, Declared, Expression, Reached, Request, Row, Subject};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row as _};
use time::OffsetDateTime;

const TEXTS: [&str; 21] = [
    "user_id = auth_user.id",
    "auth_user.is_admin or not auth_user.is_authenticated",
    "'editor' = any(auth_user.roles) and status in ('draft', 'it''s \\ %')",
    "department = auth_user.department::text and (closed_at is null or closed_at > now())",
    "id = any(auth_user.resources('project', 'read'))",
    "status <> all(auth_user.groups)",
    "status ilike 'DR%' or status like '%\\%'",
    "id + auth_user.level > 2",
    "closed_at - interval '1 day' < now()",
    "id = any(auth_user.teams)",
    "auth_user.username = 'eva' and context.purpose = 'audit'",
    "id > auth_user.badge",
    "not (id > auth_user.badge)",
    "auth_user.badge is null and id > coalesce(auth_user.level, 0)",
    "auth_user.badge is not null and auth_user.badge < id",
    "auth_user.level::text = '1' and status <> 'x'",
    "auth_user.rate > id",
    "id = any(auth_user.mixed)",
    "department = auth_user.level",
    "auth_user.cleared or status = auth_user.badge",
    "",
];

/// Id, user, status, department, and when it was closed.
type Stored = (i64, Option<i64>, &'static str, &'static str, Option<&'static str>);

const ROWS: [Stored; 4] = [
    (1, Some(7), "draft", "sales", None),
    (2, None, "it's \\ %", "sales", Some("2999-01-01 00:00:00+00")),
    (3, Some(8), "done", "it", Some("2000-01-01 00:00:00+00")),
    (4, Some(7), "DRAWN", "", None),
];

fn people() -> [Subject; 3] {
    let eva = Subject {
        id: Some(7),
        username: Some("eva".to_owned()),
        is_authenticated: true,
        roles: vec!["editor".to_owned()],
        groups: vec!["done".to_owned()],
        attributes: Row::from(attributes().as_object().unwrap()),
        resources: vec![Reached {
            kind: "project".to_owned(),
            permission: "read".to_owned(),
            ids: ["3", "x"].map(str::to_owned).to_vec().into(),
        }],
        ..Subject::default()
    };
    let root = Subject { id: Some(1), is_authenticated: true, is_admin: true, ..Subject::default() };
    [eva, root, Subject::default()]
}

/// Some of them are not of the types that the policies take them for.
fn attributes() -> serde_json::Value {
    json!({
        "department": "sales", "level": 1, "teams": [2, 4], "badge": "high", "rate": 2.5, "mixed": [1, "x"], "cleared": 1
    })
}

/// As a service would tell its database who asks.
fn settings(subject: &Subject) -> Vec<(&'static str, String)> {
    let is_eva = subject.username.is_some();
    let attributes = if is_eva { attributes() } else { json!({}) };
    let resources = if is_eva { json!({ "project read": ["3"] }) } else { json!({}) };
    vec![
        ("user_id", subject.id.map(|id| id.to_string()).unwrap_or_default()),
        ("username", subject.username.clone().unwrap_or_default()),
        ("is_admin", subject.is_admin.to_string()),
        ("roles", json!(subject.roles).to_string()),
        ("groups", json!(subject.groups).to_string()),
        ("attributes", attributes.to_string()),
        ("resources", resources.to_string()),
        ("context", json!({ "purpose": "audit" }).to_string()),
    ]
}

pub async fn enforced(conn: &mut PgConnection) {
    let setup = "create table portero_rows (id bigint, user_id bigint, status text, department text, closed_at timestamptz); \
        alter table portero_rows enable row level security; alter table portero_rows force row level security; \
        create role portero_reader; grant select on portero_rows to portero_reader";
    conn.execute(setup).await.unwrap();
    for (id, user_id, status, department, closed_at) in ROWS {
        let insert = "insert into portero_rows values ($1, $2, $3, $4, $5::text::timestamptz)";
        let insert = sqlx::query(insert).bind(id).bind(user_id).bind(status).bind(department).bind(closed_at);
        insert.execute(&mut *conn).await.unwrap();
    }
    let columns = [("id", "bigint"), ("user_id", "bigint"), ("status", "text"), ("department", "text")];
    let columns = columns.into_iter().chain([("closed_at", "timestamptz")]);
    let columns = columns.map(|(name, kind)| (name.to_owned(), ColumnType::of_name(kind).unwrap()));
    let declared = Declared::columns(columns);
    let request = Request {
        now: OffsetDateTime::now_utc(),
        address: None,
        passed: Row::from(json!({ "purpose": "audit" }).as_object().unwrap()),
    };
    for text in TEXTS {
        let expression = Expression::compile(text, &declared).unwrap();
        let using = expression.to_row_security().unwrap();
        let policy = format!(
            "drop policy if exists portero_policy on portero_rows; \
             create policy portero_policy on portero_rows for select using ({using})"
        );
        conn.execute(AssertSqlSafe(policy)).await.unwrap_or_else(|error| panic!("{using}: {error}"));
        for subject in people() {
            conn.execute("set role portero_reader").await.unwrap();
            for (name, value) in settings(&subject) {
                let set = sqlx::query("select set_config($1, $2, false)").bind(format!("portero.{name}")).bind(value);
                set.execute(&mut *conn).await.unwrap();
            }
            let kept = sqlx::query("select id from portero_rows order by id").fetch_all(&mut *conn).await.unwrap();
            let kept: Vec<i64> = kept.iter().map(|row| row.get(0)).collect();
            let mut yes = Vec::new();
            for (id, user_id, status, department, closed_at) in ROWS {
                let row = json!({ "id": id, "user_id": user_id, "status": status, "department": department, "closed_at": closed_at });
                let row = Row::from(row.as_object().unwrap());
                if expression.evaluate(&row, &subject, &request) == Ok(Some(true)) {
                    yes.push(id);
                }
            }
            assert_eq!(kept, yes, "{text}\n{using}\n{subject:?}");
            conn.execute("reset role").await.unwrap();
        }
    }
}
