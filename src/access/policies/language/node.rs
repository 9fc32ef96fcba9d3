//! The checked tree: each part has its type, and each name its slot.

use std::sync::Arc;

use super::fault::{Failure, Span};
use super::like::Pattern;
pub(super) use super::raw::{Comparison, Operator};
use super::types::{ColumnType, Type};
use super::value::Value;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) of: Type,
    pub(super) at: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Constant(Value<'static>),
    /// What has no value, whatever the row.
    Failed(Box<Failure>),
    /// Of a column, an attribute, or what the request passes: the number of its slot.
    Read(usize),
    Fact(Fact),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Compare(Comparison, Box<[Node; 2]>),
    Distinct {
        negated: bool,
        sides: Box<[Node; 2]>,
    },
    IsNull {
        negated: bool,
        of: Box<Node>,
    },
    Is {
        what: Option<bool>,
        negated: bool,
        of: Box<Node>,
    },
    /// `in (…)`, `= any(…)`, `<> all(…)`.
    Any {
        comparison: Comparison,
        all: bool,
        of: Box<Node>,
        list: List,
    },
    Like {
        any_case: bool,
        sides: Box<[Node; 2]>,
        escape: Option<char>,
        pattern: Option<Arc<Pattern>>,
    },
    Arithmetic(Operator, Box<[Node; 2]>),
    Minus(Box<Node>),
    Concat(Box<[Node; 2]>),
    Coalesce(Vec<Node>),
    /// Of the letters of ASCII, as collation "C" has it.
    Case {
        upper: bool,
        of: Box<Node>,
    },
    Cast(Box<Node>),
}

/// What is one for a whole request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Id,
    Username,
    IsAdmin,
    IsAuthenticated,
    Now,
    Address,
}

impl Fact {
    pub(super) fn kind(self) -> Type {
        match self {
            Self::Id => Type::Bigint,
            Self::Username | Self::Address => Type::Text,
            Self::IsAdmin | Self::IsAuthenticated => Type::Boolean,
            Self::Now => Type::Timestamptz,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) source: ListSource,
    pub(super) element: Type,
    pub(super) at: Span,
}

#[derive(Clone, Debug)]
pub(super) enum ListSource {
    Roles,
    Permissions,
    Groups,
    /// The number of its pair in `Expression::resources`.
    Resources(usize),
    Read(usize),
    Values(Vec<Node>),
    /// Of one request; none: null.
    Constant(Option<Arc<Items>>),
}

/// A list's values, of one type.
#[derive(Clone, Debug)]
pub(super) struct Items {
    pub(super) values: Vec<Value<'static>>,
    pub(super) has_null: bool,
    /// By value, without nulls.
    pub(super) is_sorted: bool,
}

/// Where a name's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Column,
    Attribute,
    Passed,
}

impl Source {
    pub(super) fn written(self, name: &str) -> String {
        match self {
            Self::Column => format!("column {name}"),
            Self::Attribute => format!("auth_user.{name}"),
            Self::Passed => format!("context.{name}"),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) source: Source,
    pub(super) name: Box<str>,
    pub(super) kind: ColumnType,
    /// Whether its type is what a service says, and not what the text makes of it.
    pub(super) is_declared: bool,
}

impl Node {
    pub(super) fn constant(value: Value<'static>, of: Type, at: Span) -> Self {
        Self { kind: Kind::Constant(value), of, at }
    }

    /// Its parts that have values, in the order of the text.
    pub(super) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Constant(_) | Kind::Failed(_) | Kind::Read(_) | Kind::Fact(_) => Vec::new(),
            Kind::Not(of)
            | Kind::Minus(of)
            | Kind::Cast(of)
            | Kind::IsNull { of, .. }
            | Kind::Is { of, .. }
            | Kind::Case { of, .. } => vec![&**of],
            Kind::And(parts) | Kind::Or(parts) | Kind::Coalesce(parts) => parts.iter().collect(),
            Kind::Compare(_, sides)
            | Kind::Distinct { sides, .. }
            | Kind::Like { sides, .. }
            | Kind::Arithmetic(_, sides)
            | Kind::Concat(sides) => sides.iter().collect(),
            Kind::Any { of, list, .. } => {
                let values = match &list.source {
                    ListSource::Values(values) => values.as_slice(),
                    _ => &[],
                };
                std::iter::once(&**of).chain(values).collect()
            }
        }
    }
}
