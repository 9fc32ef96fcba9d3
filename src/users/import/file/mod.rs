//! Files with one person a line. Reading one takes little memory, however long it is.

mod csv;
mod jsonl;

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use super::Format;
use super::line::Fields;
use csv::Csv;
use jsonl::Jsonl;

/// No line is longer; in CSV, no record, which a forgotten quote would make as long as the file.
const LONGEST: u64 = 64 * 1024;

/// What a file's field is called, and where a line keeps it.
pub const FIELDS: [&str; 8] =
    ["username", "name", "password", "password_hash", "person_type", "document_type", "document_number", "email"];

/// A line of the file: its number, and its fields or what is wrong with it.
pub type Line = (u64, Result<Fields, String>);

/// A file that is being read.
pub struct PeopleFile {
    /// Its name, for messages.
    pub name: String,
    /// How long it is, where that can be known.
    pub size: Option<u64>,
    read: Rc<Cell<u64>>,
    lines: Box<dyn Iterator<Item = anyhow::Result<Line>>>,
}

impl PeopleFile {
    /// How many bytes have been read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read.get()
    }
}

impl Iterator for PeopleFile {
    type Item = anyhow::Result<Line>;

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
        let input = BufReader::new(Counted { input, read: Rc::clone(&read) });
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
mod tests {
    use super::super::line;
    use super::*;
    use crate::passwords::Policy;

    fn open(text: &str, format: Format) -> anyhow::Result<PeopleFile> {
        PeopleFile::new("people".to_owned(), io::Cursor::new(text.to_owned().into_bytes()), None, format)
    }

    /// `line:username` of a good line, `line!fault` of a bad one, `!fault` where reading can't go on.
    fn read(text: &str, format: Format) -> Vec<String> {
        open(text, format)
            .expect("a header")
            .map(|line| match line {
                Ok((number, Ok(fields))) => {
                    let (person, _) = line::read(fields, Policy::OF_THE_DEMO);
                    format!("{number}:{}", person.username.as_ref().map_or("", |username| username.as_str()))
                }
                Ok((number, Err(fault))) => format!("{number}!{fault}"),
                Err(error) => format!("!{error:#}"),
            })
            .collect()
    }

    #[test]
    fn csv_lines_keep_their_numbers() {
        let text =
            "\u{feff}username,name,password\r\nada,\"Ada\nQuispe\",a password\r\n\r\n\nbob,Bob\ncid,\"Cid, C\",x\n";
        let lines = read(text, Format::Csv);
        assert_eq!(lines[0], "2:ada");
        assert!(lines[1].starts_with("6!has 2 fields"), "{lines:?}");
        assert_eq!(lines[2], "7:cid");
    }

    #[test]
    fn spreadsheets_semicolons_are_understood() {
        assert_eq!(read("Username; name ;password\nada;Ada, Q;x\n", Format::Csv), ["2:ada"]);
        assert_eq!(read("username\tname\tpassword\nada\tAda\tx", Format::Csv), ["2:ada"]);
    }

    #[test]
    fn a_header_must_name_what_is_needed() {
        let fault = |header| format!("{:#}", open(header, Format::Csv).err().expect("a faulty header"));
        assert!(fault("").contains("empty"));
        assert!(fault("username,name\n").contains("password"));
        assert!(fault("username,name,pasword\n").contains("`pasword` is no field"));
        assert!(fault("username,name,password,name\n").contains("twice"));
    }

    #[test]
    fn a_forgotten_quote_does_not_take_the_whole_file() {
        let text = format!("username,name,password\nada,\"Ada,x\n{}", "bob,Bob,x\n".repeat(100_000));
        let lines = read(&text, Format::Csv);
        assert!(lines[0].starts_with("!people:2") && lines[0].contains("quote"), "{}", lines[0]);
    }

    #[test]
    fn json_faults_tell_no_secret() {
        let lines = read(
            "{\"username\": \"ada\", \"name\": \"Ada\", \"password\": \"x\"}\n\n\
             {\"username\": \"bob\", \"password\": 12345}\n[\"hunter2\"]\n{\"pass\": \"hunter2\"}\n\
             {\"username\": \"cid\" \"hunter2\"}\n{\"username\": 7}\n{} {}\n",
            Format::Jsonl,
        );
        assert_eq!(lines[0], "1:ada");
        assert_eq!(lines[1], "3!password: must be a text between quotes");
        assert!(lines[2].starts_with("4!is not a JSON object"));
        assert!(lines[3].contains("unknown field `pass`"), "{}", lines[3]);
        assert!(lines[4].starts_with("6!is not JSON from column"));
        assert!(lines[5].starts_with("7!username: "), "{}", lines[5]);
        assert!(lines[6].starts_with("8!is not one JSON object"), "{}", lines[6]);
        assert!(!lines.concat().contains("hunter2") && !lines.concat().contains("12345"));
    }
}
