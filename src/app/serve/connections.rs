//! Who has how many of the connections. No network has more than its share, so that whoever fills it leaves the others
//! theirs; and where places run out, those give theirs up that keep us waiting.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tokio::sync::Notify;

use super::log_throttle::LogThrottle;
use crate::base::network::Network;

/// How long a connection that is to go has for its last answer before it is looked at again.
const LATER: Duration = Duration::from_millis(100);

/// What a connection does, as far as it matters to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Its end owes us a request that it has begun, or its first one.
    Head,
    /// Its end owes us more of a body.
    Body,
    /// We owe it an answer.
    Work,
    /// It may send a request, or not.
    Rest,
}

impl Doing {
    /// Where places are short, a connection that keeps us waiting for so long gives up its own.
    fn bearable(self) -> Option<Duration> {
        match self {
            Self::Head => Some(Duration::from_secs(1)),
            Self::Body => Some(Duration::from_secs(3)),
            Self::Rest => Some(Duration::from_secs(10)),
            Self::Work => None,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    began: Instant,
    /// Milliseconds since it began, times four, and what it has been doing since.
    state: AtomicU64,
    /// Requests that are owed an answer: with HTTP/2 several at once.
    owed: AtomicU32,
    /// What comes may be of the connection itself, and of no request (HTTP/2).
    multiplexed: AtomicBool,
    leave: Notify,
}

/// A request, until its answer is sent or nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Owed(Arc<Connection>);

impl Drop for Owed {
    fn drop(&mut self) {
        if self.0.owed.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.note(Doing::Rest);
        }
    }
}

impl Connection {
    fn new() -> Self {
        let (state, owed, multiplexed) = (AtomicU64::new(0), AtomicU32::new(0), AtomicBool::new(false));
        Self { began: Instant::now(), state, owed, multiplexed, leave: Notify::new() }
    }

    fn note(&self, doing: Doing) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX / 4);
        self.state.store(since * 4 + doing as u64, Ordering::Relaxed);
    }

    fn state(&self) -> (Doing, Instant) {
        let state = self.state.load(Ordering::Relaxed);
        let doing = match state % 4 {
            0 => Doing::Head,
            1 => Doing::Body,
            2 => Doing::Work,
            _ => Doing::Rest,
        };
        (doing, self.began + Duration::from_millis(state / 4))
    }

    /// A request has come.
    pub(super) fn owes(self: &Arc<Self>) -> Owed {
        self.owed.fetch_add(1, Ordering::Relaxed);
        self.works();
        Owed(Arc::clone(self))
    }

    /// More of a request's body has come.
    pub(super) fn works(&self) {
        self.note(Doing::Work);
    }

    /// There is more to come of a request's body, and nothing else to do meanwhile.
    pub(super) fn waits_for_body(&self) {
        if self.state().0 != Doing::Body && self.owed.load(Ordering::Relaxed) == 1 {
            self.note(Doing::Body);
        }
    }

    /// Requests come beside each other.
    pub(super) fn is_multiplexed(&self) {
        self.multiplexed.store(true, Ordering::Relaxed);
    }

    /// Ends when it has rested for so long.
    pub(super) async fn rested_for(&self, patience: Duration) {
        loop {
            let since = match self.state() {
                (Doing::Rest, since) => since.elapsed(),
                _ => Duration::ZERO,
            };
            if since >= patience {
                return;
            }
            tokio::time::sleep(patience.saturating_sub(since)).await;
        }
    }

    /// Something has come: of a request, if it rested.
    pub(super) fn hears(&self) {
        if self.state().0 == Doing::Rest && !self.multiplexed.load(Ordering::Relaxed) {
            self.note(Doing::Head);
        }
    }

    /// Since when we wait for the whole head of a request.
    pub(super) fn waits_for_head_since(&self) -> Option<Instant> {
        let (doing, since) = self.state();
        (doing == Doing::Head).then_some(since)
    }

    /// Since when it has rested between two requests: with HTTP/2 [`Self::rested_for`] looks.
    pub(super) fn rests_since(&self) -> Option<Instant> {
        let (doing, since) = self.state();
        (doing == Doing::Rest && !self.multiplexed.load(Ordering::Relaxed)).then_some(since)
    }

    /// Ends when it is to go, so that others find room.
    pub(super) async fn to_be_left(&self) {
        self.leave.notified().await;
        // Its request may have come just then: that is answered.
        while self.state().0 == Doing::Work {
            tokio::time::sleep(LATER).await;
        }
    }

    /// Since when it has kept us waiting unbearably.
    fn unbearable_since(&self, now: Instant) -> Option<Instant> {
        let (doing, since) = self.state();
        doing.bearable().filter(|bearable| now.saturating_duration_since(since) >= *bearable).map(|_| since)
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Its network has its share.
    Share,
    /// All are taken.
    All,
}

