//! To which rows may somebody do this? The same rules as for one row, as a condition for the service's own database.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::decide::permissions_for;
use super::language::{Dialect, Expression, NotSayable, Parameter, Reached, Reduced, Request, Residue, Subject};
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

/// What is left of the policies.
struct Left {
    /// Any one is enough.
    any: Vec<Residue>,
    /// Each must hold.
    each: Vec<Residue>,
}

/// What is left for one who holds what they hold.
enum Side {
    Always,
    Never,
    Left(Left),
}

/// Whose rows.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    pub who: Option<&'a Who>,
    pub subject: &'a Subject,
    /// Where they hold more than in the service: ids of resources, and what they are there.
    pub holding_more: &'a [(Vec<String>, (Who, Subject))],
}

/// The rows of a type to which somebody may do this. `names` tells where a column is another one than its name says.
///
/// # Errors
/// Where the dialect can't say it.
pub fn filter(
    set: &PolicySet,
    whose: Whose<'_>,
    (resource_type, action): (&str, &str),
    request: &Request,
    (dialect, names): (Dialect, &BTreeMap<String, String>),
) -> Result<Filter, NotSayable> {
    let of_type = (resource_type, action);
    let base = side(set, (whose.who, whose.subject), of_type, request);
    let more =
        whose.holding_more.iter().map(|(ids, (who, subject))| (ids, side(set, (Some(who), subject), of_type, request)));
    let more: Vec<_> = more.collect();
    let mut said = Said { set, resource_type, dialect, names, parameters: Vec::new(), any: Vec::new(), always: false };
    if !more.is_empty() {
        let all = || more.iter().map(|(_, side)| side).chain([&base]);
        if all().all(|side| matches!(side, Side::Always)) {
            return Ok(Filter::Always);
        }
        let ids: Vec<String> = more.iter().flat_map(|(ids, _)| (*ids).clone()).collect();
        said.one_of(&base, Some((&ids, false)))?;
        for (ids, side) in &more {
            said.one_of(side, Some((ids, true)))?;
        }
    } else if matches!(base, Side::Always) {
        return Ok(Filter::Always);
    } else {
        said.one_of(&base, None)?;
    }
    Ok(said.all())
}

/// The same without a dialect: whatever the policies say, it can be said.
pub fn extent(set: &PolicySet, whose: Whose<'_>, of_type: (&str, &str), request: &Request) -> Extent {
    let base = (None, side(set, (whose.who, whose.subject), of_type, request));
    let more = whose.holding_more.iter().map(|(ids, (who, subject))| {
        let side = side(set, (Some(who), subject), of_type, request);
        (Some(ids), side)
    });
    let all: Vec<_> = std::iter::once(base).chain(more).collect();
    if all.iter().all(|(_, side)| matches!(side, Side::Always)) {
        return Extent::All;
    }
    let any = all.iter().filter_map(|(ids, side)| match side {
        Side::Never => None,
        Side::Always => Some(json!({ "on": ids })),
        Side::Left(left) => Some(json!({ "on": ids, "if": left.tree() })),
    });
    let any: Vec<Value> = any.collect();
    if any.is_empty() { Extent::None } else { Extent::Some(any.into()) }
}

/// Whether what somebody holds on single resources can change an answer.
pub fn depends_on_roles(set: &PolicySet, (resource_type, action): (&str, &str)) -> bool {
    if !set.policies_decide {
        return set.permissions_decide;
    }
    let of_type = set.of_type(resource_type);
    let applying = of_type.of_action(action);
    applying.expressions().any(Expression::asks_for_roles)
}

