//! The value of a checked tree for a row. Errors are values: `false and` an error is false, `true or` an error is true,
//! whichever stands first; everywhere else an error stays one. So no order of evaluation shows.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::arithmetic;
use super::cast;
use super::fault::{Failure, Span};
use super::lack::is_personal;
use super::like::Pattern;
use super::node::{Comparison, Fact, Items, Kind, List, ListSource, Node, Slot, Source};
use super::row::{Datum, Row, is_whole};
use super::subject::{MOST_REACHED, Request, Subject};
use super::types::Type;
use super::value::Value;

/// The longest text that `||` makes, in bytes: an expression may double it again and again.
const LONGEST_TEXT: usize = 256 * 1024;

pub(super) type Evaluated<T> = Result<T, Box<Failure>>;
/// Yes, no, null or an error.
pub(super) type Truth = Evaluated<Option<bool>>;

/// What names have their values from.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) row: Option<&'a Row>,
    pub(super) subject: &'a Subject,
    pub(super) request: &'a Request,
    pub(super) slots: &'a [Slot],
    pub(super) resources: &'a [(Box<str>, Box<str>)],
}

impl<'a> World<'a> {
    pub(super) fn truth(&self, node: &'a Node) -> Truth {
        match self.value(node)? {
            Value::Boolean(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            other => Err(Failure::at(node.at, format!("this is {}, not a boolean", other.kind()))),
        }
    }

    pub(super) fn value(&self, node: &'a Node) -> Evaluated<Value<'a>> {
        let truth = match &node.kind {
            Kind::Constant(value) => return Ok(value.borrowed()),
            Kind::Failed(failure) => return Err(failure.clone()),
            Kind::Read(slot) => return self.read(*slot, node.at),
            Kind::Fact(fact) => return Ok(self.fact(*fact)),
            Kind::Minus(of) => return arithmetic::negate(self.value(of)?, node),
            Kind::Arithmetic(operator, sides) => {
                return self
                    .both(sides)?
                    .map_or(Ok(Value::Null), |(a, b)| arithmetic::compute(*operator, &a, &b, node));
            }
            Kind::Concat(sides) => return self.both(sides)?.map_or(Ok(Value::Null), |(a, b)| joined(&a, &b, node.at)),
            Kind::Coalesce(parts) => return self.coalesce(parts),
            Kind::Case { upper, of } => return Ok(cased(self.value(of)?, *upper)),
            Kind::Cast(of) => return self.cast(of, node),
            Kind::Not(of) => self.truth(of)?.map(|value| !value),
            Kind::And(parts) => self.dominated(parts, false)?,
            Kind::Or(parts) => self.dominated(parts, true)?,
            Kind::Compare(comparison, sides) => match self.both(sides)? {
                None => None,
                Some((a, b)) => Some(holds(*comparison, compare(&a, &b, node.at)?)),
            },
            Kind::Distinct { negated, sides } => {
                let (a, b) = (self.value(&sides[0])?, self.value(&sides[1])?);
                let distinct = match (a.is_null(), b.is_null()) {
                    (false, false) => compare(&a, &b, node.at)?.is_ne(),
                    (a, b) => a != b,
                };
                Some(distinct != *negated)
            }
            Kind::IsNull { negated, of } => Some(self.value(of)?.is_null() != *negated),
            Kind::Is { what, negated, of } => Some((self.truth(of)? == *what) != *negated),
            Kind::Any { comparison, all, of, list } => self.any(*comparison, *all, of, list)?,
            Kind::Like { any_case, sides, escape, pattern } => {
                self.like(*any_case, sides, *escape, pattern.as_deref(), node.at)?
            }
        };
        Ok(truth.map_or(Value::Null, Value::Boolean))
    }

    /// Both sides, unless one is null. An error counts more than null.
    fn both(&self, sides: &'a [Node; 2]) -> Evaluated<Option<(Value<'a>, Value<'a>)>> {
        let (a, b) = (self.value(&sides[0])?, self.value(&sides[1])?);
        Ok(if a.is_null() || b.is_null() { None } else { Some((a, b)) })
    }

    /// `and` is false where any part is, `or` true where any is.
    fn dominated(&self, parts: &'a [Node], by: bool) -> Truth {
        let mut worst = Ok(Some(!by));
        for part in parts {
            match self.truth(part) {
                Ok(Some(value)) if value == by => return Ok(Some(by)),
                Ok(None) if worst.is_ok() => worst = Ok(None),
                Err(failure) if worst.is_ok() => worst = Err(failure),
                _ => {}
            }
        }
        worst
    }

    fn read(&self, slot: usize, at: Span) -> Evaluated<Value<'a>> {
        let slot = &self.slots[slot];
        let Some(datum) = self.datum(slot, at)? else { return Ok(Value::Null) };
        datum.read(slot.kind.element).map_err(|wrong| Failure::at(at, format!("{} {wrong}", slot.written())))
    }

    /// Attributes, and what a request passes, may be missing: they are null then. A row has all columns that are asked for.
    fn datum(&self, slot: &Slot, at: Span) -> Evaluated<Option<&'a Datum>> {
        match slot.source {
            Source::Attribute => Ok(self.subject.attributes.get(&slot.name)),
            Source::Passed => Ok(self.request.passed.get(&slot.name)),
            Source::Column => {
                let datum = self.row.and_then(|row| row.get(&slot.name));
                let missing = || Failure::at(at, format!("the row has no {}: send it, or null", slot.written()));
                datum.map(Some).ok_or_else(missing)
            }
        }
    }

