//! The same rows in SQLite, whose columns hold times and uuids as `docs/policies.md` says.

use std::collections::BTreeMap;

use portero::access::policies::language::{Declared, Dialect, Expression, Reduced, Request, Subject, Type};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

use super::oracle::{Asked, Filter};

pub struct Lite(Connection);

impl Lite {
    pub fn new() -> Self {
        Self(Connection::open_in_memory().expect("a database"))
    }

    /// Whether the row is kept; none where SQLite cannot say it.
    pub fn keeps(&self, asked: &Asked) -> Option<bool> {
        if !asked.has_possible_row() {
            return None;
        }
        let Filter::Sql(sql, parameters) = asked.filter(Dialect::Sqlite) else { return None };
        let columns: Vec<_> = asked.expression.columns().collect();
        if columns.iter().any(|(_, kind)| kind.list || kind.element == Type::Any) {
            // Nothing says how such a column is stored.
            return None;
        }
        let names: Vec<String> =
            columns.iter().map(|(name, kind)| format!("`{name}` {}", affinity(kind.element))).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let setup = format!("drop table if exists portero_row; create table portero_row ({})", names.join(", "));
        self.0.execute_batch(&setup).expect("a table");
        let row: Option<Vec<Stored>> =
            columns.iter().map(|(name, kind)| stored(&asked.case.row[*name], kind.element)).collect();
        let insert = format!("insert into portero_row values ({places})");
        self.0.execute(&insert, params_from_iter(row?)).expect("a row");
        let bound = parameters.iter().map(|parameter| match &parameter.value {
            Value::Null => Stored::Null,
            Value::Bool(value) => Stored::Integer(i64::from(*value)),
            Value::Number(number) => Stored::Integer(number.as_i64().expect("an integer")),
            Value::String(text) => Stored::Text(text.clone()),
            other => panic!("{other} is no parameter of SQLite's"),
        });
        let select = format!("select count(*) from portero_row where {sql}");
        let kept: i64 = self
            .0
            .query_row(&select, params_from_iter(bound), |row| row.get(0))
            .unwrap_or_else(|error| panic!("{sql}: {error}: {:?}", asked.case));
        Some(kept == 1)
    }
}

fn affinity(kind: Type) -> &'static str {
    match kind {
        Type::Boolean | Type::Integer | Type::Bigint => "integer",
        Type::Number => "numeric",
        _ => "text",
    }
}

/// None where the type cannot hold the value: then there is no such row.
fn stored(value: &Value, kind: Type) -> Option<Stored> {
    Some(match (value, kind) {
        (Value::Null, _) => Stored::Null,
        (Value::Bool(value), Type::Boolean) => Stored::Integer(i64::from(*value)),
        (Value::Number(number), Type::Number) if number.as_i64().is_none() => Stored::Real(number.as_f64()?),
        (Value::Number(number), Type::Integer | Type::Bigint | Type::Number) => Stored::Integer(number.as_i64()?),
        (Value::String(text), Type::Uuid) if text.len() == 36 => Stored::Text(text.to_lowercase()),
        (Value::String(text), Type::Timestamptz) => Stored::Text(sortable(text)?),
        (Value::String(text), Type::Text) => Stored::Text(text.clone()),
        (Value::String(text), Type::Date) if text.len() == 10 => Stored::Text(text.clone()),
        _ => return None,
    })
}

/// By another way than Portero's own.
fn sortable(text: &str) -> Option<String> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let text =
        if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.replace(' ', "T").replace("+02", "+02:00") };
    let text = text.replace("+02:00:00", "+02:00");
    let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?.to_offset(time::UtcOffset::UTC);
    let (date, clock) = (time.date(), time.time());
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.microsecond()
    ))
}

#[test]
fn a_column_that_is_missing_is_an_error_and_no_text() {
    let request = Request::at(time::OffsetDateTime::UNIX_EPOCH);
    let lite = Connection::open_in_memory().unwrap();
    lite.execute_batch("create table invoice (id integer); insert into invoice values (1)").unwrap();
    for text in
        ["status <> 'void'", "status like 'stat%'", "status is not null", "status = status", "lower(status) <> 'x'"]
    {
        let expression = Expression::compile(text, &Declared::nothing()).unwrap();
        let Reduced::Conditional(residue) = expression.reduce(&Subject::default(), &request) else { panic!("{text}") };
        let mut parameters = Vec::new();
        let Ok(sql) = residue.to_sql(Dialect::Sqlite, &BTreeMap::new(), &mut parameters) else { panic!("{text}") };
        let error = lite.prepare(&format!("select id from invoice where {sql}")).expect_err(text);
        assert!(error.to_string().contains("no such column"), "{text}: {error}");
    }
}
