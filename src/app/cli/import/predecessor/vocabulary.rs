//! Services, permissions and roles.

use super::people::{id, shown};
use super::source::OldName;
use super::{Import, conflicts, store};
use crate::access::roles::imported_name;
use crate::base::names::{self, Description};

/// A service to write.
pub(super) struct ServiceRow {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub removed: bool,
}

/// A permission to write, or a role; the role of a direct grant with whose it is, and where.
pub(super) struct NewName {
    pub id: i32,
    pub name: String,
    pub direct: Option<(i32, i32)>,
}

pub(super) async fn services(import: &mut Import<'_>) -> anyhow::Result<()> {
    let mut new = Vec::new();
    for old in import.source.services().await? {
        let row = format!("service {} ({})", old.id, shown(old.name.as_deref()));
        let removed = old.status.as_deref().is_some_and(|status| ["false", "f", "0"].contains(&status));
        let name = old.name.unwrap_or_default();
        // Nobody can address a removed one: its texts are copied unchecked.
        let checked = if removed { Ok(name) } else { names::name(&name) };
        let description = old.description.filter(|description| !description.trim().is_empty());
        let described = match description {
            Some(text) if !removed => text.trim().parse::<Description>().map(|text| Some(text.into())),
            text => Ok(text),
        };
        match (id(old.id), checked, described) {
            (Ok(id), Ok(name), Ok(description)) => new.push(ServiceRow { id, name, description, removed }),
            (id, name, description) => {
                let faults =
                    [id.err(), name.err().map(in_field("name")), description.err().map(in_field("description"))];
                faults.into_iter().flatten().for_each(|fault| import.fault(row.clone(), fault));
            }
        }
    }
    let written = store::insert_services(import.target, &new).await?;
    if written.len() < new.len() {
        conflicts::services(import, &new, &written).await?;
    }
    import.summary.services = new.len() as u64;
    import.summary.removed_services = new.iter().filter(|service| service.removed).count() as u64;
    import.services = new.iter().filter(|service| !service.removed).map(|service| service.id).collect();
    Ok(())
}

pub(super) async fn permissions(import: &mut Import<'_>) -> anyhow::Result<()> {
    let old = import.source.permissions().await?;
    let new = self::names(import, "permission", old, names::name);
    let written = store::insert_permissions(import.target, &new).await?;
    if written.len() < new.len() {
        conflicts::permissions(import, &new, &written).await?;
    }
    import.summary.permissions = new.len() as u64;
    import.permissions = new.iter().map(|permission| permission.id).collect();
    Ok(())
}

pub(super) async fn roles(import: &mut Import<'_>) -> anyhow::Result<()> {
    let old = import.source.roles().await?;
    import.last_role = old.iter().filter_map(|role| id(role.id).ok()).max().unwrap_or_default();
    let is_direct = |role: &OldName| role.name.as_deref().is_some_and(|name| name.starts_with("direct:"));
    let (direct, named): (Vec<_>, Vec<_>) = old.into_iter().partition(is_direct);
    let mut new = self::names(import, "role", named, imported_name);
    for role in direct {
        let name = role.name.unwrap_or_default();
        let row = format!("role {} ({})", role.id, shown(Some(&name)));
        match (id(role.id), parse_direct(&name)) {
            (Ok(id), Some(direct)) => {
                if import.people.contains(&direct.0) && import.services.contains(&direct.1) {
                    new.push(NewName { id, name, direct: Some(direct) });
                } else {
                    import.summary.left_out += 1;
                }
            }
            (Err(fault), _) => import.fault(row, fault),
            (_, None) => import.fault(
                row,
                "name: names that begin with `direct:` are kept for direct grants, `direct:<person>:<service>`; rename it",
            ),
        }
    }
    let written = store::insert_roles(import.target, &new).await?;
    if written.len() < new.len() {
        conflicts::roles(import, &new, &written).await?;
    }
    import.summary.roles = new.len() as u64;
    import.summary.direct_roles = new.iter().filter(|role| role.direct.is_some()).count() as u64;
    import.roles = new.iter().map(|role| (role.id, role.direct)).collect();
    Ok(())
}

fn names(
    import: &mut Import<'_>,
    noun: &str,
    old: Vec<OldName>,
    check: impl Fn(&str) -> Result<String, String>,
) -> Vec<NewName> {
    let mut new = Vec::new();
    for OldName { id: old_id, name } in old {
        let row = format!("{noun} {old_id} ({})", shown(name.as_deref()));
        match (id(old_id), check(&name.unwrap_or_default())) {
            (Ok(id), Ok(name)) => new.push(NewName { id, name, direct: None }),
            (id, name) => {
                let faults = [id.err(), name.err().map(in_field("name"))];
                faults.into_iter().flatten().for_each(|fault| import.fault(row.clone(), fault));
            }
        }
    }
    new
}

fn in_field(field: &'static str) -> impl Fn(String) -> String {
    move |fault| format!("{field}: {fault}")
}

/// Person and service of `direct:<person>:<service>`, if it is written as we would.
fn parse_direct(name: &str) -> Option<(i32, i32)> {
    let (person, service) = name.strip_prefix("direct:")?.split_once(':')?;
    let direct: (i32, i32) = (person.parse().ok()?, service.parse().ok()?);
    (name == format!("direct:{}:{}", direct.0, direct.1)).then_some(direct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direct_roles_are_known_by_their_names() {
        assert_eq!(parse_direct("direct:7:4"), Some((7, 4)));
        for other in ["direct:", "direct:7", "direct:07:4", "direct:7:4:1", "direct:+7:4", "direct:7: 4", "direct:a:b"]
        {
            assert_eq!(parse_direct(other), None, "{other}");
        }
    }
}
