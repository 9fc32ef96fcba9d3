//! The policies that the documentation shows, and the SQL that is left of them.

use std::collections::BTreeMap;

use portero::access::policies::language::{
    ColumnType, Declared, Dialect, Expression, Reached, Reduced, Request, Residue, Row, Subject,
};
use serde_json::json;
use time::OffsetDateTime;

pub const EXAMPLES: [&str; 5] = [
    "user_id = auth_user.id",
    "auth_user.is_admin",
    "'editor' = any(auth_user.roles) and status in ('draft', 'review')",
    "department = auth_user.department and (closed_at is null or closed_at > now())",
    "id = any(auth_user.resources('project', 'read'))",
];

pub fn eva() -> Subject {
    Subject {
        id: Some(7),
        username: Some("eva".to_owned()),
        is_authenticated: true,
        roles: vec!["editor".to_owned(), "viewer".to_owned()],
        attributes: Row::from(json!({ "department": "sales", "level": 3 }).as_object().unwrap()),
        resources: vec![Reached {
            kind: "project".to_owned(),
            permission: "read".to_owned(),
            ids: ["4", "17"].map(str::to_owned).to_vec().into(),
        }],
        ..Subject::default()
    }
}

pub fn noon() -> Request {
    Request::at(OffsetDateTime::from_unix_timestamp(1_769_860_800).unwrap())
}

fn declared() -> Declared {
    let columns =
        [("id", "bigint"), ("user_id", "bigint"), ("status", "text"), ("department", "text"), ("n", "bigint")];
    let columns = columns.into_iter().chain([("closed_at", "timestamptz"), ("price", "numeric"), ("day", "date")]);
    Declared::columns(columns.map(|(name, kind)| (name.to_owned(), ColumnType::of_name(kind).unwrap())))
}

