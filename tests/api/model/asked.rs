//! Every way to ask who may do what, and the model's answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Play;
use super::naive::{Kind, Token};
use crate::support::{Caller, Response};

/// Portero's own permissions, by what they open.
const READ_USERS: i64 = 0;
const READ_SERVICES: i64 = -6;
const READ_GRANTS: i64 = -8;
const WRITE_GRANTS: i64 = -9;

const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");
const NO_SERVICE: (u16, &str) = (404, "service_not_found");
const NOBODY: (u16, &str) = (404, "person_not_found");
const FINE: (u16, &str) = (200, "");

fn ids(list: &Response) -> BTreeSet<i64> {
    list.column("id").iter().filter_map(Value::as_i64).collect()
}

fn status(answer: &Response) -> (u16, &str) {
    (answer.status, answer.error())
}

impl Play {
    pub async fn ask_something(&mut self, when: &str) {
        let service = if self.dice.throw(8) == 0 { 0 } else { self.some(Kind::Service) };
        let person = self.some(Kind::Person);
        self.ask_of(person, service, when).await;
        if !self.sessions.is_empty() {
            let session = self.dice.throw(self.sessions.len());
            let wanted = ["Permission3", "grants:read", "users:read"][self.dice.throw(3)];
            self.ask(session, service, wanted, when).await;
            self.ask_guard(session, service, person, when).await;
            self.ask_for_all_sessions(service, when).await;
        }
    }

    pub async fn ask_everything(&mut self, when: &str) {
        for service in self.model.all(Kind::Service) {
            for session in 0..self.sessions.len() {
                self.ask(session, service, "Permission3", when).await;
            }
            self.ask_for_all_sessions(service, when).await;
            self.ask_review(service, when).await;
            for role in self.model.living(Kind::Role) {
                let holders = self.root.get(&format!("/services/{service}/roles/{role}/people")).await;
                let expected = self.model.is_there(Kind::Service, service).then(|| self.model.holders(service, role));
                assert_eq!(holders.status == 200, expected.is_some(), "{when}");
                assert_eq!(holders.body.is_array().then(|| holders.column("id")), expected, "{when}: {service} {role}");
            }
        }
        self.ask_of_groups(when).await;
        for person in self.model.living(Kind::Person) {
            let services = self.root.get(&format!("/people/{person}/services?limit=1000")).await;
            let mut expected = self.model.services_of(person);
            expected.remove(&0);
            assert_eq!(ids(&services), expected, "{when}: services of {person}");
            for service in self.model.all(Kind::Service).into_iter().chain([0]) {
                self.ask_of(person, service, when).await;
            }
        }
        for kind in [Kind::Service, Kind::Role, Kind::Permission] {
            let list = self.root.get(&format!("{}?limit=1000", kind.path())).await;
            let made = ids(&list).into_iter().filter(|id| *id > 0).collect::<BTreeSet<_>>();
            assert_eq!(made, self.model.living(kind).into_iter().collect(), "{when}: {kind:?}");
        }
    }

    /// Roles, permissions and whether they end, as an answer tells them.
    fn compare(&self, answer: &Value, person: i64, service: i64, when: &str) {
        self.compare_names(answer, person, service, when);
        let ends = self.model.ends(person, service);
        assert_eq!(answer.get("valid_until").is_some(), ends, "{when}: {person} in {service}");
    }

