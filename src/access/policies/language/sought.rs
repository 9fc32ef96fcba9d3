//! Which ids of `auth_user.resources(…)` matter for a row: mostly one, whatever the person reaches.

use super::evaluate::World;
use super::node::{Comparison, Kind, List, ListSource, Node};
use super::types::Type;
use super::value::Value;
use super::{Expression, Request, Row, Subject};

/// Ids of one pair of `Expression::resources`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Whether these are among them, and whether there are any.
    Ids(Vec<String>),
    /// All of them.
    All,
}

impl Sought {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Ids(ids), Self::Ids(more)) => ids.extend(more),
            _ => *self = Self::All,
        }
    }
}

impl Expression {
    /// For each pair of [`Expression::resources`], in order, what [`Expression::evaluate`] must know of it for this row.
    pub fn sought(&self, row: &Row, subject: &Subject, request: &Request) -> Vec<Sought> {
        let mut sought = vec![Sought::Ids(Vec::new()); self.inner.resources.len()];
        if sought.is_empty() {
            return sought;
        }
        let world = self.world(Some(row), subject, request);
        let mut ahead = vec![&self.inner.node];
        while let Some(node) = ahead.pop() {
            if let Kind::Any { comparison, all, of, list } = &node.kind
                && let ListSource::Resources(pair) = list.source
            {
                let is_membership = *comparison == Comparison::Equal && !*all && compares_exactly(list) && !asks(of);
                sought[pair].add(if is_membership { membership(&world, of) } else { Sought::All });
            }
            ahead.extend(node.children());
        }
        sought
    }
}

impl Expression {
    /// Whether it asks for roles or permissions.
    pub fn asks_for_roles(&self) -> bool {
        let mut ahead = vec![&self.inner.node];
        while let Some(node) = ahead.pop() {
            if let Kind::Any { list, .. } = &node.kind
                && matches!(list.source, ListSource::Roles | ListSource::Permissions)
            {
                return true;
            }
            ahead.extend(node.children());
        }
        false
    }
}

/// Whether two ids are the same exactly where their texts are.
fn compares_exactly(list: &List) -> bool {
    matches!(list.element, Type::Text | Type::Integer | Type::Bigint | Type::Number)
}

/// Whether it has a value only once ids are known.
fn asks(node: &Node) -> bool {
    let is_one = matches!(&node.kind, Kind::Any { list: List { source: ListSource::Resources(_), .. }, .. });
    is_one || node.children().into_iter().any(asks)
}

fn membership(world: &World<'_>, of: &Node) -> Sought {
    match world.value(of) {
        // Null is in no list but an empty one: which ids of the list are of its type tells.
        Ok(Value::Null) => Sought::All,
        Err(_) => Sought::Ids(Vec::new()),
        // Ids are whole numbers there.
        Ok(Value::Numeric(number)) => {
            Sought::Ids(number.to_integer().map(|whole| whole.to_string()).into_iter().collect())
        }
        Ok(value) => Sought::Ids(vec![value.written().into_owned()]),
    }
}