fn side(
    set: &PolicySet,
    (who, subject): (Option<&Who>, &Subject),
    (resource_type, action): (&str, &str),
    request: &Request,
) -> Side {
    if !set.policies_decide {
        let names = permissions_for(resource_type, action);
        let held = who.map_or(&[][..], |who| &who.effective.permissions);
        let permits = set.permissions_decide && names.iter().any(|name| held.iter().any(|held| **held == **name));
        return if permits { Side::Always } else { Side::Never };
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
        return Side::Never;
    }
    for rule in &applying.restrictive {
        match reduce(rule) {
            Reduced::Always => {}
            Reduced::Never => return Side::Never,
            Reduced::Conditional(residue) => left.each.push(residue),
        }
    }
    if left.any.is_empty() && left.each.is_empty() { Side::Always } else { Side::Left(left) }
}

impl Left {
    fn tree(&self) -> Value {
        let trees = |residues: &[Residue]| residues.iter().map(Residue::to_json).collect::<Vec<_>>();
        json!({ "any": trees(&self.any), "each": trees(&self.each) })
    }
}

/// That a row's id is one of these, or is none of them.
fn membership(set: &PolicySet, resource_type: &str, (ids, is_one): (&[String], bool)) -> Result<Reduced, NotSayable> {
    let text = "(id = any(auth_user.resources('', ''))) is true";
    let text = if is_one { text } else { "(id = any(auth_user.resources('', ''))) is not true" };
    let reached = Reached { kind: String::new(), permission: String::new(), ids: ids.to_vec().into() };
    let subject = Subject { resources: vec![reached], ..Subject::default() };
    let expression = super::compile::compile(text, &set.declared(resource_type)).map_err(|_| NotSayable {
        part: "id".to_owned(),
        message: "roles are held on single resources of this type: declare its column id".to_owned(),
    })?;
    Ok(expression.reduce(&subject, &Request::at(OffsetDateTime::UNIX_EPOCH)))
}

/// Conditions of which any is enough, with what they bind.
struct Said<'a> {
    set: &'a PolicySet,
    resource_type: &'a str,
    dialect: Dialect,
    names: &'a BTreeMap<String, String>,
    parameters: Vec<Parameter>,
    any: Vec<(String, Value)>,
    /// One of them is true of all rows.
    always: bool,
}

impl Said<'_> {
    /// One more: what is left for somebody, of the rows that are meant.
    fn one_of(&mut self, side: &Side, of: Option<(&[String], bool)>) -> Result<(), NotSayable> {
        if matches!(side, Side::Never) {
            return Ok(());
        }
        let mut each = Vec::new();
        match of.map(|of| membership(self.set, self.resource_type, of)).transpose()? {
            Some(Reduced::Never) => return Ok(()),
            Some(Reduced::Conditional(residue)) => each.push(self.say(&residue)?),
            None | Some(Reduced::Always) => {}
        }
        if let Side::Left(Left { any, each: restrictive }) = side {
            if !any.is_empty() {
                let any = any.iter().map(|residue| self.say(residue)).collect::<Result<Vec<_>, _>>()?;
                each.push(together(any, "or"));
            }
            for residue in restrictive {
                each.push(self.say(residue)?);
            }
        }
        if each.is_empty() {
            self.always = true;
        } else {
            self.any.push(together(each, "and"));
        }
        Ok(())
    }

    fn say(&mut self, residue: &Residue) -> Result<(String, Value), NotSayable> {
        Ok((residue.to_sql(self.dialect, self.names, &mut self.parameters)?, residue.to_json()))
    }

    fn all(self) -> Filter {
        if self.always {
            return Filter::Always;
        }
        if self.any.is_empty() {
            return Filter::Never;
        }
        let (sql, ast) = together(self.any, "or");
        Filter::Conditional { sql, parameters: self.parameters, ast }
    }
}

/// Conditions as one.
fn together(mut all: Vec<(String, Value)>, by: &str) -> (String, Value) {
    if all.len() == 1 {
        return all.remove(0);
    }
    let (conditions, trees): (Vec<String>, Vec<Value>) = all.into_iter().unzip();
    let conditions: Vec<String> = conditions.iter().map(|condition| format!("({condition})")).collect();
    // Closed, since other conditions of the query stand beside it.
    (format!("({})", conditions.join(&format!(" {by} "))), json!({ "op": by, "args": trees }))
}
