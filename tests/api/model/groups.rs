//! Acts on groups, and what is asked of them.

use serde_json::{Value, json};

use super::Play;
use super::naive::{Inner, Kind, Term};
use crate::support::Response;

const NO_GROUP: (u16, &str) = (404, "group_not_found");

fn status(answer: &Response) -> (u16, &str) {
    (answer.status, answer.error())
}

impl Play {
    fn some_group(&mut self) -> i64 {
        let all = self.model.groups();
        if self.dice.throw(12) == 0 || all.is_empty() { 999_999 } else { self.dice.pick(&all) }
    }

    pub async fn make_group(&mut self) -> String {
        self.names += 1;
        let name = format!("Group{}", self.names);
        let id = self.root.post("/groups", json!({"name": name})).await.id();
        self.model.make_group(id);
        format!("making {name}")
    }

    pub async fn unmake_group(&mut self) -> String {
        let id = self.some_group();
        let answer = self.root.delete(&format!("/groups/{id}")).await;
        let expected = if self.model.unmake_group(id) { (200, "") } else { NO_GROUP };
        assert_eq!(status(&answer), expected, "deleting group {id}");
        format!("deleting group {id}")
    }

    /// Sends what puts something into a group, or takes it out.
    async fn send_member(&mut self, add: bool, group: i64, mut body: Value, inner: Inner) -> (Term, Response) {
        let term = self.term(add, &mut body);
        let method = if add { "POST" } else { "DELETE" }.parse().expect("a method");
        let answer = self.root.send(method, &format!("/groups/{group}/members"), &body.to_string()).await;
        if answer.status == 200 {
            self.model.put(add, group, inner, term);
        }
        (term, answer)
    }

    pub async fn join(&mut self, add: bool) -> String {
        let (group, person) = (self.some_group(), self.some(Kind::Person));
        let (is_group, is_person) = (self.model.is_group(group), self.model.is_there(Kind::Person, person));
        let (term, answer) = self.send_member(add, group, json!({"person_id": person}), Inner::Person(person)).await;
        let expected = match (is_group, is_person) {
            (false, _) => NO_GROUP,
            (true, false) => (404, "person_not_found"),
            (true, true) => (200, ""),
        };
        assert_eq!(status(&answer), expected, "{group} {person} {add}");
        format!("putting person {person} into {group} {add} {term:?}")
    }

    pub async fn nest(&mut self, add: bool) -> String {
        let (group, member) = (self.some_group(), self.some_group());
        let is_there = self.model.is_group(group) && self.model.is_group(member);
        let is_circle = add && (group == member || self.model.is_in(Inner::Group(group), member, false));
        let (term, answer) = self.send_member(add, group, json!({"group_id": member}), Inner::Group(member)).await;
        let expected = match (is_there, is_circle) {
            (false, _) => NO_GROUP,
            (true, true) => (409, "group_circle"),
            (true, false) => (200, ""),
        };
        assert_eq!(status(&answer), expected, "{group} {member} {add}");
        format!("putting group {member} into {group} {add} {term:?}")
    }

    pub async fn give_group(&mut self, add: bool) -> String {
        let (group, service) = (self.some_group(), self.some(Kind::Service));
        let (service, role) = match self.dice.throw(4) {
            0 => (0, self.dice.pick(&[-1, -2, -3])),
            _ => (service, self.some(Kind::Role)),
        };
        let mut body = json!({"group_id": group, "service_id": service, "role_id": role});
        let term = self.term(add, &mut body);
        let method = if add { "POST" } else { "DELETE" }.parse().expect("a method");
        let answer = self.root.send(method, "/group-service-roles", &body.to_string()).await;
        let expected = if !self.model.is_there(Kind::Service, service) {
            (404, "service_not_found")
        } else if !self.model.is_group(group) {
            NO_GROUP
        } else if !self.model.is_there(Kind::Role, role) {
            (404, "role_not_found")
        } else {
            (200, "")
        };
        assert_eq!(status(&answer), expected, "{body} {add}");
        if answer.status == 200 {
            self.model.give_group(add, group, service, role, term);
        }
        format!("giving group {body} {add} {term:?}")
    }

    pub async fn ask_of_groups(&self, when: &str) {
        for group in self.model.groups() {
            let deep = self.root.get(&format!("/groups/{group}/members?deep=true&limit=1000")).await;
            if !self.model.is_group(group) {
                assert_eq!(status(&deep), NO_GROUP, "{when}: {group}");
                continue;
            }
            let rows = deep.body.as_array().expect("a list").iter();
            let people: Vec<i64> = rows.filter_map(|row| row["person"]["id"].as_i64()).collect();
            assert_eq!(people, self.model.people_in(group), "{when}: {group}");
        }
        for person in self.model.living(Kind::Person) {
            let groups = self.root.get(&format!("/users/{person}/groups?limit=1000")).await.ok();
            let groups: Vec<i64> = groups.column("id").iter().filter_map(Value::as_i64).collect();
            assert_eq!(groups, self.model.groups_of(person), "{when}: {person}");
        }
    }
}
