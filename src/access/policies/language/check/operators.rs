//! Operators, and the types that they take and give.

use std::sync::Arc;

use super::{Checker, How, Read, Typed, mismatch};
use crate::access::policies::language::cast::is_known;
use crate::access::policies::language::fault::{Failure, Span};
use crate::access::policies::language::like::Pattern;
use crate::access::policies::language::node::{Comparison, Kind, Node, Operator};
use crate::access::policies::language::raw::Raw;
use crate::access::policies::language::types::Type;
use crate::access::policies::language::value::Value;

pub(super) const UNCLEAR: &str = "nothing says of which type this is: declare the column, or cast it: amount::numeric";

impl Checker<'_> {
    pub(super) fn in_list(&mut self, of: &Raw, list: &[Raw], at: Span) -> Read<Kind> {
        let mut of = self.build(of)?;
        let list = self.values(list, &mut of, at)?;
        Ok(Kind::Any { comparison: Comparison::Equal, all: false, of: Box::new(of.node), list })
    }

    pub(super) fn quantified(&mut self, comparison: Comparison, all: bool, of: &Raw, list: &Raw) -> Read<Kind> {
        let mut of = self.build(of)?;
        let list = self.list(list, &mut of)?;
        Ok(Kind::Any { comparison, all, of: Box::new(of.node), list })
    }

    /// `of >= low and of <= high`.
    pub(super) fn between(&mut self, of: &Raw, low: &Raw, high: &Raw, at: Span) -> Read<Kind> {
        let sides = [(Comparison::AtLeast, self.pair(of, low)?), (Comparison::AtMost, self.pair(of, high)?)];
        let side = |(comparison, sides)| Node { kind: Kind::Compare(comparison, sides), of: Type::Boolean, at };
        Ok(Kind::And(sides.into_iter().map(side).collect()))
    }

    pub(super) fn cast(&mut self, of: &Raw, to: Type, at: Span) -> Read<Node> {
        let typed = self.build(of)?;
        match typed.how {
            How::Literal => {
                let mut node = self.brought_to(typed, to)?;
                node.at = at;
                Ok(node)
            }
            How::Open(slot) => {
                // A cast of numbers rounds, and one of times leaves the time out: what it is made of is not that, then.
                let hint = match to {
                    Type::Text | Type::Interval => None,
                    Type::Integer | Type::Bigint => Some(Type::Number),
                    Type::Date => Some(Type::Timestamptz),
                    to => Some(to),
                };
                if let Some(hint) = hint {
                    self.slots[slot].hint.get_or_insert(hint);
                }
                Ok(Node { kind: Kind::Cast(Box::new(typed.node)), of: to, at })
            }
            How::Known if is_known(typed.node.of, to) => {
                Ok(Node { kind: Kind::Cast(Box::new(typed.node)), of: to, at })
            }
            How::Known => Err(Failure::at(at, format!("there is no cast from {} to {to}", typed.node.of))),
        }
    }

    pub(super) fn minus(&mut self, of: &Raw, at: Span) -> Read<Node> {
        let typed = self.build(of)?;
        let of = match typed.how {
            How::Known if typed.node.of.is_number() || typed.node.of == Type::Interval => typed.node,
            How::Known => {
                return Err(Failure::at(at, format!("- takes a number or an interval, not {}", typed.node.of)));
            }
            _ => return Err(Failure::at(at, unclear(&typed))),
        };
        let kind = of.of;
        Ok(Node { kind: Kind::Minus(Box::new(of)), of: kind, at })
    }

    pub(super) fn concat(&mut self, left: &Raw, right: &Raw, at: Span) -> Read<Node> {
        let (left, right) = (self.build(left)?, self.build(right)?);
        let is_text = |typed: &Typed| typed.how != How::Known || typed.node.of == Type::Text;
        if !is_text(&left) && !is_text(&right) {
            return Err(Failure::at(at, "|| takes at least one text: cast one of them, value::text"));
        }
        let sides = Box::new([self.as_text(left)?, self.as_text(right)?]);
        Ok(Node { kind: Kind::Concat(sides), of: Type::Text, at })
    }

    fn as_text(&mut self, typed: Typed) -> Read<Node> {
        if typed.how == How::Known && typed.node.of != Type::Text {
            let at = typed.node.at;
            return Ok(Node { kind: Kind::Cast(Box::new(typed.node)), of: Type::Text, at });
        }
        self.brought_to(typed, Type::Text)
    }

    pub(super) fn arithmetic(&mut self, operator: Operator, left: &Raw, right: &Raw, at: Span) -> Read<Node> {
        let (left, right) = (self.build(left)?, self.build(right)?);
        let kinds = [kind(&left), kind(&right)];
        let (to, of) = match kinds {
            [None, None] => return Err(Failure::at(at, unclear(&left))),
            [Some(a), Some(b)] => operands(operator, a, b),
            [Some(a), None] => guessed(operator, a, right.how, false).and_then(|b| operands(operator, a, b)),
            [None, Some(b)] => guessed(operator, b, left.how, true).and_then(|a| operands(operator, a, b)),
        }
        .ok_or_else(|| {
            let name = |kind: Option<Type>| kind.map_or("a text", Type::name);
            Failure::at(at, format!("there is no {} {} {}", name(kinds[0]), operator.sign(), name(kinds[1])))
        })?;
        let sides = Box::new([self.brought_to(left, to[0])?, self.brought_to(right, to[1])?]);
        Ok(Node { kind: Kind::Arithmetic(operator, sides), of, at })
    }
}

