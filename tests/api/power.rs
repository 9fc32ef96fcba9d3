//! Random attackers: whatever somebody with some of Portero's permissions does, in whatever order, nobody whom they control
//! holds anything in a backend that they could not have given themselves at the beginning.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use portero::base::id::{PersonId, ServiceId};
use serde_json::{Value, json};

use crate::model::Dice;
use crate::support::{Caller, Server};

const SERVICES: [i32; 4] = [0, 1, 2, 3];
const OWN: [&str; 6] =
    ["users:write", "roles:write", "permissions:write", "services:write", "grants:write", "services:read"];

struct Attack {
    server: Server,
    dice: Dice,
    /// Whom they can log in as, themselves first.
    controlled: Vec<i32>,
    /// Where they may hand out, at the beginning.
    hand_out: BTreeSet<i32>,
    /// What they hold in each service, at the beginning.
    held: BTreeMap<i32, BTreeSet<String>>,
    /// What the services were called then.
    names: BTreeMap<i32, String>,
    made: usize,
    done: usize,
}

#[tokio::test]
async fn attacker_1() {
    attack(11).await;
}

#[tokio::test]
async fn attacker_2() {
    attack(22).await;
}

#[tokio::test]
async fn attacker_3() {
    attack(33).await;
}

#[tokio::test]
async fn attacker_4() {
    attack(44).await;
}

/// Several worlds from each seed: whoever holds little is refused most.
async fn attack(seed: u64) {
    let mut done = 0;
    for world in 0..3 {
        let mut attack = Attack::begin(seed * 100 + world).await;
        for step in 0..60 {
            let who = attack.some_controlled();
            let caller = attack.server.session_of(who).await;
            let (method, path, body) = attack.act();
            let answer = caller.send(method.clone(), &path, &body.to_string()).await;
            let when = format!("seed {seed}, world {world}, step {step}: {method} {path} {body} → {}", answer.status);
            assert!(answer.status < 500, "{when}");
            if answer.status < 300 {
                attack.done += 1;
                attack.note(&method, &path, &body, answer.body["id"].as_i64());
                attack.nobody_has_more(&when).await;
            }
        }
        done += attack.done;
    }
    assert!(done > 10, "too little is allowed for this to show anything: {done}");
}

impl Attack {
    async fn begin(seed: u64) -> Self {
        let server = Server::on_a_fresh_database().await;
        let root = server.administrator().await;
        let mut dice = Dice(seed);
        for n in 1..=3 {
            root.post("/services", json!({"name": format!("service{n}")})).await.ok();
        }
        for n in 1..=4 {
            root.post("/roles", json!({"name": format!("role{n}")})).await.ok();
            root.post("/permissions", json!({"name": format!("permission{n}")})).await.ok();
        }
        for _ in 0..5 {
            let link = json!({"role_id": 1 + dice.throw(4), "permission_id": 1 + dice.throw(4)});
            root.post("/role-permissions", link).await.ok();
        }
        let attacker = server.person_with("attacker", &[]).await;
        let mut people = vec![attacker.id];
        for n in 0..5 {
            people.push(server.person_with(&format!("victim{n}"), &[]).await.id);
        }
        give_at_random(&root, &mut dice, &people).await;
        let mut attack = Self {
            server,
            dice,
            controlled: vec![attacker.id],
            hand_out: BTreeSet::new(),
            held: BTreeMap::new(),
            names: SERVICES.iter().filter(|id| **id > 0).map(|id| (*id, format!("service{id}"))).collect(),
            made: 0,
            done: 0,
        };
        attack.held = attack.effective(&[attacker.id]).await.remove(&attacker.id).expect("the attacker");
        let hands_out = |held: &BTreeSet<String>| held.contains("grants:write");
        let everywhere = hands_out(&attack.held[&0]);
        attack.hand_out = SERVICES.into_iter().filter(|id| everywhere || hands_out(&attack.held[id])).collect();
        attack
    }

    /// The names of what these people may do in each service.
    async fn effective(&self, people: &[i32]) -> BTreeMap<i32, BTreeMap<i32, BTreeSet<String>>> {
        let mut conn = self.server.app.db.pool().acquire().await.expect("a connection");
        let mut all: BTreeMap<i32, BTreeMap<i32, BTreeSet<String>>> = BTreeMap::new();
        for service in SERVICES {
            let now = self.server.app.clock.now();
            let asked: Vec<_> = people.iter().map(|person| (PersonId(*person), ServiceId(service))).collect();
            let found = self.server.app.rights.of_all(&mut conn, &asked, now).await.expect("Postgres answers");
            for (person, effective) in people.iter().zip(found) {
                let names = effective.permissions.iter().map(ToString::to_string).collect();
                all.entry(*person).or_default().insert(service, names);
            }
        }
        all
    }

    /// The service that is called as this one was at the beginning, if one is: backends may ask by name.
    async fn called_like(&self, service: i32) -> Option<i32> {
        let Some(name) = self.names.get(&service) else { return Some(service) };
        sqlx::query_scalar("select id from auth.services where name = $1 and removed_at is null")
            .bind(name)
            .fetch_optional(self.server.app.db.pool())
            .await
            .expect("Postgres answers")
    }