    fn fact(&self, fact: Fact) -> Value<'a> {
        match fact {
            Fact::Id => self.subject.id.map_or(Value::Null, Value::Integer),
            Fact::Username => self.subject.username.as_deref().map_or(Value::Null, Value::text),
            Fact::IsAdmin => Value::Boolean(self.subject.is_admin),
            Fact::IsAuthenticated => Value::Boolean(self.subject.is_authenticated),
            Fact::Now => Value::Timestamp(self.request.micros()),
            Fact::Address => {
                self.request.address.map_or(Value::Null, |address| Value::Text(Cow::Owned(address.to_string())))
            }
        }
    }

    fn coalesce(&self, parts: &'a [Node]) -> Evaluated<Value<'a>> {
        for part in parts {
            let value = self.value(part)?;
            if !value.is_null() {
                return Ok(value);
            }
        }
        Ok(Value::Null)
    }

    fn cast(&self, of: &'a Node, node: &Node) -> Evaluated<Value<'a>> {
        match self.value(of)? {
            Value::Null => Ok(Value::Null),
            value => cast::cast(value, of.of, node.of).map_err(|wrong| {
                // What is kept of people is not for whoever may hear a decision.
                let told = if is_personal(of, self.slots) { format!("this is not of type {}", node.of) } else { wrong };
                Failure::at(node.at, told)
            }),
        }
    }

    fn like(
        &self,
        any_case: bool,
        sides: &'a [Node; 2],
        escape: Option<char>,
        pattern: Option<&Pattern>,
        at: Span,
    ) -> Truth {
        let (text, written) = (self.value(&sides[0])?, self.value(&sides[1])?);
        let Value::Text(written) = written else { return Ok(None) };
        let read;
        let pattern = if let Some(pattern) = pattern {
            pattern
        } else {
            read = Pattern::read(&written, escape, any_case)
                .ok_or_else(|| Failure::at(at, "the pattern ends with its escape character"))?;
            &read
        };
        let Value::Text(text) = text else { return Ok(None) };
        Ok(Some(pattern.matches(&if any_case { lower(text) } else { text })))
    }

    fn any(&self, comparison: Comparison, all: bool, of: &'a Node, list: &'a List) -> Truth {
        let value = self.value(of);
        match &list.source {
            ListSource::Constant(None) => value.map(|_| None),
            ListSource::Constant(Some(items)) => among(comparison, all, &value, items, of.at),
            ListSource::Values(nodes) => {
                self.over(comparison, all, &value, nodes.iter().map(|node| self.value(node)), list.at)
            }
            ListSource::Roles => self.over_texts(comparison, all, &value, list, &self.subject.roles),
            ListSource::Permissions => self.over_texts(comparison, all, &value, list, &self.subject.permissions),
            ListSource::Groups => self.over_texts(comparison, all, &value, list, &self.subject.groups),
            ListSource::Resources(pair) => {
                let ids = self.ids(*pair, list)?.iter().filter_map(|id| id_as(id, list.element));
                self.over(comparison, all, &value, ids.map(Ok), list.at)
            }
            ListSource::Read(slot) => match self.elements(*slot, list)? {
                None => value.map(|_| None),
                Some(elements) => self.over(comparison, all, &value, elements.into_iter(), list.at),
            },
        }
    }

    /// Of a list that a row, a person or a request has; none: null.
    pub(super) fn elements(&self, slot: usize, list: &List) -> Evaluated<Option<Vec<Evaluated<Value<'a>>>>> {
        let slot = &self.slots[slot];
        let wrong = |wrong: String| Failure::at(list.at, format!("{} {wrong}", slot.written()));
        let read = |element: &'a Datum| {
            element.read(list.element).map_err(|reason| wrong(format!("has an element that {reason}")))
        };
        match self.datum(slot, list.at)? {
            None | Some(Datum::Null) => Ok(None),
            Some(Datum::List(elements)) => Ok(Some(elements.iter().map(read).collect())),
            Some(other) => Err(wrong(format!("is {}, not a list", other.kind()))),
        }
    }

    pub(super) fn ids(&self, pair: usize, list: &List) -> Evaluated<&'a [String]> {
        let (kind, permission) = &self.resources[pair];
        let reached = self.subject.resources.iter();
        let mut reached = reached.filter(|reached| *reached.kind == **kind && *reached.permission == **permission);
        let ids: &[String] = reached.next().map_or(&[], |reached| &reached.ids);
        if ids.len() > MOST_REACHED {
            let what = format!("auth_user.resources('{kind}', '{permission}') has more than {MOST_REACHED} ids");
            return Err(Failure::at(list.at, what));
        }
        Ok(ids)
    }

    fn over_texts(
        &self,
        comparison: Comparison,
        all: bool,
        value: &Evaluated<Value<'a>>,
        list: &List,
        texts: &'a [String],
    ) -> Truth {
        self.over(comparison, all, value, texts.iter().map(|text| Ok(Value::text(text))), list.at)
    }

    #[allow(clippy::unused_self, reason = "names the lifetime of the values")]
    fn over(
        &self,
        comparison: Comparison,
        all: bool,
        value: &Evaluated<Value<'a>>,
        values: impl Iterator<Item = Evaluated<Value<'a>>>,
        at: Span,
    ) -> Truth {
        let mut worst = Ok(Some(all));
        for element in values {
            // Of nothing any is false, be there a value or not: it counts no sooner than here.
            let value = value.as_ref().map_err(Clone::clone)?;
            let truth = element.and_then(|element| match (value.is_null(), element.is_null()) {
                (false, false) => Ok(Some(holds(comparison, compare(value, &element, at)?))),
                _ => Ok(None),
            });
            match truth {
                Ok(Some(held)) if held != all => return Ok(Some(held)),
                Ok(None) if worst.is_ok() => worst = Ok(None),
                Err(failure) if worst.is_ok() => worst = Err(failure),
                _ => {}
            }
        }
        worst
    }
}