fn kind(typed: &Typed) -> Option<Type> {
    (typed.how == How::Known && typed.node.of != Type::Any).then_some(typed.node.of)
}

fn unclear(typed: &Typed) -> String {
    match typed.how {
        How::Literal => mismatch(Type::Text, Type::Numeric),
        _ => UNCLEAR.to_owned(),
    }
}

/// What stands beside a type and has none itself.
fn guessed(operator: Operator, beside: Type, how: How, first: bool) -> Option<Type> {
    match beside {
        Type::Interval if how == How::Literal => Some(Type::Interval),
        // A time before an interval; there is no interval minus a time.
        Type::Interval if first || operator == Operator::Add => Some(Type::Timestamptz),
        Type::Interval => None,
        Type::Date | Type::Timestamp | Type::Timestamptz if operator != Operator::Subtract => None,
        kind => Some(kind),
    }
}

/// What both sides are brought to, and what comes of them.
fn operands(operator: Operator, a: Type, b: Type) -> Option<([Type; 2], Type)> {
    use Type::{Date, Integer, Interval, Timestamp, Timestamptz};
    if a.is_number() && b.is_number() {
        let both = a.max(b);
        return Some(([both, both], both));
    }
    let after = |moment: Type| if moment == Date { Timestamp } else { moment };
    Some(match (operator, a, b) {
        (Operator::Add | Operator::Subtract, Interval, Interval) => ([a, b], Interval),
        (Operator::Add | Operator::Subtract, moment, Interval) if moment.is_moment() => {
            ([after(moment), Interval], after(moment))
        }
        (Operator::Add, Interval, moment) if moment.is_moment() => ([Interval, after(moment)], after(moment)),
        (Operator::Add | Operator::Subtract, Date, Integer) | (Operator::Add, Integer, Date) => ([a, b], Date),
        (Operator::Subtract, Date, Date) => ([a, b], Integer),
        (Operator::Subtract, a, b) if a.is_moment() && b.is_moment() => {
            let both = if a == Timestamptz || b == Timestamptz { Timestamptz } else { Timestamp };
            ([both, both], Interval)
        }
        _ => return None,
    })
}

/// The pattern is read once where it is the same for all rows.
pub(super) fn like(any_case: bool, sides: [Node; 2], escape: Option<&str>) -> Read<Kind> {
    let escape = escape.map_or(Some('\\'), |escape| escape.chars().next());
    let pattern = match &sides[1].kind {
        Kind::Constant(Value::Text(text)) => {
            let read = Pattern::read(text, escape, any_case);
            Some(Arc::new(read.ok_or_else(|| Failure::at(sides[1].at, "the pattern ends with its escape character"))?))
        }
        _ => None,
    };
    Ok(Kind::Like { any_case, sides: Box::new(sides), escape, pattern })
}
