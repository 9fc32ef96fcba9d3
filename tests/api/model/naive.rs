//! What Portero should be: sets, and loops over them.

use std::collections::{BTreeMap, BTreeSet};

use portero::gate::permission::ALL;

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

/// Portero's own roles, and what they carry.
const ROLES: [(i64, &str, &[i64]); 3] =
    [(-1, "Writer", &[0, -1, -2, -4, -6, -8, -9]), (-2, "Reader", &[0, -2, -4, -6, -8]), (-3, "Auditor", &[-10])];

#[derive(Debug)]
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
    /// Every group that ever was, and whether it still is.
    groups: BTreeMap<i64, bool>,
    /// What is in each group, and whether that ends when time passes.
    inside: BTreeMap<(i64, Inner), bool>,
    /// Which group holds which role where, and whether that ends when time passes.
    groups_hold: BTreeMap<(i64, i64, i64), bool>,
    pub sessions: Vec<(i64, Token)>,
}

/// What is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Inner {
    Person(i64),
    Group(i64),
}

impl Default for Naive {
    fn default() -> Self {
        // Portero's own, of which nothing ever changes.
        let permissions = ALL.map(|(id, name)| ((Kind::Permission, id.0.into()), name));
        let roles = ROLES.map(|(id, name, _)| ((Kind::Role, id), name));
        let rows = permissions.into_iter().chain(roles).chain([((Kind::Service, 0), "portero")]);
        Self {
            rows: rows.map(|(key, name)| (key, (name.to_owned(), true))).collect(),
            carries: ROLES.iter().flat_map(|(id, _, carried)| carried.iter().map(|what| (*id, *what))).collect(),
            offers: BTreeSet::new(),
            holds: BTreeSet::new(),
            direct: Vec::new(),
            brief: BTreeSet::new(),
            directly_brief: BTreeSet::new(),
            groups: BTreeMap::new(),
            inside: BTreeMap::new(),
            groups_hold: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }
}

impl Naive {
    pub fn is_there(&self, kind: Kind, id: i64) -> bool {
        self.rows.get(&(kind, id)).is_some_and(|(_, there)| *there)
    }

    /// Portero's own left out.
    pub fn all(&self, kind: Kind) -> Vec<i64> {
        self.rows.keys().filter(|(k, id)| *k == kind && *id > 0).map(|(_, id)| *id).collect()
    }

    pub fn living(&self, kind: Kind) -> Vec<i64> {
        self.all(kind).into_iter().filter(|id| self.is_there(kind, *id)).collect()
    }

    pub fn name(&self, kind: Kind, id: i64) -> String {
        self.rows[&(kind, id)].0.clone()
    }

    /// The role that is called as one of Portero's own, here or not any more.
    pub fn namesake(&self) -> i64 {
        let own = self.name(Kind::Role, -2);
        let found = self.rows.iter().find(|((kind, id), (name, _))| *kind == Kind::Role && *id > 0 && *name == own);
        found.expect("a namesake").0.1
    }

    /// Its name, if it is what that means in a service.
    fn meant(&self, kind: Kind, id: i64, service: i64) -> Option<String> {
        let name = self.name(kind, id);
        let is_namesake = |((other_kind, other), (other_name, there)): (&(Kind, i64), &(String, bool))| {
            *there && *other_kind == kind && *other_name == name && (*other <= 0) != (id <= 0)
        };
        let has_namesake = self.rows.iter().any(is_namesake);
        (!has_namesake || (id <= 0) == (service == 0)).then_some(name)
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
                self.inside.retain(|(_, inner), _| *inner != Inner::Person(id));
                self.holds.retain(|(person, ..)| *person != id);
                self.direct.retain(|((person, _), _)| *person != id);
                self.sessions
                    .iter_mut()
                    .filter(|(person, _)| *person == id)
                    .for_each(|(_, token)| *token = Token::Revoked);
            }
            Kind::Service => {
                self.groups_hold.retain(|(_, service, _), _| *service != id);
                self.offers.retain(|(service, _)| *service != id);
                self.holds.retain(|(_, service, _)| *service != id);
                self.direct.retain(|((_, service), _)| *service != id);
            }
            Kind::Role => {
                self.groups_hold.retain(|(.., role), _| *role != id);
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
            self.groups_hold.retain(|held, _| (held.1, held.2) != (service, role));
        }
    }

