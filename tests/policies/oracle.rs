//! What Postgres says of the same, many questions in one statement.

use std::collections::BTreeMap;
use std::fmt::Write;

use portero::access::policies::language::{
    ColumnType, Declared, Dialect, Expression, Parameter, Reached, Reduced, Request, Row, Subject, Type,
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row as _};
use time::OffsetDateTime;

use super::generate::{COLUMNS, Case};

/// A case that has been compiled.
pub struct Asked {
    pub case: Case,
    pub expression: Expression,
    pub row: Row,
    pub subject: Subject,
    pub request: Request,
}

impl Asked {
    /// None where the language refuses it: a random text need not make sense.
    pub fn of(case: &Case) -> Option<Self> {
        // One column never is declared, and then no other.
        let columns = COLUMNS.iter().filter(|_| case.is_declared && !case.text.contains("free"));
        let declared = columns.map(|(name, kind)| ((*name).to_owned(), ColumnType::of_name(kind).expect("a type")));
        let expression = Expression::compile(&case.text, &Declared::columns(declared)).ok()?;
        let subject = Subject {
            id: case.id,
            username: case.username.clone(),
            is_admin: case.is_admin,
            is_authenticated: case.id.is_some(),
            roles: case.roles.clone(),
            permissions: Vec::new(),
            groups: case.groups.clone(),
            attributes: Row::from(&case.attributes),
            resources: vec![Reached {
                kind: "project".to_owned(),
                permission: "read".to_owned(),
                ids: case.resources.clone().into(),
            }],
        };
        let now = OffsetDateTime::from_unix_timestamp(case.now).expect("a time");
        let request = Request { now, address: None, passed: Row::from(&case.passed) };
        Some(Self { expression, row: Row::from(&case.row), subject, request, case: case.clone() })
    }

    /// Whether it has numbers of which nothing is declared: what is computed of them has no limits here, and those of their columns in Postgres.
    pub fn has_undeclared_numbers(&self) -> bool {
        let Self { expression, .. } = self;
        let mut all = expression.columns().chain(expression.attributes()).chain(expression.passed());
        all.any(|(_, kind)| kind.element == Type::Number)
    }

    /// What is said of it here: `t`, `f`, nothing for null, or `!` and why.
    pub fn evaluated(&self) -> String {
        match self.expression.evaluate(&self.row, &self.subject, &self.request) {
            Ok(Some(true)) => "t".to_owned(),
            Ok(Some(false)) => "f".to_owned(),
            Ok(None) => String::new(),
            Err(error) => format!("!{error}"),
        }
    }

    pub fn has_failing_part(&self) -> bool {
        self.expression.parts(&self.row, &self.subject, &self.request).iter().any(|part| part.value.is_err())
    }

    /// Whether there can be such a row, person and request: a column of a number holds no text.
    pub fn has_possible_row(&self) -> bool {
        let parts = self.expression.parts(&self.row, &self.subject, &self.request);
        let errors = parts.iter().filter_map(|part| part.value.as_ref().err());
        let names = ["column ", "auth_user.", "context."];
        !errors.into_iter().any(|error| names.iter().any(|name| error.message.starts_with(name)))
    }

    /// The original text, asked over rows whose columns, person and context are those of the case.
    pub fn original(&self) -> String {
        let text = self.case.text.replace("now()", "context.time");
        let ids = self.resource_ids();
        let text = text.replace("auth_user.resources('project', 'read')", &ids);
        // None of them is a constant to the planner, so that nothing is computed before its time.
        format!(
            "select ({text})::text from (select {} offset 0) as portero_row, (select {} offset 0) as auth_user, \
             (select {} offset 0) as context",
            self.row_values(),
            self.person(),
            values(self.stored(self.expression.passed(), &self.case.passed), &self.case.passed)
                + &format!("'{}'::timestamptz as \"time\"", self.request.now)
        )
    }

    /// As many of them as are of the type that they are compared with.
    fn resource_ids(&self) -> String {
        let column = self.case.text.split(" = any(auth_user.resources").next().unwrap_or_default();
        let column = column.rsplit([' ', '(']).next().unwrap_or_default();
        let kinds: BTreeMap<_, _> = self.expression.columns().collect();
        let kind = kinds.get(column).map_or(Type::Bigint, |kind| kind.element);
        let fits = |id: &&String| match kind {
            Type::Text | Type::Any => true,
            Type::Uuid => id.len() == 36,
            Type::Boolean => *id == "1",
            Type::Date | Type::Timestamptz => false,
            _ => id.parse::<i64>().is_ok(),
        };
        let name = if kind == Type::Any { "text" } else { kind.name() };
        let ids: Vec<String> = self.case.resources.iter().filter(fits).map(|id| quoted(id)).collect();
        format!("array[{}]::{name}[]", ids.join(", "))
    }

    pub fn row_values(&self) -> String {
        let all = values(self.stored(self.expression.columns(), &self.case.row), &self.case.row);
        all.trim_end_matches(", ").to_owned()
    }

