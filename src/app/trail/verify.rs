//! Is the audit trail what it was? Walks the whole chain and names what is not.

use std::collections::HashMap;
use std::str::FromStr;

use serde::Serialize;
use sqlx::PgConnection;

use super::chain::Link;
use super::store;
use crate::base::error::Result;

const PAGE: i64 = 5000;

/// How many faults are named: after that many nobody counts.
const MOST: u8 = 100;

/// Something that is not as it was written.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ChainFault {
    /// `changed`; `missing` (also the last that was pruned, when nothing tells of that); `unproved` right after a missing seal,
    /// without which it can't be told whether it was changed; `inserted`; or `head` when the chain is not the one that
    /// somebody noted.
    pub kind: &'static str,
    /// Its place in the chain, where it has one.
    pub position: Option<i64>,
    pub event_id: Option<i64>,
}

/// What a walk through the chain found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// How many events are sealed and as they were written.
    pub intact: u64,
    /// How many wait for their seal.
    pub unsealed: u64,
    /// What is wrong; the first hundred.
    pub faults: Vec<ChainFault>,
    /// Where the chain begins: what was before it was pruned.
    pub begins_after: i64,
    /// Where the chain ends: kept elsewhere, it shows later whether the chain was cut off or written anew.
    pub head: Option<Head>,
}

/// A place in the chain, as people note it: `<position>:<hash in hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head(pub Link);

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.position, hex::encode(self.0.hash))
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let head = text.trim().split_once(':').and_then(|(position, digits)| {
            let mut hash = [0; 32];
            hex::decode_to_slice(digits, &mut hash).ok()?;
            Some(Self(Link { position: position.parse().ok()?, hash }))
        });
        head.ok_or_else(|| "write <position>:<64 hex digits>, as `portero audit verify` shows them".to_owned())
    }
}

impl VerifyReport {
    fn fault(&mut self, kind: &'static str, position: Option<i64>, event_id: Option<i64>) {
        if self.faults.len() < usize::from(MOST) {
            self.faults.push(ChainFault { kind, position, event_id });
        }
    }
}

/// Walks the chain as it is at one moment, in a transaction of its own that has just begun. With `noted`, also whether
/// the chain goes through that place.
pub async fn verify(conn: &mut PgConnection, noted: Option<Head>) -> Result<VerifyReport> {
    store::see_one_moment(conn).await?;
    let mut link = store::beginning(conn).await?;
    let mut report = VerifyReport { begins_after: link.position, ..VerifyReport::default() };
    if link.position > 0 && !store::is_pruning_told(conn, link).await? {
        report.fault("missing", Some(link.position), None);
    }
    let mut passed = noted.is_none_or(|Head(noted)| noted.position < link.position || noted == link);
    loop {
        let seals = store::seals(conn, link.position, PAGE).await?;
        let Some(last) = seals.last() else { break };
        let end = last.link.position;
        let ids: Vec<i64> = seals.iter().map(|seal| seal.event_id).collect();
        let events: HashMap<i64, _> =
            store::stored(conn, &ids).await?.into_iter().map(|event| (event.id, event)).collect();
        for seal in seals {
            for position in link.position + 1..seal.link.position.min(link.position + 1 + PAGE) {
                report.fault("missing", Some(position), None);
            }
            let at = (Some(seal.link.position), Some(seal.event_id));
            // What was before is taken as it is stored, so that a fault is named once, where it is.
            let before = Link { position: seal.link.position - 1, hash: link.hash };
            match events.get(&seal.event_id) {
                None => report.fault("missing", at.0, at.1),
                Some(_) if before.position != link.position => report.fault("unproved", at.0, at.1),
                Some(event) if before.next(event) == seal.link => report.intact += 1,
                Some(_) => report.fault("changed", at.0, at.1),
            }
            passed |= noted == Some(Head(seal.link));
            link = seal.link;
        }
        debug_assert_eq!(end, link.position);
    }
    for id in store::slipped_in(conn, MOST.into()).await? {
        report.fault("inserted", None, Some(id));
    }
    for id in store::lost_before_their_seal(conn, MOST.into()).await? {
        report.fault("missing", None, Some(id));
    }
    if !passed {
        report.fault("head", noted.map(|Head(link)| link.position), None);
    }
    report.unsealed = store::count_unsealed(conn).await?;
    report.head = Some(Head(link));
    Ok(report)
}
