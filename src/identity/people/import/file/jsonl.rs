//! JSON Lines.

use std::io::BufRead;

use anyhow::Context;

use super::NumberedLine;
use super::lines::{Ends, read_line};
use crate::identity::people::import::line::LineFields;
use crate::platform::http::unkept;

/// The objects of a file.
pub(super) struct Jsonl<R> {
    name: String,
    input: R,
    line: u64,
}

impl<R: BufRead> Jsonl<R> {
    pub(super) fn new(name: &str, input: R) -> Self {
        Self { name: name.to_owned(), input, line: 1 }
    }
}

impl<R: BufRead> Iterator for Jsonl<R> {
    type Item = anyhow::Result<NumberedLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let number = self.line;
            let line = match read_line(&mut self.input, false).with_context(|| format!("{}:{number}", self.name)) {
                Ok(line) if line.is_empty() => return None,
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            self.line += Ends::default().count(&line);
            let text = line.trim_ascii();
            if !text.is_empty() {
                return Some(Ok((number, json_fields(text))));
            }
        }
    }
}

const ONE_A_LINE: &str = "JSON Lines are one object a line, with nothing between them; `jq -c '.[]' people.json` makes \
                          them of a JSON array";

/// Reads an object, or says what is wrong with it; not with the words of the parser where those repeat a secret.
fn json_fields(text: &[u8]) -> Result<LineFields, String> {
    use serde_json::error::Category;
    if str::from_utf8(text).is_err() {
        return Err("is not UTF-8; save the file as UTF-8".to_owned());
    }
    match text {
        [b'{', .., b'}', b','] => return Err(format!("ends with a comma: {ONE_A_LINE}")),
        [b'[', ..] | b"]" | b"{" | b"}" | b"}," => return Err(format!("is not one JSON object: {ONE_A_LINE}")),
        [b'{', ..] => {}
        _ => return Err("is not a JSON object: {\"username\": …, \"name\": …, \"password\": …}".to_owned()),
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let fields: LineFields = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        match error.classify() {
            Category::Data if path.starts_with("password") => format!("{path}: must be a text between quotes"),
            Category::Data => {
                let what = error.to_string();
                let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what).to_owned();
                if path == "." { what } else { format!("{path}: {what}") }
            }
            _ => match unkept(&error) {
                Some(what) => format!("{path}: {what}"),
                None => format!("is not JSON from column {} on", error.column()),
            },
        }
    })?;
    match reader.end() {
        Ok(()) => Ok(fields),
        Err(error) => Err(format!("is not one JSON object, from column {} on", error.column())),
    }
}
