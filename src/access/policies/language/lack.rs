//! What keeps an expression from being true, in its own words.

use super::evaluate::World;
use super::fault::Failure;
use super::node::{Fact, Kind, ListSource, Node, Slot, Source};
use super::types::Type;
use super::{Expression, Request, Row, Subject};

/// So many values of one condition are told.
const MOST_VALUES: usize = 4;

/// So many characters are enough to see what is wrong.
const LONGEST: usize = 1_000;

/// So many characters of a value.
const LONGEST_VALUE: usize = 60;

impl Expression {
    /// The conditions that would have to be true, or false, for it to be true, with what they are about; nothing where it is.
    /// Attributes of the subject are named and not told, unless `tells_attributes`.
    pub fn lack(&self, row: &Row, subject: &Subject, request: &Request, tells_attributes: bool) -> Option<String> {
        let world = self.world(Some(row), subject, request);
        let reader = Reader { world, text: self.text(), slots: &self.inner.slots, tells_attributes };
        let mut lack = reader.lack(&self.inner.node, true)?;
        if let Some((end, _)) = lack.char_indices().nth(LONGEST) {
            lack.truncate(end);
            lack.push_str(" …");
        }
        Some(lack)
    }
}

struct Reader<'a> {
    world: World<'a>,
    text: &'a str,
    slots: &'a [Slot],
    tells_attributes: bool,
}

impl<'a> Reader<'a> {
    fn lack(&self, node: &'a Node, wanted: bool) -> Option<String> {
        let truth = self.world.truth(node);
        if truth == Ok(Some(wanted)) {
            return None;
        }
        match &node.kind {
            // `x not in (…)` is one condition to whoever wrote it.
            Kind::Not(of) if of.at != node.at => self.lack(of, !wanted),
            Kind::And(parts) => self.of_parts(parts, wanted, wanted),
            Kind::Or(parts) => self.of_parts(parts, wanted, !wanted),
            _ => Some(self.condition(node, wanted, truth.err().as_deref())),
        }
    }

    fn of_parts(&self, parts: &'a [Node], wanted: bool, each: bool) -> Option<String> {
        let lacks: Vec<String> = parts.iter().filter_map(|part| self.lack(part, wanted)).collect();
        match &lacks[..] {
            [] => None,
            [one] => Some(one.clone()),
            many => Some(format!("({})", many.join(if each { " and " } else { " or " }))),
        }
    }

    fn condition(&self, node: &'a Node, wanted: bool, failure: Option<&Failure>) -> String {
        let written = node.at.of(self.text).split_whitespace().collect::<Vec<_>>().join(" ");
        let written = if wanted { written } else { format!("not ({written})") };
        let mut values = Vec::new();
        self.values(node, &mut values);
        if let Some(failure) = failure {
            values.insert(0, failure.message.clone());
        }
        if values.is_empty() { written } else { format!("{written} [{}]", values.join(", ")) }
    }

    fn values(&self, node: &'a Node, values: &mut Vec<String>) {
        if values.len() >= MOST_VALUES {
            return;
        }
        if matches!(node.kind, Kind::Read(_) | Kind::Fact(_)) {
            let name = node.at.of(self.text);
            let told = match self.world.value(node) {
                Ok(_) if !self.tells_attributes && tells_attribute(node, self.slots) => return,
                Ok(value) => format!("{name} is {}", short(&value.to_json().to_string())),
                Err(_) => return,
            };
            if !values.contains(&told) {
                values.push(told);
            }
            return;
        }
        for child in node.children() {
            self.values(child, values);
        }
    }
}

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{} …", &value[..end]),
        None => value.to_owned(),
    }
}

/// Whether a part's value is that of an attribute, or made of one. What is compared with one is a condition, whose truth is what
/// a decision says anyway.
pub(super) fn tells_attribute(node: &Node, slots: &[Slot]) -> bool {
    let compares = node.of == Type::Boolean && !matches!(node.kind, Kind::Read(_) | Kind::Coalesce(_) | Kind::Cast(_));
    !compares && is_personal(node, slots)
}

/// Whether a part reads what is kept of a person: an attribute, or how they are called.
pub(super) fn is_personal(node: &Node, slots: &[Slot]) -> bool {
    let is_one = |slot: usize| slots[slot].source == Source::Attribute;
    match &node.kind {
        Kind::Read(slot) => is_one(*slot),
        Kind::Fact(Fact::Username) => true,
        Kind::Any { list, .. } if matches!(list.source, ListSource::Read(slot) if is_one(slot)) => true,
        _ => node.children().into_iter().any(|child| is_personal(child, slots)),
    }
}
