//! The tree that a text is parsed to: what the language has, each part with its place.

use super::fault::Span;
use super::types::Type;

#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) kind: RawKind,
    pub(super) at: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum RawKind {
    Null,
    Boolean(bool),
    /// Its type comes from what stands beside it.
    Text(String),
    Number(String),
    /// `status`, `auth_user.id`: what is between the points, folded as Postgres folds it.
    Name(Vec<String>),
    Not(Box<Raw>),
    And(Vec<Raw>),
    Or(Vec<Raw>),
    Compare(Comparison, Box<Raw>, Box<Raw>),
    Distinct {
        negated: bool,
        left: Box<Raw>,
        right: Box<Raw>,
    },
    IsNull {
        negated: bool,
        of: Box<Raw>,
    },
    /// `is true`, `is false`, `is unknown`.
    Is {
        what: Option<bool>,
        negated: bool,
        of: Box<Raw>,
    },
    In {
        negated: bool,
        of: Box<Raw>,
        list: Vec<Raw>,
    },
    Any {
        comparison: Comparison,
        all: bool,
        of: Box<Raw>,
        list: Box<Raw>,
    },
    Array(Vec<Raw>),
    Between {
        negated: bool,
        of: Box<Raw>,
        low: Box<Raw>,
        high: Box<Raw>,
    },
    Like {
        negated: bool,
        any_case: bool,
        of: Box<Raw>,
        pattern: Box<Raw>,
        escape: Option<String>,
    },
    Arithmetic(Operator, Box<Raw>, Box<Raw>),
    Minus(Box<Raw>),
    Concat(Box<Raw>, Box<Raw>),
    Call(Vec<String>, Vec<Raw>),
    Cast(Box<Raw>, Type),
}
