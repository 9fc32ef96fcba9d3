//! As SQLite says it. It has no times, uuids and decimals: `docs/policies.md` says how columns hold the first two.

use std::fmt::Write;

use serde_json::Value as Json;

use super::{Kind, Node, NotSayable, Operator, Said, Type, Value, Writer, limits};
use crate::access::policies::language::moment;

/// `SQLITE_MAX_LIKE_PATTERN_LENGTH`.
const LONGEST_PATTERN: usize = 50_000;

impl Writer<'_> {
    pub(super) fn bound_in_sqlite(&self, value: &Value<'_>, node: &Node) -> Result<Json, NotSayable> {
        let sortable = match value {
            Value::Timestamp(timestamp) => moment::sortable(*timestamp),
            Value::Date(date) => moment::sortable_date(*date),
            Value::Numeric(_) => return self.refused(node, "SQLite has no exact decimals"),
            Value::Interval(_) => return self.refused(node, "SQLite has no intervals"),
            value => return Ok(value.to_json()),
        };
        match sortable {
            Some(text) => Ok(Json::String(text)),
            None => self.refused(node, "SQLite's times are of the years 1 to 9999"),
        }
    }

    pub(super) fn like_in_sqlite(&mut self, node: &Node) -> Said {
        let Kind::Like { any_case, sides, pattern, .. } = &node.kind else { return Ok(()) };
        let Some(pattern) = pattern else {
            return self.refused(node, "SQLite takes no pattern that depends on the row");
        };
        let glob = pattern.glob();
        if glob.len() > LONGEST_PATTERN {
            return self.refused(node, format!("SQLite takes no pattern of more than {LONGEST_PATTERN} bytes"));
        }
        let (start, end) = if *any_case { ("(lower(", ") glob ") } else { ("(", " glob ") };
        self.around(start, &sides[0], end)?;
        self.text_parameter(&glob, node)?;
        self.sql.push(')');
        Ok(())
    }

    pub(super) fn case_in_sqlite(&mut self, node: &Node) -> Said {
        let Kind::Case { upper, of } = &node.kind else { return Ok(()) };
        self.around(if *upper { "upper(" } else { "lower(" }, of, ")")
    }

    /// SQLite turns whole numbers that are out of range into others: they are null here.
    pub(super) fn sum_in_sqlite(&mut self, node: &Node) -> Said {
        if !matches!(node.of, Type::Integer | Type::Bigint) {
            return self.refused(node, "SQLite computes with columns only that are declared as whole numbers");
        }
        let sides = match &node.kind {
            Kind::Arithmetic(operator, sides) => Some((*operator, sides)),
            _ => None,
        };
        if sides.is_some_and(|(_, sides)| sides.iter().any(|side| side.of.is_moment())) {
            return self.refused(node, "SQLite computes with whole numbers only");
        }
        let within = if node.of == Type::Integer {
            format!(" and portero_v between {}", limits(node.of))
        } else {
            String::new()
        };
        let _ = write!(
            self.sql,
            "(select case when typeof(portero_v) = 'integer'{within} then portero_v end from (select "
        );
        match (sides, &node.kind) {
            (Some((operator, sides)), _) => {
                self.around(
                    "(",
                    &sides[0],
                    match operator {
                        Operator::Add => " + ",
                        Operator::Subtract => " - ",
                        Operator::Multiply => " * ",
                        Operator::Divide => " / ",
                    },
                )?;
                self.around("", &sides[1], ")")?;
            }
            (None, Kind::Minus(of)) => self.around("(-", of, ")")?,
            _ => {}
        }
        self.sql.push_str(" as portero_v))");
        Ok(())
    }

    pub(super) fn cast_in_sqlite(&mut self, node: &Node) -> Said {
        let Kind::Cast(of) = &node.kind else { return Ok(()) };
        match (of.of, node.of) {
            (from, to) if from == to => self.node(of),
            (Type::Integer | Type::Bigint, Type::Number)
            | (Type::Integer, Type::Bigint)
            | (Type::Boolean, Type::Integer)
            | (Type::Uuid | Type::Date, Type::Text)
            | (Type::Timestamp | Type::Timestamptz, Type::Timestamp | Type::Timestamptz) => self.node(of),
            (Type::Integer | Type::Bigint | Type::Any, Type::Text) => self.around("cast(", of, " as text)"),
            (Type::Integer, Type::Boolean) => self.around("(", of, " <> 0)"),
            (Type::Bigint, Type::Integer) => {
                let limits = limits(Type::Integer);
                let _ =
                    write!(self.sql, "(select case when portero_v between {limits} then portero_v end from (select ");
                self.around("", of, " as portero_v))")
            }
            (Type::Date, Type::Timestamp | Type::Timestamptz) => self.around("(", of, " || 'T00:00:00.000000Z')"),
            (Type::Timestamp | Type::Timestamptz, Type::Date) => self.around("substr(", of, ", 1, 10)"),
            (from, to) => self.refused(node, format!("SQLite has no cast from {from} to {to}")),
        }
    }
}
