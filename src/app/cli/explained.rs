//! An explanation of a decision, as people read it.

use std::fmt::Write;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::or_dash;
use crate::access::explanations::{ExplainedGrant, ExplainedPolicy, Explanation};
use crate::access::grants::Reviewer;
use crate::access::policies::DecidingResource;

/// An explanation, for people.
pub(super) fn explained(told: &Explanation) -> String {
    let mut lines = vec![format!("{}: {}", if told.decision { "yes" } else { "no" }, told.reason)];
    lines.extend(told.policies.iter().flat_map(policy));
    lines.extend(told.grants.iter().flat_map(grant));
    if !told.missing.is_empty() {
        lines.push("missing:".to_owned());
        lines.extend(told.missing.iter().map(|missing| format!("  {missing}")));
    }
    lines.join("\n")
}

fn policy(policy: &ExplainedPolicy) -> Vec<String> {
    let ExplainedPolicy { id, action, table_name, outcome, .. } = policy;
    let mut lines = vec![format!("policy {id} ({action} on {table_name}) is {outcome}")];
    for part in &policy.parts {
        let value = part.value.as_ref().map_or_else(|| or_dash(part.error.as_ref()), ToString::to_string);
        let text = part.text.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push(format!("  {}{text}  -> {value}", "  ".repeat(part.depth)));
    }
    lines
}

fn grant(grant: &ExplainedGrant) -> Vec<String> {
    let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} `{name}`"));
    let what = [named("role", &grant.role), named("permission", &grant.permission), named("group", &grant.group)];
    let mut text = format!("held by {}", what.into_iter().flatten().collect::<Vec<_>>().join(", "));
    if let Some(DecidingResource { kind, id }) = &grant.resource {
        let _ = write!(text, " on {kind} `{id}`");
    }
    if grant.is_supposed {
        text.push_str(" (supposed)");
    }
    text.push_str(&given(
        "granted",
        grant.created_at,
        grant.granted_by.as_ref(),
        grant.expires_at,
        grant.reason.as_deref(),
    ));
    let steps = grant.memberships.iter().map(|step| {
        let by = step.added_by.as_ref();
        let how = given("added", Some(step.created_at), by, step.expires_at, step.reason.as_deref());
        format!("  in the group `{}`{how}", step.group)
    });
    std::iter::once(text).chain(steps).collect()
}

/// `, granted on … by eva, until …: because`.
fn given(
    did: &str,
    at: Option<OffsetDateTime>,
    by: Option<&Reviewer>,
    until: Option<OffsetDateTime>,
    reason: Option<&str>,
) -> String {
    let at = at.map(|at| format!(", {did} on {}", shown(at))).unwrap_or_default();
    let by = by.map(|by| format!(" by {}", by.username)).unwrap_or_default();
    let until = until.map(|until| format!(", until {}", shown(until))).unwrap_or_default();
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{at}{by}{until}{reason}")
}

fn shown(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}
