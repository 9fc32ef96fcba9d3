//! Whatever is sent as a policy and a row is compiled, evaluated, reduced and written. `.ci/slow` runs it.
//!
//! The input is a policy, a NUL, and a row as JSON.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use portero::access::policies::language::{Declared, Dialect, Expression, Reduced, Request, Row, Subject};
use time::OffsetDateTime;

fuzz_target!(|input: &[u8]| {
    let Ok(input) = str::from_utf8(input) else { return };
    let (text, row) = input.split_once('\0').unwrap_or((input, "{}"));
    let Ok(expression) = Expression::compile(text, &Declared::nothing()) else { return };
    let row: Row = serde_json::from_str(row).unwrap_or_default();
    let subject = Subject { id: Some(7), is_authenticated: true, roles: vec!["editor".to_owned()], ..Subject::default() };
    let request = Request::at(OffsetDateTime::UNIX_EPOCH);
    let said = expression.evaluate(&row, &subject, &request);
    expression.parts(&row, &subject, &request);
    let _ = expression.to_row_security();
    let yes = said == Ok(Some(true));
    match expression.reduce(&subject, &request) {
        Reduced::Always => assert!(yes),
        Reduced::Never => assert!(!yes),
        Reduced::Conditional(residue) => {
            assert_eq!(residue.evaluate(&row).unwrap_or(false), yes);
            residue.to_json();
            for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
                let _ = residue.to_sql(dialect, &BTreeMap::new(), &mut Vec::new());
            }
        }
    }
});
