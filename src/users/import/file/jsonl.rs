//! JSON Lines.

use std::io::{BufRead, Read};

use anyhow::Context;

use super::super::line::Fields;
use super::{LONGEST, Line};

/// The objects of a file.
pub(super) struct Jsonl<R> {
    name: String,
    input: R,
    number: u64,
}

impl<R: BufRead> Jsonl<R> {
    pub(super) fn new(name: &str, input: R) -> Self {
        Self { name: name.to_owned(), input, number: 0 }
    }
}

impl<R: BufRead> Iterator for Jsonl<R> {
    type Item = anyhow::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        loop {
            line.clear();
            self.number += 1;
            let place = || format!("{}:{}", self.name, self.number);
            match self.input.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
                Err(error) => return Some(Err(error).with_context(place)),
                Ok(0) => return None,
                Ok(length) if length as u64 == LONGEST && line.last() != Some(&b'\n') => {
                    return Some(Err(anyhow::anyhow!("{}: longer than {LONGEST} bytes", place())));
                }
                Ok(_) => {}
            }
            let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii();
            if !text.is_empty() {
                return Some(Ok((self.number, json_fields(text))));
            }
        }
    }
}

/// Reads an object, or says what is wrong with it; not with the words of the parser where those repeat a secret.
fn json_fields(text: &[u8]) -> Result<Fields, String> {
    use serde_json::error::Category;
    if text.first() != Some(&b'{') {
        return Err("is not a JSON object: {\"username\": …, \"name\": …, \"password\": …}".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let fields: Fields = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        match error.classify() {
            Category::Data if path.starts_with("password") => format!("{path}: must be a text between quotes"),
            Category::Data => {
                let what = error.to_string();
                let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what).to_owned();
                if path == "." { what } else { format!("{path}: {what}") }
            }
            _ => format!("is not JSON from column {} on", error.column()),
        }
    })?;
    match reader.end() {
        Ok(()) => Ok(fields),
        Err(error) => Err(format!("is not one JSON object, from column {} on", error.column())),
    }
}
