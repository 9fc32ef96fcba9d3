//! What can be wrong: with a text, with a row, and with a question to a database.

use std::fmt;

use strsim::damerau_levenshtein;

/// Why a text is no policy, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong there and what was meant.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Fault {}

/// Why an expression has no value for a row. The decision is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    /// The part of the expression that has none: where its text begins, from 1.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for EvaluationError {}

/// What a dialect cannot say exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSayable {
    /// The part of the expression, as it was written.
    pub part: String,
    pub message: String,
}

impl fmt::Display for NotSayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.message)
    }
}

impl std::error::Error for NotSayable {}

/// A part of the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Line and column of its start.
    pub(super) fn place(self, text: &str) -> (usize, usize) {
        let before = text.get(..self.start as usize).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// A [`Fault`] or an [`EvaluationError`], before its place is counted out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) at: Span,
    pub(super) message: String,
}

impl Failure {
    /// Boxed, since it is rare and a value's result is passed up many times.
    pub(super) fn at(at: Span, message: impl Into<String>) -> Box<Self> {
        Box::new(Self { at, message: message.into() })
    }

    pub(super) fn fault(self, text: &str) -> Fault {
        let (line, column) = self.at.place(text);
        Fault { line, column, message: self.message }
    }

    pub(super) fn error(self, text: &str) -> EvaluationError {
        let (line, column) = self.at.place(text);
        EvaluationError { line, column, message: self.message }
    }
}

/// `; did you mean …?`, or nothing where no name is near.
pub(super) fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|known| (damerau_levenshtein(name, known), known));
    let most = (name.chars().count() / 3).max(1);
    let best = near.filter(|(distance, _)| *distance <= most).min();
    best.map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"))
}
