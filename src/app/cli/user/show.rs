//! `portero user list` and `portero user show`.

use serde_json::Value;
use time::OffsetDateTime;

use super::moment;
use crate::app::cli::grant::all_grants;
use crate::app::cli::output::{Output, Row, line, or_dash, table};
use crate::app::cli::tool::{Tool, list_all};
use crate::app::cli::typed_ref::TypedRef;
use crate::base::attributes::{PREFIX, written};
use crate::base::id::PersonId;
use crate::base::person::Person;
use crate::identity::attempts::store::FailedLogins;
use crate::identity::attempts::{self, MOST_IN_A_ROW};
use crate::identity::people::store::Details;
use crate::identity::people::{self, PersonType, WantedAttributes};

impl Row for Person {
    const HEADER: &'static [&'static str] = &["id", "username", "name"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.username.clone(), self.name.clone()]
    }
}

impl Row for Details {
    const HEADER: &'static [&'static str] = &["id", "username", "name", "document", "last login", "sessions", "state"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.username.clone(),
            self.name.clone(),
            document(self),
            or_dash(self.last_login_at.map(moment)),
            self.sessions.to_string(),
            if self.disabled_at.is_some() { "disabled" } else { "" }.to_owned(),
        ]
    }
}

fn document(person: &Details) -> String {
    match (person.document_type, &person.document_number) {
        (Some(kind), Some(number)) => format!("{} {number}", kind.as_str()),
        _ => "-".to_owned(),
    }
}

pub(super) async fn list(tool: &Tool, beginning: Option<String>, wanted: WantedAttributes) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let list = async |page: &_| people::store::list_details(&mut conn, page, &wanted).await;
    list_all(tool.output, beginning, |person: &Details| person.id.0, list).await
}

pub(super) async fn show(tool: &Tool, named: &TypedRef<PersonId>) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let id = named.find(&mut conn).await?.id;
    let person = people::store::details(&mut conn, id).await?;
    let grants = all_grants(&mut conn, id, None, tool.app.clock.now()).await?;
    let failed = attempts::store::of_person(&mut conn, id).await?;
    if tool.output == Output::Json {
        let mut shown = serde_json::to_value(&person)?;
        shown["failed_logins"] = serde_json::to_value(&failed)?;
        shown["grants"] = serde_json::to_value(&grants)?;
        return tool.output.done(&shown, "");
    }
    let rows = [
        ("id", person.id.to_string()),
        ("username", person.username.clone()),
        ("name", person.name.clone()),
        ("person type", or_dash(person.person_type.map(PersonType::as_str))),
        ("document", document(&person)),
        ("e-mail", or_dash(person.email.as_ref())),
        ("verified", or_dash(person.email_verified_at.map(moment))),
        ("language", or_dash(person.locale.as_ref())),
        ("registered", moment(person.created_at)),
        ("last login", or_dash(person.last_login_at.map(moment))),
        ("disabled", or_dash(person.disabled_at.map(moment))),
        ("sessions", person.sessions.to_string()),
    ];
    let said = claims_of(&person)?.into_iter().chain(attributes_of(&person));
    let now = tool.app.clock.now();
    let failed = failed.iter().map(|failed| ("failed logins", failed_logins(failed, now)));
    let rows = rows.into_iter().chain(failed).map(|(name, value)| (name.to_owned(), value)).chain(said);
    table(&[], rows.map(|(name, value)| vec![name, value]), &[])?;
    line("")?;
    tool.output.list(&grants)
}

/// What applications are told of them besides.
fn claims_of(person: &Details) -> anyhow::Result<Vec<(String, String)>> {
    let Value::Object(mut claims) = serde_json::to_value(&person.claims)? else { return Ok(Vec::new()) };
    let address = claims.remove("address").and_then(|address| address.as_object().cloned()).unwrap_or_default();
    let address = address.into_iter().map(|(name, value)| (format!("address.{name}"), value));
    let shown = claims.into_iter().chain(address).map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), |text| text.replace('\n', ", "));
        (name, value)
    });
    Ok(shown.collect())
}

fn attributes_of(person: &Details) -> impl Iterator<Item = (String, String)> {
    person.attributes.iter().map(|(name, value)| (format!("{PREFIX}{name}"), written(value).0.into_owned()))
}

fn failed_logins(failed: &FailedLogins, now: OffsetDateTime) -> String {
    let place = failed.network.as_deref().map_or("where they are not known".to_owned(), |network| {
        let device = if failed.known_device { "on a known device" } else { "on another device" };
        format!("at {network}, {device}")
    });
    let follows = if failed.failures >= MOST_IN_A_ROW && !failed.known_device {
        "they can't get in there before `portero user enable` or a new password".to_owned()
    } else if failed.wait_until > now {
        format!("nobody can try before {}", moment(failed.wait_until))
    } else {
        format!("the last at {}", moment(failed.last_failed_at))
    };
    format!("{} in a row {place}; {follows}", failed.failures)
}
