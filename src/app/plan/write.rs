//! From things to a file's text: the same things, the same bytes.

use serde_json::Value;
use toml::Spanned;

use super::file::{Client, Described, File, Grant, InGroup, Named, Person, Policy, Provider, name};
use super::thing::{Key, Terms, Thing, Things};
use crate::access::policies::Effect;

const HEAD: &str = "\
# What stands in Portero, by name: docs/plan.md. Without secrets.
# `portero plan` shows what this file would change, `portero apply` changes it.

";

/// Writes a file: text, and the same for scripts.
///
/// # Errors
/// Where a thing can't be written; there is none such among those that were read.
pub fn write(things: &Things, with_people: bool) -> anyhow::Result<(String, Value)> {
    let file = file(things, with_people)?;
    Ok((format!("{HEAD}{}", toml::to_string_pretty(&file)?), serde_json::to_value(&file)?))
}

fn file(things: &Things, with_people: bool) -> anyhow::Result<File> {
    let mut file = File { people: with_people.then(Named::new), ..File::default() };
    for (key, thing) in things {
        put(&mut file, key, thing)?;
    }
    Ok(file)
}

fn put(file: &mut File, key: &Key, thing: &Thing) -> anyhow::Result<()> {
    match (key, thing) {
        (Key::Permission(named), Thing::Described(described)) => {
            file.permissions.insert(name(named), described.clone());
        }
        (Key::Role(named), Thing::Role(role)) => {
            file.roles.insert(name(named), role.clone());
        }
        (Key::Service(named), Thing::Service(own)) => {
            let service = of(&mut file.services, named);
            service.description.clone_from(&own.description);
            service.claims = serde_json::from_value(serde_json::to_value(&own.claims)?)?;
            service.policies_decide = own.policies_decide;
            service.permissions_decide = own.permissions_decide;
        }
        (Key::Offer { service, role }, _) => of(&mut file.services, service).roles.push(name(role)),
        (Key::ResourceType { service, name: named }, Thing::Columns(declared)) => {
            of(&mut file.services, service).resource_types.insert(name(named), declared.columns.clone());
        }
        (Key::Policy { service, table_name, action, restrictive, expression }, Thing::Policy(own)) => {
            let read = anyhow::Error::msg;
            let policy = Policy {
                table_name: Spanned::new(0..0, table_name.parse().map_err(read)?),
                action: action.parse().map_err(read)?,
                effect: if *restrictive { Effect::Restrictive } else { Effect::Permissive },
                expression: Spanned::new(0..0, expression.parse().map_err(read)?),
                description: own.description.clone(),
            };
            of(&mut file.services, service).policies.push(policy);
        }
        (Key::Client(id), Thing::Client(client)) => {
            file.clients.insert(name(id), Client::clone(client));
        }
        (Key::Provider(named), Thing::Provider(provider)) => {
            file.providers.insert(name(named), Provider::clone(provider));
        }
        (key, thing) => put_held(file, key, thing),
    }
    Ok(())
}

/// Groups, and who holds what.
fn put_held(file: &mut File, key: &Key, thing: &Thing) {
    match (key, thing) {
        (Key::Group(named), Thing::Described(Described { description })) => {
            of(&mut file.groups, named).description.clone_from(description);
        }
        (Key::Nesting { group, member }, Thing::Terms(terms)) => {
            of(&mut file.groups, group).members.push(membership(member, terms));
        }
        (Key::GroupGrant { group, service, role }, Thing::Terms(terms)) => {
            of(&mut file.groups, group).grants.push(grant(service, role, terms));
        }
        (Key::Membership { person, group }, Thing::Terms(terms)) => {
            person_of(file, person).groups.push(membership(group, terms));
        }
        (Key::Grant { person, service, role }, Thing::Terms(terms)) => {
            person_of(file, person).grants.push(grant(service, role, terms));
        }
        _ => {}
    }
}

fn of<'a, T: Default>(all: &'a mut Named<T>, named: &str) -> &'a mut T {
    all.entry(name(named)).or_default()
}

fn person_of<'a>(file: &'a mut File, username: &str) -> &'a mut Person {
    of(file.people.get_or_insert_default(), username)
}

fn membership(group: &str, terms: &Terms) -> InGroup {
    InGroup { group: name(group), expires_at: terms.expires_at, reason: terms.reason.clone() }
}

fn grant(service: &str, role: &str, terms: &Terms) -> Grant {
    Grant { service: name(service), role: name(role), expires_at: terms.expires_at, reason: terms.reason.clone() }
}
