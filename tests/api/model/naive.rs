//! What Portero should be: sets, and loops over them.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Person,
    Service,
    Role,
    Permission,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Person, Self::Service, Self::Role, Self::Permission];

    pub fn noun(self) -> String {
        format!("{self:?}")
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Person => "/users",
            Self::Service => "/services",
            Self::Role => "/roles",
            Self::Permission => "/permissions",
        }
    }

    pub fn not_found(self) -> String {
        let noun = if self == Self::Person { "user".to_owned() } else { self.noun().to_lowercase() };
        format!("{noun}_not_found")
    }

    pub fn not_found_in_links(self) -> String {
        format!("{}_not_found", self.noun().to_lowercase())
    }
}

/// What has become of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Live,
    Expired,
    Revoked,
}

impl Token {
    pub fn expected(self) -> (u16, &'static str) {
        match self {
            Self::Live => (200, ""),
            Self::Expired => (401, "expired_token"),
            Self::Revoked => (401, "invalid_token"),
        }
    }
}

/// For how long something is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// As long as it is held already; for good if it is not.
    AsItIs,
    ForGood,
    /// It is over before time passes.
    Briefly,
}

#[derive(Debug, Default)]
pub struct Naive {
    /// Everything that ever was: its name, and whether it still is.
    rows: BTreeMap<(Kind, i64), (String, bool)>,
    carries: BTreeSet<(i64, i64)>,
    offers: BTreeSet<(i64, i64)>,
    holds: BTreeSet<(i64, i64, i64)>,
    /// Each direct role that was made, with what it carries; in the order of its making.
    direct: Vec<((i64, i64), BTreeSet<i64>)>,
    /// What of these two ends when time passes.
    brief: BTreeSet<(i64, i64, i64)>,
    directly_brief: BTreeSet<(i64, i64, i64)>,
    pub sessions: Vec<(i64, Token)>,
}

impl Naive {
    pub fn is_there(&self, kind: Kind, id: i64) -> bool {
        self.rows.get(&(kind, id)).is_some_and(|(_, there)| *there)
    }

    pub fn all(&self, kind: Kind) -> Vec<i64> {
        self.rows.keys().filter(|(k, _)| *k == kind).map(|(_, id)| *id).collect()
    }

    pub fn living(&self, kind: Kind) -> Vec<i64> {
        self.all(kind).into_iter().filter(|id| self.is_there(kind, *id)).collect()
    }

    fn name(&self, kind: Kind, id: i64) -> String {
        self.rows[&(kind, id)].0.clone()
    }

    pub fn make(&mut self, kind: Kind, id: i64, name: &str) {
        assert!(self.rows.insert((kind, id), (name.to_owned(), true)).is_none(), "an id was given twice");
    }

    pub fn unmake(&mut self, kind: Kind, id: i64) -> bool {
        if !self.is_there(kind, id) {
            return false;
        }
        self.rows.get_mut(&(kind, id)).expect("it is there").1 = false;
        match kind {
            Kind::Person => {
                self.holds.retain(|(person, ..)| *person != id);
                self.direct.retain(|((person, _), _)| *person != id);
                self.sessions
                    .iter_mut()
                    .filter(|(person, _)| *person == id)
                    .for_each(|(_, token)| *token = Token::Revoked);
            }
            Kind::Service => {
                self.offers.retain(|(service, _)| *service != id);
                self.holds.retain(|(_, service, _)| *service != id);
                self.direct.retain(|((_, service), _)| *service != id);
            }
            Kind::Role => {
                self.carries.retain(|(role, _)| *role != id);
                self.offers.retain(|(_, role)| *role != id);
                self.holds.retain(|(.., role)| *role != id);
            }
            Kind::Permission => {
                self.carries.retain(|(_, permission)| *permission != id);
                self.direct.iter_mut().for_each(|(_, carried)| {
                    carried.remove(&id);
                });
                self.direct.retain(|(_, carried)| !carried.is_empty());
            }
        }
        true
    }

    pub fn link(&mut self, add: bool, role: i64, permission: i64) {
        set(&mut self.carries, add, (role, permission));
    }

