//! Types, and what a resource type says of its columns.

use std::fmt;

/// A type of the language: what Postgres has by that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// An undeclared column or attribute that is compared with nothing but others of its kind: JSON says what it is, row by row.
    Any,
    Boolean,
    /// Of 4 bytes.
    Integer,
    /// Of 8 bytes.
    Bigint,
    /// What no declaration knows and is used as a number: whole or with a fraction, value by value.
    Number,
    Numeric,
    Text,
    Uuid,
    Date,
    /// Without time zone: what `date + interval` gives. No column has it.
    Timestamp,
    Timestamptz,
    /// No column has it.
    Interval,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Number | Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Timestamptz => "timestamptz",
            Self::Interval => "interval",
        }
    }

    /// By one of its names in Postgres. What only expressions have is none of a column's.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" | "int4" | "smallint" | "int2" => Self::Integer,
            "bigint" | "int8" => Self::Bigint,
            "numeric" | "decimal" => Self::Numeric,
            "text" | "varchar" | "character varying" => Self::Text,
            "uuid" => Self::Uuid,
            "date" => Self::Date,
            "timestamptz" | "timestamp with time zone" => Self::Timestamptz,
            _ => return None,
        })
    }

    /// What [`Type::of_name`] takes, by one name each.
    pub const NAMES: [&str; 8] = ["boolean", "integer", "bigint", "numeric", "text", "uuid", "date", "timestamptz"];

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Bigint | Self::Number | Self::Numeric)
    }

    pub(super) fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::Timestamptz)
    }

    /// The one to which Postgres brings both.
    pub(super) fn common(self, other: Self) -> Option<Self> {
        let same_kind = (self.is_number() && other.is_number()) || (self.is_moment() && other.is_moment());
        (self == other || same_kind).then(|| self.max(other))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a column: one value, or a list of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnType {
    pub element: Type,
    pub list: bool,
}

impl ColumnType {
    pub const fn one(element: Type) -> Self {
        Self { element, list: false }
    }

    pub const fn list(element: Type) -> Self {
        Self { element, list: true }
    }

    /// As Postgres writes it: `bigint`, `text[]`.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.trim().strip_suffix("[]") {
            Some(element) => Type::of_name(element).map(Self::list),
            None => Type::of_name(name).map(Self::one),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.element, if self.list { "[]" } else { "" })
    }
}

/// What is known of a resource type's columns, and of the attributes that people have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    columns: Vec<(String, ColumnType)>,
    attributes: Vec<String>,
}

impl Declared {
    /// Nothing is: each column takes its type from what it is compared with.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// All of its columns, unless there are none: another one is a fault then.
    pub fn columns(columns: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        Self { columns: columns.into_iter().collect(), attributes: Vec::new() }
    }

    /// Names of attributes that people have: `auth_user.…` with another one that looks like one of these is a fault.
    #[must_use]
    pub fn with_attributes(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.attributes = names.into_iter().collect();
        self
    }

    pub(super) fn column(&self, name: &str) -> Option<ColumnType> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, kind)| *kind)
    }

    pub(super) fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn attributes(&self) -> &[String] {
        &self.attributes
    }
}