impl Slot {
    pub(super) fn written(&self) -> String {
        self.source.written(&self.name)
    }
}

/// An id as a type has it; none where it is none of that type. Numbers as JSON writes them.
pub(super) fn id_as(id: &str, kind: Type) -> Option<Value<'_>> {
    match kind {
        Type::Integer | Type::Bigint | Type::Number if !is_whole(id) => None,
        Type::Number => cast::read(id, Type::Bigint).ok(),
        _ => cast::read(id, kind).ok(),
    }
}

fn among(comparison: Comparison, all: bool, value: &Evaluated<Value<'_>>, items: &Items, at: Span) -> Truth {
    if items.values.is_empty() && !items.has_null {
        return Ok(Some(all));
    }
    let value = value.as_ref().map_err(Clone::clone)?;
    if value.is_null() {
        return Ok(None);
    }
    let sought = !all && comparison == Comparison::Equal && items.is_sorted;
    let found = if sought {
        let found = items.values.binary_search_by(|item| item.compare(value).unwrap_or(Ordering::Less));
        found.is_ok().then_some(true)
    } else {
        let mut found = None;
        for item in &items.values {
            let held = holds(comparison, compare(value, item, at)?);
            if held != all {
                found = Some(held);
                break;
            }
        }
        found
    };
    Ok(found.or(if items.has_null { None } else { Some(all) }))
}

fn compare(a: &Value<'_>, b: &Value<'_>, at: Span) -> Evaluated<Ordering> {
    a.compare(b).ok_or_else(|| Failure::at(at, format!("{} and {} do not compare", a.kind(), b.kind())))
}

fn holds(comparison: Comparison, ordering: Ordering) -> bool {
    match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::Unequal => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::AtMost => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::AtLeast => ordering.is_ge(),
    }
}

fn joined<'a>(a: &Value<'a>, b: &Value<'a>, at: Span) -> Evaluated<Value<'a>> {
    let (a, b) = (a.written(), b.written());
    if a.len() + b.len() > LONGEST_TEXT {
        return Err(Failure::at(at, "the text is longer than 256 KiB"));
    }
    Ok(Value::Text(Cow::Owned(format!("{a}{b}"))))
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(text.to_ascii_lowercase()) } else { text }
}

fn cased(value: Value<'_>, upper: bool) -> Value<'_> {
    match value {
        Value::Text(text) if upper => Value::Text(Cow::Owned(text.to_ascii_uppercase())),
        Value::Text(text) => Value::Text(lower(text)),
        other => other,
    }
}

/// Whether a value of that type can be sorted with all others of it.
pub(super) fn sorts(kind: Type) -> bool {
    kind != Type::Any
}
