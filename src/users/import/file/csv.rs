//! Comma-separated values.

use std::cell::RefCell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use anyhow::{Context, bail};

use super::super::line::Fields;
use super::{FIELDS, LONGEST, Line};
use crate::users::cell;

/// What has been read of the record at hand, and of what follows it in the parser's buffer. From it, lines are counted:
/// the parser's own count is off after empty lines and Windows' line ends.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    /// Where in the file it begins.
    from: u64,
    /// In which line that is.
    line: u64,
}

impl Window {
    /// Moves on to `end`, which is where a record ends. Answers in which line that record begins.
    fn pass(&mut self, end: u64) -> u64 {
        let length = usize::try_from(end - self.from).unwrap_or(usize::MAX).min(self.bytes.len());
        let record = &self.bytes[..length];
        let before = record.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
        let begins = self.line + before.filter(|b| **b == b'\n').count() as u64;
        self.line += record.split(|b| *b == b'\n').count() as u64 - 1;
        self.bytes.drain(..length);
        self.from = end;
        begins
    }
}

/// Keeps what is read in the window, and fails when it is too much.
struct Watched<R> {
    input: R,
    window: Rc<RefCell<Window>>,
}

impl<R: Read> Read for Watched<R> {
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
    reader: csv::Reader<Watched<R>>,
    window: Rc<RefCell<Window>>,
    record: csv::ByteRecord,
    /// Which of [`FIELDS`] each column is.
    columns: Vec<usize>,
}

impl<R: BufRead> Csv<R> {
    pub(super) fn new(name: &str, mut input: R) -> anyhow::Result<Self> {
        let delimiter = delimiter(input.fill_buf().with_context(|| format!("can't read {name}"))?);
        let window = Rc::new(RefCell::new(Window { line: 1, ..Window::default() }));
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Watched { input, window: Rc::clone(&window) });
        let record = csv::ByteRecord::new();
        let mut csv = Self { name: name.to_owned(), reader, window, record, columns: Vec::new() };
        if csv.advance()?.is_none() {
            bail!("{name} is empty; its first line names the fields, for example: username,name,password");
        }
        csv.columns = columns(&csv.record).with_context(|| format!("{name}, first line"))?;
        Ok(csv)
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

    fn fields(&self) -> Result<Fields, String> {
        if self.record.len() != self.columns.len() {
            let (has, should) = (self.record.len(), self.columns.len());
            return Err(format!("has {has} fields, but the first line names {should}; is a comma not between quotes?"));
        }
        let mut fields = Fields::default();
        for (column, value) in self.columns.iter().zip(&self.record) {
            let value = str::from_utf8(value).map_err(|_| format!("{}: is not UTF-8", FIELDS[*column]))?;
            // In CSV nothing and an empty text are the same.
            if !value.is_empty() {
                let secret = FIELDS[*column].starts_with("password");
                fields.set(*column, if secret { value } else { cell::meant(value) }.to_owned());
            }
        }
        Ok(fields)
    }
}

impl<R: BufRead> Iterator for Csv<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance().transpose()? {
            Err(error) => Some(Err(error)),
            Ok(line) => Some(Ok((line, self.fields()))),
        }
    }
}

/// Spreadsheets write semicolons or tabs where the comma is the decimal point.
fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    *b",;\t".iter().find(|candidate| line.contains(candidate)).unwrap_or(&b',')
}

fn columns(header: &csv::ByteRecord) -> anyhow::Result<Vec<usize>> {
    let mut columns = Vec::new();
    for name in header {
        let name = String::from_utf8_lossy(name).trim().to_lowercase();
        let Some(column) = FIELDS.iter().position(|field| *field == name) else {
            bail!("`{}` is no field; there are: {}", name.escape_debug(), FIELDS.join(", "));
        };
        if columns.contains(&column) {
            bail!("names `{name}` twice");
        }
        columns.push(column);
    }
    let has = |name| columns.iter().any(|column| FIELDS[*column] == name);
    if !has("username") || !has("name") || !(has("password") || has("password_hash")) {
        bail!("must name username, name, and password or password_hash");
    }
    Ok(columns)
}
