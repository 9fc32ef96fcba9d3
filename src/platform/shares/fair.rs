use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use super::Asker;
use crate::base::network::{Network, Site};

/// While all places are taken, so many of them are nobody's to take away: one under way and one that waits.
const OWN: usize = 2;

/// A bounded queue in front of so many seats.
///
/// Turns go round: strangers and those who are known, networks that belong together, networks, people; nobody has a second
/// seat while somebody else waits for a first one. When all places are taken, whoever has most of them loses the
/// newest.
#[derive(Debug)]
pub(super) struct Fair<T> {
    seats: usize,
    places: usize,
    seated: usize,
    moment: u64,
    waiting: BTreeMap<u64, Waiting<T>>,
    people: HashMap<Arc<str>, AskerState>,
    networks: HashMap<Option<Network>, Tally>,
    sites: HashMap<Option<Site>, Tally>,
    /// When strangers, and those who are known, last had a turn.
    turns: [u64; 2],
}

#[derive(Debug)]
struct Waiting<T> {
    asker: Asker,
    item: T,
}

/// What somebody has, and when they last had a turn, or else came.
#[derive(Debug)]
struct AskerState {
    waiting: VecDeque<u64>,
    seated: usize,
    turn: u64,
}

#[derive(Debug)]
struct Tally {
    waiting: usize,
    seated: usize,
    turn: u64,
}

/// Who has lost a place.
#[derive(Debug)]
pub(super) struct Evicted<T> {
    pub item: T,
    /// Whether it was more than their share.
    pub had_more: bool,
}

impl<T> Fair<T> {
    pub fn new(seats: usize, places: usize) -> Self {
        Self {
            seats,
            places,
            seated: 0,
            moment: 0,
            waiting: BTreeMap::new(),
            people: HashMap::new(),
            networks: HashMap::new(),
            sites: HashMap::new(),
            turns: [0; 2],
        }
    }

    /// Takes a place; names it, and who has lost one for it, who may be the same.
    pub fn join(&mut self, asker: Asker, item: T) -> (u64, Option<Evicted<T>>) {
        self.moment += 1;
        let place = self.moment;
        let person = self.people.entry(Arc::clone(&asker.who)).or_insert_with(|| AskerState::new(place));
        person.waiting.push_back(place);
        enter(&mut self.networks, asker.network, place);
        enter(&mut self.sites, site(&asker), place);
        self.waiting.insert(place, Waiting { asker, item });
        let free = self.seats.saturating_sub(self.seated);
        let evicted = if self.waiting.len() > self.places + free { self.evict() } else { None };
        (place, evicted)
    }

    /// Gives a place up, unless its turn has come or it was lost.
    pub fn leave(&mut self, place: u64) -> Option<T> {
        let Waiting { asker, item } = self.waiting.remove(&place)?;
        if let Some(person) = self.people.get_mut(&asker.who) {
            person.waiting.retain(|waiting| *waiting != place);
            if person.is_gone() {
                self.people.remove(&asker.who);
            }
        }
        change(&mut self.networks, &asker.network, |tally| tally.waiting -= 1);
        change(&mut self.sites, &site(&asker), |tally| tally.waiting -= 1);
        Some(item)
    }

    /// Whose turn it is, if there is a seat.
    pub fn next(&mut self) -> Option<(Asker, T)> {
        if self.seated >= self.seats {
            return None;
        }
        let place = self.foremost()?;
        let asker = self.waiting.get(&place)?.asker.clone();
        self.moment += 1;
        let now = self.moment;
        // Before they leave the queue, so that they are not forgotten meanwhile.
        let person = self.people.get_mut(&asker.who)?;
        (person.seated, person.turn) = (person.seated + 1, now);
        let sit = |tally: &mut Tally| (tally.seated, tally.turn) = (tally.seated + 1, now);
        change(&mut self.networks, &asker.network, sit);
        change(&mut self.sites, &site(&asker), sit);
        self.turns[usize::from(asker.known)] = now;
        self.seated += 1;
        let item = self.leave(place)?;
        Some((asker, item))
    }