    pub fn offer(&mut self, add: bool, service: i64, role: i64) {
        set(&mut self.offers, add, (service, role));
        if !add {
            self.holds.retain(|held| (held.1, held.2) != (service, role));
        }
    }

    pub fn grant(&mut self, add: bool, person: i64, service: i64, role: i64, term: Term) {
        let held = (person, service, role);
        // What was brief and went another way, with its role, say, is not brief when it comes back.
        let stays_brief = self.holds.contains(&held) && self.brief.contains(&held) && term == Term::AsItIs;
        set(&mut self.brief, add && (stays_brief || term == Term::Briefly), held);
        set(&mut self.holds, add, held);
        if add {
            self.offers.insert((service, role));
        }
    }

    pub fn direct(&mut self, add: bool, person: i64, service: i64, permission: i64, term: Term) {
        let at = self.direct.iter().position(|(whose, _)| *whose == (person, service));
        let held = (person, service, permission);
        let is_held = at.is_some_and(|at| self.direct[at].1.contains(&permission));
        let stays_brief = is_held && self.directly_brief.contains(&held) && term == Term::AsItIs;
        set(&mut self.directly_brief, add && (stays_brief || term == Term::Briefly), held);
        match (at, add) {
            (None, true) => self.direct.push(((person, service), BTreeSet::from([permission]))),
            (Some(at), _) => {
                set(&mut self.direct[at].1, add, permission);
                if !add && self.direct[at].1.is_empty() {
                    self.direct.remove(at);
                }
            }
            (None, false) => {}
        }
    }

    pub fn all_expire(&mut self) {
        for (_, token) in self.sessions.iter_mut().filter(|(_, token)| *token == Token::Live) {
            *token = Token::Expired;
        }
        let brief = std::mem::take(&mut self.brief);
        self.holds.retain(|held| !brief.contains(held));
        for (person, service, permission) in std::mem::take(&mut self.directly_brief) {
            self.direct(false, person, service, permission, Term::AsItIs);
        }
    }

    /// Whether anything that somebody holds in a service ends by itself.
    pub fn ends(&self, person: i64, service: i64) -> bool {
        let direct = self.direct.iter().find(|(whose, _)| *whose == (person, service));
        let carried = direct.iter().flat_map(|(_, carried)| carried);
        self.holds.iter().any(|held| (held.0, held.1) == (person, service) && self.brief.contains(held))
            || carried.into_iter().any(|permission| self.directly_brief.contains(&(person, service, *permission)))
    }

    /// Names of roles and permissions.
    pub fn effective(&self, person: i64, service: i64) -> (Vec<String>, Vec<String>) {
        let direct = self.direct.iter().find(|(whose, _)| *whose == (person, service));
        let held = self.holds.iter().filter(|held| (held.0, held.1) == (person, service)).map(|held| held.2);
        let held: Vec<i64> = held.collect();
        let mut permissions: BTreeSet<i64> =
            self.carries.iter().filter(|(role, _)| held.contains(role)).map(|(_, permission)| *permission).collect();
        let mut roles: Vec<String> = held.iter().map(|role| self.name(Kind::Role, *role)).collect();
        if let Some((_, carried)) = direct {
            permissions.extend(carried);
            roles.push(format!("direct:{person}:{service}"));
        }
        (roles, permissions.into_iter().map(|permission| self.name(Kind::Permission, permission)).collect())
    }

    pub fn holders(&self, service: i64, role: i64) -> Vec<serde_json::Value> {
        self.holds.iter().filter(|held| (held.1, held.2) == (service, role)).map(|held| held.0.into()).collect()
    }

    pub fn services_of(&self, person: i64) -> BTreeSet<i64> {
        let held = self.holds.iter().filter(|held| held.0 == person).map(|held| held.1);
        held.chain(self.direct.iter().filter(|((whose, _), _)| *whose == person).map(|((_, service), _)| *service))
            .collect()
    }
}

fn set<T: Ord>(among: &mut BTreeSet<T>, add: bool, what: T) {
    if add {
        among.insert(what);
    } else {
        among.remove(&what);
    }
}