    fn compare_names(&self, answer: &Value, person: i64, service: i64, when: &str) {
        let (roles, permissions) = self.model.effective(person, service);
        let told = answer["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        assert_eq!(told.collect::<BTreeSet<_>>(), roles.iter().map(String::as_str).collect(), "{when}: {service}");
        assert_eq!(answer["permissions"], json!(permissions), "{when}: {person} in {service}");
    }

    /// One session's questions about one service, and about all.
    async fn ask(&self, session: usize, service: i64, wanted: &str, when: &str) {
        let caller = &self.sessions[session];
        let (person, token) = self.model.sessions[session];
        let check = caller.post("/check-token", json!({"service_id": service, "permission": wanted})).await;
        let own = caller.get(&format!("/people/{person}/services/{service}")).await;
        if token == Token::Live && self.model.is_there(Kind::Service, service) {
            for answer in [&check, &own] {
                self.compare(&answer.body, person, service, when);
            }
            let allowed = self.model.effective(person, service).1.iter().any(|name| name == wanted);
            assert_eq!(check.body["allowed"], allowed, "{when}: {wanted} of {person} in {service}");
        } else {
            let expected = if token == Token::Live { NO_SERVICE } else { token.expected() };
            assert_eq!(status(&check), expected, "{when}: session {session} of {person}");
            assert_eq!(status(&own), expected, "{when}: session {session} of {person}");
        }
        let me = caller.get("/auth/me").await;
        assert_eq!(status(&me), token.expected(), "{when}: session {session} of {person}");
        if token == Token::Live {
            let places = self.model.services_of(person);
            assert_eq!(me.body["roles"].as_array().map(Vec::len), Some(places.len()), "{when}: {person}");
            for (told, service) in me.body["roles"].as_array().into_iter().flatten().zip(places) {
                let place = json!([service, self.model.name(Kind::Service, service)]);
                assert_eq!(json!([told["service_id"], told["service"]]), place, "{when}: {person}");
                self.compare_names(told, person, service, when);
            }
        }
    }

    /// What a service's backend is told of all sessions at once.
    async fn ask_for_all_sessions(&self, service: i64, when: &str) {
        let Some(backend) = self.backends.get(&service).filter(|_| !self.sessions.is_empty()) else { return };
        let tokens: Vec<&str> = self.sessions.iter().map(Caller::token).collect();
        let answer = backend.post("/check-tokens", json!({"tokens": tokens})).await;
        if !self.model.is_there(Kind::Service, service) {
            assert_eq!(status(&answer), (401, "invalid_token"), "{when}: a key of {service}");
            return;
        }
        for (told, (person, token)) in answer.ok().body.as_array().expect("a list").iter().zip(&self.model.sessions) {
            assert_eq!(told["valid"], *token == Token::Live, "{when}: {person}");
            if *token == Token::Live {
                self.compare(told, *person, service, when);
            } else {
                assert_eq!(told["error"], token.expected().1, "{when}: {person}");
            }
        }
    }

    /// What an administrator and the service's backend are told of somebody.
    async fn ask_of(&self, person: i64, service: i64, when: &str) {
        let (is_here, is_place) =
            (self.model.is_there(Kind::Person, person), self.model.is_there(Kind::Service, service));
        let expected = if !is_place {
            NO_SERVICE
        } else if !is_here {
            NOBODY
        } else {
            FINE
        };
        let seen = self.root.get(&format!("/users/{person}/services/{service}")).await;
        let listed = self.root.get(&format!("/people/{person}/services/{service}/roles?limit=1000")).await;
        assert_eq!((status(&seen), status(&listed)), (expected, expected), "{when}: {person} in {service}");
        if expected == FINE {
            self.compare(&seen.body, person, service, when);
            self.compare_list(&listed, person, service, when).await;
        }
        let Some(backend) = self.backends.get(&service).filter(|_| is_place) else { return };
        let told = backend.get(&format!("/people/{person}/services/{service}")).await;
        let is_known = is_here && !self.model.effective(person, service).0.is_empty();
        assert_eq!(status(&told), if is_known { FINE } else { NOBODY }, "{when}: {person} in {service}");
        if is_known {
            self.compare(&told.body, person, service, when);
        }
    }

    /// Of the list of somebody's roles: which, and who holds that of the direct grants.
    async fn compare_list(&self, listed: &Response, person: i64, service: i64, when: &str) {
        let (roles, permissions) = self.model.held(person, service);
        let rows = listed.body.as_array().expect("a list").iter();
        let (direct, others): (Vec<&Value>, Vec<&Value>) =
            rows.partition(|row| row["name"].as_str().is_some_and(|name| name.starts_with("direct:")));
        assert_eq!(others.iter().filter_map(|row| row["id"].as_i64()).collect::<Vec<_>>(), roles, "{when}: {person}");
        assert_eq!(direct.len(), usize::from(!permissions.is_empty()), "{when}: {person} in {service}");
        for row in direct {
            let holders = self.root.get(&format!("/services/{service}/roles/{}/people", row["id"])).await.ok();
            assert_eq!(holders.column("id"), [json!(person)], "{when}: {row}");
        }
    }

    async fn ask_review(&self, service: i64, when: &str) {
        let review = self.root.get(&format!("/services/{service}/access-review?limit=1000")).await;
        if !self.model.is_there(Kind::Service, service) {
            assert_eq!(status(&review), NO_SERVICE, "{when}: {service}");
            return;
        }
        let rows = review.body.as_array().expect("a list").iter();
        let (groups, rows): (Vec<&Value>, Vec<&Value>) = rows.partition(|row| row.get("group").is_some());
        let of_groups =
            groups.iter().filter_map(|row| Some((row["group"]["id"].as_i64()?, row["role"]["id"].as_i64()?)));
        assert_eq!(of_groups.collect::<BTreeSet<_>>(), self.model.grants_of_groups(service), "{when}: {service}");
        let told = rows.iter().map(|row| {
            let person = row["person"]["id"].as_i64().expect("somebody");
            (person, row["role"]["id"].as_i64(), row["permission"]["id"].as_i64())
        });
        assert_eq!(told.collect::<BTreeSet<_>>(), self.model.grants(service), "{when}: {service}");
    }

    /// What Portero lets a session do: look, each time by another of its own permissions, and change.
    async fn ask_guard(&self, session: usize, service: i64, of: i64, when: &str) {
        let caller = &self.sessions[session];
        let (person, token) = self.model.sessions[session];
        let expected = |permission: i64, place: i64, fine: (u16, &'static str)| {
            let everywhere = self.model.can(person, permission, 0);
            match token {
                Token::Live if !self.model.is_there(Kind::Service, place) && everywhere => NO_SERVICE,
                Token::Live if !self.model.is_there(Kind::Service, place) => FORBIDDEN,
                Token::Live if !self.model.can(person, permission, place) => FORBIDDEN,
                Token::Live => fine,
                over => over.expected(),
            }
        };
        let users = caller.get("/users?limit=1").await;
        assert_eq!(status(&users), expected(READ_USERS, 0, FINE), "{when}: {person}");
        let roles = caller.get(&format!("/services/{service}/roles")).await;
        assert_eq!(status(&roles), expected(READ_SERVICES, service, FINE), "{when}: {person} in {service}");
        let review = caller.get(&format!("/services/{service}/access-review")).await;
        assert_eq!(status(&review), expected(READ_GRANTS, service, FINE), "{when}: {person} in {service}");

        // Who reads one service alone hears of those who hold something there.
        let seen = caller.get(&format!("/users/{of}/services/{service}")).await;
        let is_known = self.model.is_there(Kind::Person, of)
            && (self.model.can(person, READ_GRANTS, 0) || self.model.services_of(of).contains(&service));
        let fine = if is_known { FINE } else { NOBODY };
        assert_eq!(status(&seen), expected(READ_GRANTS, service, fine), "{when}: {person} of {of} in {service}");
        if status(&seen) == FINE {
            self.compare(&seen.body, of, service, when);
        }

        // What is offered already changes nothing.
        if let Some(role) = self.model.offered(service) {
            let offer = caller.post("/service-roles", json!({"service_id": service, "role_id": role})).await;
            assert_eq!(status(&offer), expected(WRITE_GRANTS, service, FINE), "{when}: {person} in {service}");
        }
    }
}
