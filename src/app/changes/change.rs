use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::base::id::{KeyId, PersonId, ServiceId};

/// Something that changed, at its place in the order in which changes were committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place: greater than that of all changes that were told before.
    pub position: i64,
    pub at: OffsetDateTime,
    pub what: ChangeKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A session ended before its time.
    SessionRevoked {
        /// What backends know it by.
        session: String,
        person: PersonId,
    },
    /// Somebody is called otherwise; or, where a service is named, has another attribute that it is told.
    TokenClaimsChange(PersonId, Option<ServiceId>),
    /// Somebody was removed.
    AccountPurged(PersonId),
    /// What somebody, or everybody, may do in a service.
    GrantsChanged(ServiceId, Option<PersonId>),
    /// What decides in a service: policies, types of resources, settings.
    PoliciesChanged(ServiceId),
    /// What is known of a service's resources.
    ResourcesChanged(ServiceId),
    /// More than is told one by one.
    Reset,
    /// The database went on elsewhere, and may lack what was told last.
    Failover,
    /// A service's key, or every one, is dead. Told to nobody: the streams that were opened with it end.
    KeyRevoked(Option<KeyId>),
}

/// Whom a change is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Every backend.
    All,
    Service(ServiceId),
    /// None; it ends the streams that were opened with this key, or all of them.
    EndsStreamsOf(Option<KeyId>),
}

impl Change {
    pub(super) fn audience(&self) -> Audience {
        match self.what {
            ChangeKind::SessionRevoked { .. }
            | ChangeKind::TokenClaimsChange(_, None)
            | ChangeKind::AccountPurged(_)
            | ChangeKind::Reset
            | ChangeKind::Failover => Audience::All,
            ChangeKind::TokenClaimsChange(_, Some(service))
            | ChangeKind::GrantsChanged(service, _)
            | ChangeKind::PoliciesChanged(service)
            | ChangeKind::ResourcesChanged(service) => Audience::Service(service),
            ChangeKind::KeyRevoked(key) => Audience::EndsStreamsOf(key),
        }
    }

    /// As an event of the stream; nothing for what is told to nobody.
    pub(super) fn event(&self) -> String {
        let at = self.at.unix_timestamp();
        let (name, data) = match &self.what {
            ChangeKind::SessionRevoked { session, person } => {
                ("session-revoked", json!({ "session_id": session, "user_id": person, "event_timestamp": at }))
            }
            ChangeKind::TokenClaimsChange(person, _) => {
                ("token-claims-change", json!({ "user_id": person, "event_timestamp": at }))
            }
            ChangeKind::AccountPurged(person) => {
                ("account-purged", json!({ "user_id": person, "event_timestamp": at }))
            }
            ChangeKind::GrantsChanged(service, Some(person)) => {
                ("grants-changed", json!({ "service_id": service, "user_id": person, "event_timestamp": at }))
            }
            ChangeKind::GrantsChanged(service, None) => {
                ("grants-changed", json!({ "service_id": service, "event_timestamp": at }))
            }
            ChangeKind::PoliciesChanged(service) => {
                ("policies-changed", json!({ "service_id": service, "event_timestamp": at }))
            }
            ChangeKind::ResourcesChanged(service) => {
                ("resources-changed", json!({ "service_id": service, "event_timestamp": at }))
            }
            ChangeKind::Reset => return reset(self.position, "too_much", self.at),
            ChangeKind::Failover => return reset(self.position, "failover", self.at),
            ChangeKind::KeyRevoked(_) => return String::new(),
        };
        event(name, self.position, &data)
    }
}

/// The hint how soon to come back, in milliseconds, before anything else.
pub(super) const GREETING: &str = ": portero\nretry: 1000\n\n";

/// From here on everything is told as it happens.
pub(super) fn ready(position: i64, service: ServiceId) -> String {
    event("ready", position, &json!({ "service_id": service }))
}

/// Something can't be told: everything is to be asked again.
pub(super) fn reset(position: i64, reason: &str, at: OffsetDateTime) -> String {
    event("reset", position, &json!({ "reason": reason, "event_timestamp": at.unix_timestamp() }))
}

/// A sign of life. Its id is remembered, as that of an event would be, but no event comes of it.
pub(super) fn heartbeat(position: i64) -> String {
    format!(": heartbeat\nid: {position}\n\n")
}

fn event(name: &str, position: i64, data: &Value) -> String {
    format!("event: {name}\nid: {position}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: ChangeKind) -> String {
        Change { position: 7, at: OffsetDateTime::UNIX_EPOCH, what }.event()
    }

    #[test]
    fn an_event_has_a_name_an_id_and_one_line_of_data() {
        assert_eq!(
            told(ChangeKind::GrantsChanged(ServiceId(4), None)),
            "event: grants-changed\nid: 7\ndata: {\"event_timestamp\":0,\"service_id\":4}\n\n"
        );
        assert!(told(ChangeKind::GrantsChanged(ServiceId(4), Some(PersonId(9)))).contains(r#""user_id":9"#));
        assert!(told(ChangeKind::Reset).starts_with("event: reset\nid: 7\n"));
        assert!(told(ChangeKind::Failover).contains(r#""reason":"failover""#));
    }

    #[test]
    fn of_a_revoked_key_nobody_is_told() {
        assert_eq!(told(ChangeKind::KeyRevoked(Some(KeyId(1)))), "");
    }
}
