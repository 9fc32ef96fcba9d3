//! What is left of an expression, as SQL with bound parameters. What a dialect cannot say exactly is refused.
//!
//! A row's values can make no such condition fail: where the expression has an error, the condition has null. For `and`, `or`
//! and `not` that is the same. What can tell null from an error (`is null`, `coalesce`, …) is refused above such parts.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;

use super::fault::NotSayable;
use super::node::{Comparison, Fact, Items, Kind, List, ListSource, Node, Operator, Slot};
use super::types::{ColumnType, Type};
use super::value::Value;

mod lists;
mod lite;
mod mysql;
mod postgres;
mod row_security;

/// Whose SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Postgres,
    Mysql,
    Sqlite,
}

/// A value that is bound, never written into the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub kind: ColumnType,
    /// A `numeric`, a `uuid` and times are texts.
    pub value: Json,
}

/// More of them are refused: databases take some 32,000 at most.
const MOST_PARAMETERS: usize = 30_000;

type Said = Result<(), NotSayable>;

pub(super) struct Writer<'a> {
    pub(super) dialect: Dialect,
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) slots: &'a [Slot],
    pub(super) resources: &'a [(Box<str>, Box<str>)],
    /// What the expression was written as.
    pub(super) text: &'a str,
    /// Whether values stand in the text and facts come from settings: for `create policy`, which takes no parameters.
    pub(super) is_row_security: bool,
    pub(super) sql: String,
    pub(super) parameters: Vec<Parameter>,
}

