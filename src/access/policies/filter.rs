//! To which rows may somebody do this? The same rules as for one row, as a condition for the service's own database.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::decide::permissions_for;
use super::language::{Dialect, NotSayable, Parameter, Reduced, Request, Residue, Subject};
use super::set::Rule;
use super::{PolicySet, Who};

/// Which rows.
#[derive(Debug)]
pub enum Filter {
    /// All of them.
    Always,
    /// None of them.
    Never,
    /// Those of which this is true.
    Conditional {
        /// A condition, with a placeholder for each parameter.
        sql: String,
        parameters: Vec<Parameter>,
        /// The same as a tree.
        ast: Value,
    },
}

/// What is left of the policies.
struct Left {
    /// Any one is enough.
    any: Vec<Residue>,
    /// Each must hold.
    each: Vec<Residue>,
}

/// The rows of a type to which somebody may do this. `names` tells where a column is another one than its name says.
///
/// # Errors
/// Where the dialect can't say it.
pub fn filter(
    set: &PolicySet,
    (who, subject): (Option<&Who>, &Subject),
    (resource_type, action): (&str, &str),
    request: &Request,
    (dialect, names): (Dialect, &BTreeMap<String, String>),
) -> Result<Filter, NotSayable> {
    if !set.policies_decide {
        let names = permissions_for(resource_type, action);
        let held = who.map_or(&[][..], |who| &who.effective.permissions);
        let permits = set.permissions_decide && names.iter().any(|name| held.iter().any(|held| **held == **name));
        return Ok(if permits { Filter::Always } else { Filter::Never });
    }
    let of_type = set.of_type(resource_type);
    let applying = of_type.of_action(action);
    let reduce = |rule: &Rule| match rule.expression() {
        Ok(expression) => expression.reduce(subject, request),
        Err(_) => Reduced::Never,
    };
    let (mut left, mut always) = (Left { any: Vec::new(), each: Vec::new() }, false);
    for rule in &applying.permissive {
        match reduce(rule) {
            Reduced::Always => {
                always = true;
                break;
            }
            Reduced::Never => {}
            Reduced::Conditional(residue) => left.any.push(residue),
        }
    }
    if always {
        left.any.clear();
    } else if left.any.is_empty() {
        return Ok(Filter::Never);
    }
    for rule in &applying.restrictive {
        match reduce(rule) {
            Reduced::Always => {}
            Reduced::Never => return Ok(Filter::Never),
            Reduced::Conditional(residue) => left.each.push(residue),
        }
    }
    left.say(dialect, names)
}

impl Left {
    fn say(self, dialect: Dialect, names: &BTreeMap<String, String>) -> Result<Filter, NotSayable> {
        let mut parameters = Vec::new();
        let mut say = |residues: &[Residue]| {
            residues
                .iter()
                .map(|residue| residue.to_sql(dialect, names, &mut parameters))
                .collect::<Result<Vec<String>, NotSayable>>()
        };
        let (any, each) = (say(&self.any)?, say(&self.each)?);
        let trees = |residues: &[Residue]| residues.iter().map(Residue::to_json).collect::<Vec<_>>();
        let (any_trees, each_trees) = (trees(&self.any), trees(&self.each));
        let mut conditions = Vec::new();
        let mut asts = Vec::new();
        if !any.is_empty() {
            conditions.push(joined(any, " or "));
            asts.push(together(any_trees, "or"));
        }
        conditions.extend(each);
        asts.extend(each_trees);
        if conditions.is_empty() {
            return Ok(Filter::Always);
        }
        Ok(Filter::Conditional { sql: joined(conditions, " and "), parameters, ast: together(asts, "and") })
    }
}

fn joined(mut conditions: Vec<String>, by: &str) -> String {
    match conditions.len() {
        1 => conditions.remove(0),
        _ => conditions.iter().map(|condition| format!("({condition})")).collect::<Vec<_>>().join(by),
    }
}

fn together(mut trees: Vec<Value>, op: &str) -> Value {
    if trees.len() == 1 { trees.remove(0) } else { json!({ "op": op, "args": trees }) }
}
