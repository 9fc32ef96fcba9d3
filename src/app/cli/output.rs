//! Answers: tables and sentences for people, JSON for scripts.

use std::fmt::Display;
use std::io::{self, Write};
use std::marker::PhantomData;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;

/// In fewer columns a table has more line breaks than text.
const NARROWEST: u16 = 60;

/// Between two columns.
const PADDING: u16 = 2;

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

    fn cells(&self) -> Vec<String>;
}

impl Output {
    /// Answers a list.
    pub(super) fn list<T: Row>(self, rows: &[T]) -> anyhow::Result<()> {
        let mut list = List::begin(self);
        list.add(rows)?;
        list.end()
    }

    /// Answers one thing: to people with a sentence or several.
    pub(super) fn done(self, what: &impl Serialize, sentence: impl Display) -> anyhow::Result<()> {
        match self {
            Self::Json => json(what),
            Self::Text => line(&sentence.to_string()),
        }
    }
}

/// A list that is answered page by page, so that it may be longer than memory.
pub(super) struct List<T> {
    output: Output,
    rows: u64,
    /// How wide the columns have been, so that those of the next page stand below them.
    widths: Vec<u16>,
    row: PhantomData<T>,
}

impl<T: Row> List<T> {
    pub(super) fn begin(output: Output) -> Self {
        Self { output, rows: 0, widths: Vec::new(), row: PhantomData }
    }

    pub(super) fn add(&mut self, rows: &[T]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.output {
            Output::Text => {
                let header = if self.rows == 0 { T::HEADER } else { &[] };
                self.widths = table(header, rows.iter().map(Row::cells), &self.widths)?;
            }
            Output::Json => {
                let mut page = String::new();
                for row in rows {
                    page.push_str(if self.rows == 0 && page.is_empty() { "[\n" } else { ",\n" });
                    page.push_str(&serde_json::to_string(row)?);
                }
                write!(io::stdout().lock(), "{page}")?;
            }
        }
        self.rows += rows.len() as u64;
        Ok(())
    }

    pub(super) fn end(self) -> anyhow::Result<()> {
        match (self.output, self.rows) {
            (Output::Json, 0) => line("[]"),
            (Output::Json, _) => line("\n]"),
            (Output::Text, 0) => table(T::HEADER, std::iter::empty(), &[]).map(drop),
            (Output::Text, _) => Ok(()),
        }
    }
}

/// A table on standard output, with columns of at least these widths. Answers how wide they are.
pub(super) fn table(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    widths: &[u16],
) -> anyhow::Result<Vec<u16>> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    // Wrapped to the terminal, unless that is too narrow or does not know its width (it says 0 in some containers).
    if let Some(width) = terminal_width().filter(|width| *width >= NARROWEST) {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    if !header.is_empty() {
        table.set_header(header.iter().map(|name| name.to_uppercase()));
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, PADDING));
        if let Some(width) = widths.get(column.index) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + PADDING)));
        }
    }
    // The last column's padding says nothing.
    let text: Vec<String> = table.lines().map(|row| row.trim_end().to_owned()).collect();
    line(&text.join("\n"))?;
    let widths = widths.iter().copied().chain(std::iter::repeat(0));
    Ok(table.column_max_content_widths().into_iter().zip(widths).map(|(now, before)| now.max(before)).collect())
}

/// In columns; `None` where standard output is no terminal.
fn terminal_width() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col)
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

/// A cell that may be empty.
pub(super) fn or_dash(cell: Option<impl Display>) -> String {
    cell.map_or_else(|| "-".to_owned(), |cell| cell.to_string())
}

/// What to say first of a command that was to take things away, some of which were `missing`.
pub(super) fn taken(any: bool, lacked: &str, missing: &[&str]) -> String {
    if !any {
        return "Nothing to do. ".to_owned();
    }
    if missing.is_empty() { String::new() } else { format!("{lacked} `{}`. ", missing.join("`, `")) }
}

/// `1 line`, `2 lines`.
pub(super) fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