impl Writer<'_> {
    pub(super) fn node(&mut self, node: &Node) -> Said {
        match &node.kind {
            Kind::Constant(value) => self.constant(value, node),
            Kind::Failed(_) => {
                self.null(node.of);
                Ok(())
            }
            Kind::Read(slot) => self.read(*slot, node),
            Kind::Fact(fact) => self.fact(*fact, node),
            Kind::Not(of) => self.around("(not ", of, ")"),
            Kind::And(parts) => self.joined(parts, " and "),
            Kind::Or(parts) => self.joined(parts, " or "),
            Kind::Compare(comparison, sides) => self.compare(&sides[0], comparison.sign(), &sides[1]),
            Kind::Distinct { negated, sides } => self.distinct(*negated, sides),
            Kind::IsNull { negated, of } => {
                self.must_be_total(of)?;
                self.around("(", of, if *negated { " is not null)" } else { " is null)" })
            }
            Kind::Is { what, negated, of } => {
                self.must_be_total(of)?;
                let not = if *negated { "not " } else { "" };
                let what = what.map_or("null", |what| if what { "true" } else { "false" });
                self.around("(", of, &format!(" is {not}{what})"))
            }
            Kind::Any { comparison, all, of, list } => self.any(*comparison, *all, of, list, node),
            Kind::Coalesce(parts) => {
                parts.iter().try_for_each(|part| self.must_be_total(part))?;
                self.sql.push_str("coalesce");
                self.joined(parts, ", ")
            }
            Kind::Like { .. } => {
                self.by_dialect(node, Self::like_in_postgres, Self::like_in_sqlite, Self::like_in_mysql)
            }
            Kind::Arithmetic(..) | Kind::Minus(_) => {
                self.by_dialect(node, Self::sum_in_postgres, Self::sum_in_sqlite, Self::sum_in_mysql)
            }
            Kind::Concat(sides) if self.dialect == Dialect::Mysql => {
                self.sql.push_str("concat");
                self.joined(&**sides, ", ")
            }
            Kind::Concat(sides) => self.joined(&**sides, " || "),
            Kind::Case { .. } => {
                self.by_dialect(node, Self::case_in_postgres, Self::case_in_sqlite, Self::case_in_mysql)
            }
            Kind::Cast(_) => self.by_dialect(node, Self::cast_in_postgres, Self::cast_in_sqlite, Self::cast_in_mysql),
        }
    }

    fn distinct(&mut self, negated: bool, sides: &[Node; 2]) -> Said {
        self.must_be_total(&sides[0])?;
        self.must_be_total(&sides[1])?;
        let (start, operator, end) = match (self.dialect, negated) {
            (Dialect::Postgres, false) => ("", "is distinct from", ""),
            (Dialect::Postgres, true) => ("", "is not distinct from", ""),
            (Dialect::Sqlite, false) => ("", "is not", ""),
            (Dialect::Sqlite, true) => ("", "is", ""),
            (Dialect::Mysql, false) => ("(not ", "<=>", ")"),
            (Dialect::Mysql, true) => ("", "<=>", ""),
        };
        self.sql.push_str(start);
        self.compare(&sides[0], operator, &sides[1])?;
        self.sql.push_str(end);
        Ok(())
    }

    fn by_dialect(
        &mut self,
        node: &Node,
        postgres: fn(&mut Self, &Node) -> Said,
        sqlite: fn(&mut Self, &Node) -> Said,
        mysql: fn(&mut Self, &Node) -> Said,
    ) -> Said {
        match self.dialect {
            Dialect::Postgres => postgres(self, node),
            Dialect::Sqlite => sqlite(self, node),
            Dialect::Mysql => mysql(self, node),
        }
    }

    pub(super) fn refused<T>(&self, node: &Node, message: impl Into<String>) -> Result<T, NotSayable> {
        Err(NotSayable { part: node.at.of(self.text).to_owned(), message: message.into() })
    }

    /// Where an error would not be what null is.
    fn must_be_total(&self, node: &Node) -> Said {
        if is_total(node) {
            return Ok(());
        }
        self.refused(node, "may have no value, which SQL cannot tell from null here: compare it without is null, coalesce and the like")
    }

    fn around(&mut self, start: &str, of: &Node, end: &str) -> Said {
        self.sql.push_str(start);
        self.node(of)?;
        self.sql.push_str(end);
        Ok(())
    }

    fn joined<'n>(&mut self, parts: impl IntoIterator<Item = &'n Node>, by: &str) -> Said {
        self.sql.push('(');
        for (nth, part) in parts.into_iter().enumerate() {
            if nth > 0 {
                self.sql.push_str(by);
            }
            self.node(part)?;
        }
        self.sql.push(')');
        Ok(())
    }

    fn constant(&mut self, value: &Value<'_>, node: &Node) -> Said {
        // Where nothing is declared the value says what it is.
        let of = if node.of == Type::Any { kind_of(value) } else { node.of };
        match value {
            Value::Null => {
                self.null(node.of);
                Ok(())
            }
            _ if self.is_row_security => {
                self.inline(value, of);
                Ok(())
            }
            _ => {
                let value = self.bound(value, node)?;
                self.parameter(ColumnType::one(of), value, node)
            }
        }
    }

    fn null(&mut self, of: Type) {
        self.sql.push_str("null");
        if self.dialect == Dialect::Postgres && of != Type::Any {
            let _ = write!(self.sql, "::{of}");
        }
    }

    fn bound(&self, value: &Value<'_>, node: &Node) -> Result<Json, NotSayable> {
        match self.dialect {
            Dialect::Postgres => Ok(value.to_json()),
            Dialect::Sqlite => self.bound_in_sqlite(value, node),
            Dialect::Mysql => self.bound_in_mysql(value, node),
        }
    }

    fn parameter(&mut self, kind: ColumnType, value: Json, node: &Node) -> Said {
        if self.parameters.len() >= MOST_PARAMETERS {
            return self.refused(node, format!("more than {MOST_PARAMETERS} values"));
        }
        self.parameters.push(Parameter { kind, value });
        match (self.dialect, kind.element) {
            (Dialect::Postgres, _) => {
                let _ = write!(self.sql, "${}::{kind}", self.parameters.len());
            }
            (Dialect::Mysql, Type::Numeric) => self.sql.push_str("cast(? as decimal(65, 30))"),
            (Dialect::Mysql, Type::Timestamptz | Type::Timestamp) => self.sql.push_str("cast(? as datetime(6))"),
            (Dialect::Mysql, Type::Date) => self.sql.push_str("cast(? as date)"),
            _ => self.sql.push('?'),
        }
        Ok(())
    }

    /// A word that is the same for every row and question, bound for Postgres since settings change how texts in quotes are read.
    fn text_parameter(&mut self, text: &str, node: &Node) -> Said {
        self.constant(&Value::text(text), &Node { of: Type::Text, ..node.clone() })
    }

    fn read(&mut self, slot: usize, node: &Node) -> Said {
        let slot = &self.slots[slot];
        if slot.source != super::node::Source::Column {
            return self.setting_of(slot, node);
        }
        let name = self.names.get(&*slot.name).map_or(&*slot.name, String::as_str);
        if name.is_empty() || name.contains('\0') {
            return self.refused(node, format!("{name:?} is no name of a column"));
        }
        // In double quotes SQLite reads what is no column as a text.
        let quote = if self.dialect == Dialect::Postgres { '"' } else { '`' };
        for (nth, part) in name.split('.').enumerate() {
            if nth > 0 {
                self.sql.push('.');
            }
            let part = part.replace(quote, &format!("{quote}{quote}"));
            let _ = write!(self.sql, "{quote}{part}{quote}");
        }
        Ok(())
    }

    /// Two values, brought to what compares in the same way for every setting of the database.
    fn compare(&mut self, left: &Node, operator: &str, right: &Node) -> Said {
        let is_ordering = operator.starts_with(['<', '>']) && !matches!(operator, "<>" | "<=>");
        self.sql.push('(');
        self.operand(left, right.of, is_ordering)?;
        let _ = write!(self.sql, " {operator} ");
        self.operand(right, left.of, false)?;
        self.sql.push(')');
        Ok(())
    }

    /// One side of a comparison. The first says in which order texts are.
    fn operand(&mut self, node: &Node, beside: Type, is_ordering: bool) -> Said {
        let of = shown_type(node);
        if is_ordering && of == Type::Any && beside == Type::Any {
            return self
                .refused(node, "whether texts or numbers are compared depends on the row: declare the column's type");
        }
        if self.dialect != Dialect::Postgres && of == Type::Numeric && self.dialect == Dialect::Sqlite {
            return self.refused(node, "SQLite has no exact decimals");
        }
        let is_text = matches!((of, beside), (Type::Text, _) | (Type::Any, Type::Text));
        let mixed = of != beside && of == Type::Date && beside.is_moment();
        match self.dialect {
            Dialect::Postgres if mixed => self.moment_in_postgres(node, beside, postgres::BEYOND),
            Dialect::Postgres => self.around("", node, if is_text && is_ordering { " collate \"C\"" } else { "" }),
            Dialect::Sqlite if mixed => self.around("(", node, " || 'T00:00:00.000000Z')"),
            Dialect::Sqlite => self.around("", node, if is_text || of == Type::Any { " collate binary" } else { "" }),
            Dialect::Mysql if is_text || of == Type::Uuid => {
                self.around("convert(", node, " using utf8mb4) collate utf8mb4_0900_bin")
            }
            Dialect::Mysql if of == Type::Any => {
                self.refused(node, "MySQL compares texts and numbers: declare the column's type")
            }
            Dialect::Mysql => self.node(node),
        }
    }
}

