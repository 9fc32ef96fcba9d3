//! The language of policies: SQL expressions with the meaning that Postgres gives them. `docs/policies.md` is its reference.
//!
//! [`Expression::compile`] checks a text once. Then an expression says yes, no or null of a row ([`Expression::evaluate`]), or
//! is reduced for a person to a question that a database answers ([`Expression::reduce`]). It does no I/O.

#![allow(clippy::unnecessary_box_returns, reason = "errors are rare, and what may be one is passed up many times")]

mod arithmetic;
mod cast;
mod check;
mod equality;
mod evaluate;
mod fault;
mod interval;
mod json;
mod lack;
mod like;
mod moment;
mod node;
mod numeric;
mod parse;
mod raw;
mod reduce;
mod row;
mod sought;
mod sql;
mod subject;
mod types;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use equality::Equality;
pub use fault::{EvaluationError, Fault, NotSayable};
pub use parse::MOST_CHARACTERS;
pub use row::Row;
pub use sought::Sought;
pub use sql::{Dialect, Parameter};
pub use subject::{MOST_REACHED, Reached, Request, Subject};
pub use types::{ColumnType, Declared, Type};

use evaluate::World;
use fault::{Failure, Span};
use node::{Fact, Kind, ListSource, Node, Slot, Source};
use serde_json::Value as Json;
use sql::Writer;
use value::Value;

/// A checked text. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    text: Box<str>,
    node: Node,
    slots: Box<[Slot]>,
    resources: Box<[(Box<str>, Box<str>)]>,
}

/// What is left of an expression for one person and one request.
#[derive(Clone, Debug)]
pub enum Reduced {
    /// Whatever the row.
    Always,
    /// Whatever the row.
    Never,
    Conditional(Residue),
}

/// A question to the rows: nothing in it depends on who asks any more.
#[derive(Clone, Debug)]
pub struct Residue {
    whole: Expression,
    node: Node,
}

/// A part of an expression and what it is for a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// As it was written.
    pub text: String,
    /// Its start, from 1.
    pub line: usize,
    pub column: usize,
    /// How many parts it is in.
    pub depth: usize,
    /// Whether it is true or false, and no value of another type.
    pub is_condition: bool,
    /// Whether its value is what is kept of the subject, or computed of it: not for everybody to see.
    pub tells_attribute: bool,
    pub value: Result<Json, EvaluationError>,
}

impl Expression {
    /// An empty text is always true.
    pub fn compile(text: &str, declared: &Declared) -> Result<Self, Fault> {
        if text.trim().is_empty() && text.len() <= MOST_CHARACTERS {
            let node = Node::constant(Value::Boolean(true), Type::Boolean, Span::default());
            return Ok(Self::of(text, node, Vec::new(), Vec::new()));
        }
        let raw = parse::parse(text).map_err(|failure| failure.fault(text))?;
        let checked = check::check(&raw, declared).map_err(|failure| failure.fault(text))?;
        Ok(Self::of(text, checked.node, checked.slots, checked.resources))
    }

