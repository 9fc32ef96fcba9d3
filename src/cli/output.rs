//! Answers: tables and sentences for people, JSON for scripts.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::Error;

/// In fewer columns a table has more line breaks than text.
const NARROWEST: u16 = 60;

/// For whom a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// People.
    Text,
    /// Scripts: one JSON value on standard output, nothing else.
    Json,
}

/// A row of a table.
pub(super) trait Row: Serialize {
    /// The columns' names.
    const HEADER: &'static [&'static str];

    /// The columns.
    fn cells(&self) -> Vec<String>;
}

impl Output {
    /// Answers a list.
    pub(super) fn list<T: Row>(self, rows: &[T]) -> anyhow::Result<()> {
        match self {
            Self::Json => json(&rows),
            Self::Text => table(T::HEADER, rows.iter().map(Row::cells)),
        }
    }

    /// Answers one thing: to people with a sentence or several.
    pub(super) fn done(self, what: &impl Serialize, sentence: impl Display) -> anyhow::Result<()> {
        match self {
            Self::Json => json(what),
            Self::Text => line(&sentence.to_string()),
        }
    }
}

/// A table on standard output.
pub(super) fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    // Wrapped to the terminal, unless that is too narrow or does not know its width (it says 0 in some containers).
    if table.width().is_some_and(|width| width >= NARROWEST) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(header.iter().map(|name| name.to_uppercase())).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // The last column's padding says nothing.
    for row in table.lines() {
        line(row.trim_end())?;
    }
    Ok(())
}

fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// A line on standard output. Unlike `println!` it does not panic when nobody reads any more.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// A remark on standard error, for people: something they may want to know although all went well.
pub(super) fn remark(text: &str) {
    complain(&format!("portero: {text}"));
}

/// A line on standard error.
pub(super) fn complain(text: &str) {
    // A closed standard error must not undo what was done.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// What went wrong and what to do, for people.
pub(super) fn explain(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Error>() {
        Some(Error::Refused(refusal)) => refusal.detail.clone().into_owned(),
        Some(Error::Unavailable(why)) => format!("Postgres can't answer now ({why}); try again"),
        _ => format!("{error:#}"),
    }
}

/// A cell that may be empty.
pub(super) fn or_dash(cell: Option<impl Display>) -> String {
    cell.map_or_else(|| "-".to_owned(), |cell| cell.to_string())
}

/// `1 line`, `2 lines`.
pub(super) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
