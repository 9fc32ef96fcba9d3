//! From what is stored to what decides.

use sqlx::PgConnection;

use super::language::{ColumnType, Declared, Expression, Fault, Type};
use super::resource_type::{Columns, must_be_bounded};
use super::store;
use crate::base::error::{Error, Result};

/// Compiles an expression. Empty is true.
pub(super) fn compile(text: &str, declared: &Declared) -> Result<Expression, Fault> {
    Expression::compile(if text.trim().is_empty() { "true" } else { text }, declared)
}

/// The same, for whoever wrote it.
///
/// # Errors
/// 400 that says where and what was meant.
pub(super) fn must_mean_something(text: &str, declared: &Declared) -> Result<Expression> {
    compile(text, declared).map_err(|fault| Error::invalid_field("expression", &fault.to_string()))
}

/// Refuses what looks like an attribute that people have, and is none, to whoever has written it just now.
///
/// # Errors
/// As [`must_mean_something`].
pub(super) async fn must_be_no_typo(
    conn: &mut PgConnection,
    expression: &Expression,
    declared: &Declared,
) -> Result<()> {
    if expression.attributes().next().is_none() {
        return Ok(());
    }
    let declared = declared.clone().with_attributes(store::policies::attribute_names(conn).await?);
    must_mean_something(expression.text(), &declared).map(drop)
}

/// The same of columns that are declared so, or not at all.
///
/// # Errors
/// Where and what was meant.
pub fn must_compile(text: &str, columns: Option<&Columns>) -> Result<(), Fault> {
    compile(text, &columns.map_or_else(undeclared, declared)).map(|_| ())
}

/// Columns that can be declared.
///
/// # Errors
/// 400 for too many of them, for a name that no column can have, and for a type that there is none of.
pub fn must_be_columns(columns: &Columns) -> Result<()> {
    must_be_bounded(columns)?;
    must_be_known(columns).map(|_| ())
}

/// Of a type that nobody has declared.
pub(super) fn undeclared() -> Declared {
    Declared::nothing()
}

/// What columns are declared to be; what is stored and is no type, as a newer version may write, is left out.
pub(super) fn declared(columns: &Columns) -> Declared {
    let known = columns.iter().filter_map(|(name, kind)| Some((name.clone(), ColumnType::of_name(kind)?)));
    Declared::columns(known)
}

/// What columns are declared to be.
///
/// # Errors
/// 400 for a name that no column can have, and for a type that there is none of.
pub(super) fn must_be_known(columns: &Columns) -> Result<Declared> {
    for (name, kind) in columns {
        let fault = |fault: &str| Err(Error::invalid_field(&format!("columns.{name}"), fault));
        if let Err(what) = crate::base::names::line(name, 128) {
            return Err(Error::invalid_field("columns", &format!("a name of a column: {what}")));
        }
        if ColumnType::of_name(kind).is_none() {
            return fault(&format!("is no type: one of {}, or one of these with []", Type::NAMES.join(", ")));
        }
    }
    Ok(declared(columns))
}
