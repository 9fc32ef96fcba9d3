//! What is left of an expression, as SQL with bound parameters. What a dialect cannot say exactly is refused.
//!
//! A row's values can make no such condition fail: where the expression has an error, the condition has null. For `and`, `or`
//! and `not` that is the same. What can tell null from an error (`is null`, `coalesce`, …) is refused above such parts.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;

use super::fault::NotSayable;
use super::node::{Comparison, Fact, Items, Kind, List, ListSource, Node, Operator, Slot, Source};
use super::types::{ColumnType, Type};
use super::value::Value;

mod compare;
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
    /// Whether what is written now could take an error for null: a setting that is not of its type fails the statement, then.
    pub(super) errors_are_told: bool,
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
            Kind::IsNull { negated, of } => self.is_null(*negated, of),
            Kind::Is { what, negated, of } => {
                let not = if *negated { "not " } else { "" };
                let what = what.map_or("null", |what| if what { "true" } else { "false" });
                self.telling_errors([&**of], |own| own.around("(", of, &format!(" is {not}{what})")))
            }
            Kind::Any { comparison, all, of, list } => self.any(*comparison, *all, of, list, node),
            Kind::Coalesce(parts) => self.telling_errors(parts, |own| {
                own.sql.push_str("coalesce");
                own.joined(parts, ", ")
            }),
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
            Kind::Concat(sides) => self.concat(sides),
            Kind::Case { .. } => {
                self.by_dialect(node, Self::case_in_postgres, Self::case_in_sqlite, Self::case_in_mysql)
            }
            Kind::Cast(of) => {
                self.must_hold_times(of, node.of)?;
                self.by_dialect(node, Self::cast_in_postgres, Self::cast_in_sqlite, Self::cast_in_mysql)
            }
        }
    }

    /// A column of another type than text would be joined as one in Postgres: there it is given a collation, which others have not.
    fn concat(&mut self, sides: &[Node; 2]) -> Said {
        let end = |side: &Node| match (self.dialect, &side.kind) {
            (Dialect::Postgres, Kind::Read(slot)) if self.is_undeclared(*slot) => " collate \"C\")",
            _ => ")",
        };
        let ends = sides.each_ref().map(end);
        self.around("((", &sides[0], ends[0])?;
        self.around(" || (", &sides[1], ends[1])?;
        self.sql.push(')');
        Ok(())
    }

    /// Whether it is a column whose type only the text tells.
    fn is_undeclared(&self, slot: usize) -> bool {
        self.slots[slot].source == Source::Column && !self.slots[slot].is_declared
    }

    fn is_null(&mut self, negated: bool, of: &Node) -> Said {
        let end = if negated { " is not null)" } else { " is null)" };
        match of.kind {
            // Whatever it is: of a value of another type than expected neither is true.
            Kind::Read(slot) if self.slots[slot].source != Source::Column => {
                self.sql.push('(');
                if negated {
                    self.node(of)?;
                } else {
                    self.text_of_setting(slot, of)?;
                }
                self.sql.push_str(end);
                Ok(())
            }
            _ => self.telling_errors([of], |own| own.around("(", of, end)),
        }
    }

    /// What tells null from a value, and so could take an error for null.
    fn telling_errors<'n>(
        &mut self,
        of: impl IntoIterator<Item = &'n Node>,
        write: impl FnOnce(&mut Self) -> Said,
    ) -> Said {
        of.into_iter().try_for_each(|part| self.must_be_total(part))?;
        let around = std::mem::replace(&mut self.errors_are_told, true);
        write(self)?;
        self.errors_are_told = around;
        Ok(())
    }

    fn distinct(&mut self, negated: bool, sides: &[Node; 2]) -> Said {
        let (start, operator, end) = match (self.dialect, negated) {
            (Dialect::Postgres, false) => ("", "is distinct from", ""),
            (Dialect::Postgres, true) => ("", "is not distinct from", ""),
            (Dialect::Sqlite, false) => ("", "is not", ""),
            (Dialect::Sqlite, true) => ("", "is", ""),
            (Dialect::Mysql, false) => ("(not ", "<=>", ")"),
            (Dialect::Mysql, true) => ("", "<=>", ""),
        };
        self.telling_errors(sides, |own| {
            own.sql.push_str(start);
            own.compare(&sides[0], operator, &sides[1])?;
            own.sql.push_str(end);
            Ok(())
        })
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
        let of = shown_type(node);
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
        if slot.source != Source::Column {
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
}

/// Its type; of a constant beside something undeclared, what it is.
fn shown_type(node: &Node) -> Type {
    match &node.kind {
        Kind::Constant(value) if node.of == Type::Any || (node.of == Type::Number && !value.is_null()) => {
            kind_of(value)
        }
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
                || (of.of.is_number() && node.of.is_number() && of.of <= node.of)
                || matches!((of.of, node.of), (Type::Integer, Type::Boolean) | (Type::Boolean, Type::Integer))
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
