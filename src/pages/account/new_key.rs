//! What somebody wants of a new API key, as a form has it: permissions of those that they hold, a box each, by service.

use crate::base::error::Result;
use crate::base::id::ServiceId;
use crate::base::moment::Moment;
use crate::base::network::NamedNetwork;
use crate::identity::api_keys::{FormId, NewApiKey, Offer, store};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::{Faults, Field, Filled};
use crate::pages::member::Member;
use crate::pages::words::account::Keys;
use crate::pages::words::{Words, named};

/// The fields in which something can be wrong.
pub const FIELDS: [&str; 4] = ["name", "expires_at", "networks", "scopes"];

/// So many permissions are shown. Who holds more names the others through the API.
const SHOWN: usize = 1000;

/// With so few, all boxes are seen at once.
const FEW: usize = 12;

/// The form.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// Another one each time that it is shown.
    pub id: FormId,
    pub fields: [Field<'a>; 3],
    pub services: Vec<Service>,
    /// Whether they hold more than is shown.
    pub there_are_more: bool,
}

/// A service, and what they hold there.
#[derive(Debug)]
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    pub boxes: Vec<ScopeBox>,
    /// Whether its boxes are seen before one asks for them.
    pub is_open: bool,
}

/// A permission that the key may get.
#[derive(Debug)]
pub struct ScopeBox {
    pub permission: String,
    /// What the form sends: with the service's id, which is never taken for something else.
    pub scope: String,
    pub is_chosen: bool,
}

impl<'a> NewKey<'a> {
    /// The form, with what was typed and chosen.
    pub async fn of(pages: &Pages, member: &Member, filled: &Filled<'a>) -> Result<Self> {
        let words = &member.words().account.keys;
        let longest = pages.settings.api_key_max_age.whole_days().to_string();
        let (mut conn, now) = (pages.db.read().await?, pages.clock.now());
        let limit = i64::try_from(SHOWN).unwrap_or(i64::MAX).saturating_add(1);
        let mut offers = store::offers(&mut conn, member.caller.person, limit, now).await?;
        let there_are_more = offers.len() > SHOWN;
        offers.truncate(SHOWN);
        Ok(Self {
            id: FormId::new(pages.random_id()?),
            fields: [
                filled.field("name", words.name, None).hinting(words.name_hint),
                filled
                    .field("expires_at", words.expires_at, None)
                    .of_kind("date")
                    .hinting(named(words.expires_at_hint, &longest))
                    .optional(),
                filled.field("networks", words.networks, None).of_kind("lines").hinting(words.networks_hint).optional(),
            ],
            services: by_service(offers, filled.typed),
            there_are_more,
        })
    }
}

fn by_service(offers: Vec<Offer>, typed: Option<&Parameters>) -> Vec<Service> {
    let are_few = offers.len() <= FEW;
    let mut services: Vec<Service> = Vec::new();
    for Offer { service, service_name, permission } in offers {
        let scope = format!("{}:{permission}", service.0);
        let is_chosen = typed.is_some_and(|form| form.all("scope").any(|chosen| chosen == scope));
        let one = ScopeBox { permission, scope, is_chosen };
        match services.last_mut().filter(|last| last.id == service) {
            Some(last) => last.boxes.push(one),
            None => services.push(Service { id: service, name: service_name, boxes: vec![one], is_open: false }),
        }
    }
    for service in &mut services {
        service.is_open = are_few || service.boxes.iter().any(|one| one.is_chosen);
    }
    services
}

/// The key that is wanted; otherwise what is wrong is told at its field.
pub fn wanted(form: &Parameters, words: &Words, faults: &mut Faults) -> Option<NewApiKey> {
    let keys = &words.account.keys;
    let name = form.one("name").unwrap_or_default().trim().parse();
    let name = name.map_err(|_| faults.add("name", words.security.name_rule)).ok();
    let expires_at = form.one("expires_at").map(beginning_of).transpose();
    let expires_at = expires_at.map_err(|_| faults.add("expires_at", keys.expires_at_rule)).ok();
    let networks = networks(form).map_err(|line| faults.add("networks", no_network(line, keys))).ok();
    let scopes: std::result::Result<Vec<_>, _> = form.all("scope").map(str::parse).collect();
    let scopes = scopes.ok().filter(|scopes| !scopes.is_empty());
    if scopes.is_none() {
        faults.add("scopes", keys.scopes_rule);
    }
    Some(NewApiKey { name: name?, scopes: scopes?, expires_at: expires_at?, networks: networks? })
}

/// The moment when a day begins, as browsers write one.
fn beginning_of(day: &str) -> std::result::Result<Moment, String> {
    format!("{}T00:00:00Z", day.trim()).parse()
}

/// One a line; or the line that is none.
fn networks(form: &Parameters) -> std::result::Result<Vec<NamedNetwork>, &str> {
    let lines = form.one("networks").unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.parse().map_err(|_| line)).collect()
}

/// What is wrong with a line that is no network.
fn no_network(line: &str, words: &Keys) -> String {
    match NamedNetwork::around(line) {
        Some(meant) => named(words.bits_beyond, &meant.to_string()),
        None => named(words.no_network, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::locale::Locale;

    fn offer(service: i32, permission: &str) -> Offer {
        Offer { service: ServiceId(service), service_name: format!("S{service}"), permission: permission.to_owned() }
    }

    #[test]
    fn boxes_stand_by_service_and_many_are_folded_up() {
        let few = by_service(vec![offer(0, "a"), offer(4, "a"), offer(4, "b")], None);
        let shape: Vec<_> = few.iter().map(|service| (service.id.0, service.boxes.len(), service.is_open)).collect();
        assert_eq!(shape, [(0, 1, true), (4, 2, true)]);
        let form = Parameters::read("scope=4:p1").expect("a form");
        let many = (0..20).map(|n| offer(n / 10 + 3, &format!("p{n}"))).collect();
        let many = by_service(many, Some(&form));
        assert!(!many[0].is_open && !many[1].is_open, "p1 is of another service");
        let form = Parameters::read("scope=3:p1").expect("a form");
        let many = by_service((0..20).map(|n| offer(n / 10 + 3, &format!("p{n}"))).collect(), Some(&form));
        assert!(many[0].is_open && many[0].boxes[1].is_chosen && !many[1].is_open);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_field() {
        let words = Words::of(Locale::En);
        for (form, field) in [
            ("scope=4:read", "name"),
            ("name=k", "scopes"),
            ("name=k&scope=4:read&scope=4%0A5", "scopes"),
            ("name=k&scope=4:read&expires_at=tomorrow", "expires_at"),
            ("name=k&scope=4:read&expires_at=2027-02-30", "expires_at"),
            ("name=k&scope=4:read&networks=10.0.0.1%0D%0Ahere", "networks"),
        ] {
            let mut faults = Faults::default();
            assert!(wanted(&Parameters::read(form).expect("a form"), words, &mut faults).is_none(), "{form}");
            assert!(faults.of(field).is_some(), "{form}");
        }
        let form = "name=+k+&scope=4:read&scope=4:write&expires_at=2027-02-28&networks=10.0.0.1%0D%0A%0D%0A10.1.0.0/16";
        let mut faults = Faults::default();
        let new = wanted(&Parameters::read(form).expect("a form"), words, &mut faults).expect("a key");
        assert_eq!((new.name.as_str(), new.scopes.len(), new.networks.len()), ("k", 2, 2));
        assert_eq!(new.expires_at.map(|Moment(at)| at.unix_timestamp()), Some(1_803_772_800));
    }
}
