//! As Postgres says it, whatever the session's time zone, `DateStyle` and the columns' collations.

use std::fmt::Write;

use super::compare::end_of;
use super::lists::of_items;
use super::{Comparison, Items, Kind, List, ListSource, Node, Operator, Said, Type, Value, Writer, limits, shown_type};
use crate::access::policies::language::interval::{FARTHEST, Interval, NEAREST};
use crate::access::policies::language::moment;
use crate::access::policies::language::types::ColumnType;

/// What counts as space around a text that becomes a number.
const SPACES: &str = " \t\n\r\u{b}\u{c}";

/// What is later than all times, where it is compared.
pub(super) const BEYOND: &str = "'infinity'";

impl Writer<'_> {
    pub(super) fn any_in_postgres(
        &mut self,
        comparison: Comparison,
        all: bool,
        of: &Node,
        list: &List,
        node: &Node,
    ) -> Said {
        let (element, is_ordering) = (list.element, !matches!(comparison, Comparison::Equal | Comparison::Unequal));
        let widest = match &list.source {
            ListSource::Values(values) => values.iter().map(shown_type).max().unwrap_or(element),
            ListSource::Constant(Some(items)) if element == Type::Any => {
                items.values.first().map_or(Type::Text, super::kind_of)
            }
            ListSource::Constant(Some(items)) if element == Type::Number => {
                items.values.iter().map(super::kind_of).max().unwrap_or(Type::Bigint)
            }
            _ => element,
        };
        self.sql.push('(');
        let moments = of.of.is_moment() && widest.is_moment() && widest != of.of;
        if moments {
            self.moment_in_postgres(of, of.of.max(widest), BEYOND)?;
        } else {
            self.operand(of, widest, is_ordering)?;
        }
        let _ = write!(self.sql, " {} {}(", comparison.sign(), if all { "all" } else { "any" });
        match &list.source {
            ListSource::Values(values) => {
                self.sql.push_str("array[");
                for (nth, value) in values.iter().enumerate() {
                    if nth > 0 {
                        self.sql.push_str(", ");
                    }
                    if value.of.is_moment() {
                        self.moment_in_postgres(value, of.of.max(widest), BEYOND)?;
                    } else {
                        self.node(value)?;
                    }
                }
                self.sql.push(']');
            }
            ListSource::Constant(Some(items)) => {
                // Dates beside times are times, whatever the session's zone.
                let to = if moments { of.of.max(widest) } else { widest };
                self.items_in_postgres(items, list, to, node)?;
            }
            ListSource::Read(slot) => self.read(*slot, &Node { kind: Kind::Read(*slot), of: element, at: list.at })?,
            _ => self.setting_list(list, node)?,
        }
        self.sql.push_str("))");
        Ok(())
    }

    fn items_in_postgres(&mut self, items: &Items, list: &List, to: Type, node: &Node) -> Said {
        let mut bound = Vec::new();
        for item in of_items(items, list) {
            let Kind::Constant(value) = &item.kind else { continue };
            let value = match value {
                Value::Date(date) if to != Type::Date => match moment::start_of(*date) {
                    Some(start) => Value::Timestamp(start),
                    None => return self.refused(node, "a date beyond all times"),
                },
                value if list.element == Type::Any && !value.is_null() && super::kind_of(value) != to => {
                    return self.refused(node, "the list has texts and numbers");
                }
                value => value.borrowed(),
            };
            bound.push(value.to_json());
        }
        self.list_parameter(ColumnType::list(to), bound, node)
    }

    fn list_parameter(&mut self, kind: ColumnType, values: Vec<serde_json::Value>, node: &Node) -> Said {
        if self.is_row_security {
            self.inline_list(kind, &values);
            return Ok(());
        }
        self.parameter(kind, serde_json::Value::Array(values), node)
    }

    /// A date or a time as another of them, in UTC.
    pub(super) fn moment_in_postgres(&mut self, node: &Node, to: Type, beyond: &str) -> Said {
        match (node.of, to) {
            // A date can be later than any timestamp.
            (Type::Date, Type::Timestamp | Type::Timestamptz) => {
                let zone = if to == Type::Timestamptz { " at time zone 'UTC'" } else { "" };
                let guard = format!(
                    "case when portero_v >= '294277-01-01' then {beyond}::{to} else portero_v::timestamp{zone} end"
                );
                self.named(&guard, node, "(", ")::date")
            }
            (Type::Timestamp | Type::Timestamptz, Type::Date) => {
                let utc = if node.of == Type::Timestamptz { " at time zone 'UTC')::date" } else { ")::date" };
                self.around("(", node, utc)
            }
            (from, to) if from == to => self.node(node),
            _ => self.around("(", node, " at time zone 'UTC')"),
        }
    }

    pub(super) fn like_in_postgres(&mut self, node: &Node) -> Said {
        let Kind::Like { any_case, sides, escape, pattern } = &node.kind else { return Ok(()) };
        let (start, end) = if *any_case { ("lower(", " collate \"C\")") } else { ("", "") };
        if let Some(pattern) = pattern {
            self.sql.push('(');
            self.around(start, &sides[0], end)?;
            self.sql.push_str(" like ");
            self.text_parameter(&pattern.with_escapes('\\'), node)?;
            self.sql.push(')');
            return Ok(());
        }
        let plain = match escape {
            None => " escape ''",
            Some('\\') => "",
            Some(_) => {
                return self.refused(node, "a pattern that depends on the row takes the escape character \\ or none");
            }
        };
        // One that ends with its escape character has no value.
        self.sql.push_str("(select case when ");
        if plain.is_empty() {
            self.sql.push_str("portero_p ~ ");
            self.text_parameter("^([^\\\\]|\\\\.)*$", node)?;
        } else {
            self.sql.push_str("true");
        }
        let _ = write!(self.sql, " then portero_v like portero_p{plain} end from (select ");
        self.around(start, &sides[0], end)?;
        self.sql.push_str(" as portero_v, ");
        self.around(start, &sides[1], end)?;
        self.sql.push_str(" as portero_p) as portero_s)");
        Ok(())
    }

    pub(super) fn case_in_postgres(&mut self, node: &Node) -> Said {
        let Kind::Case { upper, of } = &node.kind else { return Ok(()) };
        self.around(if *upper { "upper(" } else { "lower(" }, of, " collate \"C\")")
    }

    /// A value that is looked at twice: in `{}` it is called `portero_v`.
    fn named(&mut self, outer: &str, of: &Node, start: &str, end: &str) -> Said {
        let _ = write!(self.sql, "(select {outer} from (select {start}");
        self.node(of)?;
        let _ = write!(self.sql, "{end} as portero_v) as portero_s)");
        Ok(())
    }

    pub(super) fn sum_in_postgres(&mut self, node: &Node) -> Said {
        let whole = matches!(node.of, Type::Integer | Type::Bigint);
        match &node.kind {
            Kind::Minus(of) if whole => {
                let guard = format!("case when portero_v between {} then portero_v::{} end", limits(node.of), node.of);
                self.named(&guard, of, "-(", ")::numeric")
            }
            Kind::Minus(of) if node.of == Type::Number => self.number("(-", of, ")"),
            Kind::Minus(of) => self.around("(-", of, ")"),
            Kind::Arithmetic(operator, sides) if sides[0].of.is_number() && sides[1].of.is_number() => {
                self.number_in_postgres(*operator, &sides[0], &sides[1], node)
            }
            Kind::Arithmetic(operator, sides) => self.moments_in_postgres(*operator, sides, node),
            _ => Ok(()),
        }
    }

    /// Whole numbers are computed as decimals, so that what is out of range is null and no error.
    fn number_in_postgres(&mut self, operator: Operator, left: &Node, right: &Node, node: &Node) -> Said {
        if operator == Operator::Divide && node.of == Type::Number {
            return self.quotient_of_any_number(right, node);
        }
        let whole = !matches!(node.of, Type::Number | Type::Numeric);
        let computed = match operator {
            Operator::Divide if whole => "div(portero_a, nullif(portero_b, 0))".to_owned(),
            Operator::Divide => "portero_a / nullif(portero_b, 0)".to_owned(),
            operator => format!("portero_a {} portero_b", operator.sign()),
        };
        if whole {
            let limits = limits(node.of);
            let _ = write!(
                self.sql,
                "(select case when portero_v between {limits} then portero_v::{} end from (select {computed} as portero_v",
                node.of
            );
        } else {
            let _ = write!(
                self.sql,
                "(select case when abs(portero_a) < 1e5000 and abs(portero_b) < 1e5000 then {computed} end"
            );
        }
        self.number(" from (select ", left, " as portero_a, ")?;
        self.number("", right, " as portero_b) as portero_s)")?;
        if whole {
            self.sql.push_str(" as portero_t)");
        }
        Ok(())
    }

    /// Times and intervals that are near enough: between them Postgres meets no limit.
    fn moments_in_postgres(&mut self, operator: Operator, sides: &[Node; 2], node: &Node) -> Said {
        if sides.iter().all(|side| side.of == Type::Interval) {
            self.around("(", &sides[0], operator.sign())?;
            return self.around("", &sides[1], ")");
        }
        let mut guards = Vec::new();
        for (side, name) in sides.iter().zip(["portero_a", "portero_b"]) {
            match (side.of, &side.kind) {
                (Type::Interval, Kind::Constant(Value::Interval(interval))) => {
                    let added = if operator == Operator::Subtract { interval.negate() } else { Some(*interval) };
                    if !added.is_some_and(Interval::is_near) {
                        self.null(node.of);
                        return Ok(());
                    }
                }
                (Type::Interval, _) => {
                    let (from, to) =
                        if operator == Operator::Subtract { (-FARTHEST, -NEAREST) } else { (NEAREST, FARTHEST) };
                    guards.push(format!("{name} between interval '{from} days' and interval '{to} days'"));
                }
                (Type::Integer, _) => {
                    let sign = if operator == Operator::Subtract { "-" } else { "" };
                    guards.push(format!("{sign}{name}::bigint between -1000000 and 1000000000"));
                }
                (Type::Date, _) if sides.iter().all(|side| side.of == Type::Date) => {}
                _ => guards.push(format!("{name} between '0001-01-01' and '200000-01-01'")),
            }
        }
        if guards.is_empty() {
            guards.push("true".to_owned());
        }
        let zone = if node.of == Type::Timestamptz { " at time zone 'UTC'" } else { "" };
        let _ = write!(
            self.sql,
            "(select case when {} then (portero_a {} portero_b){zone} end from (select ",
            guards.join(" and "),
            operator.sign()
        );
        for (side, name) in sides.iter().zip([" as portero_a, ", " as portero_b) as portero_s)"]) {
            let end = if side.of == Type::Timestamptz { " at time zone 'UTC')" } else { ")" };
            self.around("(", side, &format!("{end}{name}"))?;
        }
        Ok(())
    }

    pub(super) fn cast_in_postgres(&mut self, node: &Node) -> Said {
        let Kind::Cast(of) = &node.kind else { return Ok(()) };
        let to = node.of;
        match (of.of, to) {
            (from, to) if from == to => self.node(of),
            (from, to) if from.is_moment() && to.is_moment() => self.moment_in_postgres(of, to, "null"),
            (Type::Date | Type::Timestamp | Type::Timestamptz | Type::Interval, Type::Text) => {
                self.refused(node, "how a time is written depends on the session: compare times, not texts")
            }
            (Type::Any, Type::Text) if self.is_row_security => self.any_as_text(of),
            (_, Type::Text) => self.around("(", of, &format!("{}::text", end_of(of))),
            (Type::Text, _) => self.read_in_postgres(of, to, node),
            // Whole or not, it compares with all numbers.
            (from, Type::Number) if from.is_number() => self.node(of),
            (Type::Bigint | Type::Number | Type::Numeric, Type::Integer | Type::Bigint) if of.of > to => {
                let guard = format!("case when round(portero_v) between {} then portero_v::{to} end", limits(to));
                self.named(&guard, of, "(", &format!("{}::numeric", end_of(of)))
            }
            (
                Type::Integer | Type::Bigint | Type::Number | Type::Boolean,
                Type::Bigint | Type::Numeric | Type::Boolean | Type::Integer,
            ) => self.around(
                if to == Type::Boolean { "((" } else { "(" },
                of,
                &match to {
                    Type::Boolean => ")::integer)::boolean".to_owned(),
                    to => format!("{}::{to}", end_of(of)),
                },
            ),
            _ => self.refused(node, format!("declare the column's type: it becomes {to}")),
        }
    }

    /// As a decimal.
    fn number(&mut self, start: &str, of: &Node, end: &str) -> Said {
        self.around(&format!("{start}("), of, &format!("{}::numeric{end}", end_of(of)))
    }

    /// A text as something else, where it is of the forms that the evaluator takes; otherwise null.
    fn read_in_postgres(&mut self, of: &Node, to: Type, node: &Node) -> Said {
        let guard = match to {
            Type::Integer | Type::Bigint => {
                let limits = limits(to);
                format!(
                    "case when portero_v ~ '^[+-]?[0-9]{{1,255}}$' then \
                     case when portero_v::numeric between {limits} then portero_v::{to} end end"
                )
            }
            Type::Numeric => "case when portero_v ~ \
                 '^[+-]?([0-9]{1,255}([.][0-9]{0,255})?|[.][0-9]{1,255})([eE][+-]?[0-9]{1,3})?$' \
                 then portero_v::numeric end"
                .to_owned(),
            Type::Boolean => "case when lower(portero_v) in ('t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1') then true \
                 when lower(portero_v) in ('f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0') then false end"
                .to_owned(),
            Type::Uuid => "case when portero_v ~ '^([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}$' \
                 or portero_v ~ '^[{]([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}[}]$' then portero_v::uuid end"
                .to_owned(),
            _ => return self.refused(node, format!("which texts are of type {to} depends on the session: declare the column")),
        };
        let _ = write!(self.sql, "(select {guard} from (select ");
        if to == Type::Uuid {
            self.around("(", of, " collate \"C\")")?;
        } else {
            self.around("btrim(", of, " collate \"C\", ")?;
            self.text_parameter(SPACES, node)?;
            self.sql.push(')');
        }
        self.sql.push_str(" as portero_v) as portero_s)");
        Ok(())
    }
}
