//! When people last got answers about services, to the day, for those who review grants. Checks must not feel it: they
//! look at one number, and whatever has been noted that day costs them nothing more. Once a minute what is new is
//! written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use super::store::{self, Use};
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};
use crate::gate::Gate;

const EVERY: Duration = Duration::from_mins(1);

/// How many pairs of a person and a service are remembered: 512 KiB. Two that fall on the same place push each other
/// out, and are noted again each time, which writes nothing new.
const PLACES: usize = 1 << 16;

/// How many may wait to be written; those beyond are noted with a later answer.
const WAITING: usize = 10_000;

/// How many are written at a time.
const BATCH: usize = 500;

/// Notes uses. A clone notes in the same place.
#[derive(Clone, Debug)]
pub struct Uses(Arc<Noted>);

#[derive(Debug)]
struct Noted {
    places: Box<[AtomicU64]>,
    waiting: Mutex<Vec<Use>>,
}

impl Default for Uses {
    fn default() -> Self {
        let places = std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self(Arc::new(Noted { places, waiting: Mutex::default() }))
    }
}

impl Uses {
    /// Notes that somebody gets an answer about a service.
    pub fn note(&self, person: PersonId, service: ServiceId, now: OffsetDateTime) {
        let day = now.date();
        let pair = mix(u64::from(person.0.cast_unsigned()) << 32 | u64::from(service.0.cast_unsigned()));
        // Never the 0 of an empty place, or as good as never.
        let tag = mix(pair ^ u64::from(day.to_julian_day().cast_unsigned()));
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are all that is needed")]
        let place = &self.0.places[pair as usize % PLACES];
        if place.load(Ordering::Relaxed) == tag {
            return;
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push(Use { person, service, day });
            place.store(tag, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<Use> {
        let mut taken = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        taken.sort_unstable();
        taken.dedup();
        taken
    }

    /// What could not be written waits on, as far as there is room.
    fn give_back(&self, uses: &[Use]) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = WAITING.saturating_sub(waiting.len());
        waiting.extend(uses.iter().take(room));
    }
}

/// Spreads what differs little (the finaliser of splitmix64).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes what has been noted, every minute, until the app stops. What was noted in the last minute before that is noted
/// anew with the person's next answer.
pub async fn write_uses_every_minute(gate: Gate) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = write_uses(&gate).await {
            tracing::warn!(%error, "could not write who used which service; the next run tries again");
        }
    }
}

/// Writes what has been noted; answers how much that was.
pub async fn write_uses(gate: &Gate) -> Result<usize> {
    let uses = gate.uses.take();
    for (n, batch) in uses.chunks(BATCH).enumerate() {
        if let Err(error) = write(gate, batch).await {
            gate.uses.give_back(&uses[n * BATCH..]);
            return Err(error);
        }
    }
    Ok(uses.len())
}

async fn write(gate: &Gate, uses: &[Use]) -> Result<()> {
    let mut tx = gate.db.begin().await?;
    store::note_uses(&mut tx, uses).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    const NOON: OffsetDateTime = time::macros::datetime!(2026-11-22 12:00 UTC);

    #[test]
    fn a_pair_is_noted_once_a_day() {
        let uses = Uses::default();
        for (person, service, days) in [(7, 4, 0), (7, 4, 0), (7, 5, 0), (4, 7, 0), (7, 4, 1), (7, 4, 1)] {
            uses.note(PersonId(person), ServiceId(service), NOON + Duration::days(days));
        }
        let taken: Vec<_> = uses.take().iter().map(|one| (one.person.0, one.service.0, one.day.day())).collect();
        assert_eq!(taken, [(4, 7, 22), (7, 4, 22), (7, 4, 23), (7, 5, 22)]);
        uses.note(PersonId(7), ServiceId(4), NOON + Duration::days(1));
        assert!(uses.take().is_empty());
    }

    #[test]
    fn what_waits_is_bounded_and_what_found_no_room_is_noted_later() {
        let uses = Uses::default();
        let all = 0..i32::try_from(WAITING).expect("small") + 5;
        for _ in 0..2 {
            all.clone().for_each(|person| uses.note(PersonId(person), ServiceId(1), NOON));
        }
        assert_eq!(uses.0.waiting.lock().expect("no panic").len(), WAITING);
        assert!(uses.take().len() <= WAITING);
        all.clone().for_each(|person| uses.note(PersonId(person), ServiceId(1), NOON));
        assert!(!uses.take().is_empty());
    }
}