    /// A number of which nothing is declared may be in a column of any type that holds it; where it is divided, a whole one in one of whole numbers.
    fn stored<'a>(
        &'a self,
        names: impl Iterator<Item = (&'a str, ColumnType)> + 'a,
        object: &'a serde_json::Map<String, Value>,
    ) -> impl Iterator<Item = (&'a str, ColumnType)> + 'a {
        names.map(move |(name, kind)| {
            if kind.element != Type::Number || kind.list {
                return (name, kind);
            }
            let whole = object.get(name).map_or(Some(0), |value| value.as_i64().or(value.is_null().then_some(0)));
            let choice = (self.case.text.len() + name.len()) % if self.case.text.contains(" / ") { 2 } else { 3 };
            let element = match (whole, choice) {
                (Some(whole), 0) if i32::try_from(whole).is_ok() => Type::Integer,
                (Some(_), 0 | 1) => Type::Bigint,
                _ => Type::Numeric,
            };
            (name, ColumnType::one(element))
        })
    }

    fn person(&self) -> String {
        let text = |text: &Option<String>| text.as_ref().map_or("null".to_owned(), |text| quoted(text));
        let texts = |texts: &[String]| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        let mut all = values(self.stored(self.expression.attributes(), &self.case.attributes), &self.case.attributes);
        let id = self.case.id.map_or("null".to_owned(), |id| id.to_string());
        let _ = write!(
            all,
            "{id}::bigint as id, {}::text as username, {} as is_admin, {} as is_authenticated, array[{}]::text[] as roles, \
             array[{}]::text[] as groups",
            text(&self.case.username),
            self.case.is_admin,
            self.case.id.is_some(),
            texts(&self.case.roles),
            texts(&self.case.groups),
        );
        all
    }

    /// The condition and its parameters; none where the dialect cannot say it.
    pub fn filter(&self, dialect: Dialect) -> Filter {
        match self.expression.reduce(&self.subject, &self.request) {
            Reduced::Always => {
                assert_eq!(self.evaluated(), "t", "{:?} is always", self.case);
                Filter::Fixed
            }
            Reduced::Never => {
                assert_ne!(self.evaluated(), "t", "{:?} is never", self.case);
                Filter::Fixed
            }
            Reduced::Conditional(residue) => {
                let mut parameters = Vec::new();
                match residue.to_sql(dialect, &BTreeMap::new(), &mut parameters) {
                    Ok(sql) => {
                        let yes = residue.evaluate(&self.row).unwrap_or(false);
                        assert_eq!(yes, self.evaluated() == "t", "{:?} reduced to {}", self.case, residue.to_json());
                        Filter::Sql(sql, parameters)
                    }
                    Err(_) => Filter::NotSayable,
                }
            }
        }
    }

    /// The same with its values in the text, to be asked among many.
    pub fn filter_query(&self) -> Option<String> {
        if !self.has_possible_row() {
            return None;
        }
        let Filter::Sql(mut sql, parameters) = self.filter(Dialect::Postgres) else { return None };
        for (nth, parameter) in parameters.iter().enumerate().rev() {
            sql = sql.replace(&format!("${}::", nth + 1), &format!("{}::", literal(&parameter.value, parameter.kind)));
        }
        let row = self.row_values();
        Some(format!("select ({sql})::text from (select {row} offset 0) as portero_row"))
    }
}

pub enum Filter {
    Fixed,
    Sql(String, Vec<Parameter>),
    NotSayable,
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(value: &Value, kind: ColumnType) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| literal(value, ColumnType::one(kind.element))).collect();
            format!("array[{}]", values.join(", "))
        }
        // What is in UTC here is so in a session of another zone.
        Value::String(text) if kind.element == Type::Timestamptz && text.len() == 10 => {
            quoted(&format!("{text} 00:00+00"))
        }
        Value::String(text) => quoted(text),
        Value::Number(number) => format!("'{number}'::numeric"),
        other => quoted(&other.to_string()),
    }
}

/// `value::type as name, `, each.
fn values<'a>(names: impl Iterator<Item = (&'a str, ColumnType)>, object: &serde_json::Map<String, Value>) -> String {
    let mut all = String::new();
    for (name, kind) in names {
        let value = object.get(name).unwrap_or(&Value::Null);
        let shown = match (kind.element, value) {
            (Type::Any, Value::Array(values)) if values.iter().any(Value::is_number) => "numeric[]".to_owned(),
            (Type::Any, _) if kind.list => "text[]".to_owned(),
            (Type::Any, Value::Number(_)) => "numeric".to_owned(),
            (Type::Any, Value::Bool(_)) => "boolean".to_owned(),
            (Type::Any, _) => "text".to_owned(),
            _ => kind.to_string(),
        };
        let _ = write!(all, "{}::{shown} as \"{name}\", ", literal(value, kind));
    }
    all
}

pub async fn prepare(conn: &mut PgConnection) {
    let function = "create or replace function pg_temp.ask(question text) returns text language plpgsql as $$ \
        declare said text; \
        begin execute question into said; return coalesce(said, ''); \
        exception when others then return '!' || sqlstate || ' ' || sqlerrm; end $$";
    conn.execute(function).await.expect("a function");
}

/// What Postgres says of each: `true`, `false`, nothing for null, or `!` and why.
pub async fn ask(conn: &mut PgConnection, questions: &[String]) -> Vec<String> {
    let sql = "select pg_temp.ask(question) from unnest($1::text[]) with ordinality as q (question, nth) order by nth";
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(questions).fetch_all(conn).await.expect("answers");
    let short = |said: String| match said.as_str() {
        "true" => "t".to_owned(),
        "false" => "f".to_owned(),
        _ => said,
    };
    rows.iter().map(|row| short(row.get(0))).collect()
}

/// As a service would ask: with bound parameters.
pub async fn ask_bound(
    conn: &mut PgConnection,
    asked: &Asked,
    sql: &str,
    parameters: &[Parameter],
) -> Result<bool, sqlx::Error> {
    let row = asked.row_values();
    let sql = format!("select ({sql}) is true from (select {row} offset 0) as portero_row");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    for parameter in parameters {
        query = match (&parameter.value, parameter.kind.element) {
            (Value::Array(values), _) => query.bind(values.iter().map(text).collect::<Vec<_>>()),
            (Value::Bool(value), _) => query.bind(*value),
            (Value::Number(number), _) => query.bind(number.as_i64()),
            (value, _) => query.bind(text(value)),
        };
    }
    query.fetch_one(conn).await.map(|row| row.get(0))
}
