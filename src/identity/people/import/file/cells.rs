//! What a cell means.

use super::KnownField;
use crate::base::attributes::{AttributeName, AttributeValue, PREFIX};
use crate::platform::spreadsheet::meant;

/// What stands around a text by accident.
fn is_around(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')
}

pub(super) fn is_blank(cell: &[u8]) -> bool {
    str::from_utf8(cell).is_ok_and(|cell| cell.trim_matches(is_around).is_empty())
}

/// Reads one; `None` when nothing stands in it, which in CSV is the same as an empty text.
///
/// # Errors
/// What is wrong with it, after the field's name.
pub(super) fn read(field: KnownField, cell: &[u8]) -> Result<Option<String>, String> {
    let name = field.name();
    let cell = text(name, cell)?;
    if name == "password" {
        return Ok(Some(cell.to_owned()).filter(|cell| !cell.is_empty()));
    }
    let cell = cell.trim_matches(is_around);
    if cell.is_empty() {
        return Ok(None);
    }
    if name == "password_hash" {
        return Ok(Some(cell.to_owned()));
    }
    if ["document_number", "username"].contains(&name) && is_scientific(cell) {
        return Err(lost(name, cell));
    }
    Ok(Some(as_text(cell).unwrap_or_else(|| meant(cell).into_owned())))
}

/// Reads the value of an attribute; `None` when nothing stands in it.
///
/// # Errors
/// What is wrong with it, after the attribute's name.
pub(super) fn read_attribute(name: &AttributeName, cell: &[u8]) -> Result<Option<AttributeValue>, String> {
    let name = format!("{PREFIX}{name}");
    let cell = text(&name, cell)?.trim_matches(is_around);
    if cell.is_empty() {
        return Ok(None);
    }
    if is_scientific(cell) {
        return Err(lost(&name, cell));
    }
    let value = as_text(cell).map_or_else(|| AttributeValue::read(&meant(cell)), |text| AttributeValue::text(&text));
    value.map(Some).map_err(|fault| format!("{name}: {fault}"))
}

fn text<'a>(name: &str, cell: &'a [u8]) -> Result<&'a str, String> {
    let Ok(cell) = str::from_utf8(cell) else {
        return Err(format!("{name}: is not UTF-8; save the file as \"CSV UTF-8\""));
    };
    if cell.contains('\0') { Err(format!("{name}: has a NUL character")) } else { Ok(cell) }
}

fn lost(name: &str, cell: &str) -> String {
    format!(
        "{name}: `{cell}` is what a spreadsheet makes of a long number, and its digits are lost; make the column text, fill \
         it in again, and save it again"
    )
}

/// How programs keep spreadsheets from taking a text for a number: `="00123"`.
fn as_text(cell: &str) -> Option<String> {
    let text = cell.strip_prefix("=\"")?.strip_suffix('"')?;
    Some(text.replace("\"\"", "\""))
}

/// `1.23E+08`, also with a comma.
fn is_scientific(cell: &str) -> bool {
    let Some((mantissa, exponent)) = cell.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    digits(whole) && digits(part) && exponent.strip_prefix('+').is_some_and(digits)
}
