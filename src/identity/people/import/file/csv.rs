//! Comma-separated values, as spreadsheets and programs write them.

use std::cell::RefCell;
use std::io::{self, BufRead, Chain, Cursor, Read};
use std::rc::Rc;

use anyhow::{Context, bail};

use super::columns::{Column, Columns};
use super::lines::{Ends, read_line};
use super::{LONGEST, NumberedLine, cells};
use crate::identity::people::import::line::LineFields;

/// What has been read of the record at hand, and of what follows it in the parser's buffer. From it, lines are counted:
/// the parser's own count is off after empty lines and line ends that are not `\n`.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    /// Where in the file it begins.
    from: u64,
    /// In which line that is.
    line: u64,
    ends: Ends,
}

impl Window {
    /// Moves on to `end`, which is where a record ends. Answers in which line that record begins.
    fn pass(&mut self, end: u64) -> u64 {
        let length = usize::try_from(end - self.from).unwrap_or(usize::MAX).min(self.bytes.len());
        let record = &self.bytes[..length];
        let before = record.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let begins = self.line + self.ends.count(&record[..before]);
        self.line = begins + self.ends.count(&record[before..]);
        self.bytes.drain(..length);
        self.from = end;
        begins
    }
}

/// Keeps what is read in the window, and fails when it is too much.
struct BoundedReader<R> {
    input: R,
    window: Rc<RefCell<Window>>,
}

impl<R: Read> Read for BoundedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut window = self.window.borrow_mut();
        if window.bytes.len() as u64 > LONGEST {
            return Err(io::Error::other(format!("longer than {LONGEST} bytes; is a quote not closed?")));
        }
        let length = self.input.read(buffer)?;
        window.bytes.extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

/// The records of a file.
pub(super) struct Csv<R> {
    name: String,
    reader: csv::Reader<BoundedReader<Chain<Cursor<Vec<u8>>, R>>>,
    window: Rc<RefCell<Window>>,
    record: csv::ByteRecord,
    columns: Columns,
    delimiter: char,
}

impl<R: BufRead> Csv<R> {
    pub(super) fn new(name: &str, mut input: R) -> anyhow::Result<Self> {
        let head = Head::read(&mut input).with_context(|| format!("can't read {name}"))?;
        let Some(head) = head else {
            bail!("{name} is empty; its first line names the fields, for example: username,name,password");
        };
        let window = Rc::new(RefCell::new(Window { line: head.line, ..Window::default() }));
        let input = Cursor::new(head.text).chain(input);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(head.delimiter)
            .from_reader(BoundedReader { input, window: Rc::clone(&window) });
        let mut record = csv::ByteRecord::new();
        let place = || format!("{name}, line {}", head.line);
        reader.read_byte_record(&mut record).with_context(place)?;
        window.borrow_mut().pass(reader.position().byte());
        let columns = Columns::of(&record).with_context(place)?;
        Ok(Self { name: name.to_owned(), reader, window, record, columns, delimiter: head.delimiter.into() })
    }

    /// Reads the next record. Answers in which line it begins.
    fn advance(&mut self) -> anyhow::Result<Option<u64>> {
        let found = self.reader.read_byte_record(&mut self.record).with_context(|| {
            let line = self.window.borrow().line;
            format!("{}:{line}", self.name)
        })?;
        let line = self.window.borrow_mut().pass(self.reader.position().byte());
        Ok(found.then_some(line))
    }

    /// Spreadsheets write rows of which nothing is filled in.
    fn is_blank(&self) -> bool {
        self.record.iter().all(cells::is_blank)
    }

    fn fields(&self) -> Result<LineFields, String> {
        let (filled, needed) = (self.record.iter().rposition(|cell| !cells::is_blank(cell)), self.columns.needed());
        let has = self.record.len();
        if has < needed || filled.is_some_and(|last| last >= needed) {
            let delimiter = self.delimiter.escape_default();
            return Err(format!(
                "has {has} cells, but the first line names {needed} fields; is a `{delimiter}` or a line end not between quotes?"
            ));
        }
        let mut fields = LineFields::default();
        for (place, value) in self.record.iter().enumerate() {
            match self.columns.at(place) {
                None if cells::is_blank(value) => {}
                None => {
                    return Err(format!("has something in column {}, which has no name in the first line", place + 1));
                }
                Some(Column::Field(field)) => {
                    if let Some(value) = cells::read(*field, value)? {
                        fields.set(*field, value);
                    }
                }
                Some(Column::Attribute(name)) => {
                    if let Some(value) = cells::read_attribute(name, value)? {
                        fields.set_attribute(name.clone(), value);
                    }
                }
            }
        }
        Ok(fields)
    }
}

impl<R: BufRead> Iterator for Csv<R> {
    type Item = anyhow::Result<NumberedLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance().transpose()? {
                Err(error) => return Some(Err(error)),
                Ok(_) if self.is_blank() => {}
                Ok(line) => return Some(Ok((line, self.fields()))),
            }
        }
    }
}

/// The line that names the fields.
struct Head {
    text: Vec<u8>,
    /// Its number.
    line: u64,
    delimiter: u8,
}

impl Head {
    fn read(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let (mut line, mut said) = (1, None);
        loop {
            let text = read_line(input, true)?;
            if text.is_empty() {
                return Ok(None);
            }
            let bare = text.trim_ascii();
            if let Some(delimiter) = told(bare) {
                said = Some(delimiter);
            } else if !bare.iter().all(|b| b" \t,;|\"".contains(b)) {
                let delimiter = said.unwrap_or_else(|| guessed(&text));
                return Ok(Some(Self { text, line, delimiter }));
            }
            line += 1;
        }
    }
}

/// What Excel wants to be told in a line of its own: `sep=;`.
fn told(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    let (start, rest) = line.split_at_checked(4)?;
    // A tab was trimmed away.
    start.eq_ignore_ascii_case(b"sep=").then(|| rest.first().copied().filter(|b| *b != b'"').unwrap_or(b'\t'))
}

/// Spreadsheets write semicolons or tabs where the comma is the decimal point: what names are separated by, outside
/// quotes, is what separates.
fn guessed(head: &[u8]) -> u8 {
    let mut is_quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in head {
        is_quoted ^= *byte == b'"';
        if !is_quoted && let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| delimiter == byte) {
            *count += 1;
        }
    }
    // The first of those that are as frequent.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| delimiter)
}
