//! Which rows a condition can be true of at all, as far as an index can tell: those with a property that is one of a few values.

use super::Residue;
use super::node::{Comparison, Kind, List, ListSource, Node};
use super::numeric::Numeric;
use super::types::Type;
use super::value::Value;

/// More of them are none: by then an index tells little.
const MOST: usize = 100;

/// That a property of a row is one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equality {
    /// The property.
    pub name: String,
    /// The value, as it is written in JSON where it can be written in one way only.
    pub json: Option<String>,
}

impl Residue {
    /// Of these one holds for each row of which it is true; none where nothing of the kind can be said. The column `id` is left out: it
    /// is no property, mostly.
    pub fn equalities(&self) -> Option<Vec<Equality>> {
        self.of(&self.node)
    }

    fn of(&self, node: &Node) -> Option<Vec<Equality>> {
        match &node.kind {
            Kind::And(parts) => parts.iter().filter_map(|part| self.of(part)).min_by_key(Vec::len),
            Kind::Or(parts) => {
                let all: Vec<Equality> = parts.iter().map(|part| self.of(part)).collect::<Option<Vec<_>>>()?.concat();
                (all.len() <= MOST).then_some(all)
            }
            Kind::Compare(Comparison::Equal, sides) | Kind::Distinct { negated: true, sides } => {
                let name = self.column(&sides[0]).or_else(|| self.column(&sides[1]))?;
                let constant = sides.iter().find_map(|side| match &side.kind {
                    Kind::Constant(value) => Some(value),
                    _ => None,
                })?;
                Some(vec![Equality::new(name, written(constant)?)])
            }
            Kind::Any { comparison: Comparison::Equal, all: false, of, list } => self.among(of, list),
            Kind::Is { what: Some(true), negated: false, of } => self.of(of),
            Kind::Read(_) => self.is(node, true),
            Kind::Not(of) => self.is(of, false),
            _ => None,
        }
    }

    /// That a column of truth values is this one.
    fn is(&self, node: &Node, truth: bool) -> Option<Vec<Equality>> {
        let name = self.column(node).filter(|_| node.of == Type::Boolean)?;
        Some(vec![Equality::new(name, Written::InOneWay(truth.to_string()))])
    }

    fn among(&self, of: &Node, list: &List) -> Option<Vec<Equality>> {
        let ListSource::Constant(Some(items)) = &list.source else { return None };
        let name = self.column(of)?;
        if items.values.len() > MOST {
            return None;
        }
        items.values.iter().map(|value| Some(Equality::new(name, written(value)?))).collect()
    }

    /// The column that a part is, as a number or as it stands.
    fn column(&self, node: &Node) -> Option<&str> {
        match &node.kind {
            Kind::Read(slot) => Some(&*self.whole.inner.slots[*slot].name).filter(|name| *name != "id"),
            Kind::Cast(of) if node.of.is_number() && of.of.is_number() => self.column(of),
            _ => None,
        }
    }
}

/// How a value is written in JSON. `auth.property_hashes` says which are written in one way.
enum Written {
    InOneWay(String),
    InSeveral,
}

impl Equality {
    fn new(name: &str, written: Written) -> Self {
        let json = match written {
            Written::InOneWay(json) => Some(json),
            Written::InSeveral => None,
        };
        Self { name: name.to_owned(), json }
    }
}

/// How a property is written that equals a value: none where texts of JSON can't tell.
fn written(value: &Value<'_>) -> Option<Written> {
    const LARGEST: i64 = 999_999_999_999_999_999;
    match value {
        Value::Boolean(value) => Some(Written::InOneWay(value.to_string())),
        Value::Integer(whole) if (-LARGEST..=LARGEST).contains(whole) => Some(Written::InOneWay(whole.to_string())),
        Value::Integer(_) => Some(Written::InSeveral),
        Value::Numeric(number) => match number.to_integer() {
            Some(whole) if number.compare(&Numeric::from(whole)).is_eq() => written(&Value::Integer(whole)),
            _ => Some(Written::InSeveral),
        },
        Value::Text(text) => {
            let is_plain = text.chars().count() <= 200 && !text.contains(|c: char| c == '"' || c == '\\' || c < ' ');
            Some(if is_plain { Written::InOneWay(format!("\"{text}\"")) } else { Written::InSeveral })
        }
        Value::Null | Value::Uuid(_) | Value::Date(_) | Value::Timestamp(_) | Value::Interval(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::super::{Declared, Expression, Reduced, Request, Subject};
    use super::*;

    fn found_by(text: &str) -> Option<Vec<String>> {
        let expression = Expression::compile(text, &Declared::default()).expect("an expression");
        let subject = Subject { id: Some(7), roles: vec!["a".to_owned(), "b\"".to_owned()], ..Subject::default() };
        let Reduced::Conditional(left) = expression.reduce(&subject, &Request::at(OffsetDateTime::UNIX_EPOCH)) else {
            panic!("{text} depends on no row");
        };
        let written = |Equality { name, json }| format!("{name} {}", json.as_deref().unwrap_or("*"));
        left.equalities().map(|all| all.into_iter().map(written).collect())
    }

    #[test]
    fn what_must_be_equal_is_found_by_that() {
        for (text, by) in [
            ("user_id = auth_user.id", Some(&["user_id 7"][..])),
            ("auth_user.id = user_id and status <> 'closed'", Some(&["user_id 7"])),
            ("status in ('draft', 'review') and user_id = auth_user.id", Some(&["user_id 7"])),
            ("status in ('draft', 'review')", Some(&["status \"draft\"", "status \"review\""])),
            ("user_id = auth_user.id or is_open", Some(&["user_id 7", "is_open true"])),
            ("not is_open", Some(&["is_open false"])),
            ("user_id = auth_user.id or amount > 5", None),
            ("user_id = auth_user.id or is_open = true", Some(&["user_id 7", "is_open true"])),
            ("team = any(auth_user.roles)", Some(&["team \"a\"", "team *"])),
            ("rate = 1.50", Some(&["rate *"])),
            ("rate = 2.0", Some(&["rate 2"])),
            ("(user_id = auth_user.id) is true", Some(&["user_id 7"])),
            ("user_id is not distinct from auth_user.id", Some(&["user_id 7"])),
            ("id = auth_user.id", None),
            ("user_id <> auth_user.id", None),
            ("user_id > auth_user.id", None),
            ("not (user_id = auth_user.id)", None),
            ("lower(name) = 'x'", None),
            ("day = date '2026-01-31'", None),
        ] {
            assert_eq!(found_by(text), by.map(|by| by.iter().map(|by| (*by).to_owned()).collect()), "{text}");
        }
    }
}
