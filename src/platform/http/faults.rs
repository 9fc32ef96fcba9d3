//! All that is wrong with a body at once: serde stops at the first fault, and whoever calls would mend one after the other.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::{Path, Segment};

use super::json::{ONE_OF_SEVERAL, fault, unkept};

/// Larger bodies are read once: to look for more costs as much again.
const LARGEST: usize = 8 * 1024;

/// So many faults are named.
const MOST: usize = 8;

/// Where a fault is, and what it is.
type FieldFault = (String, String);

/// The first fault of a body that can't be read for this error, and those behind it.
pub(super) fn all<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Vec<FieldFault> {
    let is_large = body.len() > LARGEST;
    let nowhere = || (String::new(), fault(error, body));
    let value = match serde_path_to_error::deserialize::<_, Value>(&mut serde_json::Deserializer::from_slice(body)) {
        Ok(value) => value,
        Err(error) => {
            let what = unkept(error.inner()).map(|what| (error.path().to_string(), what.to_owned()));
            return vec![what.unwrap_or_else(nowhere)];
        }
    };
    let mut faults = vec![first::<T>(&value).unwrap_or_else(nowhere)];
    let Value::Object(mut body) = value else { return faults };
    if is_large {
        return faults;
    }
    let mut seen: Vec<String> = Vec::new();
    while let Some(field) = faults.last().and_then(|fault| field_of(fault, &body))
        && faults.len() < MOST
        && !seen.contains(&field)
    {
        match next::<T>(&mut body, &field) {
            Some(fault) => faults.push(fault),
            None => break,
        }
        seen.push(field);
    }
    faults
}

/// The member of the body that a fault is about; none where it lies deeper or nowhere.
fn field_of((path, what): &FieldFault, body: &Map<String, Value>) -> Option<String> {
    if let Some(missing) = what.strip_prefix("missing field `") {
        return (path == ".").then(|| missing.trim_end_matches('`').to_owned());
    }
    body.contains_key(path).then(|| path.clone())
}

/// The fault that is found when there is nothing wrong with this field: without it, or with something in its place.
fn next<T: DeserializeOwned>(body: &mut Map<String, Value>, field: &str) -> Option<FieldFault> {
    body.remove(field);
    let stand_ins = [json!("ada-1"), json!("ada@example.com"), json!(1), json!(true), json!([]), json!({})];
    for stand_in in std::iter::once(None).chain(stand_ins.into_iter().map(Some)) {
        if let Some(value) = stand_in {
            body.insert(field.to_owned(), value);
        }
        let (path, what) = first::<T>(&Value::Object(body.clone()))?;
        let is_the_same = what == format!("missing field `{field}`") || path.split(['.', '[']).next() == Some(field);
        if !is_the_same {
            return Some((path, what));
        }
    }
    None
}

fn first<T: DeserializeOwned>(body: &Value) -> Option<FieldFault> {
    let error = serde_path_to_error::deserialize::<_, T>(body.clone()).err()?;
    let mut what = fault(error.inner(), b"null");
    if what.contains(ONE_OF_SEVERAL)
        && let Some(words) = words_at::<T>(body.clone(), error.path())
    {
        what = words;
    }
    Some((error.path().to_string(), what))
}

/// Which words are known in a place: serde says so to whoever sends another one.
fn words_at<T: DeserializeOwned>(mut body: Value, path: &Path) -> Option<String> {
    let mut place = &mut body;
    for segment in path {
        place = match segment {
            Segment::Map { key } => place.get_mut(key)?,
            Segment::Seq { index } => place.get_mut(index)?,
            Segment::Enum { .. } | Segment::Unknown => return None,
        };
    }
    *place = json!("");
    let error = serde_path_to_error::deserialize::<_, T>(body).err()?;
    let is_there = error.path().to_string().starts_with(&path.to_string());
    Some(fault(error.inner(), b"null")).filter(|what| is_there && what.starts_with("must be ") && what.contains('`'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::people::NewPerson;

    fn faults(body: &str) -> Vec<String> {
        let error = serde_json::from_str::<NewPerson>(body).expect_err("a fault");
        all::<NewPerson>(body.as_bytes(), &error).into_iter().map(|(path, what)| format!("{path} {what}")).collect()
    }

    #[test]
    fn what_is_missing_and_what_is_bad_is_named_at_once() {
        assert_eq!(faults("{}"), [". missing field `username`", ". missing field `name`"]);
        let several = faults(r#"{"email": "no address", "person_type": "X", "nmae": "Ada", "username": 7}"#).join("; ");
        for part in ["email ", "person_type ", "nmae unknown field `nmae`", "username must be", "missing field `name`"]
        {
            assert!(several.contains(part), "{part} in {several}");
        }
        assert_eq!(faults(r#"{"username": "ada", "name": ""}"#).len(), 1);
    }

    #[test]
    fn a_value_that_can_not_be_kept_is_named_with_its_field() {
        let faults = |body: &[u8]| {
            let error = serde_json::from_slice::<NewPerson>(body).expect_err("a fault");
            all::<NewPerson>(body, &error)
        };
        for (body, field, word) in [
            (&b"{\"name\": \"\xff\"}"[..], "name", "UTF-8"),
            (b"{\"attributes\": {\"n\": 1e400}}", "attributes.n", "too large to be kept"),
            (b"{\"attributes\": {\"n\": [1, -1e400]}}", "attributes.n[1]", "too large to be kept"),
            (br#"{"name": "\ud83e"}"#, "name", "surrogates"),
            (br#"{"name": "\udda4"}"#, "name", "surrogates"),
            (br#"{"person_type": 5, "username": "ada", "name": "Ada"}"#, "person_type", "must be `N` or `J`"),
            (br#"{"person_type": null, "username": "ada"}"#, ".", "missing field `name`"),
        ] {
            let found = faults(body);
            assert_eq!(found[0].0, field, "{found:?}");
            assert!(found[0].1.contains(word), "{found:?}");
        }
    }

    #[test]
    fn what_is_no_object_or_too_large_has_one_fault() {
        assert_eq!(faults("7").len(), 1);
        assert_eq!(faults(&format!("{{\"name\": \"{}\"}}", "x".repeat(LARGEST))).len(), 1);
    }
}