    async fn nobody_has_more(&self, when: &str) {
        let all = self.effective(&self.controlled).await;
        for asked in SERVICES {
            let by_name = self.called_like(asked).await;
            for service in BTreeSet::from([Some(asked), by_name]).into_iter().flatten() {
                for (person, held) in &all {
                    let Some(held) = held.get(&service) else { continue };
                    let more: Vec<_> = held.iter().filter(|name| !self.could_have(asked, name)).collect();
                    assert!(more.is_empty(), "{when}: {person} has {more:?} in {asked}");
                }
            }
        }
    }

    fn could_have(&self, service: i32, name: &str) -> bool {
        let porteros = name.contains(':');
        self.held[&service].contains(name)
            || (porteros && self.held[&0].contains(name))
            || (!porteros && self.hand_out.contains(&service))
    }

    fn some_controlled(&mut self) -> i32 {
        // Mostly as themselves: others hold little of Portero's.
        let n = if self.dice.throw(3) == 0 { self.dice.throw(self.controlled.len()) } else { 0 };
        self.controlled[n]
    }

    fn some_permission(&mut self) -> Value {
        match self.dice.throw(4) {
            0 => json!(OWN[self.dice.throw(OWN.len())]),
            _ => json!(1 + self.dice.throw(6)),
        }
    }

    /// A name that is taken, was taken, or is new.
    fn some_name(&mut self, noun: &str) -> Value {
        json!({"name": format!("{noun}{}", 1 + self.dice.throw(7))})
    }

    fn act(&mut self) -> (Method, String, Value) {
        let (service, role) = (self.dice.throw(4), 1 + self.dice.throw(6));
        let person = self.some_controlled();
        let victim = 2 + self.dice.throw(6);
        self.made += 1;
        let made = self.made;
        match self.dice.throw(16) {
            0 | 1 => {
                let grant = json!({"person_id": person, "service_id": service, "role_id": role});
                (Method::POST, "/person-service-roles".to_owned(), grant)
            }
            2 => {
                let permission = self.some_permission();
                let grant = json!({"person_id": person, "service_id": service, "permission_id": permission});
                (Method::POST, "/person-service-permissions".to_owned(), grant)
            }
            3 | 4 => {
                let link = json!({"role_id": role, "permission_id": self.some_permission()});
                (Method::POST, "/role-permissions".to_owned(), link)
            }
            5 => {
                let link = json!({"role_id": role, "permission_id": self.some_permission()});
                (Method::DELETE, "/role-permissions".to_owned(), link)
            }
            6 => (Method::PATCH, format!("/roles/{role}"), self.some_name("role")),
            7 | 8 => {
                let id = 1 + self.dice.throw(6);
                (Method::PATCH, format!("/permissions/{id}"), self.some_name("permission"))
            }
            9 => (Method::PATCH, format!("/services/{service}"), self.some_name("service")),
            10 | 11 => {
                (Method::PATCH, format!("/users/{victim}"), json!({"password": format!("a passphrase of mine {made}")}))
            }
            12 => {
                let new = json!({"username": format!("puppet{made}"), "password": "a passphrase of mine", "name": "P",
                    "person_type": "N", "document_type": "DNI", "document_number": made.to_string()});
                (Method::POST, "/users".to_owned(), new)
            }
            13 => {
                let kind = ["roles", "permissions", "services"][self.dice.throw(3)];
                (Method::DELETE, format!("/{kind}/{}", 1 + self.dice.throw(4)), json!({}))
            }
            14 => {
                let kind = ["role", "permission", "service"][self.dice.throw(3)];
                (Method::POST, format!("/{kind}s"), self.some_name(kind))
            }
            _ => (Method::PUT, format!("/administrators/{person}"), json!({})),
        }
    }

    /// Whoever was made by them, or has a password of theirs, is theirs.
    fn note(&mut self, method: &Method, path: &str, body: &Value, id: Option<i64>) {
        let id = id.and_then(|id| i32::try_from(id).ok());
        let theirs = path == "/users" || (path.starts_with("/users/") && body.get("password").is_some());
        if let Some(id) = id.filter(|id| theirs && method != Method::DELETE && !self.controlled.contains(id)) {
            self.controlled.push(id);
        }
    }
}

/// Some roles and single permissions to everybody, and to the first of them some of Portero's, everywhere or in one service.
async fn give_at_random(root: &Caller, dice: &mut Dice, people: &[i32]) {
    for person in people {
        for _ in 0..dice.throw(4) {
            let grant = json!({"person_id": person, "service_id": 1 + dice.throw(3), "role_id": 1 + dice.throw(4)});
            root.post("/person-service-roles", grant).await.ok();
        }
        if dice.throw(3) == 0 {
            let grant =
                json!({"person_id": person, "service_id": 1 + dice.throw(3), "permission_id": 1 + dice.throw(4)});
            root.post("/person-service-permissions", grant).await.ok();
        }
    }
    for permission in OWN {
        let service = match dice.throw(5) {
            0 | 1 => 0,
            2 => 1 + dice.throw(3),
            _ => continue,
        };
        let grant = json!({"person_id": people[0], "service_id": service, "permission_name": permission});
        root.post("/person-service-permissions", grant).await.ok();
    }
}
