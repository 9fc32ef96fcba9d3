//! Text in cells of CSV that spreadsheets would run as a formula: it gets an apostrophe before it, by which spreadsheets
//! know text (OWASP, CSV injection). An import takes it away again.

use std::borrow::Cow;

fn begins_a_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// `text` as it is exported.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if begins_a_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// What was exported as `cell`.
pub fn meant(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if begins_a_formula(text) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_exported_is_imported_as_it_was(text in "[-'=+@a\t ]{0,6}") {
            let cell = harmless(&text);
            prop_assert_eq!(meant(&cell), text.as_str());
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }
    }

    #[test]
    fn names_are_left_alone() {
        assert_eq!(harmless("O'Higgins"), "O'Higgins");
        assert_eq!(meant("'t Hooft"), "'t Hooft");
        assert_eq!(harmless("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
    }
}
