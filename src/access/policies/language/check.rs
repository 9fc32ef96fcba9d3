//! From a parsed text to a checked tree: names are found, types are given, texts become values of the type beside them.
//!
//! What no declaration knows takes its type from what it is compared with, wherever in the text that stands. So the tree is
//! built again until no slot learns more.

use super::cast;
use super::fault::{Failure, Span};
use super::node::{Kind, Node, Slot, Source};
use super::numeric::Numeric;
use super::raw::{Raw, RawKind};
use super::types::{ColumnType, Declared, Type};
use super::value::Value;

mod names;
mod operators;

type Read<T> = Result<T, Box<Failure>>;

/// What has been found out about a text.
pub(super) struct Checked {
    pub(super) node: Node,
    pub(super) slots: Vec<Slot>,
    pub(super) resources: Vec<(Box<str>, Box<str>)>,
}

pub(super) fn check(raw: &Raw, declared: &Declared) -> Read<Checked> {
    let mut checker = Checker { declared, slots: Vec::new(), resources: Vec::new(), learned: false };
    loop {
        let built = checker.whole(raw);
        if std::mem::take(&mut checker.learned) {
            continue;
        }
        if checker.slots.iter_mut().fold(false, |any, slot| slot.take_hint() | any) {
            continue;
        }
        let node = built?;
        let slots = checker.slots.into_iter().map(Learning::settled).collect();
        return Ok(Checked { node, slots, resources: checker.resources });
    }
}

struct Checker<'a> {
    declared: &'a Declared,
    slots: Vec<Learning>,
    resources: Vec<(Box<str>, Box<str>)>,
    /// Whether a slot knows more than when this round began.
    learned: bool,
}

/// A slot while its type is looked for.
struct Learning {
    source: Source,
    name: Box<str>,
    kind: Option<Type>,
    /// Whether it is a list; none: not said yet.
    list: Option<bool>,
    is_declared: bool,
    /// What a cast makes of it, where nothing else says more.
    hint: Option<Type>,
}

impl Learning {
    fn take_hint(&mut self) -> bool {
        let open = self.kind.is_none() && self.hint.is_some();
        if open {
            self.kind = self.hint;
        }
        open
    }

    fn settled(self) -> Slot {
        let kind = ColumnType { element: self.kind.unwrap_or(Type::Any), list: self.list.unwrap_or(false) };
        Slot { source: self.source, name: self.name, kind, is_declared: self.is_declared }
    }
}

/// How a part got its type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Known,
    /// A text in quotes or null: it becomes what stands beside it.
    Literal,
    /// A slot that nothing is known of yet.
    Open(usize),
}

struct Typed {
    node: Node,
    how: How,
}

