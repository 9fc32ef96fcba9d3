//! JSON Lines: one resource a line. All faults are found, each with its line.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{LineFault, Properties, ResourceName, Wanted};
use crate::base::error::{Error, Result};
use crate::base::object;
use crate::platform::http::fault;

/// How many lines one request may have.
pub const MAX_LINES: usize = 10_000;

/// How many faults an answer names.
const MOST_FAULTS: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "type")]
    kind: serde_json::Value,
    id: serde_json::Value,
    #[serde(default)]
    properties: Option<Properties>,
    #[serde(default, deserialize_with = "object::optional")]
    parent: Option<ResourceName>,
}

/// Resources to keep.
///
/// # Errors
/// 400 `invalid_resources` with all faults.
pub fn read_wanted(text: &[u8]) -> Result<Vec<Wanted>> {
    read(text, |line, Line { kind, id, properties, parent }: Line| {
        let name = name(&kind, &id)?;
        Ok(Wanted { line, name, properties: properties.unwrap_or_default(), parent })
    })
}

/// Resources to delete.
///
/// # Errors
/// 400 `invalid_resources` with all faults.
pub fn read_named(text: &[u8]) -> Result<Vec<ResourceName>> {
    read(text, |_, name: ResourceName| Ok(name))
}

/// Refuses (400 `invalid_resources`) if there are any.
///
/// # Errors
/// See above.
pub(super) fn must_be_none(mut faults: Vec<LineFault>, lines: usize) -> Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    let count = faults.len();
    faults.truncate(MOST_FAULTS);
    let plural = |number| if number == 1 { "" } else { "s" };
    let (some, more) = (plural(count), plural(lines));
    let detail = format!("{count} fault{some} in {lines} line{more}; nothing was changed");
    let faults = serde_json::to_value(faults).map_err(|error| Error::Internal(error.into()))?;
    Err(Error::bad_request("invalid_resources", detail).with("faults", faults).with("fault_count", count))
}

fn name(kind: &serde_json::Value, id: &serde_json::Value) -> Result<ResourceName, (String, String)> {
    let whole = serde_json::json!({ "type": kind, "id": id });
    let read = serde_path_to_error::deserialize::<_, ResourceName>(whole);
    read.map_err(|error| (error.path().to_string(), error.inner().to_string()))
}

fn read<L: DeserializeOwned, T>(text: &[u8], made: impl Fn(usize, L) -> Result<T, (String, String)>) -> Result<Vec<T>> {
    let (mut all, mut faults, mut lines) = (Vec::new(), Vec::new(), 0);
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        lines += 1;
        if lines > MAX_LINES {
            let detail = format!("at most {MAX_LINES} lines at once; split the file");
            return Err(Error::bad_request("invalid_resources", detail));
        }
        match parsed(line).and_then(|parsed| made(number + 1, parsed)) {
            Ok(one) => all.push(one),
            Err((field, what)) => {
                let field = Some(field).filter(|field| !matches!(field.as_str(), "" | "." | "?"));
                faults.push(LineFault { line: number + 1, field, what });
            }
        }
    }
    must_be_none(faults, lines)?;
    if lines == 0 {
        return Err(Error::bad_request("invalid_resources", "there are no lines: send one JSON object a line"));
    }
    Ok(all)
}

fn parsed<T: DeserializeOwned>(line: &[u8]) -> Result<T, (String, String)> {
    if !line.starts_with(b"{") {
        return Err((String::new(), "is not one JSON object: {\"type\": …, \"id\": …}".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(line);
    let read = serde_path_to_error::deserialize(&mut reader);
    let read: T = read.map_err(|error| (error.path().to_string(), fault(error.inner(), line)))?;
    reader.end().map_err(|_| (String::new(), "has something after its object".to_owned()))?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_told_with_its_line() {
        let text = b"{\"type\": \"folder\", \"id\": \"1\"}\n\n{\"type\": \"folder\"}\n[]\n{\"type\": \"all\", \"id\": \"1\"}\n\
                     {\"type\": \"folder\", \"id\": \"2\", \"properties\": []}";
        let told = format!("{:?}", read_wanted(text).expect_err("faults"));
        for line in ["3", "4", "5", "6"] {
            assert!(told.contains(&format!("\"line\": Number({line})")), "{line} in {told}");
        }
    }

    #[test]
    fn lines_are_read_whatever_ends_them() {
        let wanted = read_wanted(
            b"{\"type\":\"a\",\"id\":\"1\"}\r\n{\"type\":\"a\",\"id\":\"2\",\"parent\":{\"type\":\"a\",\"id\":\"1\"}}",
        )
        .expect("two resources");
        assert_eq!(wanted.len(), 2);
        assert_eq!((wanted[1].line, wanted[1].properties.text()), (2, "{}"));
    }
}