    pub fn make_group(&mut self, id: i64) {
        assert!(self.groups.insert(id, true).is_none(), "an id was given twice");
    }

    pub fn unmake_group(&mut self, id: i64) -> bool {
        if !self.is_group(id) {
            return false;
        }
        self.groups.insert(id, false);
        self.inside.retain(|(group, inner), _| *group != id && *inner != Inner::Group(id));
        self.groups_hold.retain(|(group, ..), _| *group != id);
        true
    }

    pub fn is_group(&self, id: i64) -> bool {
        self.groups.get(&id) == Some(&true)
    }

    pub fn groups(&self) -> Vec<i64> {
        self.groups.keys().copied().collect()
    }

    /// Whether this is in a group by whatever way, or in a way that does not end.
    pub fn is_in(&self, inner: Inner, group: i64, for_good: bool) -> bool {
        self.inside.iter().any(|((outer, found), brief)| {
            let counts = *outer == group && !(for_good && *brief);
            let is_there = || match found {
                found if *found == inner => true,
                Inner::Group(nested) => self.is_in(inner, *nested, for_good),
                Inner::Person(_) => false,
            };
            counts && is_there()
        })
    }

    pub fn put(&mut self, add: bool, group: i64, inner: Inner, term: Term) {
        put(&mut self.inside, add, (group, inner), term);
    }

    pub fn give_group(&mut self, add: bool, group: i64, service: i64, role: i64, term: Term) {
        put(&mut self.groups_hold, add, (group, service, role), term);
        if add {
            self.offers.insert((service, role));
        }
    }

    /// Who is in a group by whatever way.
    pub fn people_in(&self, group: i64) -> Vec<i64> {
        let people = self.living(Kind::Person).into_iter();
        people.filter(|person| self.is_in(Inner::Person(*person), group, false)).collect()
    }

    pub fn groups_of(&self, person: i64) -> Vec<i64> {
        let groups = self.groups().into_iter();
        groups.filter(|group| self.is_in(Inner::Person(person), *group, false)).collect()
    }

    /// What somebody holds by groups: where, which role, and whether that ends when time passes.
    fn by_groups(&self, person: i64) -> impl Iterator<Item = (i64, i64, bool)> {
        let person = Inner::Person(person);
        let held = self.groups_hold.iter().filter(move |((group, ..), _)| self.is_in(person, *group, false));
        held.map(move |((group, service, role), brief)| (*service, *role, *brief || !self.is_in(person, *group, true)))
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
        self.inside.retain(|_, brief| !*brief);
        self.groups_hold.retain(|_, brief| !*brief);
        for (person, service, permission) in std::mem::take(&mut self.directly_brief) {
            self.direct(false, person, service, permission, Term::AsItIs);
        }
    }

    /// Whether anything that somebody holds in a service ends by itself.
    pub fn ends(&self, person: i64, service: i64) -> bool {
        let direct = self.direct.iter().find(|(whose, _)| *whose == (person, service));
        let carried = direct.iter().flat_map(|(_, carried)| carried);
        self.holds.iter().any(|held| (held.0, held.1) == (person, service) && self.brief.contains(held))
            || self.by_groups(person).any(|(place, _, ends)| place == service && ends)
            || carried.into_iter().any(|permission| self.directly_brief.contains(&(person, service, *permission)))
    }

