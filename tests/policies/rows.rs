//! How rows of JSON are read, and errors that are values.

use portero::access::policies::language::{ColumnType, Declared, Expression, Request, Row, Subject};
use serde_json::{Value, json};
use time::OffsetDateTime;

fn declared() -> Declared {
    let columns = [("n", "bigint"), ("i", "integer"), ("d", "numeric"), ("t", "text"), ("b", "boolean"), ("u", "uuid")];
    let columns = columns.into_iter().chain([("at", "timestamptz"), ("day", "date"), ("tags", "text[]")]);
    Declared::columns(columns.map(|(name, kind)| (name.to_owned(), ColumnType::of_name(kind).unwrap())))
}

fn evaluate(text: &str, row: &str) -> Result<Option<bool>, String> {
    let expression = Expression::compile(text, &declared()).unwrap();
    let row: Row = serde_json::from_str(row).unwrap();
    let said = expression.evaluate(&row, &Subject::default(), &Request::at(OffsetDateTime::UNIX_EPOCH));
    said.map_err(|error| error.message)
}

#[test]
fn numbers_keep_their_digits() {
    let row = r#"{"d": 12345678901234567890.12345678901234567890, "n": 9223372036854775807}"#;
    assert_eq!(evaluate("d = 12345678901234567890.12345678901234567890", row), Ok(Some(true)));
    assert_eq!(evaluate("d = 12345678901234567890.12345678901234567891", row), Ok(Some(false)));
    assert_eq!(evaluate("n = 9223372036854775807 and n + 1.0 > n", row), Ok(Some(true)));
    assert_eq!(evaluate("d::text = '1.50'", r#"{"d": 1.50}"#), Ok(Some(true)));
    assert_eq!(evaluate("n = 1000", r#"{"n": 1e3}"#), Ok(Some(true)));
}

#[test]
fn a_value_of_another_kind_names_its_column() {
    for (text, row, said) in [
        ("n = 1", r#"{"n": "1"}"#, "column n is a text, not of type bigint"),
        ("n = 1", r#"{"n": 1.5}"#, "column n is a number with a fraction, not of type bigint"),
        ("n = 1", r#"{"n": 9223372036854775808}"#, "column n is out of range for bigint"),
        ("n = 1", r#"{"n": 1e400}"#, "column n is out of range for bigint"),
        ("i = 1", r#"{"i": 2147483648}"#, "column i is out of range for integer"),
        ("t = '1'", r#"{"t": 1}"#, "column t is a number, not of type text"),
        ("t = '1'", r#"{"t": "a\u0000b"}"#, "column t is a text, with a NUL character in it"),
        ("b", r#"{"b": 1}"#, "column b is a number, not of type boolean"),
        ("b", r#"{"b": "true"}"#, "column b is a text, not of type boolean"),
        ("u is null", r#"{"u": "x"}"#, "column u is a text, but no uuid"),
        ("at is null", r#"{"at": "yesterday"}"#, "column at is a text, but no time as 2026-01-31T12:00:00Z"),
        ("at is null", r#"{"at": 1769860800}"#, "column at is a number, not of type timestamptz"),
        ("day is null", r#"{"day": "31.1.2026"}"#, "column day is a text, but no date as 2026-01-31"),
        ("t is null", r#"{"t": {}}"#, "column t is an object, not of type text"),
        ("'x' = any(tags)", r#"{"tags": "x"}"#, "column tags is a text, not a list"),
        ("'x' = any(tags)", r#"{"tags": [1]}"#, "column tags has an element that is a number, not of type text"),
        ("t = 'x'", "{}", "the row has no column t: send it, or null"),
    ] {
        assert_eq!(evaluate(text, row), Err(said.to_owned()), "{text} {row}");
    }
    let long = format!(r#"{{"d": {}}}"#, "9".repeat(1_001));
    assert_eq!(evaluate("d > 1", &long), Err("column d is a number of more than 1,000 digits".to_owned()));
}

#[test]
fn errors_are_values() {
    let row = r#"{"n": 0, "i": 2147483647, "b": true, "t": "x", "d": 0, "at": "294276-12-31T00:00:00Z", "day": "2026-01-31"}"#;
    let error = |text: &str| evaluate(text, row).unwrap_err();
    assert_eq!(error("1 / n = 1"), "division by zero");
    assert_eq!(error("not (1 / n = 1)"), "division by zero");
    assert_eq!(error("(1 / n = 1) is null"), "division by zero");
    assert_eq!(error("1 / d > 0"), "division by zero");
    assert_eq!(error("i + 1 > 0"), "out of range for integer");
    assert_eq!(error("t::bigint = 1"), "'x' is not of type bigint");
    assert_eq!(error("at + interval '10 years' > now()"), "out of range for timestamptz");
    // Whichever stands first.
    assert_eq!(evaluate("b or 1 / n = 1", row), Ok(Some(true)));
    assert_eq!(evaluate("1 / n = 1 or b", row), Ok(Some(true)));
    assert_eq!(evaluate("1 / n = 1 and not b", row), Ok(Some(false)));
    assert_eq!(error("1 / n = 1 and b"), "division by zero");
    assert_eq!(evaluate("i + 1::bigint > 0", row), Ok(Some(true)));
}

#[test]
fn parts_show_what_each_is() {
    let expression = Expression::compile("n = 1 and (t in ('a', 'b') or 1 / n = 1)", &declared()).unwrap();
    let row = Row::from(json!({ "n": 0, "t": "a" }).as_object().unwrap());
    let parts = expression.parts(&row, &Subject::default(), &Request::at(OffsetDateTime::UNIX_EPOCH));
    let shown: Vec<(usize, &str, Value)> = parts
        .iter()
        .map(|part| {
            let value = part.value.clone().unwrap_or_else(|error| json!({ "error": error.message }));
            (part.depth, part.text.as_str(), value)
        })
        .collect();
    let no_value = json!({ "error": "division by zero" });
    assert_eq!(
        shown,
        [
            (0, "n = 1 and (t in ('a', 'b') or 1 / n = 1)", json!(false)),
            (1, "n = 1", json!(false)),
            (2, "n", json!(0)),
            (1, "(t in ('a', 'b') or 1 / n = 1)", json!(true)),
            (2, "t in ('a', 'b')", json!(true)),
            (3, "t", json!("a")),
            (2, "1 / n = 1", no_value.clone()),
            (3, "1 / n", no_value),
            (4, "n", json!(0)),
        ]
    );
}