impl Full {
    /// As metrics call it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::All => "places",
        }
    }
}

/// The places for connections.
#[derive(Debug)]
pub(super) struct Connections {
    all: usize,
    share: usize,
    /// They bring many clients each.
    proxies: Vec<IpNet>,
    taken: Mutex<OpenConnections>,
    told: LogThrottle,
}

#[derive(Debug, Default)]
struct OpenConnections {
    total: usize,
    next: u64,
    networks: HashMap<Network, BTreeMap<u64, Arc<Connection>>>,
}

impl OpenConnections {
    fn remove(&mut self, network: Network, number: u64) -> Option<Arc<Connection>> {
        let seats = self.networks.get_mut(&network)?;
        let seat = seats.remove(&number)?;
        if seats.is_empty() {
            self.networks.remove(&network);
        }
        self.total -= 1;
        Some(seat)
    }

    fn of(&self, network: Network) -> usize {
        self.networks.get(&network).map_or(0, BTreeMap::len)
    }

    /// Takes a place back; the connection itself ends a moment later.
    fn end(&mut self, (network, number): (Network, u64)) {
        if let Some(seat) = self.remove(network, number) {
            seat.leave.notify_one();
        }
    }

    /// Which of a network's has kept us waiting longest, if unbearably.
    fn worst_of(&self, network: Network, now: Instant) -> Option<(Network, u64)> {
        let seats = self.networks.get(&network)?.iter();
        let waits = seats.filter_map(|(number, seat)| Some((seat.unbearable_since(now)?, *number)));
        waits.min().map(|(_, number)| (network, number))
    }
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    places: Arc<Connections>,
    network: Network,
    number: u64,
    seat: Arc<Connection>,
}

impl ConnectionPermit {
    pub(super) fn seat(&self) -> &Arc<Connection> {
        &self.seat
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.places.taken().remove(self.network, self.number);
    }
}

impl Connections {
    /// So many, an eighth of them for one network, but for the proxies' networks.
    pub(super) fn new(all: usize, proxies: Vec<IpNet>) -> Self {
        let share = (all / 8).max(64).min(all);
        Self { all, share, proxies, taken: Mutex::default(), told: LogThrottle::default() }
    }

    fn taken(&self) -> MutexGuard<'_, OpenConnections> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are taken.
    pub(super) fn open(&self) -> usize {
        self.taken().total
    }