    fn of(text: &str, node: Node, slots: Vec<Slot>, resources: Vec<(Box<str>, Box<str>)>) -> Self {
        let inner = Inner { text: text.into(), node, slots: slots.into(), resources: resources.into() };
        Self { inner: Arc::new(inner) }
    }

    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The pairs of `auth_user.resources(type, permission)`: a [`Subject`] brings their ids.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.resources.iter().map(|(kind, permission)| (&**kind, &**permission))
    }

    /// The columns that it names, with the types that they have in it.
    pub fn columns(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.names(Source::Column)
    }

    /// The attributes of `auth_user` that it names, likewise.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.names(Source::Attribute)
    }

    /// What it reads of people besides ids and what they hold: attributes, `username`, `groups`.
    pub fn reads_of_people(&self) -> impl Iterator<Item = &str> {
        let mut reads: BTreeSet<&str> = self.attributes().map(|(name, _)| name).collect();
        let mut ahead = vec![&self.inner.node];
        while let Some(node) = ahead.pop() {
            match &node.kind {
                Kind::Fact(Fact::Username) => reads.extend(["username"]),
                Kind::Any { list, .. } if matches!(list.source, ListSource::Groups) => reads.extend(["groups"]),
                _ => {}
            }
            ahead.extend(node.children());
        }
        reads.into_iter()
    }

    /// What it names of what a request passes in `context`, likewise.
    pub fn passed(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.names(Source::Passed)
    }

    fn names(&self, source: Source) -> impl Iterator<Item = (&str, ColumnType)> {
        self.inner.slots.iter().filter(move |slot| slot.source == source).map(|slot| (&*slot.name, slot.kind))
    }

    /// Whether it is true, false or null. Only true is yes.
    pub fn evaluate(&self, row: &Row, subject: &Subject, request: &Request) -> Result<Option<bool>, EvaluationError> {
        let truth = self.world(Some(row), subject, request).truth(&self.inner.node);
        truth.map_err(|failure| failure.error(self.text()))
    }

    /// What is left of it when everything is known but the row.
    pub fn reduce(&self, subject: &Subject, request: &Request) -> Reduced {
        let node = reduce::only_true(self.world(None, subject, request).reduce(&self.inner.node));
        match node.kind {
            Kind::Constant(Value::Boolean(true)) => Reduced::Always,
            Kind::Constant(_) | Kind::Failed(_) => Reduced::Never,
            _ => Reduced::Conditional(Residue { whole: self.clone(), node }),
        }
    }

    /// Each part that is not written as its own value, outermost first, with what it is for the row.
    pub fn parts(&self, row: &Row, subject: &Subject, request: &Request) -> Vec<Part> {
        let world = self.world(Some(row), subject, request);
        let mut parts = Vec::new();
        let mut ahead = vec![(&self.inner.node, 0, None)];
        while let Some((node, depth, around)) = ahead.pop() {
            // What the checker made of one part, or put around it, is no part of its own.
            let shown = around != Some(node.at);
            let value = world.value(node).map(|value| value.to_json());
            if value.is_ok() && is_written_out(node) {
                continue;
            }
            if shown {
                let (line, column) = node.at.place(self.text());
                let value = value.map_err(|failure| failure.error(self.text()));
                parts.push(Part {
                    text: node.at.of(self.text()).to_owned(),
                    line,
                    column,
                    depth,
                    is_condition: node.of == Type::Boolean,
                    tells_attribute: lack::tells_attribute(node, &self.inner.slots),
                    value,
                });
            }
            let deeper = depth + usize::from(shown);
            ahead.extend(node.children().into_iter().rev().map(|child| (child, deeper, Some(node.at))));
        }
        parts
    }

    /// A condition for `create policy` in the service's own Postgres. Who asks comes from settings that the service makes:
    /// `portero.user_id`, `username`, `is_admin`, `address`, and in JSON `roles`, `permissions`, `groups`, `attributes`,
    /// `context`, `resources` (`{"project read": ["1"]}`).
    pub fn to_row_security(&self) -> Result<String, NotSayable> {
        let names = BTreeMap::new();
        let mut writer = self.writer(Dialect::Postgres, &names);
        writer.is_row_security = true;
        writer.node(&self.inner.node)?;
        Ok(writer.sql)
    }

    fn writer<'a>(&'a self, dialect: Dialect, names: &'a BTreeMap<String, String>) -> Writer<'a> {
        Writer {
            dialect,
            names,
            slots: &self.inner.slots,
            resources: &self.inner.resources,
            text: &self.inner.text,
            is_row_security: false,
            errors_are_told: false,
            sql: String::new(),
            parameters: Vec::new(),
        }
    }

    fn world<'a>(&'a self, row: Option<&'a Row>, subject: &'a Subject, request: &'a Request) -> World<'a> {
        World { row, subject, request, slots: &self.inner.slots, resources: &self.inner.resources }
    }
}

impl Residue {
    /// The same answer as [`Expression::evaluate`] for whom it was reduced, where yes and no are enough.
    pub fn evaluate(&self, row: &Row) -> Result<bool, EvaluationError> {
        let (subject, request) = (Subject::default(), Request::at(time::OffsetDateTime::UNIX_EPOCH));
        let truth = self.whole.world(Some(row), &subject, &request).truth(&self.node);
        truth.map(|truth| truth == Some(true)).map_err(|failure: Box<Failure>| failure.error(self.whole.text()))
    }

    /// A condition for `where`. It keeps the rows of which the expression is true, and never fails by a row's values. What it binds
    /// is added to `parameters`, in the order of the placeholders (`?`, or `$1` for the first of all of them).
    ///
    /// `names` tells where a column is another one than its name says: `{"owner": "t.owner_id"}`.
    pub fn to_sql(
        &self,
        dialect: Dialect,
        names: &BTreeMap<String, String>,
        parameters: &mut Vec<Parameter>,
    ) -> Result<String, NotSayable> {
        let mut writer = self.whole.writer(dialect, names);
        writer.parameters = std::mem::take(parameters);
        let said = writer.node(&self.node);
        *parameters = writer.parameters;
        said.map(|()| writer.sql)
    }

    /// The condition as a tree: `{"op": "and", "args": […]}`, `{"column": "status", "type": "text"}`, `{"value": 1, "type": "bigint"}`.
    pub fn to_json(&self) -> Json {
        json::tree(&self.node, &self.whole.inner.slots)
    }
}

/// Whether its text is its value, as a type has it or not.
fn is_written_out(node: &Node) -> bool {
    match &node.kind {
        Kind::Constant(_) => true,
        Kind::Cast(of) => matches!(of.kind, Kind::Constant(_)),
        _ => false,
    }
}
