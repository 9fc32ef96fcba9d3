//! What is left of an expression, as a tree of JSON.

use serde_json::{Value as Json, json};

use super::node::{Items, Kind, List, ListSource, Node, Slot};

pub(super) fn tree(node: &Node, slots: &[Slot]) -> Json {
    let one = |of: &Node| tree(of, slots);
    let all = |of: &[Node]| of.iter().map(one).collect::<Vec<_>>();
    let said = |op: &str, args: Vec<Json>| json!({ "op": op, "args": args });
    match &node.kind {
        Kind::Constant(value) => json!({ "value": value.to_json(), "type": node.of.name() }),
        Kind::Failed(failure) => json!({ "error": failure.message, "type": node.of.name() }),
        Kind::Read(slot) => json!({ "column": slots[*slot].name, "type": slots[*slot].kind.to_string() }),
        // These are the same for all rows: none is left.
        Kind::Fact(_) => Json::Null,
        Kind::Not(of) => said("not", vec![one(of)]),
        Kind::And(parts) => said("and", all(parts)),
        Kind::Or(parts) => said("or", all(parts)),
        Kind::Compare(comparison, sides) => said(comparison.sign(), all(&**sides)),
        Kind::Distinct { negated, sides } => {
            said(if *negated { "is not distinct from" } else { "is distinct from" }, all(&**sides))
        }
        Kind::IsNull { negated, of } => said(if *negated { "is not null" } else { "is null" }, vec![one(of)]),
        Kind::Is { what, negated, of } => {
            let what = what.map_or("unknown", |what| if what { "true" } else { "false" });
            said(&format!("is {}{what}", if *negated { "not " } else { "" }), vec![one(of)])
        }
        Kind::Any { comparison, all: every, of, list } => {
            let quantifier = if *every { "all" } else { "any" };
            said(&format!("{} {quantifier}", comparison.sign()), vec![one(of), list_of(list, slots)])
        }
        Kind::Like { any_case, sides, escape, .. } => {
            let mut said = said(if *any_case { "ilike" } else { "like" }, all(&**sides));
            said["escape"] = json!(escape.map(String::from).unwrap_or_default());
            said
        }
        Kind::Arithmetic(operator, sides) => said(operator.sign(), all(&**sides)),
        Kind::Minus(of) => said("-", vec![one(of)]),
        Kind::Concat(sides) => said("||", all(&**sides)),
        Kind::Coalesce(parts) => said("coalesce", all(parts)),
        Kind::Case { upper, of } => said(if *upper { "upper" } else { "lower" }, vec![one(of)]),
        Kind::Cast(of) => json!({ "op": "cast", "args": [one(of)], "type": node.of.name() }),
    }
}

fn list_of(list: &List, slots: &[Slot]) -> Json {
    let kind = format!("{}[]", list.element);
    match &list.source {
        ListSource::Values(values) => {
            json!({ "list": values.iter().map(|value| tree(value, slots)).collect::<Vec<_>>(), "type": kind })
        }
        ListSource::Constant(items) => json!({ "value": items.as_deref().map(values), "type": kind }),
        ListSource::Read(slot) => json!({ "column": slots[*slot].name, "type": kind }),
        _ => Json::Null,
    }
}

fn values(items: &Items) -> Vec<Json> {
    let null = items.has_null.then_some(Json::Null);
    items.values.iter().map(super::value::Value::to_json).chain(null).collect()
}