    /// Ids of the roles that somebody holds in a service, and of the permissions that they were given directly.
    pub fn held(&self, person: i64, service: i64) -> (Vec<i64>, BTreeSet<i64>) {
        let held = self.holds.iter().filter(|held| (held.0, held.1) == (person, service)).map(|held| held.2);
        let by_groups = self.by_groups(person).filter(|(place, ..)| *place == service).map(|(_, role, _)| role);
        let held: BTreeSet<i64> = held.chain(by_groups).collect();
        let direct = self.direct.iter().find(|(whose, _)| *whose == (person, service));
        (held.into_iter().collect(), direct.map(|(_, carried)| carried.clone()).unwrap_or_default())
    }

    /// Ids of the permissions that somebody holds in a service.
    fn permissions(&self, person: i64, service: i64) -> BTreeSet<i64> {
        let (roles, mut permissions) = self.held(person, service);
        permissions.extend(self.carries.iter().filter(|(role, _)| roles.contains(role)).map(|(_, what)| *what));
        permissions
    }

    /// Names of roles and permissions.
    pub fn effective(&self, person: i64, service: i64) -> (Vec<String>, Vec<String>) {
        let (held, direct) = self.held(person, service);
        let mut roles: Vec<String> = held.iter().filter_map(|role| self.meant(Kind::Role, *role, service)).collect();
        if !direct.is_empty() {
            roles.push(format!("direct:{person}:{service}"));
        }
        let permissions = self.permissions(person, service);
        (roles, permissions.into_iter().filter_map(|what| self.meant(Kind::Permission, what, service)).collect())
    }

    /// What Portero's guard asks: whether somebody holds one of its own permissions in a service or everywhere.
    pub fn can(&self, person: i64, permission: i64, service: i64) -> bool {
        [0, service].iter().any(|place| self.permissions(person, *place).contains(&permission))
    }

    pub fn holders(&self, service: i64, role: i64) -> Vec<serde_json::Value> {
        let people = self.living(Kind::Person).into_iter();
        people.filter(|person| self.held(*person, service).0.contains(&role)).map(Into::into).collect()
    }

    /// Every grant in a service: whose, and which role, or else which permission.
    pub fn grants(&self, service: i64) -> BTreeSet<(i64, Option<i64>, Option<i64>)> {
        let roles = self.holds.iter().filter(|held| held.1 == service).map(|held| (held.0, Some(held.2), None));
        let direct = self.direct.iter().filter(|((_, place), _)| *place == service);
        let direct = direct.flat_map(|((person, _), carried)| carried.iter().map(|what| (*person, None, Some(*what))));
        roles.chain(direct).collect()
    }

    /// Every role of a group in a service.
    pub fn grants_of_groups(&self, service: i64) -> BTreeSet<(i64, i64)> {
        let held = self.groups_hold.keys().filter(|(_, place, _)| *place == service);
        held.map(|(group, _, role)| (*group, *role)).collect()
    }

    /// A role that a service offers, none of Portero's own.
    pub fn offered(&self, service: i64) -> Option<i64> {
        self.offers.iter().find(|(place, role)| *place == service && *role > 0).map(|(_, role)| *role)
    }

    /// Portero itself included.
    pub fn services_of(&self, person: i64) -> BTreeSet<i64> {
        let held = self.holds.iter().filter(|held| held.0 == person).map(|held| held.1);
        let held = held.chain(self.by_groups(person).map(|(service, ..)| service));
        held.chain(self.direct.iter().filter(|((whose, _), _)| *whose == person).map(|((_, service), _)| *service))
            .collect()
    }
}

/// What was brief and is given again as it is stays so.
fn put<T: Ord>(among: &mut BTreeMap<T, bool>, add: bool, what: T, term: Term) {
    if add {
        let brief = match term {
            Term::AsItIs => among.get(&what).copied().unwrap_or_default(),
            Term::ForGood => false,
            Term::Briefly => true,
        };
        among.insert(what, brief);
    } else {
        among.remove(&what);
    }
}

fn set<T: Ord>(among: &mut BTreeSet<T>, add: bool, what: T) {
    if add {
        among.insert(what);
    } else {
        among.remove(&what);
    }
}
