//! A service's policies as statements for its own Postgres, which then enforces them by row security.
//!
//! Who asks is read from settings of the transaction: see [`HEAD`].

use std::fmt::Write;

use super::PolicySet;
use super::set::{OfType, Rule};
use crate::base::id::ServiceId;

/// What the statements begin with.
const HEAD: &str = "\
-- Row security as Portero decides. In each transaction, tell Postgres first who asks (lists and attributes in JSON):
--   select set_config('portero.user_id', '7', true), set_config('portero.username', 'juan', true),
--          set_config('portero.is_admin', 'false', true), set_config('portero.roles', '[\"Editor\"]', true),
--          set_config('portero.permissions', '[\"read\"]', true), set_config('portero.groups', '[\"Sales\"]', true),
--          set_config('portero.attributes', '{\"department\": \"sales\"}', true),
--          set_config('portero.resources', '{\"project read\": [\"3\"]}', true),
--          set_config('portero.context', '{}', true), set_config('portero.address', '', true);
-- Without that, the anonymous asks. Owners of tables and superusers are not held to row security, unless it is forced.
-- Roles on single resources do not count here. Run all of it again after policies have changed: it replaces what it made before.
";

/// The commands of Postgres, and the actions that they are.
const COMMANDS: [(&str, &str); 4] =
    [("select", "read"), ("insert", "create"), ("update", "update"), ("delete", "delete")];

/// Statements for all types that are declared or have policies of their own, in one transaction.
///
/// # Errors
/// Where a policy can't be said so.
pub fn statements(set: &PolicySet, service: ServiceId) -> anyhow::Result<String> {
    let mut text = format!("{HEAD}\nbegin;\n\n{}", clearing(service));
    for name in set.types() {
        let of_type = set.of_type(name);
        let table = quoted(name);
        let mut body = format!(
            "begin\n  if to_regclass({}) is null then\n    raise notice '% is no table here: left out', {};\n    return;\n  end if;\n  \
             alter table {table} enable row level security;\n",
            literal(&table),
            literal(&table),
        );
        for (command, action) in COMMANDS {
            let applying = of_type.of_action(action);
            for rule in applying.permissive.iter().chain(&applying.restrictive) {
                body.push_str(&statement(rule, service, (&table, command))?);
            }
        }
        body.push_str("end\n");
        let _ = write!(text, "\n{}{}", left_out(name, &of_type), block(&body));
    }
    text.push_str("\ncommit;\n");
    Ok(text)
}

/// Drops what such statements made before, also on tables whose type has no policies any more: there nothing is permitted then.
fn clearing(service: ServiceId) -> String {
    block(&format!(
        "declare\n  old record;\nbegin\n  \
         for old in select schemaname, tablename, policyname from pg_policies where policyname ~ '^portero_{service}_' loop\n    \
         execute format('drop policy %I on %I.%I', old.policyname, old.schemaname, old.tablename);\n  \
         end loop;\nend\n"
    ))
}

fn statement(rule: &Rule, service: ServiceId, (table, command): (&str, &str)) -> anyhow::Result<String> {
    let policy = &rule.policy;
    let name = format!("portero_{service}_{}_{command}", policy.id);
    let mut remark = String::new();
    let condition = match rule.expression() {
        Ok(expression) => {
            expression.to_row_security().map_err(|fault| anyhow::anyhow!("Postgres can't enforce {policy}: {fault}"))?
        }
        Err(fault) => {
            remark = comment(&format!("Policy {} never holds: it means nothing for this type: {fault}", policy.id));
            "false".to_owned()
        }
    };
    let conditions = match command {
        "insert" => format!("with check ({condition})"),
        "update" => format!("using ({condition}) with check ({condition})"),
        _ => format!("using ({condition})"),
    };
    Ok(format!("{remark}  create policy {name} on {table} as {} for {command} {conditions};\n", policy.effect.as_str()))
}

/// The actions that Postgres has no command for.
fn left_out(name: &str, of_type: &OfType) -> String {
    let has_command = |action: &str| COMMANDS.iter().any(|(_, known)| *known == action);
    let others: Vec<&str> = of_type.named_actions().filter(|action| !has_command(action)).collect();
    if others.is_empty() {
        return String::new();
    }
    comment(&format!("Of {name} Postgres does not enforce: {}. It has no such command.", others.join(", ")))
}

fn comment(text: &str) -> String {
    text.lines().flat_map(|line| ["-- ", line, "\n"]).collect()
}

/// A block of statements, between marks that are not in it.
fn block(body: &str) -> String {
    let mut mark = "$portero$".to_owned();
    for number in 1.. {
        if !body.contains(&mark) {
            break;
        }
        mark = format!("$portero{number}$");
    }
    format!("do {mark}\n{body}{mark};\n")
}

fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
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
        assert_eq!(literal(r"it's \"), r"E'it''s \\'");
    }

    #[test]
    fn a_block_ends_where_it_should() {
        assert_eq!(block("begin end\n"), "do $portero$\nbegin end\n$portero$;\n");
        assert!(block("'$portero$ $portero1$'\n").ends_with("'\n$portero2$;\n"));
    }
}