/// Its type; of a constant beside something undeclared, what it is.
fn shown_type(node: &Node) -> Type {
    match &node.kind {
        Kind::Constant(value) if node.of == Type::Any => kind_of(value),
        _ => node.of,
    }
}

fn kind_of(value: &Value<'_>) -> Type {
    match value {
        Value::Null => Type::Any,
        Value::Boolean(_) => Type::Boolean,
        Value::Integer(_) => Type::Bigint,
        Value::Numeric(_) => Type::Numeric,
        Value::Text(_) => Type::Text,
        Value::Uuid(_) => Type::Uuid,
        Value::Date(_) => Type::Date,
        Value::Timestamp(_) => Type::Timestamptz,
        Value::Interval(_) => Type::Interval,
    }
}

/// Whether it has a value, or null, for every row.
fn is_total(node: &Node) -> bool {
    let own = match &node.kind {
        Kind::Failed(_) | Kind::Arithmetic(..) | Kind::Minus(_) => false,
        Kind::Cast(of) => {
            matches!(node.of, Type::Text)
                || matches!((of.of, node.of), (Type::Integer, Type::Bigint | Type::Numeric | Type::Boolean))
                || matches!((of.of, node.of), (Type::Bigint, Type::Numeric) | (Type::Boolean, Type::Integer))
                || (of.of.is_moment() && node.of.is_moment() && of.of != Type::Date)
        }
        Kind::Like { pattern, .. } => pattern.is_some(),
        // Undeclared columns can be of kinds that do not compare.
        _ => true,
    };
    own && node.children().into_iter().all(is_total)
}

fn limits(of: Type) -> &'static str {
    match of {
        Type::Integer => "-2147483648 and 2147483647",
        _ => "-9223372036854775808 and 9223372036854775807",
    }
}