    /// A place for somebody who connects from `address`.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionPermit, Full> {
        let (network, now) = (Network::of(address), Instant::now());
        let is_proxy = self.is_proxy(address);
        let mut taken = self.taken();
        if !is_proxy && taken.of(network) >= self.share {
            let Some(worst) = taken.worst_of(network, now) else {
                drop(taken);
                self.warn(|| {
                    format!("{network} has {} connections, its share: further ones are turned away", self.share)
                });
                return Err(Full::Share);
            };
            taken.end(worst);
        }
        if taken.total >= self.all {
            let Some(worst) = self.worst(&taken, now) else {
                drop(taken);
                self.warn(|| {
                    format!("all {} places for connections are taken: further ones are turned away", self.all)
                });
                return Err(Full::All);
            };
            taken.end(worst);
        }
        let (number, seat) = (taken.next, Arc::new(Connection::new()));
        taken.next += 1;
        taken.total += 1;
        taken.networks.entry(network).or_default().insert(number, Arc::clone(&seat));
        Ok(ConnectionPermit { places: Arc::clone(self), network, number, seat })
    }

    /// The system has no file for one more: somebody gives theirs up.
    pub(super) fn make_room_for_files(&self) {
        let mut taken = self.taken();
        if let Some(worst) = self.worst(&taken, Instant::now()) {
            taken.end(worst);
        }
        let open = taken.total;
        drop(taken);
        self.warn(|| {
            format!("no more files can be opened ({open} connections are open): raise the limit (LimitNOFILE)")
        });
    }

    /// Whom to end: of those who have somebody that keeps us waiting unbearably, who has most.
    fn worst(&self, taken: &OpenConnections, now: Instant) -> Option<(Network, u64)> {
        let (mut most, mut worst) = (0, None);
        for (network, seats) in &taken.networks {
            if seats.len() > most
                && !self.is_proxy(network.address())
                && let Some(found) = taken.worst_of(*network, now)
            {
                (most, worst) = (seats.len(), Some(found));
            }
        }
        worst
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|proxies| proxies.contains(&address))
    }

    fn warn(&self, what: impl FnOnce() -> String) {
        if let Some(times) = self.told.times(Instant::now()) {
            tracing::warn!(times, "{}", what());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn places(all: usize) -> Arc<Connections> {
        Arc::new(Connections::new(all, vec!["10.0.0.0/8".parse().expect("a network")]))
    }

    fn taken(places: &Arc<Connections>, from: &str, count: usize) -> Vec<ConnectionPermit> {
        (0..count).map(|_| places.take(address(from)).expect("a place")).collect()
    }

    /// As if it had waited for longer than anybody bears.
    fn waits(place: &ConnectionPermit, doing: Doing) {
        let began = Instant::now().checked_sub(Duration::from_mins(1)).expect("a minute ago");
        let seat = Arc::new(Connection { began, ..Connection::new() });
        seat.state.store(doing as u64, Ordering::Relaxed);
        let mut taken = place.places.taken();
        taken.networks.get_mut(&place.network).expect("its network").insert(place.number, seat);
    }

    #[test]
    fn a_network_has_its_share_and_others_have_theirs() {
        let places = places(800);
        let mut held = taken(&places, "203.0.113.9", 100);
        assert_eq!(places.take(address("203.0.113.9")).err(), Some(Full::Share));
        let _neighbour = taken(&places, "203.0.113.10", 100);
        held.pop();
        assert!(places.take(address("203.0.113.9")).is_ok(), "places come back");
        let _block = taken(&places, "2001:db8::1", 100);
        assert_eq!(places.take(address("2001:db8::ffff:1")).err(), Some(Full::Share), "a /64 is one network");
        assert!(places.take(address("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn trusted_proxies_may_have_all() {
        let places = places(200);
        let _held = taken(&places, "10.1.2.3", 200);
        assert_eq!(places.take(address("10.1.2.3")).err(), Some(Full::All));
    }

    #[test]
    fn whoever_keeps_us_waiting_goes_before_a_neighbour_is_turned_away() {
        let places = places(800);
        let held = taken(&places, "203.0.113.9", 100);
        held[..99].iter().for_each(|place| waits(place, Doing::Work));
        assert_eq!(places.take(address("203.0.113.9")).err(), Some(Full::Share), "answers are owed to them");
        waits(&held[7], Doing::Head);
        let new = places.take(address("203.0.113.9")).expect("a place");
        assert_eq!(places.open(), 100);
        assert_eq!(places.take(address("203.0.113.9")).err(), Some(Full::Share));
        drop(held);
        assert_eq!(places.open(), 1, "the place that was taken back is not given back twice");
        drop(new);
        assert_eq!(places.open(), 0);
    }

    #[test]
    fn when_all_places_are_taken_the_largest_network_gives_up_its_worst() {
        let places = places(128);
        let (large, small) = (taken(&places, "203.0.113.9", 64), taken(&places, "203.0.113.10", 32));
        let _proxy = taken(&places, "10.1.2.3", 32);
        assert_eq!(places.take(address("198.51.100.1")).err(), Some(Full::All), "nobody has waited for long");
        for (place, doing) in [(&large[3], Doing::Rest), (&small[4], Doing::Body)] {
            waits(place, doing);
        }
        let _new = places.take(address("198.51.100.1")).expect("a place");
        let of = |text| places.taken().of(Network::of(address(text)));
        assert_eq!((of("203.0.113.9"), of("203.0.113.10"), of("10.1.2.3")), (63, 32, 32));
    }

    #[tokio::test]
    async fn who_is_to_go_stays_while_an_answer_is_owed() {
        let seat = Arc::new(Connection::new());
        let (one, other) = (seat.owes(), seat.owes());
        seat.leave.notify_one();
        drop(one);
        let stays = tokio::time::timeout(Duration::from_millis(20), seat.to_be_left()).await;
        assert!(stays.is_err(), "the other one");
        seat.leave.notify_one();
        let answers = async {
            tokio::task::yield_now().await;
            drop(other);
        };
        tokio::join!(seat.to_be_left(), answers);
    }

    #[test]
    fn a_seat_knows_what_it_is_owed() {
        let seat = Arc::new(Connection::new());
        assert!(seat.waits_for_head_since().is_some(), "the first request");
        let owed = seat.owes();
        seat.hears();
        assert!(seat.waits_for_head_since().is_none(), "more than the request that is being answered");
        drop(owed);
        assert!(seat.waits_for_head_since().is_none());
        seat.hears();
        assert!(seat.waits_for_head_since().is_some());
        drop(seat.owes());
        seat.is_multiplexed();
        seat.hears();
        assert!(seat.waits_for_head_since().is_none(), "a frame that is of no request");
    }

    #[tokio::test]
    async fn whoever_rests_for_long_is_found() {
        let seat = Arc::new(Connection::new());
        let owed = seat.owes();
        let rests = tokio::time::timeout(Duration::from_millis(20), seat.rested_for(Duration::from_millis(5))).await;
        assert!(rests.is_err(), "not while it is owed an answer");
        drop(owed);
        seat.rested_for(Duration::from_millis(5)).await;
    }
}
