//! A service's policies as statements for its own Postgres, which then enforces them by row security.
//!
//! Who asks is read from settings of the transaction: see [`HEAD`].

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::bail;

use super::PolicySet;
use super::language::NotSayable;
use super::policy::ALL;
use super::set::{OfType, Rule};
use crate::base::id::{PolicyId, ServiceId};

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
-- Types that are no tables here are left out, with a notice. So are views and foreign tables, which can't have row security: a view needs
-- `security_invoker = true`, so that the policies on its tables hold whoever reads it.
-- Roles on single resources do not count here. Run all of it again after policies have changed: it replaces what it made before.
";

/// The commands of Postgres, and the actions that they are.
const COMMANDS: [(&str, &str); 4] =
    [("select", "read"), ("insert", "create"), ("update", "update"), ("delete", "delete")];

/// Statements for all types that are declared or have policies of their own, in one transaction.
///
/// # Errors
/// Where policies can't be said so: it names all of them. Without them the rest would decide otherwise.
pub fn statements(set: &PolicySet, service: ServiceId) -> anyhow::Result<String> {
    let mut text = format!("{HEAD}\nbegin;\n\n{}", clearing(service));
    let mut faults = Faults::new();
    for name in set.types() {
        let of_type = set.of_type(name);
        let table = quoted(name);
        let mut body = beginning(&table);
        for (command, action) in COMMANDS {
            let applying = of_type.of_action(action);
            for rule in applying.permissive.iter().chain(&applying.restrictive) {
                match statement(rule, service, (&table, command)) {
                    Ok(statement) => body.push_str(&statement),
                    Err(fault) => {
                        faults.entry((rule.policy.id, fault.to_string())).or_insert_with(|| told(rule, name));
                    }
                }
            }
        }
        body.push_str("end\n");
        let _ = write!(text, "\n{}{}", left_out(name, &of_type), block(&body));
    }
    if !faults.is_empty() {
        let each = faults.iter().map(|((_, fault), policy)| format!("\n  {policy}: {fault}"));
        bail!(
            "Postgres can't enforce all of these policies, and without them it would decide otherwise:{}",
            each.collect::<String>()
        );
    }
    text.push_str("\ncommit;\n");
    Ok(text)
}

/// Which policies can't be said and why, and the policy as it is told of. One for all types is told of once.
type Faults = BTreeMap<(PolicyId, String), String>;

fn told(rule: &Rule, of_type: &str) -> String {
    if rule.policy.table_name == ALL { format!("{}, for `{of_type}`", rule.policy) } else { rule.policy.to_string() }
}

/// Turns row security on, or leaves what can't have it.
fn beginning(table: &str) -> String {
    let name = literal(table);
    format!(
        "declare\n  kind \"char\" := (select relkind from pg_class where oid = to_regclass({name}));\nbegin\n  \
         if kind is null then\n    raise notice '% is no table here: left out', {name};\n    return;\n  end if;\n  \
         if kind not in ('r', 'p') then\n    raise notice '% is a view or a foreign table: left out', {name};\n    return;\n  end if;\n  \
         alter table {table} enable row level security;\n",
    )
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

fn statement(rule: &Rule, service: ServiceId, (table, command): (&str, &str)) -> Result<String, NotSayable> {
    let policy = &rule.policy;
    let name = format!("portero_{service}_{}_{command}", policy.id);
    let mut remark = String::new();
    let condition = match rule.expression() {
        Ok(expression) => expression.to_row_security()?,
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
