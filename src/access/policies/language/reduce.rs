//! What does not depend on the row is computed: what is left is a question to the rows.

use std::sync::Arc;

use super::evaluate::{World, id_as, sorts};
use super::fault::Failure;
use super::like::Pattern;
use super::node::{Items, Kind, List, ListSource, Node, Source};
use super::types::Type;
use super::value::Value;

impl<'a> World<'a> {
    pub(super) fn reduce(&self, node: &'a Node) -> Node {
        match &node.kind {
            Kind::Read(slot) if self.slots[*slot].source == Source::Column => return node.clone(),
            Kind::And(parts) => return self.reduce_parts(parts, node, false),
            Kind::Or(parts) => return self.reduce_parts(parts, node, true),
            _ => {}
        }
        let one = |of: &'a Node| Box::new(self.reduce(of));
        let two = |sides: &'a [Node; 2]| Box::new([self.reduce(&sides[0]), self.reduce(&sides[1])]);
        let kind = match &node.kind {
            Kind::Not(of) => Kind::Not(one(of)),
            Kind::Compare(comparison, sides) => Kind::Compare(*comparison, two(sides)),
            Kind::Distinct { negated, sides } => Kind::Distinct { negated: *negated, sides: two(sides) },
            Kind::IsNull { negated, of } => Kind::IsNull { negated: *negated, of: one(of) },
            Kind::Is { what, negated, of } => Kind::Is { what: *what, negated: *negated, of: one(of) },
            Kind::Any { comparison, all, of, list } => {
                Kind::Any { comparison: *comparison, all: *all, of: one(of), list: self.reduce_list(list) }
            }
            Kind::Like { any_case, sides, escape, .. } => {
                let sides = two(sides);
                match pattern(&sides[1], *escape, *any_case) {
                    Ok(pattern) => Kind::Like { any_case: *any_case, sides, escape: *escape, pattern },
                    Err(failure) => Kind::Failed(failure),
                }
            }
            Kind::Arithmetic(operator, sides) => Kind::Arithmetic(*operator, two(sides)),
            Kind::Minus(of) => Kind::Minus(one(of)),
            Kind::Concat(sides) => Kind::Concat(two(sides)),
            Kind::Coalesce(parts) => Kind::Coalesce(parts.iter().map(|part| self.reduce(part)).collect()),
            Kind::Case { upper, of } => Kind::Case { upper: *upper, of: one(of) },
            Kind::Cast(of) => Kind::Cast(one(of)),
            other => other.clone(),
        };
        self.folded(Node { kind, of: node.of, at: node.at })
    }

    /// A constant, where nothing in it depends on the row.
    fn folded(&self, node: Node) -> Node {
        let list_is_constant = match &node.kind {
            Kind::Any { list, .. } => matches!(list.source, ListSource::Constant(_) | ListSource::Values(_)),
            Kind::Read(slot) => self.slots[*slot].source != Source::Column,
            _ => true,
        };
        if let Kind::Any { all, list, .. } = &node.kind
            && let ListSource::Constant(Some(items)) = &list.source
            && items.values.is_empty()
            && !items.has_null
        {
            return Node::constant(Value::Boolean(*all), node.of, node.at);
        }
        if !list_is_constant || !node.children().into_iter().all(is_constant) {
            return node;
        }
        // Shorter lived than what the world knows of.
        let world: World<'_> = *self;
        let kind = match world.value(&node) {
            Ok(value) => Kind::Constant(value.into_owned()),
            Err(failure) => Kind::Failed(failure),
        };
        Node { kind, ..node }
    }

    fn reduce_parts(&self, parts: &'a [Node], node: &Node, dominant: bool) -> Node {
        let mut left = Vec::new();
        for part in parts {
            let part = self.reduce(part);
            match &part.kind {
                Kind::Constant(Value::Boolean(value)) if *value == dominant => return part,
                Kind::Constant(Value::Boolean(_)) => {}
                _ => left.push(part),
            }
        }
        match left.len() {
            0 => Node::constant(Value::Boolean(!dominant), Type::Boolean, node.at),
            1 => left.remove(0),
            _ => {
                let kind = if dominant { Kind::Or(left) } else { Kind::And(left) };
                self.folded(Node { kind, of: Type::Boolean, at: node.at })
            }
        }
    }

