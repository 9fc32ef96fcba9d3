//! Lists: `in (…)`, `= any(…)`.

use super::compare::holds_days;
use super::{Comparison, Dialect, Items, List, ListSource, Node, Said, Type, Value, Writer, shown_type};

impl Writer<'_> {
    pub(super) fn any(&mut self, comparison: Comparison, all: bool, of: &Node, list: &List, node: &Node) -> Said {
        let is_null = match &list.source {
            ListSource::Constant(None) => true,
            ListSource::Constant(Some(items)) => items.values.is_empty() && items.has_null,
            _ => false,
        };
        if is_null {
            self.null(Type::Boolean);
            return Ok(());
        }
        if holds_days(list) {
            self.must_hold_times(of, Type::Date)?;
        }
        if self.dialect == Dialect::Postgres {
            return self.any_in_postgres(comparison, all, of, list, node);
        }
        let is_in = match (comparison, all) {
            (Comparison::Equal, false) => " in (",
            (Comparison::Unequal, true) => " not in (",
            _ => return self.refused(node, "only = any(…) and <> all(…) are said in this dialect"),
        };
        let constants;
        let elements: &[Node] = match &list.source {
            ListSource::Values(values) => values,
            ListSource::Constant(Some(items)) if items.values.is_empty() && !items.has_null => {
                self.sql.push_str(if all { "(1 = 1)" } else { "(1 = 0)" });
                return Ok(());
            }
            ListSource::Constant(Some(items)) => {
                constants = of_items(items, list);
                &constants
            }
            _ => return self.refused(node, "a column that is a list is known to Postgres only"),
        };
        self.sql.push('(');
        let beside = elements.iter().map(shown_type).max().unwrap_or(Type::Any);
        self.operand(of, beside, false)?;
        // Of days and times among each other each is compared as a time.
        let against = if beside.is_moment() { of.of.max(beside) } else { of.of };
        self.sql.push_str(is_in);
        for (nth, element) in elements.iter().enumerate() {
            if nth > 0 {
                self.sql.push_str(", ");
            }
            if self.dialect == Dialect::Sqlite && element.of == against {
                self.node(element)?;
            } else {
                self.operand(element, against, false)?;
            }
        }
        self.sql.push_str("))");
        Ok(())
    }
}

/// Each with its own place, as nodes.
pub(super) fn of_items(items: &Items, list: &List) -> Vec<Node> {
    let nulls = items.has_null.then_some(Value::Null);
    let values = items.values.iter().cloned().chain(nulls);
    values.map(|value| Node::constant(value, list.element, list.at)).collect()
}