    /// Somebody gets up.
    pub fn done(&mut self, asker: &Asker) {
        self.seated -= 1;
        if let Some(person) = self.people.get_mut(&asker.who) {
            person.seated -= 1;
            if person.is_gone() {
                self.people.remove(&asker.who);
            }
        }
        change(&mut self.networks, &asker.network, |tally| tally.seated -= 1);
        change(&mut self.sites, &site(asker), |tally| tally.seated -= 1);
    }

    /// Of each person only who came first can be next.
    fn foremost(&self) -> Option<u64> {
        let order = |person: &AskerState| {
            let place = *person.waiting.front()?;
            let asker = &self.waiting.get(&place)?.asker;
            let (network, site) = (self.networks.get(&asker.network)?, self.sites.get(&site(asker))?);
            let class = self.turns[usize::from(asker.known)];
            Some((person.seated, class, site.turn.max(person.turn), network.turn, person.turn, place))
        };
        self.people.values().filter_map(order).min().map(|(.., place)| place)
    }

    /// Of each person only who came last can be the one.
    fn evict(&mut self) -> Option<Evicted<T>> {
        let order = |person: &AskerState| {
            let place = *person.waiting.back()?;
            let asker = &self.waiting.get(&place)?.asker;
            let all = person.waiting.len() + person.seated;
            let above = if all > OWN { all } else { 0 };
            let (network, site) = (self.networks.get(&asker.network)?, self.sites.get(&site(asker))?);
            Some((above, site.waiting, network.waiting, Reverse(asker.known), place))
        };
        let (above, of_site, .., place) = self.people.values().filter_map(order).max()?;
        let item = self.leave(place)?;
        Some(Evicted { item, had_more: above > 0 || of_site > 1 })
    }
}

impl AskerState {
    fn new(now: u64) -> Self {
        Self { waiting: VecDeque::new(), seated: 0, turn: now }
    }

    fn is_gone(&self) -> bool {
        self.waiting.is_empty() && self.seated == 0
    }
}

fn site(asker: &Asker) -> Option<Site> {
    asker.network.map(Network::site)
}

fn enter<K: Eq + Hash>(tallies: &mut HashMap<K, Tally>, key: K, now: u64) {
    tallies.entry(key).or_insert(Tally { waiting: 0, seated: 0, turn: now }).waiting += 1;
}

