//! A service's policies as statements for its own Postgres, which then enforces them by row security.
//!
//! Who asks is read from settings of the transaction: see [`HEAD`].

use std::fmt::Write;

use super::set::Rule;
use super::{Effect, PolicySet};

/// What the statements begin with.
const HEAD: &str = "\
-- Row security as Portero decides. In each transaction, tell Postgres first who asks (lists and attributes in JSON):
--   select set_config('portero.user_id', '7', true), set_config('portero.username', 'juan', true),
--          set_config('portero.is_admin', 'false', true), set_config('portero.roles', '[\"Editor\"]', true),
--          set_config('portero.permissions', '[\"read\"]', true), set_config('portero.groups', '[\"Sales\"]', true),
--          set_config('portero.attributes', '{\"department\": \"sales\"}', true),
--          set_config('portero.context', '{}', true), set_config('portero.address', '', true);
-- Without that, the anonymous asks. Owners of tables and superusers are not held to row security, unless it is forced.
";

/// The commands of Postgres, and the actions that they are.
const COMMANDS: [(&str, &str); 4] =
    [("select", "read"), ("insert", "create"), ("update", "update"), ("delete", "delete")];

/// Statements for all types that are declared or have policies of their own.
///
/// # Errors
/// Where a policy can't be said so.
pub fn statements(set: &PolicySet) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    for name in set.types() {
        let table = quoted(name);
        let _ = write!(text, "\nalter table {table} enable row level security;\n");
        let of_type = set.of_type(name);
        for (command, action) in COMMANDS {
            let applying = of_type.of_action(action);
            for rule in applying.permissive.iter().chain(&applying.restrictive) {
                text.push_str(&statement(rule, &table, command)?);
            }
        }
    }
    Ok(text)
}

fn statement(rule: &Rule, table: &str, command: &str) -> anyhow::Result<String> {
    let policy = &rule.policy;
    let name = format!("portero_{}_{command}", policy.id);
    let condition = match rule.expression() {
        Ok(expression) => expression.to_row_security().map_err(|fault| {
            anyhow::anyhow!(
                "Postgres can't enforce policy {} ({} on {}): {fault}",
                policy.id,
                policy.action,
                policy.table_name
            )
        })?,
        // It never holds.
        Err(_) => "false".to_owned(),
    };
    let kind = match policy.effect {
        Effect::Permissive => "permissive",
        Effect::Restrictive => "restrictive",
    };
    let conditions = match command {
        "insert" => format!("with check ({condition})"),
        "update" => format!("using ({condition}) with check ({condition})"),
        _ => format!("using ({condition})"),
    };
    Ok(format!(
        "drop policy if exists {name} on {table};\n\
         create policy {name} on {table} as {kind} for {command} {conditions};\n"
    ))
}

/// A table's name, which may have its schema's before it.
fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_part_by_part() {
        assert_eq!(quoted("invoice"), r#""invoice""#);
        assert_eq!(quoted(r#"public.in"voice"#), r#""public"."in""voice""#);
    }
}