fn residue(text: &str) -> Residue {
    match Expression::compile(text, &declared()).unwrap().reduce(&eva(), &noon()) {
        Reduced::Conditional(residue) => residue,
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn said(text: &str, dialect: Dialect, sql: &str, parameters: &serde_json::Value) {
    let mut bound = Vec::new();
    let written = residue(text).to_sql(dialect, &BTreeMap::new(), &mut bound).unwrap();
    assert_eq!(written, sql);
    assert_eq!(&json!(bound.iter().map(|parameter| &parameter.value).collect::<Vec<_>>()), parameters);
}

#[test]
fn what_is_left_is_sql_with_parameters() {
    let postgres = |text, sql, parameters| said(text, Dialect::Postgres, sql, &parameters);
    postgres(EXAMPLES[0], r#"("user_id" = $1::bigint)"#, json!([7]));
    postgres(EXAMPLES[2], r#"("status" = any($1::text[]))"#, json!([["draft", "review"]]));
    postgres(
        EXAMPLES[3],
        r#"(("department" = $1::text) and (("closed_at" is null) or ("closed_at" > $2::timestamptz)))"#,
        json!(["sales", "2026-01-31 12:00:00+00"]),
    );
    postgres(EXAMPLES[4], r#"("id" = any($1::bigint[]))"#, json!([[4, 17]]));
    postgres("status > 'd'", r#"("status" collate "C" > $1::text)"#, json!(["d"]));
    postgres("status ilike 'D%'", r#"(lower("status" collate "C") like $1::text)"#, json!(["d%"]));
    let sqlite = |text, sql, parameters| said(text, Dialect::Sqlite, sql, &parameters);
    sqlite(EXAMPLES[2], "(`status` collate binary in (?, ?))", json!(["draft", "review"]));
    sqlite("closed_at > now()", "(`closed_at` > ?)", json!(["2026-01-31T12:00:00.000000Z"]));
    sqlite("status like 'd%*'", "(`status` glob ?)", json!(["d*[*]"]));
    said(
        "department = auth_user.department and user_id = auth_user.id",
        Dialect::Mysql,
        "((convert(`department` using utf8mb4) collate utf8mb4_0900_bin = convert(? using utf8mb4) collate utf8mb4_0900_bin) \
         and (`user_id` = ?))",
        &json!(["sales", 7]),
    );
}

#[test]
fn among_times_each_day_is_compared_as_one_in_sqlite() {
    let (midnight, constant) = ("|| 'T00:00:00.000000Z')", json!(["2026-01-31"]));
    for (text, sql) in [
        ("day in (closed_at, date '2026-01-31')", format!("((`day` {midnight} in (`closed_at`, (? {midnight}))")),
        (
            "closed_at not in (day, date '2026-01-31')",
            format!("(not (`closed_at` in ((`day` {midnight}, (? {midnight})))"),
        ),
        ("day in (day, date '2026-01-31')", "(`day` in (`day`, ?))".to_owned()),
    ] {
        said(text, Dialect::Sqlite, &sql, &constant);
    }
}

#[test]
fn what_does_not_depend_on_the_row_is_computed() {
    let reduced = |text: &str| Expression::compile(text, &declared()).unwrap().reduce(&eva(), &noon());
    for text in ["", "auth_user.id = 7", "auth_user.level + 1 = 4 or user_id = 1", "not auth_user.is_admin", "3 > 2"] {
        assert!(matches!(reduced(text), Reduced::Always), "{text}");
    }
    for text in [
        "auth_user.is_admin",
        "1 / (auth_user.level - 3) = 1",
        "null",
        "auth_user.missing = 'x'",
        "user_id = 1 and auth_user.id is null",
        "user_id = 1 and auth_user.missing = 1",
        "status = any(auth_user.groups)",
    ] {
        assert!(matches!(reduced(text), Reduced::Never), "{text}");
    }
}

#[test]
fn names_of_columns_are_the_callers_and_quoted() {
    let names = BTreeMap::from([("user_id".to_owned(), "t\"x.owner`".to_owned())]);
    for (dialect, sql) in [
        (Dialect::Postgres, "(\"t\"\"x\".\"owner`\" = $1::bigint)"),
        (Dialect::Sqlite, "(`t\"x`.`owner``` = ?)"),
        (Dialect::Mysql, "(`t\"x`.`owner``` = ?)"),
    ] {
        assert_eq!(residue(EXAMPLES[0]).to_sql(dialect, &names, &mut Vec::new()).unwrap(), sql);
    }
}

#[test]
fn what_a_dialect_cannot_say_exactly_is_refused() {
    for (text, dialect, part, said) in [
        ("price > 1.5", Dialect::Sqlite, "price", "no exact decimals"),
        ("day + interval '1 day' > now()", Dialect::Sqlite, "day + interval '1 day'", "declared as whole numbers"),
        ("lower(status) = 'x'", Dialect::Mysql, "lower(status)", "other letters"),
        ("n + 1 > 2", Dialect::Mysql, "n + 1", "other limits"),
        ("closed_at::text = 'x'", Dialect::Postgres, "closed_at::text", "depends on the session"),
        ("status::timestamptz > now()", Dialect::Postgres, "status::timestamptz", "depends on the session"),
        ("(1 / n) is null", Dialect::Postgres, "(1 / n)", "cannot tell from null"),
        ("coalesce(status::bigint, 1) = 1", Dialect::Postgres, "status::bigint", "cannot tell from null"),
    ] {
        let refused = residue(text).to_sql(dialect, &BTreeMap::new(), &mut Vec::new()).unwrap_err();
        assert_eq!(refused.part, part, "{text}");
        assert!(refused.message.contains(said), "{text}: {refused}");
    }
}

#[test]
fn an_undeclared_column_holds_whole_numbers_or_others_and_times_or_days() {
    let undeclared = |text: &str| Expression::compile(text, &Declared::nothing()).unwrap();
    let evaluated = |text: &str, row: serde_json::Value| {
        let row = Row::from(row.as_object().unwrap());
        undeclared(text).evaluate(&row, &eva(), &noon()).unwrap()
    };
    for (text, row, said) in [
        ("total > 5", json!({"total": 5.5}), true),
        ("total <> auth_user.id", json!({"total": 7.5}), true),
        ("total in (5, 6)", json!({"total": 5.5}), false),
        ("total::integer = 2", json!({"total": 1.5}), true),
        ("total + 1 > 6", json!({"total": 5.5}), true),
        ("total / 2 = 3", json!({"total": 7}), true),
        ("(total + 1) / 2 = 3", json!({"total": 6}), true),
        ("total / 2 = 3.5", json!({"total": 7.0}), true),
        ("total / 2.0 = 3.5", json!({"total": 7}), true),
        ("total * 2 > 0", json!({"total": i64::MAX}), true),
        ("total < 0 and -total > 0", json!({"total": i64::MIN}), true),
        ("closed_at::date = date '2024-02-29'", json!({"closed_at": "2024-03-01T00:00:00+05:30"}), true),
        (
            "opened_on <> closed_at::date",
            json!({"opened_on": "2024-02-29", "closed_at": "2024-02-29T18:30:00Z"}),
            false,
        ),
        ("due = date '2026-01-31'", json!({"due": "2026-01-31T18:30:00Z"}), false),
    ] {
        assert_eq!(evaluated(text, row), Some(said), "{text}");
    }
    for (text, sql) in [
        ("total > 5", r#"("total" > $1::integer)"#),
        ("total <> auth_user.id", r#"("total" <> $1::bigint)"#),
        ("total in (5, 6)", r#"("total" = any($1::bigint[]))"#),
        ("t || 'x' = 'ax'", r#"(("t" collate "C") || ($1::text)) = $2::text)"#),
    ] {
        let Reduced::Conditional(left) = undeclared(text).reduce(&eva(), &noon()) else { panic!("{text}") };
        assert!(left.to_sql(Dialect::Postgres, &BTreeMap::new(), &mut Vec::new()).unwrap().contains(sql), "{text}");
    }
    let Reduced::Conditional(left) = undeclared("total / 0 > 1 or total > 5").reduce(&eva(), &noon()) else { panic!() };
    assert!(
        left.to_sql(Dialect::Postgres, &BTreeMap::new(), &mut Vec::new()).is_ok(),
        "it has no value, whatever the column holds"
    );
    for text in ["total / 2 > 1", "2 / total > 1", "(total + 1) / 2 > 1", "coalesce(total, 1) / 2 > 1"] {
        let Reduced::Conditional(left) = undeclared(text).reduce(&eva(), &noon()) else { panic!("{text}") };
        let refused = left.to_sql(Dialect::Postgres, &BTreeMap::new(), &mut Vec::new()).unwrap_err();
        assert!(refused.message.contains("declare it, or cast it"), "{text}: {refused}");
    }
    for text in
        ["opened_on <> closed_at::date", "due = date '2026-01-31'", "due in (date '2026-01-31')", "due::date = d"]
    {
        let Reduced::Conditional(left) = undeclared(text).reduce(&eva(), &noon()) else { panic!("{text}") };
        for dialect in [Dialect::Postgres, Dialect::Sqlite, Dialect::Mysql] {
            let refused = left.to_sql(dialect, &BTreeMap::new(), &mut Vec::new()).unwrap_err();
            assert!(refused.message.contains("days or times"), "{text}: {refused}");
        }
    }
}

#[test]
fn the_tree_says_the_same_in_json() {
    assert_eq!(
        residue(EXAMPLES[3]).to_json(),
        json!({ "op": "and", "args": [
            { "op": "=", "args": [{ "column": "department", "type": "text" }, { "value": "sales", "type": "text" }] },
            { "op": "or", "args": [
                { "op": "is null", "args": [{ "column": "closed_at", "type": "timestamptz" }] },
                { "op": ">", "args": [
                    { "column": "closed_at", "type": "timestamptz" },
                    { "value": "2026-01-31 12:00:00+00", "type": "timestamptz" },
                ] },
            ] },
        ] })
    );
}

#[test]
fn what_an_expression_asks_for_is_known_beforehand() {
    let expression =
        Expression::compile(&EXAMPLES.map(|text| format!("({text})")).join(" or "), &Declared::nothing()).unwrap();
    assert_eq!(expression.resources().collect::<Vec<_>>(), [("project", "read")]);
    let columns: Vec<String> = expression.columns().map(|(name, kind)| format!("{name} {kind}")).collect();
    assert_eq!(columns, ["user_id numeric", "status text", "department any", "closed_at timestamptz", "id any"]);
    assert_eq!(expression.attributes().map(|(name, _)| name).collect::<Vec<_>>(), ["department"]);
}
