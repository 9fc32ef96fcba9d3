//! Text in cells of CSV that spreadsheets would run as a formula: it gets an apostrophe before it, by which spreadsheets
//! know text (OWASP, CSV injection). An import takes it away again.
//!
//! Whoever opens the file may have another separator than ours: a cell of theirs begins in the middle of a text, behind
//! every `;`, `,`, `|`, tab and line end. There, too, an apostrophe keeps what follows from being a formula.

use std::borrow::Cow;
use std::fmt::Write;

fn separates(c: char) -> bool {
    matches!(c, ';' | ',' | '|' | '\t' | '\r' | '\n')
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹢' | '﹣' | '﹦' | '﹫' | '−')
}

/// What spreadsheets pass over before they look whether a cell is a formula.
fn is_passed_over(c: char) -> bool {
    matches!(c, '\'' | '"' | '\u{feff}' | '\u{200b}') || c.is_whitespace() && !separates(c)
}

fn begins_a_formula(cell: &str) -> bool {
    cell.trim_start_matches(is_passed_over).starts_with(is_sign)
}

/// Whether the text from here on needs its apostrophe. A text must not begin with what spreadsheets cut off, either.
fn needs_one(text: &str, is_first: bool) -> bool {
    begins_a_formula(text) || is_first && text.trim_start_matches('\'').starts_with(['\t', '\r', '\n'])
}

/// Where a cell may begin for whoever reads the file.
fn beginnings(text: &str) -> impl Iterator<Item = usize> {
    let behind = text.char_indices().filter(|(_, c)| separates(*c)).map(|(at, c)| at + c.len_utf8());
    std::iter::once(0).chain(behind)
}

/// `text` as it is exported.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let needed: Vec<usize> = beginnings(text).filter(|at| needs_one(&text[*at..], *at == 0)).collect();
    if needed.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut cell = text.to_owned();
    needed.into_iter().rev().for_each(|at| cell.insert(at, '\''));
    Cow::Owned(cell)
}

/// What was exported as `cell`.
pub fn meant(cell: &str) -> Cow<'_, str> {
    let put = |at: &usize| cell[*at..].strip_prefix('\'').is_some_and(|text| needs_one(text, *at == 0));
    let put: Vec<usize> = beginnings(cell).filter(put).collect();
    if put.is_empty() {
        return Cow::Borrowed(cell);
    }
    let mut text = cell.to_owned();
    for at in put.into_iter().rev() {
        text.remove(at);
    }
    Cow::Owned(text)
}

/// JSON as it is exported: the same value, in which no other separator makes a formula. An apostrophe could make it
/// another one, or none.
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    let mut is_beginning = false;
    let is_bad = |c: char| {
        let bad = is_beginning && is_sign(c);
        is_beginning = matches!(c, ';' | '|') || is_beginning && (c == '\\' || is_passed_over(c));
        bad
    };
    let bad: Vec<bool> = json.chars().map(is_bad).collect();
    if !bad.contains(&true) {
        return Cow::Borrowed(json);
    }
    let mut cell = String::with_capacity(json.len() + 16);
    for (c, bad) in json.chars().zip(bad) {
        if bad {
            let _ = write!(cell, "\\u{:04x}", u32::from(c));
        } else {
            cell.push(c);
        }
    }
    Cow::Owned(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What begins a cell of whoever reads with one of these separators, quotes or not.
    fn cells(text: &str) -> impl Iterator<Item = &str> {
        text.split(separates).map(|cell| cell.trim_matches(['"', ' ', '\u{a0}']))
    }

    proptest! {
        #[test]
        fn what_is_exported_is_imported_as_it_was(text in "[-'=+@a;,|＝\" \t\r\n\u{a0}]{0,10}") {
            let cell = harmless(&text);
            prop_assert_eq!(&*meant(&cell), text.as_str());
            prop_assert!(!cell.starts_with(['\t', '\r', '\n']));
            for cell in cells(&cell) {
                prop_assert!(!cell.starts_with(is_sign), "{}", cell);
            }
        }

        #[test]
        fn json_stays_what_it_is(text in "[-'=+@a;,|＝\" \t\\\\]{0,10}", number in -3..3) {
            let value = serde_json::json!({"text": text, "numbers": [number, -1]});
            let json = value.to_string();
            let cell = harmless_json(&json);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&cell).ok(), Some(value));
            for cell in cell.split([';', '|']).skip(1) {
                prop_assert!(!cell.trim_start_matches(['\\', '"', '\'', ' ']).starts_with(is_sign), "{}", cell);
            }
        }
    }

    #[test]
    fn names_are_left_alone() {
        assert_eq!(harmless("O'Higgins"), "O'Higgins");
        assert_eq!(harmless("Quispe, Ada-María; Lima"), "Quispe, Ada-María; Lima");
        assert_eq!(meant("'t Hooft"), "'t Hooft");
    }

    #[test]
    fn formulas_are_text_whatever_the_separator() {
        assert_eq!(harmless("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(harmless("Ada;=1+1;\t-2"), "Ada;'=1+1;\t'-2");
        assert_eq!(harmless("＝1+1"), "'＝1+1");
        assert_eq!(harmless("a| \"@x"), "a|' \"@x");
        assert_eq!(harmless_json(r#"{"name":"Ada;=1"}"#), r#"{"name":"Ada;\u003d1"}"#);
    }
}