fn change<K: Eq + Hash>(tallies: &mut HashMap<K, Tally>, key: &K, change: impl FnOnce(&mut Tally)) {
    let Some(tally) = tallies.get_mut(key) else { return };
    change(tally);
    if tally.waiting == 0 && tally.seated == 0 {
        tallies.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn asker(who: &str, address: &str, known: bool) -> Asker {
        let network = Some(Network::of(address.parse().expect("an address")));
        Asker { who: who.into(), network, known }
    }

    /// One seat after the other; answers who had the first so many.
    fn first(fair: &mut Fair<&'static str>, so_many: usize) -> Vec<&'static str> {
        let mut served = Vec::new();
        for _ in 0..so_many {
            let Some((asker, item)) = fair.next() else { break };
            fair.done(&asker);
            served.push(item);
        }
        served
    }

    #[test]
    fn alone_one_network_may_have_all_places() {
        let mut fair = Fair::new(1, 32);
        for n in 0..33 {
            assert!(fair.join(asker(&n.to_string(), "203.0.113.7", false), "").1.is_none(), "{n}");
        }
        let (_, evicted) = fair.join(asker("33", "203.0.113.7", false), "");
        assert!(evicted.expect("one too many").had_more);
    }

    #[test]
    fn somebody_with_many_is_one_among_others_at_the_same_network_and_elsewhere() {
        let mut fair = Fair::new(1, 32);
        for n in 0..33 {
            fair.join(asker("flood", &format!("10.0.{n}.1"), true), "flood");
        }
        for (who, address) in [("ada", "10.0.0.1"), ("eva", "10.0.99.1"), ("bob", "192.0.2.1")] {
            let (_, evicted) = fair.join(asker(who, address, true), who_is(who));
            let evicted = evicted.expect("all places were taken");
            assert!((evicted.item, evicted.had_more) == ("flood", true), "{who}");
        }
        let served = first(&mut fair, 5);
        let floods = served.iter().filter(|item| **item == "flood").count();
        assert!(floods <= 2, "{served:?}");
    }

    fn who_is(who: &str) -> &'static str {
        ["ada", "bob", "eva"].into_iter().find(|name| *name == who).expect("one of them")
    }

    #[test]
    fn many_networks_that_belong_together_are_one_and_many_names_at_one_address_too() {
        for flood in [|n: usize| format!("2001:db8:7:{n:x}::1"), |_| "2001:db8:7:1::1".to_owned()] {
            let mut fair = Fair::new(2, 64);
            for n in 0..200 {
                fair.join(asker(&format!("made up {n}"), &flood(n), false), "flood");
            }
            let (_, evicted) = fair.join(asker("ada", "192.0.2.1", false), "ada");
            assert!(evicted.is_some_and(|evicted| evicted.item == "flood" && evicted.had_more));
            assert!(first(&mut fair, 3).contains(&"ada"));
        }
    }

    #[test]
    fn from_a_thousand_networks_half_is_left_to_those_who_are_known() {
        let mut fair = Fair::new(1, 32);
        for n in 0..1000 {
            fair.join(asker(&format!("made up {n}"), &format!("10.{}.{}.1", n / 250, n % 250), false), "flood");
        }
        let (_, evicted) = fair.join(asker("ada", "192.0.2.1", true), "ada");
        let evicted = evicted.expect("all places were taken");
        assert_eq!((evicted.item, evicted.had_more), ("flood", false), "each has one: too many, and nobody's fault");
        assert!(first(&mut fair, 2).contains(&"ada"));
    }

    #[test]
    fn nobody_has_a_second_seat_while_somebody_else_waits_for_a_first() {
        let mut fair = Fair::new(2, 8);
        fair.join(asker("ada", "192.0.2.1", true), "ada");
        fair.join(asker("ada", "192.0.2.1", true), "ada");
        fair.join(asker("bob", "192.0.2.1", true), "bob");
        let (one, two) = (fair.next().expect("a seat").1, fair.next().expect("a seat").1);
        assert_eq!([one, two], ["ada", "bob"]);
        assert!(fair.next().is_none(), "both seats are taken");
    }

    proptest! {
        /// Whatever comes and goes: no more seats or places than there are, all who are taken in have their turn, and
        /// nothing is remembered of who has gone.
        #[test]
        fn it_adds_up(steps in vec((0u8..4, 0u8..6, 0u8..6, any::<bool>()), 1..300)) {
            let (mut fair, mut seated, mut places) = (Fair::new(2, 8), Vec::new(), Vec::new());
            let (mut joined, mut gone, mut served) = (0, 0, 0);
            for (step, who, address, known) in steps {
                match step {
                    0 | 1 => {
                        let address = format!("10.0.{}.{address}", address % 3);
                        let (place, evicted) = fair.join(asker(&who.to_string(), &address, known), ());
                        joined += 1;
                        gone += usize::from(evicted.is_some());
                        places.push(place);
                    }
                    2 => {
                        if let Some((asker, ())) = fair.next() {
                            served += 1;
                            seated.push(asker);
                        }
                    }
                    _ if who < 3 => {
                        if let Some(asker) = seated.pop() {
                            fair.done(&asker);
                        }
                    }
                    _ => gone += usize::from(places.pop().is_some_and(|place| fair.leave(place).is_some())),
                }
                prop_assert!(seated.len() <= 2 && fair.waiting.len() <= 8 + 2 - seated.len().min(2));
                prop_assert_eq!(joined, gone + served + fair.waiting.len());
                prop_assert_eq!(fair.people.values().map(|person| person.waiting.len()).sum::<usize>(), fair.waiting.len());
                prop_assert_eq!(fair.networks.values().map(|tally| tally.waiting).sum::<usize>(), fair.waiting.len());
                prop_assert_eq!(fair.sites.values().map(|tally| tally.seated).sum::<usize>(), seated.len());
            }
            seated.drain(..).for_each(|asker| fair.done(&asker));
            while let Some((asker, ())) = fair.next() {
                fair.done(&asker);
                served += 1;
            }
            prop_assert_eq!(joined, gone + served);
            prop_assert!(fair.people.is_empty() && fair.networks.is_empty() && fair.sites.is_empty());
        }
    }
}
