//! Who is in the way: rows that could not be written since their id or their name is taken here.

use super::Import;
use super::people::{PersonRow, shown};
use super::store::{self, Collision, Conflict};
use super::vocabulary::{NewName, ServiceRow};

/// Whoever imports must know what to do about it.
const EMPTY: &str = "import into a new database, right after `portero migrate`, and make administrators afterwards";

pub(super) async fn people(import: &mut Import<'_>, all: &[PersonRow], written: &[i32]) -> anyhow::Result<()> {
    let left: Vec<&PersonRow> = all.iter().filter(|person| !written.contains(&person.id)).collect();
    let conflicts = store::person_conflicts(import.target, &left).await?;
    note(import, "person", &conflicts);
    Ok(())
}

pub(super) async fn services(import: &mut Import<'_>, all: &[ServiceRow], written: &[i32]) -> anyhow::Result<()> {
    let left = all.iter().filter(|service| !written.contains(&service.id));
    let left: Vec<(i32, &str)> = left.map(|service| (service.id, service.name.as_str())).collect();
    let conflicts = store::service_conflicts(import.target, &left).await?;
    note(import, "service", &conflicts);
    Ok(())
}

pub(super) async fn permissions(import: &mut Import<'_>, all: &[NewName], written: &[i32]) -> anyhow::Result<()> {
    let conflicts = store::permission_conflicts(import.target, &left(all, written)).await?;
    note(import, "permission", &conflicts);
    Ok(())
}

pub(super) async fn roles(import: &mut Import<'_>, all: &[NewName], written: &[i32]) -> anyhow::Result<()> {
    let conflicts = store::role_conflicts(import.target, &left(all, written)).await?;
    note(import, "role", &conflicts);
    Ok(())
}

fn left<'a>(all: &'a [NewName], written: &[i32]) -> Vec<(i32, &'a str)> {
    all.iter().filter(|new| !written.contains(&new.id)).map(|new| (new.id, new.name.as_str())).collect()
}

fn note(import: &mut Import<'_>, noun: &str, conflicts: &[Conflict]) {
    for conflict in conflicts {
        import.fault(format!("{noun} {} ({})", conflict.id, shown(Some(&conflict.name))), explain(conflict));
    }
    // Nothing may be left out without a word.
    if import.faults.is_empty() {
        import.fault(noun, "something was in the way, and is not any more: import again");
    }
}

fn explain(conflict: &Conflict) -> String {
    match &conflict.taken {
        Collision::Id(by) => format!("its id is taken here by `{}`; {EMPTY}", shown(Some(by))),
        Collision::Name(by) if *by <= 0 => {
            format!("its name is that of one of Portero's own (id {by}); give it another name in the old database")
        }
        Collision::Name(by) => format!("its name is also that of id {by}; names must differ"),
        Collision::Document(by) => format!("its document is also that of id {by}"),
    }
}
