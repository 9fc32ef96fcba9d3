//! Which of a service's resources need not be looked at: those that no policy can permit, by what one of their properties is.

use super::PolicySet;
use super::language::{Equality, Reduced, Request, Subject};
use super::set::Rule;

/// Of these one holds for each row of a type on which somebody, as they are in the service, may do something: where they are empty, there is
/// no such row. None where nothing of the kind can be said without looking at rows.
pub fn equalities(
    set: &PolicySet,
    (resource_type, action): (&str, &str),
    subject: &Subject,
    request: &Request,
) -> Option<Vec<Equality>> {
    if !set.policies_decide {
        return None;
    }
    let of_type = set.of_type(resource_type);
    let applying = of_type.of_action(action);
    let needs = |rule: &Rule| needs(rule, subject, request);
    let permitting: Option<Vec<_>> = applying.permissive.iter().map(|rule| needs(rule)).collect();
    let restricting = || applying.restrictive.iter().find_map(|rule| needs(rule));
    permitting.map(|all| all.concat()).or_else(restricting)
}

/// Of these one holds for each row of which a policy is true; none where that can't be said.
fn needs(rule: &Rule, subject: &Subject, request: &Request) -> Option<Vec<Equality>> {
    // A fault is true of none.
    let Ok(expression) = rule.expression() else { return Some(Vec::new()) };
    // What the subject reaches is looked up row by row.
    if expression.resources().next().is_some() {
        return None;
    }
    match expression.reduce(subject, request) {
        Reduced::Always => None,
        Reduced::Never => Some(Vec::new()),
        Reduced::Conditional(left) => left.equalities(),
    }
}
