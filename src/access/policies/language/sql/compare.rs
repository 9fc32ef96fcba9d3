//! Comparisons, which are to be the same for every setting of a database.

use std::fmt::Write;

use super::{Dialect, Kind, List, ListSource, Node, Said, Type, Value, Writer, postgres, shown_type};

impl Writer<'_> {
    /// Postgres compares days with times by the session's time zone: an undeclared column may be either.
    pub(super) fn must_hold_times(&self, node: &Node, beside: Type) -> Said {
        match node.kind {
            Kind::Read(slot) if node.of.is_moment() && beside == Type::Date && self.is_undeclared(slot) => {
                self.refused(node, "whether this holds days or times depends on the column's type: declare it")
            }
            _ => Ok(()),
        }
    }

    /// Postgres divides whole numbers without a fraction, others with one. What is divided by zero has no value either way.
    pub(super) fn quotient_of_any_number(&mut self, divisor: &Node, node: &Node) -> Said {
        if matches!(&divisor.kind, Kind::Constant(Value::Integer(0))) {
            self.null(node.of);
            return Ok(());
        }
        let fault = "whether this has a fraction depends on the column's type: declare it, or cast it: amount::numeric";
        self.refused(node, fault)
    }

    /// Two values, brought to what compares in the same way for every setting of the database.
    pub(super) fn compare(&mut self, left: &Node, operator: &str, right: &Node) -> Said {
        let is_ordering = operator.starts_with(['<', '>']) && !matches!(operator, "<>" | "<=>");
        self.sql.push('(');
        self.operand(left, right.of, is_ordering)?;
        let _ = write!(self.sql, " {operator} ");
        self.operand(right, left.of, false)?;
        self.sql.push(')');
        Ok(())
    }

    /// One side of a comparison. The first says in which order texts are.
    pub(super) fn operand(&mut self, node: &Node, beside: Type, is_ordering: bool) -> Said {
        let of = shown_type(node);
        self.must_hold_times(node, beside)?;
        if is_ordering && of == Type::Any && beside == Type::Any {
            return self
                .refused(node, "whether texts or numbers are compared depends on the row: declare the column's type");
        }
        if self.dialect == Dialect::Sqlite && of == Type::Numeric {
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

/// Whether a day is in it.
pub(super) fn holds_days(list: &List) -> bool {
    match &list.source {
        ListSource::Values(values) => values.iter().any(|value| value.of == Type::Date),
        ListSource::Constant(Some(items)) => items.values.iter().any(|value| matches!(value, Value::Date(_))),
        _ => false,
    }
}

/// Where a column that no declaration knows is a text in the database, Postgres refuses the sum, and reads no number from it.
pub(super) fn end_of(node: &Node) -> &'static str {
    if node.of == Type::Number && matches!(node.kind, Kind::Read(_)) { " + 0)" } else { ")" }
}
