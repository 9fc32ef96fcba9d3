//! People.

use indicatif::ProgressBar;
use time::OffsetDateTime;

use super::source::OldPerson;
use super::{Import, conflicts, store};
use crate::base::clock;
use crate::base::person::{PersonName, Username};
use crate::identity::people::DocumentNumber;
use crate::platform::passwords::PasswordHash;

/// A person to write.
pub(super) struct PersonRow {
    pub id: i32,
    pub username: String,
    pub name: String,
    pub password_hash: Option<String>,
    pub person_type: Option<String>,
    pub document: Option<(String, String)>,
    pub created_at: Option<OffsetDateTime>,
    pub removed_at: Option<OffsetDateTime>,
}

pub(super) async fn people(import: &mut Import<'_>, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut last = i64::MIN;
    loop {
        let old = import.source.people(last).await?;
        let Some(end) = old.last().map(|person| person.id) else { return Ok(()) };
        last = end;
        bar.inc(old.len() as u64);
        let mut new = Vec::with_capacity(old.len());
        for person in old {
            let row = format!("person {} ({})", person.id, shown(person.username.as_deref()));
            match read(person) {
                Ok(person) => new.push(person),
                Err(faults) => faults.into_iter().for_each(|fault| import.fault(row.clone(), fault)),
            }
        }
        write(import, &new).await?;
    }
}

async fn write(import: &mut Import<'_>, people: &[PersonRow]) -> anyhow::Result<()> {
    let written = store::insert_people(import.target, people).await?;
    if written.len() < people.len() {
        conflicts::people(import, people, &written).await?;
    }
    let removed = people.iter().filter(|person| person.removed_at.is_some()).count() as u64;
    import.summary.people += people.len() as u64;
    import.summary.removed_people += removed;
    // Who is in somebody's way is a fault already; what they hold need not be one, too.
    import.people.extend(people.iter().filter(|person| person.removed_at.is_none()).map(|person| person.id));
    Ok(())
}

fn read(old: OldPerson) -> Result<PersonRow, Vec<String>> {
    let id = id(old.id).map_err(|fault| vec![fault])?;
    let created_at = old.created_at.as_deref().and_then(moment);
    let document = old.document_type.clone().zip(old.document_number.clone());
    if let Some(removed_at) = &old.removed_at {
        // When exactly matters to nobody; that it happened does.
        let removed_at = Some(moment(removed_at).unwrap_or(OffsetDateTime::UNIX_EPOCH));
        let known = |kind: &str| ["DNI", "CE", "RUC"].contains(&kind);
        return Ok(PersonRow {
            id,
            username: old.username.unwrap_or_default(),
            name: old.name.unwrap_or_default(),
            password_hash: old.password_hash,
            person_type: old.person_type.filter(|kind| ["N", "J"].contains(&kind.as_str())),
            document: document.filter(|(kind, _)| known(kind)),
            created_at,
            removed_at,
        });
    }
    let mut faults = Vec::new();
    let mut note = |field: &str, fault: String| faults.push(format!("{field}: {fault}"));
    let username = old.username.unwrap_or_default().parse::<Username>().map_err(|fault| note("username", fault));
    let name = old.name.unwrap_or_default().parse::<PersonName>().map_err(|fault| note("name", fault));
    // Who has none chooses one with a forgotten-password mail.
    let hash = old.password_hash.filter(|hash| !hash.trim().is_empty());
    let hash = hash.map(|hash| PasswordHash::import(&hash)).transpose();
    let hash = hash.map_err(|fault| note("password_hash", fault));
    if let Some(kind) = old.person_type.as_deref().filter(|kind| !["N", "J"].contains(kind)) {
        note("person_type", format!("`{}` is neither N nor J", kind.escape_debug()));
    }
    let document = match document {
        None => {
            if old.document_type.is_some() || old.document_number.is_some() {
                note("document", "only one of document_type and document_number is there".to_owned());
            }
            None
        }
        Some((kind, number)) => {
            if !["DNI", "CE", "RUC"].contains(&kind.as_str()) {
                note("document_type", format!("`{}` is not DNI, CE or RUC", kind.escape_debug()));
            }
            let number = number.parse::<DocumentNumber>().map_err(|fault| note("document_number", fault));
            number.ok().map(|number| (kind, number.as_str().to_owned()))
        }
    };
    match (username, name, hash, faults.is_empty()) {
        (Ok(username), Ok(name), Ok(hash), true) => Ok(PersonRow {
            id,
            username: username.as_str().to_owned(),
            name: name.as_str().to_owned(),
            password_hash: hash.map(|hash| hash.as_str().to_owned()),
            person_type: old.person_type,
            document,
            created_at,
            removed_at: None,
        }),
        _ => Err(faults),
    }
}

/// An id that can be kept.
pub(super) fn id(old: i64) -> Result<i32, String> {
    i32::try_from(old)
        .ok()
        .filter(|id| *id > 0)
        .ok_or_else(|| format!("the id can't be kept: Portero's are from 1 to {}", i32::MAX))
}

/// A name in a message, where it can do no harm to a terminal.
pub(super) fn shown(name: Option<&str>) -> String {
    name.map_or_else(|| "without a name".to_owned(), |name| name.escape_debug().to_string())
}

/// Seconds or milliseconds since 1970, or what Postgres writes for a timestamp, by default in UTC.
fn moment(text: &str) -> Option<OffsetDateTime> {
    if let Ok(number) = text.parse::<i64>() {
        // In seconds that would be in the year 5138.
        let seconds = if number.abs() > 100_000_000_000 { number / 1000 } else { number };
        return OffsetDateTime::from_unix_timestamp(seconds).ok();
    }
    clock::read_rfc3339(text).or_else(|| clock::read_rfc3339(&format!("{text}Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_each_of_their_forms() {
        let epoch = OffsetDateTime::from_unix_timestamp(1_700_000_000).ok();
        for text in ["1700000000", "1700000000123", "2023-11-14T22:13:20+00:00", "2023-11-14T22:13:20"] {
            assert_eq!(moment(text), epoch, "{text}");
        }
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn ids_of_ours_are_refused() {
        assert_eq!(id(7), Ok(7));
        for bad in [0, -1, i64::from(i32::MAX) + 1] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
