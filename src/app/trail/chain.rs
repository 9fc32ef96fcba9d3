//! The chain of hashes: whoever changes, takes out or slips in an event breaks it.

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

/// An event as it is stored, to be hashed: all of it, JSON as Postgres writes it.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub id: i64,
    /// When, to the microsecond.
    pub at: OffsetDateTime,
    pub action: String,
    /// What kind of actor.
    pub actor: String,
    pub actor_id: Option<i32>,
    pub subject_id: Option<i32>,
    pub service_id: Option<i32>,
    pub request_id: Option<String>,
    /// The client's address, with its netmask if it has one.
    pub address: Option<String>,
    /// From `x-client-id`.
    pub client_id: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    /// The API key that the actor acted by.
    pub api_key_id: Option<i32>,
}

/// A place in the chain: its number, from 1 on, and the hash over the one before it and over its event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// 0 is where the chain begins, before any event.
    pub position: i64,
    /// SHA-256.
    pub hash: [u8; 32],
}

impl Link {
    /// The next link, which seals `event`.
    ///
    /// Over, in this order: the hash before; position, id and time (microseconds since 1970) as 64 bits, big-endian; each
    /// field in the order of [`StoredEvent`] as one byte (0 absent, 1 present) and, where present, its length as 64 bits and
    /// its bytes, so that no two events hash the same text. The last one, which came later, only where it is present.
    #[must_use]
    pub fn next(&self, event: &StoredEvent) -> Self {
        let position = self.position + 1;
        let mut digest = Sha256::new();
        digest.update(self.hash);
        digest.update(position.to_be_bytes());
        digest.update(event.id.to_be_bytes());
        let micros = event.at.unix_timestamp_nanos() / 1000;
        digest.update(i64::try_from(micros).unwrap_or(i64::MAX).to_be_bytes());
        let StoredEvent {
            id: _,
            at: _,
            action,
            actor,
            actor_id,
            subject_id,
            service_id,
            request_id,
            address,
            client_id,
            before,
            after,
            api_key_id,
        } = event;
        let number = |number: &Option<i32>| number.map(|number| number.to_string());
        let (actor_id, subject_id, service_id) = (number(actor_id), number(subject_id), number(service_id));
        let api_key_id = number(api_key_id);
        let fields = [
            Some(action),
            Some(actor),
            actor_id.as_ref(),
            subject_id.as_ref(),
            service_id.as_ref(),
            request_id.as_ref(),
            address.as_ref(),
            client_id.as_ref(),
            before.as_ref(),
            after.as_ref(),
        ];
        for field in fields.into_iter().chain(api_key_id.as_ref().map(Some)) {
            digest.update([u8::from(field.is_some())]);
            if let Some(text) = field {
                digest.update((text.len() as u64).to_be_bytes());
                digest.update(text.as_bytes());
            }
        }
        Self { position, hash: digest.finalize().into() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> StoredEvent {
        StoredEvent {
            id: 7,
            at: OffsetDateTime::UNIX_EPOCH,
            action: "grant.added".to_owned(),
            actor: "person".to_owned(),
            actor_id: Some(1),
            subject_id: None,
            service_id: None,
            request_id: None,
            address: None,
            client_id: None,
            before: None,
            after: Some("{}".to_owned()),
            api_key_id: None,
        }
    }

    const BEGINNING: Link = Link { position: 0, hash: [0; 32] };

    #[test]
    fn text_that_moves_from_one_field_to_the_next_is_another_event() {
        let first = StoredEvent { subject_id: Some(12), ..event() };
        let second = StoredEvent { service_id: Some(12), ..event() };
        assert_ne!(BEGINNING.next(&first), BEGINNING.next(&second));
        assert_ne!(BEGINNING.next(&event()), BEGINNING.next(&StoredEvent { api_key_id: Some(0), ..event() }));
        let first = StoredEvent { before: Some("ab".to_owned()), after: Some("c".to_owned()), ..event() };
        let second = StoredEvent { before: Some("a".to_owned()), after: Some("bc".to_owned()), ..event() };
        assert_ne!(BEGINNING.next(&first), BEGINNING.next(&second));
    }

    proptest! {
        #[test]
        fn whatever_is_changed_changes_the_hash(
            action in "[a-z.]{0,12}",
            actor_id in proptest::option::of(any::<i32>()),
            before in proptest::option::of(".{0,12}"),
            at in 0_i64..4_000_000_000,
        ) {
            let at = OffsetDateTime::from_unix_timestamp(at).expect("a time");
            let changed = StoredEvent { at, action, actor_id, before, ..event() };
            let same = changed.action == event().action
                && changed.actor_id == event().actor_id
                && changed.before.is_none()
                && at == event().at;
            prop_assert_eq!(BEGINNING.next(&changed) == BEGINNING.next(&event()), same);
            prop_assert_ne!(BEGINNING.next(&event()).next(&changed), BEGINNING.next(&changed).next(&event()));
        }
    }
}
