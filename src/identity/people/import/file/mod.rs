//! Files with one person a line. Reading one takes little memory, however long it is.

mod cells;
mod columns;
mod csv;
mod jsonl;
mod lines;
mod text;

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use super::Format;
use super::line::LineFields;
use csv::Csv;
use jsonl::Jsonl;
use text::Utf8Reader;

/// No line is longer; in CSV, no record, which a forgotten quote would make as long as the file.
const LONGEST: u64 = 64 * 1024;

/// The fields of a file.
pub const FIELDS: [&str; 11] = [
    "username",
    "name",
    "password",
    "password_hash",
    "person_type",
    "document_type",
    "document_number",
    "email",
    "locale",
    "disabled_at",
    "groups",
];

/// What an export has besides, and an import leaves out: Portero gives ids, counts and notes by itself, and the standard claims
/// are set by `PATCH`.
pub const READ_ONLY: [&str; 6] = ["id", "email_verified_at", "created_at", "last_login_at", "sessions", "claims"];

/// A field that is known, of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownField(&'static str);

impl KnownField {
    /// The field of this name, or of another name that the API has for it.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = match name {
            "login" => "username",
            "display_name" => "name",
            name => name,
        };
        FIELDS.iter().chain(&READ_ONLY).find(|field| **field == name).map(|field| Self(field))
    }

    pub(super) fn name(self) -> &'static str {
        self.0
    }
}

/// A line of the file: its number, and its fields or what is wrong with it.
pub type NumberedLine = (u64, Result<LineFields, String>);

/// A file that is being read.
pub struct PeopleFile {
    /// Its name, for messages.
    pub name: String,
    /// How long it is, where that can be known.
    pub size: Option<u64>,
    read: Rc<Cell<u64>>,
    lines: Box<dyn Iterator<Item = anyhow::Result<NumberedLine>>>,
}

impl PeopleFile {
    /// How many bytes have been read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read.get()
    }
}

impl Iterator for PeopleFile {
    type Item = anyhow::Result<NumberedLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.next()
    }
}

impl PeopleFile {
    /// A file called `name`, of `size` bytes where that can be known.
    ///
    /// # Errors
    /// When it can't be read, or its first line does not name the fields.
    pub fn new(name: String, input: impl Read + 'static, size: Option<u64>, format: Format) -> anyhow::Result<Self> {
        let read = Rc::new(Cell::new(0));
        let input = BufReader::new(Utf8Reader::of(Counted { input, read: Rc::clone(&read) }));
        let lines: Box<dyn Iterator<Item = _>> = match format {
            Format::Csv => Box::new(Csv::new(&name, input)?),
            Format::Jsonl => Box::new(Jsonl::new(&name, input)),
        };
        Ok(Self { name, size, read, lines })
    }
}

/// Counts what is read, for the progress bar.
struct Counted<R> {
    input: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.read.set(self.read.get() + length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
