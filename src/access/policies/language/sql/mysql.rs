//! As MySQL 8 says it. Texts are compared by their code points, whatever the columns' collations.

use serde_json::Value as Json;

use super::{Kind, Node, NotSayable, Said, Type, Value, Writer};
use crate::access::policies::language::moment;

/// Of `decimal(65, 30)`.
const DIGITS_AFTER_POINT: usize = 30;
const DIGITS_BEFORE_POINT: usize = 35;

impl Writer<'_> {
    pub(super) fn bound_in_mysql(&self, value: &Value<'_>, node: &Node) -> Result<Json, NotSayable> {
        let sortable = match value {
            Value::Timestamp(timestamp) => {
                moment::sortable(*timestamp).map(|text| text.replace('T', " ").trim_end_matches('Z').to_owned())
            }
            Value::Date(date) => moment::sortable_date(*date),
            Value::Numeric(number) => {
                let text = number.to_string();
                let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
                let fits = whole.len() <= DIGITS_BEFORE_POINT && fraction.len() <= DIGITS_AFTER_POINT;
                if fits {
                    Some(text)
                } else {
                    return self.refused(node, "MySQL's decimals have 35 digits before the point, 30 after");
                }
            }
            Value::Interval(_) => return self.refused(node, "MySQL has no intervals"),
            value => return Ok(value.to_json()),
        };
        match sortable {
            Some(text) => Ok(Json::String(text)),
            None => self.refused(node, "MySQL's times are of the years 1 to 9999"),
        }
    }

    pub(super) fn like_in_mysql(&mut self, node: &Node) -> Said {
        let Kind::Like { any_case: false, sides, pattern: Some(pattern), .. } = &node.kind else {
            return self.refused(node, "MySQL takes like, not ilike, with a pattern that is the same for all rows");
        };
        self.around("(convert(", &sides[0], " using utf8mb4) collate utf8mb4_0900_bin like ")?;
        self.text_parameter(&pattern.with_escapes('|'), node)?;
        self.sql.push_str(" escape '|')");
        Ok(())
    }

    pub(super) fn case_in_mysql(&mut self, node: &Node) -> Said {
        self.refused(node, "MySQL's lower and upper know other letters")
    }

    pub(super) fn sum_in_mysql(&mut self, node: &Node) -> Said {
        self.refused(node, "MySQL computes with other limits: compare the column itself")
    }

    pub(super) fn cast_in_mysql(&mut self, node: &Node) -> Said {
        let Kind::Cast(of) = &node.kind else { return Ok(()) };
        match (of.of, node.of) {
            (from, to) if from == to => self.node(of),
            (Type::Integer, Type::Bigint)
            | (Type::Integer | Type::Bigint, Type::Number | Type::Numeric)
            | (Type::Boolean, Type::Integer)
            | (Type::Uuid, Type::Text) => self.node(of),
            (Type::Integer | Type::Bigint, Type::Text) => self.around("cast(", of, " as char)"),
            (Type::Integer, Type::Boolean) => self.around("(", of, " <> 0)"),
            (from, to) => self.refused(node, format!("MySQL has no exact cast from {from} to {to}")),
        }
    }
}