    fn reduce_list(&self, list: &'a List) -> List {
        let texts = |texts: &[String]| {
            let read = texts.iter().filter_map(|text| super::cast::read(text, list.element).ok());
            ListSource::Constant(Some(Arc::new(items(read.collect(), list.element))))
        };
        let source = match &list.source {
            ListSource::Roles => texts(&self.subject.roles),
            ListSource::Permissions => texts(&self.subject.permissions),
            ListSource::Groups => texts(&self.subject.groups),
            ListSource::Resources(pair) => match self.ids(*pair, list) {
                Ok(ids) => {
                    let ids = ids.iter().filter_map(|id| Some(id_as(id, list.element)?.into_owned())).collect();
                    ListSource::Constant(Some(Arc::new(items(ids, list.element))))
                }
                Err(failure) => {
                    ListSource::Values(vec![Node { kind: Kind::Failed(failure), of: list.element, at: list.at }])
                }
            },
            ListSource::Values(nodes) => {
                let nodes: Vec<Node> = nodes.iter().map(|node| self.reduce(node)).collect();
                let value = |node: &Node| match &node.kind {
                    Kind::Constant(value) => Some(value.clone()),
                    _ => None,
                };
                match nodes.iter().map(value).collect::<Option<Vec<_>>>() {
                    Some(values) => ListSource::Constant(Some(Arc::new(items(values, list.element)))),
                    None => ListSource::Values(nodes),
                }
            }
            ListSource::Read(slot) if self.slots[*slot].source != Source::Column => self.read_list(*slot, list),
            other => other.clone(),
        };
        List { source, element: list.element, at: list.at }
    }

    fn read_list(&self, slot: usize, list: &List) -> ListSource {
        let constant = |values: Vec<Value<'static>>| ListSource::Constant(Some(Arc::new(items(values, list.element))));
        let node = |value: Result<Value<'a>, Box<Failure>>| match value {
            Ok(value) => Node::constant(value.into_owned(), list.element, list.at),
            Err(failure) => Node { kind: Kind::Failed(failure), of: list.element, at: list.at },
        };
        match self.elements(slot, list) {
            Err(failure) => ListSource::Values(vec![node(Err(failure))]),
            Ok(None) => ListSource::Constant(None),
            Ok(Some(elements)) if elements.iter().all(Result::is_ok) => {
                constant(elements.into_iter().flatten().map(Value::into_owned).collect())
            }
            Ok(Some(elements)) => ListSource::Values(elements.into_iter().map(node).collect()),
        }
    }
}

pub(super) fn is_constant(node: &Node) -> bool {
    matches!(node.kind, Kind::Constant(_) | Kind::Failed(_))
}

fn items(values: Vec<Value<'static>>, element: Type) -> Items {
    let count = values.len();
    let mut values: Vec<_> = values.into_iter().filter(|value| !value.is_null()).collect();
    let has_null = values.len() < count;
    let is_sorted = sorts(element);
    if is_sorted {
        values.sort_by(|a, b| a.compare(b).unwrap_or(std::cmp::Ordering::Equal));
    }
    Items { values, has_null, is_sorted }
}

fn pattern(node: &Node, escape: Option<char>, any_case: bool) -> Result<Option<Arc<Pattern>>, Box<Failure>> {
    match &node.kind {
        Kind::Constant(Value::Text(text)) => match Pattern::read(text, escape, any_case) {
            Some(pattern) => Ok(Some(Arc::new(pattern))),
            None => Err(Failure::at(node.at, "the pattern ends with its escape character")),
        },
        _ => Ok(None),
    }
}

/// Whether it is true of no row: it is false, or null, or has an error.
fn never(node: &Node) -> bool {
    let is_null = |node: &Node| matches!(node.kind, Kind::Constant(Value::Null));
    // With null these are null, or have an error.
    let is_lost = |node: &Node| match &node.kind {
        Kind::Compare(_, sides) | Kind::Like { sides, .. } => sides.iter().any(is_null),
        _ => false,
    };
    match &node.kind {
        Kind::Constant(value) => !matches!(value, Value::Boolean(true)),
        Kind::Failed(_) => true,
        Kind::Not(of) => is_lost(of),
        Kind::Any { all: false, of, list, .. } => is_null(of) || matches!(list.source, ListSource::Constant(None)),
        _ => is_lost(node),
    }
}

/// Where only true counts, null and errors are as good as false: what can never be true goes.
pub(super) fn only_true(node: Node) -> Node {
    let no = |at| Node::constant(Value::Boolean(false), Type::Boolean, at);
    let (of, at) = (node.of, node.at);
    match node.kind {
        Kind::And(parts) => {
            let parts: Vec<_> = parts.into_iter().map(only_true).collect();
            if parts.iter().any(never) { no(at) } else { Node { kind: Kind::And(parts), of, at } }
        }
        Kind::Or(parts) => {
            let mut parts: Vec<_> = parts.into_iter().map(only_true).filter(|part| !never(part)).collect();
            match parts.len() {
                0 => no(at),
                1 => parts.remove(0),
                _ => Node { kind: Kind::Or(parts), of, at },
            }
        }
        kind => {
            let node = Node { kind, of, at };
            if never(&node) { no(at) } else { node }
        }
    }
}
