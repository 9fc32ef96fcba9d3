//! A plan, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::compare::{Change, Left, Plan};
use super::thing::{Key, Thing};
use super::turned::Turned;

/// What a plan would do, a paragraph for each change, and what is left; without its sum.
pub fn sentences(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        write_change(&mut text, change);
    }
    if !plan.left.is_empty() {
        let _ = writeln!(text, "Left, though the file does not have it any more:");
    }
    for Left { key, needed_by } in &plan.left {
        let _ = match needed_by {
            Some(other) => writeln!(text, "  {key}: made by hand, {other} needs it"),
            None => writeln!(text, "  {key}"),
        };
    }
    for Turned { service, policies_decide } in &plan.turned {
        let _ = match policies_decide {
            true => writeln!(text, "In service `{service}` policies decide from now on, and its permissions do not."),
            false => writeln!(text, "In service `{service}` policies do not decide any more."),
        };
    }
    for sentence in renamed(plan) {
        let _ =
            writeln!(text, "A file renames nothing: {sentence}, and whoever holds the one does not hold the other.");
    }
    text
}

/// In one line: `3 to create, 1 to change, 0 to delete`.
pub fn sum(plan: &Plan) -> String {
    let (created, changed, deleted) = counts(plan);
    format!("{created} to create, {changed} to change, {deleted} to delete")
}

/// How many are made, changed, deleted.
pub fn counts(plan: &Plan) -> (usize, usize, usize) {
    let count = |is: fn(&Change) -> bool| plan.changes.iter().filter(|change| is(change)).count();
    let (created, deleted) = (count(Change::is_creation), count(Change::is_deletion));
    (created, plan.changes.len() - created - deleted, deleted)
}

fn write_change(text: &mut String, change: &Change) {
    let Some(key) = change.key() else { return };
    let sign = match (change.is_creation(), change.is_deletion()) {
        (true, _) => '+',
        (_, true) => '-',
        _ => '~',
    };
    let _ = writeln!(text, "{sign} {key}");
    if change.is_deletion() && !matches!(key, Key::Policy { .. }) {
        return;
    }
    for (field, before, after) in differences(change) {
        let _ = match (before, after) {
            (Value::Null, after) => writeln!(text, "    {field}: {after}"),
            (before, Value::Null) => writeln!(text, "    {field}: {before} -> none"),
            (Value::Array(before), Value::Array(after)) => writeln!(text, "    {field}: {}", lists(&before, &after)),
            (before, after) => writeln!(text, "    {field}: {before} -> {after}"),
        };
    }
}

/// What a list gains and loses.
fn lists(before: &[Value], after: &[Value]) -> String {
    let with = |sign: char, all: &[Value], others: &[Value]| {
        let new = all.iter().filter(|one| !others.contains(one));
        new.map(|one| format!("{sign}{one}")).collect::<Vec<_>>()
    };
    let both = [with('+', after, before), with('-', before, after)].concat();
    if both.is_empty() { "in another order".to_owned() } else { both.join(" ") }
}

/// Each field that differs, with what it was and what it becomes; null for nothing.
fn differences(change: &Change) -> Vec<(String, Value, Value)> {
    let fields = |side: &Option<(Key, Thing)>| side.as_ref().map(|(_, thing)| thing.fields()).unwrap_or_default();
    let (before, after) = (fields(&change.before), fields(&change.after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let value = |fields: &Map<String, Value>, name: &String| fields.get(name).cloned().unwrap_or_default();
    let all = names.into_iter().map(|name| (name.clone(), value(&before, name), value(&after, name)));
    all.filter(|(_, before, after)| before != after).collect()
}

/// What somebody may have taken for a renaming, once for each kind: something goes or is left, and something is made.
fn renamed(plan: &Plan) -> Vec<String> {
    let gone = plan.changes.iter().filter(|change| change.is_deletion()).filter_map(Change::key);
    let gone = gone.chain(plan.left.iter().map(|left| &left.key));
    let made = plan.changes.iter().filter(|change| change.is_creation()).filter_map(Change::key);
    let mut kinds: BTreeMap<&str, (Vec<&Key>, Vec<&Key>)> = BTreeMap::new();
    for key in gone.filter(|key| key.name().is_some()) {
        kinds.entry(key.kind()).or_default().0.push(key);
    }
    for key in made.filter(|key| key.name().is_some()) {
        kinds.entry(key.kind()).or_default().1.push(key);
    }
    let sentences = kinds.iter().filter_map(|(kind, (gone, made))| match (&gone[..], &made[..]) {
        ([], _) | (_, []) => None,
        ([old], [new]) => Some(format!("{old} is not {new}")),
        _ => Some(format!("no new {kind} is one of those that are deleted or left")),
    });
    sentences.collect()
}

/// For scripts.
pub fn json(plan: &Plan) -> Value {
    let changes = plan.changes.iter().filter_map(|change| {
        let key = change.key()?;
        let action = match (change.is_creation(), change.is_deletion()) {
            (true, _) => "create",
            (_, true) => "delete",
            _ => "change",
        };
        let fields: Map<String, Value> = differences(change)
            .into_iter()
            .map(|(name, before, after)| (name, json!({ "before": before, "after": after })))
            .collect();
        Some(json!({ "action": action, "kind": key.kind(), "what": key.to_string(), "fields": fields }))
    });
    let left = plan.left.iter().map(|left| {
        let needed_by = left.needed_by.as_ref().map(ToString::to_string);
        json!({ "kind": left.key.kind(), "what": left.key.to_string(), "needed_by": needed_by })
    });
    json!({
        "changes": changes.collect::<Vec<_>>(), "left": left.collect::<Vec<_>>(), "turned": plan.turned,
        "adopted": plan.adopted,
    })
}
