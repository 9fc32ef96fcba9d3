//! Policies that have been cut up: whatever comes of them is refused, or means one thing however it is asked.

use std::collections::BTreeMap;

use portero::access::policies::language::{Declared, Dialect, Expression, Reduced, Request, Row, Subject};
use proptest::prelude::*;
use proptest::sample::Index;
use time::OffsetDateTime;

use super::generate;

/// As the fuzz target does.
fn asked(text: &str, row: &Row) {
    let Ok(expression) = Expression::compile(text, &Declared::nothing()) else { return };
    let subject = Subject { id: Some(7), is_authenticated: true, roles: vec!["a".to_owned()], ..Subject::default() };
    let request = Request::at(OffsetDateTime::UNIX_EPOCH);
    let yes = expression.evaluate(row, &subject, &request) == Ok(Some(true));
    expression.parts(row, &subject, &request);
    let _ = expression.to_row_security();
    match expression.reduce(&subject, &request) {
        Reduced::Always => assert!(yes, "{text}"),
        Reduced::Never => assert!(!yes, "{text}"),
        Reduced::Conditional(residue) => {
            assert_eq!(residue.evaluate(row).unwrap_or(false), yes, "{text}");
            residue.to_json();
            for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
                let _ = residue.to_sql(dialect, &BTreeMap::new(), &mut Vec::new());
            }
        }
    }
}

const SHREDS: [&str; 24] = [
    "(",
    ")",
    "'",
    "\"",
    "not ",
    " and ",
    "null",
    "::",
    "--",
    "/*",
    ";",
    "$1",
    "\0",
    "ä",
    "any(",
    "[",
    "]",
    ",",
    "1e",
    "9999999999999999999",
    " is ",
    "interval ",
    "case ",
    ".",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("POLICY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500)
    ))]

    #[test]
    fn mangled_policies_are_refused_or_mean_one_thing(
        case in generate::case(),
        cuts in proptest::collection::vec((any::<Index>(), 0_usize..9, 0..SHREDS.len()), 0..4),
    ) {
        let mut chars: Vec<char> = case.text.chars().collect();
        for (at, length, shred) in cuts {
            let start = at.index(chars.len() + 1);
            let end = (start + length).min(chars.len());
            chars.splice(start..end, SHREDS[shred].chars());
        }
        asked(&chars.into_iter().collect::<String>(), &Row::from(&case.row));
        asked(&case.text, &Row::default());
    }
}
