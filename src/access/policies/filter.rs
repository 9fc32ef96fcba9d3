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

/// To how many rows of a type somebody may do something, as far as that is known without the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Extent {
    None,
    /// Those of which this is true.
    Some(Value),
    All,
}

/// Which rows, before a dialect says so.
enum Rows {
    All,
    None,
    Of(Left),
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
    match rows(set, (who, subject), (resource_type, action), request) {
        Rows::All => Ok(Filter::Always),
        Rows::None => Ok(Filter::Never),
        Rows::Of(left) => left.say(dialect, names),
    }
}

/// The same without a dialect: whatever the policies say, it can be said.
pub fn extent(set: &PolicySet, whose: (Option<&Who>, &Subject), what: (&str, &str), request: &Request) -> Extent {
    match rows(set, whose, what, request) {
        Rows::All => Extent::All,
        Rows::None => Extent::None,
        Rows::Of(left) => Extent::Some(left.tree()),
    }
}

fn rows(
    set: &PolicySet,
    (who, subject): (Option<&Who>, &Subject),
    (resource_type, action): (&str, &str),
    request: &Request,
) -> Rows {
    if !set.policies_decide {
        let names = permissions_for(resource_type, action);
        let held = who.map_or(&[][..], |who| &who.effective.permissions);
        let permits = set.permissions_decide && names.iter().any(|name| held.iter().any(|held| **held == **name));
        return if permits { Rows::All } else { Rows::None };
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
        return Rows::None;
    }
    for rule in &applying.restrictive {
        match reduce(rule) {
            Reduced::Always => {}
            Reduced::Never => return Rows::None,
            Reduced::Conditional(residue) => left.each.push(residue),
        }
    }
    if left.any.is_empty() && left.each.is_empty() { Rows::All } else { Rows::Of(left) }
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
        let mut conditions = Vec::new();
        if !any.is_empty() {
            conditions.push(joined(any, " or "));
        }
        conditions.extend(each);
        Ok(Filter::Conditional { sql: joined(conditions, " and "), parameters, ast: self.tree() })
    }

    fn tree(&self) -> Value {
        let trees = |residues: &[Residue]| residues.iter().map(Residue::to_json).collect::<Vec<_>>();
        let mut all = Vec::new();
        if !self.any.is_empty() {
            all.push(together(trees(&self.any), "or"));
        }
        all.extend(trees(&self.each));
        together(all, "and")
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
