//! Who holds what, what a service offers, what a role carries.

use super::{Import, store};

/// What roles carry and services offer.
pub(super) async fn links(import: &mut Import<'_>) -> anyhow::Result<()> {
    let mut carried = Vec::new();
    for (role, permission) in import.source.role_permissions().await? {
        match (known_role(import, role), known(&import.permissions, permission)) {
            (Some(role), Some(permission)) => carried.push((role, permission)),
            _ => import.summary.left_out += 1,
        }
    }
    import.summary.role_permissions = store::insert_role_permissions(import.target, &carried).await?;

    let mut offers = Vec::new();
    for (service, role) in import.source.service_roles().await? {
        match (known(&import.services, service), known_role(import, role)) {
            (Some(service), Some(role)) => offers.push((service, role)),
            _ => import.summary.left_out += 1,
        }
    }
    import.summary.service_roles = store::insert_offers(import.target, &offers).await?;
    Ok(())
}

/// What people hold.
pub(super) async fn grants(import: &mut Import<'_>) -> anyhow::Result<()> {
    let mut last = (i64::MIN, i64::MIN, i64::MIN);
    loop {
        let old = import.source.grants(last).await?;
        let Some(end) = old.last() else { return Ok(()) };
        last = *end;
        let mut new = Vec::with_capacity(old.len());
        for (person, service, role) in old {
            let held = (known(&import.people, person), known(&import.services, service), known_role(import, role));
            let (Some(person), Some(service), Some(role)) = held else {
                import.summary.left_out += 1;
                continue;
            };
            match import.roles.get(&role).copied().flatten() {
                Some((owner, place)) if (owner, place) != (person, service) => import.fault(
                    format!("person {person}"),
                    format!(
                        "holds the role {role} (direct:{owner}:{place}) in service {service}, but that role is for \
                         person {owner} in service {place}; take it from them, or grant it directly"
                    ),
                ),
                _ => new.push((person, service, role)),
            }
        }
        let mut offers: Vec<(i32, i32)> = new.iter().map(|(_, service, role)| (*service, *role)).collect();
        offers.sort_unstable();
        offers.dedup();
        let made = store::insert_offers(import.target, &offers).await?;
        import.summary.offers_made += made;
        import.summary.service_roles += made;
        import.summary.grants += store::insert_grants(import.target, &new).await?;
    }
}

fn known(ids: &std::collections::HashSet<i32>, id: i64) -> Option<i32> {
    i32::try_from(id).ok().filter(|id| ids.contains(id))
}

fn known_role(import: &Import<'_>, id: i64) -> Option<i32> {
    i32::try_from(id).ok().filter(|id| import.roles.contains_key(id))
}