impl Checker<'_> {
    fn whole(&mut self, raw: &Raw) -> Read<Node> {
        self.boolean(raw)
    }

    fn boolean(&mut self, raw: &Raw) -> Read<Node> {
        let typed = self.build(raw)?;
        self.brought_to(typed, Type::Boolean)
    }

    /// All are built before the first fault counts: what comes later may tell the type that was missing.
    fn booleans(&mut self, parts: &[Raw]) -> Read<Vec<Node>> {
        let built: Vec<_> = parts.iter().map(|part| self.boolean(part)).collect();
        built.into_iter().collect()
    }

    fn text(&mut self, raw: &Raw) -> Read<Node> {
        let typed = self.build(raw)?;
        self.brought_to(typed, Type::Text)
    }

    fn build(&mut self, raw: &Raw) -> Read<Typed> {
        let node = match &raw.kind {
            RawKind::Null => return Ok(literal(Value::Null, raw.at)),
            RawKind::Text(text) => return Ok(literal(Value::Text(text.clone().into()), raw.at)),
            RawKind::Boolean(value) => Node::constant(Value::Boolean(*value), Type::Boolean, raw.at),
            RawKind::Number(text) => number(text, raw.at)?,
            RawKind::Name(parts) => return self.name(parts, raw.at),
            RawKind::Call(name, arguments) => return self.call(name, arguments, raw.at),
            RawKind::Cast(of, to) => self.cast(of, *to, raw.at)?,
            RawKind::Array(_) => return Err(Failure::at(raw.at, "a list stands in = any(…) only")),
            RawKind::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right, raw.at)?,
            RawKind::Minus(of) => self.minus(of, raw.at)?,
            RawKind::Concat(left, right) => self.concat(left, right, raw.at)?,
            _ => Node { kind: self.condition(raw)?, of: Type::Boolean, at: raw.at },
        };
        Ok(Typed { node, how: How::Known })
    }

    fn condition(&mut self, raw: &Raw) -> Read<Kind> {
        Ok(match &raw.kind {
            RawKind::Not(of) => Kind::Not(Box::new(self.boolean(of)?)),
            RawKind::And(parts) => Kind::And(self.booleans(parts)?),
            RawKind::Or(parts) => Kind::Or(self.booleans(parts)?),
            RawKind::Compare(comparison, left, right) => Kind::Compare(*comparison, self.pair(left, right)?),
            RawKind::Distinct { negated, left, right } => {
                Kind::Distinct { negated: *negated, sides: self.pair(left, right)? }
            }
            RawKind::IsNull { negated, of } => {
                let of = self.build(of)?;
                Kind::IsNull { negated: *negated, of: Box::new(of.node) }
            }
            RawKind::Is { what, negated, of } => {
                Kind::Is { what: *what, negated: *negated, of: Box::new(self.boolean(of)?) }
            }
            RawKind::In { negated, of, list } => negation(*negated, self.in_list(of, list, raw.at)?, raw.at),
            RawKind::Any { comparison, all, of, list } => self.quantified(*comparison, *all, of, list)?,
            RawKind::Between { negated, of, low, high } => {
                negation(*negated, self.between(of, low, high, raw.at)?, raw.at)
            }
            RawKind::Like { negated, any_case, of, pattern, escape } => {
                let sides = [self.text(of)?, self.text(pattern)?];
                negation(*negated, operators::like(*any_case, sides, escape.as_deref())?, raw.at)
            }
            _ => return Err(Failure::at(raw.at, "this is no condition")),
        })
    }

    /// A part as a type has it: texts in quotes are read, slots learn, narrower numbers and dates widen.
    fn brought_to(&mut self, typed: Typed, to: Type) -> Read<Node> {
        let Typed { mut node, how } = typed;
        match how {
            How::Literal => read_literal(&node, to),
            How::Open(slot) => {
                node.of = self.learn(slot, to, node.at)?;
                Ok(node)
            }
            How::Known if node.of == to => Ok(node),
            How::Known if node.of.common(to) == Some(to) => {
                let at = node.at;
                Ok(Node { kind: Kind::Cast(Box::new(node)), of: to, at })
            }
            How::Known => Err(Failure::at(node.at, mismatch(node.of, to))),
        }
    }

    /// What a slot that nothing was known of is from now on.
    fn learn(&mut self, slot: usize, kind: Type, at: Span) -> Read<Type> {
        let learning = &mut self.slots[slot];
        let kind = match kind {
            kind if kind.is_number() => Type::Number,
            // What holds times is compared with days, too.
            Type::Date | Type::Timestamp => Type::Timestamptz,
            Type::Interval => {
                let name = learning.source.written(&learning.name);
                return Err(Failure::at(
                    at,
                    format!("{name} cannot be an interval: subtract two times, compare the difference"),
                ));
            }
            kind => kind,
        };
        let known = match learning.kind {
            None => kind,
            Some(known) => known.common(kind).ok_or_else(|| {
                let name = learning.source.written(&learning.name);
                Failure::at(at, format!("{name} is used as {known} and as {kind}: declare it, or cast one of them"))
            })?,
        };
        self.learned |= learning.kind != Some(known);
        learning.kind = Some(known);
        Ok(known)
    }

    /// One type for all that are compared with each other. What has one keeps it: values of different numbers compare.
    fn settle(&mut self, all: &mut [&mut Typed]) -> Read<Type> {
        let mut common: Option<Type> = None;
        for typed in all.iter().filter(|typed| typed.how == How::Known && typed.node.of != Type::Any) {
            common = Some(match common {
                None => typed.node.of,
                Some(known) => known
                    .common(typed.node.of)
                    .ok_or_else(|| Failure::at(typed.node.at, mismatch(typed.node.of, known)))?,
            });
        }
        let quoted = |typed: &&mut Typed| matches!(typed.node.kind, Kind::Constant(Value::Text(_)));
        let open = all.iter().any(|typed| typed.how != How::Literal);
        let common = common.unwrap_or(if all.iter().any(quoted) || !open { Type::Text } else { Type::Any });
        for typed in all {
            match typed.how {
                How::Literal => {
                    typed.node = read_literal(&typed.node, common)?;
                }
                How::Open(slot) if common != Type::Any => typed.node.of = self.learn(slot, common, typed.node.at)?,
                How::Known => self.widen(&typed.node, common)?,
                How::Open(_) => {}
            }
        }
        Ok(common)
    }

    /// A column that was compared with 1 and is compared with 1.5 is numeric.
    fn widen(&mut self, node: &Node, common: Type) -> Read<()> {
        if let Kind::Read(slot) = node.kind
            && !self.slots[slot].is_declared
            && common > node.of
        {
            self.learn(slot, common, node.at)?;
        }
        Ok(())
    }

    fn pair(&mut self, left: &Raw, right: &Raw) -> Read<Box<[Node; 2]>> {
        let (mut left, mut right) = (self.build(left)?, self.build(right)?);
        self.settle(&mut [&mut left, &mut right])?;
        Ok(Box::new([left.node, right.node]))
    }
}

fn mismatch(given: Type, expected: Type) -> String {
    format!("this is {given}, and {expected} is expected: cast one of them")
}

fn negation(negated: bool, kind: Kind, at: Span) -> Kind {
    if negated { Kind::Not(Box::new(Node { kind, of: Type::Boolean, at })) } else { kind }
}

fn literal(value: Value<'static>, at: Span) -> Typed {
    Typed { node: Node::constant(value, Type::Text, at), how: How::Literal }
}

fn read_literal(node: &Node, to: Type) -> Read<Node> {
    let value = match &node.kind {
        Kind::Constant(Value::Text(text)) => cast::read(text, to).map_err(|wrong| Failure::at(node.at, wrong))?,
        _ => Value::Null,
    };
    Ok(Node::constant(value, to, node.at))
}

/// An integer where it fits, as Postgres reads it.
fn number(text: &str, at: Span) -> Read<Node> {
    let (value, of) = match text.parse::<i64>() {
        Ok(whole) if i32::try_from(whole).is_ok() => (Value::Integer(whole), Type::Integer),
        Ok(whole) => (Value::Integer(whole), Type::Bigint),
        Err(_) => {
            let number = Numeric::parse(text);
            let number = number.ok_or_else(|| Failure::at(at, format!("{text} is no number: write 12, 1.5 or 1e3")))?;
            (Value::numeric(number), Type::Numeric)
        }
    };
    Ok(Node::constant(value, of, at))
}
