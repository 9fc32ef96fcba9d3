//! Random worlds against a plain model: after every act, every answer is the model's.

mod asked;
mod groups;
mod naive;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Caller, Server};
use naive::{Kind, Naive, Term, Token};

/// A die that falls the same way each time it is thrown from the same seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("less than the number of sides")
    }

    fn pick(&mut self, among: &[i64]) -> i64 {
        among[self.throw(among.len())]
    }
}

/// The server, the model, and the sessions that have been begun.
struct Play {
    server: Server,
    root: Caller,
    model: Naive,
    dice: Dice,
    sessions: Vec<Caller>,
    /// A backend of each service that ever was.
    backends: BTreeMap<i64, Caller>,
    names: usize,
}

#[tokio::test]
async fn random_world_1() {
    play(1).await;
}

#[tokio::test]
async fn random_world_2() {
    play(2).await;
}

#[tokio::test]
async fn random_world_3() {
    play(3).await;
}

#[tokio::test]
async fn random_world_4() {
    play(4).await;
}

async fn play(seed: u64) {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let (dice, sessions, backends) = (Dice(seed), Vec::new(), BTreeMap::new());
    let mut play = Play { server, root, model: Naive::default(), dice, sessions, backends, names: 0 };
    play.bring_namesakes().await;
    for kind in Kind::ALL {
        for _ in 0..2 {
            play.make(kind).await;
        }
    }
    for _ in 0..3 {
        play.make_group().await;
    }
    play.give_own(true).await;
    for step in 0..200 {
        let act = play.act().await;
        play.ask_something(&format!("seed {seed}, step {step}, after {act}")).await;
        if step % 50 == 49 {
            play.ask_everything(&format!("seed {seed}, step {step}")).await;
        }
    }
}

impl Play {
    async fn act(&mut self) -> String {
        let kind = Kind::ALL[self.dice.throw(4)];
        match self.dice.throw(40) {
            0 | 1 => self.make(kind).await,
            2 => self.unmake(kind).await,
            3..=5 => self.link(true).await,
            6 => self.link(false).await,
            7 | 8 => self.offer(true).await,
            9 => self.offer(false).await,
            10..=13 => self.grant(true).await,
            14 => self.grant(false).await,
            15..=17 => self.direct(true).await,
            18 => self.direct(false).await,
            19..=21 => self.begin_session().await,
            22 => self.end_session().await,
            23..=25 => self.give_own(true).await,
            26 => self.give_own(false).await,
            27 => self.make_group().await,
            28 => self.unmake_group().await,
            29..=31 => self.join(true).await,
            32 => self.join(false).await,
            33..=35 => self.nest(true).await,
            36 => self.nest(false).await,
            37 | 38 => self.give_group(true).await,
            39 if self.dice.throw(2) == 0 => self.give_group(false).await,
            _ => self.time_passes().await,
        }
    }

    /// Some row of a kind: mostly one that is there, sometimes one that was, rarely one that never will be.
    fn some(&mut self, kind: Kind) -> i64 {
        let (living, all) = (self.model.living(kind), self.model.all(kind));
        match self.dice.throw(12) {
            0 => 999_999,
            1 | 2 if !all.is_empty() => self.dice.pick(&all),
            _ if !living.is_empty() => self.dice.pick(&living),
            _ => 999_999,
        }
    }

    async fn make(&mut self, kind: Kind) -> String {
        self.names += 1;
        let name = format!("{}{}", kind.noun(), self.names);
        let id = match kind {
            Kind::Person => i64::from(self.server.person_with(&name, &[]).await.id),
            _ => self.root.post(kind.path(), json!({"name": name})).await.id(),
        };
        self.model.make(kind, id, &name);
        if kind == Kind::Service {
            self.backends.insert(id, self.server.backend(i32::try_from(id).expect("an id")).await);
        }
        format!("making {name}")
    }

    /// As after an import: in Portero these names mean its own, elsewhere what was brought.
    async fn bring_namesakes(&mut self) {
        for (kind, table, name) in [(Kind::Role, "role", "Reader"), (Kind::Permission, "permission", "grants:read")] {
            let insert = format!("insert into auth.{table} (name) values ('{name}') returning id");
            let id: i32 = sqlx::query_scalar(sqlx::AssertSqlSafe(insert))
                .fetch_one(self.server.app.db.pool())
                .await
                .expect("a new row");
            self.model.make(kind, id.into(), name);
        }
    }

    async fn unmake(&mut self, kind: Kind) -> String {
        let id = self.some(kind);
        let answer = self.root.delete(&format!("{}/{id}", kind.path())).await;
        let act = format!("deleting {kind:?} {id}");
        let expected = if self.model.unmake(kind, id) { (200, String::new()) } else { (404, kind.not_found()) };
        assert_eq!((answer.status, answer.error().to_owned()), expected, "{act}");
        act
    }

    /// Sends one of the links and compares: it works when all its ends are there; else the first missing is named.
    async fn send_link(&mut self, add: bool, path: &str, body: Value, ends: &[(Kind, i64)]) -> bool {
        let method = if add { "POST" } else { "DELETE" }.parse().expect("a method");
        let answer = self.root.send(method, path, &body.to_string()).await;
        let missing = ends.iter().find(|(kind, id)| !self.model.is_there(*kind, *id));
        let expected = missing.map_or((200, String::new()), |(kind, _)| (404, kind.not_found_in_links()));
        assert_eq!((answer.status, answer.error().to_owned()), expected, "{path} {add} {body}");
        missing.is_none()
    }

    async fn link(&mut self, add: bool) -> String {
        let (role, permission) = (self.some(Kind::Role), self.some(Kind::Permission));
        let body = json!({"role_id": role, "permission_id": permission});
        let ends = [(Kind::Role, role), (Kind::Permission, permission)];
        if self.send_link(add, "/role-permissions", body, &ends).await {
            self.model.link(add, role, permission);
        }
        format!("linking {role} {permission} {add}")
    }

    async fn offer(&mut self, add: bool) -> String {
        let (service, role) = (self.some(Kind::Service), self.some(Kind::Role));
        let body = json!({"service_id": service, "role_id": role});
        let ends = [(Kind::Service, service), (Kind::Role, role)];
        if self.send_link(add, "/service-roles", body, &ends).await {
            self.model.offer(add, service, role);
        }
        format!("offering {service} {role} {add}")
    }

    /// How long to give something: as long as it is held already, for good, or for less than an hour.
    fn term(&mut self, add: bool, body: &mut Value) -> Term {
        match self.dice.throw(4) {
            0 if add => {
                body["expires_at"] = Value::Null;
                Term::ForGood
            }
            1 if add => {
                let soon = 1200 + i64::try_from(self.dice.throw(1800)).expect("a number");
                body["expires_at"] = json!(self.server.app.clock.now().unix_timestamp() + soon);
                Term::Briefly
            }
            _ => Term::AsItIs,
        }
    }

    async fn grant(&mut self, add: bool) -> String {
        let (person, service, role) = (self.some(Kind::Person), self.some(Kind::Service), self.some(Kind::Role));
        self.send_grant(add, person, service, role).await
    }

    async fn send_grant(&mut self, add: bool, person: i64, service: i64, role: i64) -> String {
        let mut body = json!({"person_id": person, "service_id": service, "role_id": role});
        let term = self.term(add, &mut body);
        let ends = [(Kind::Service, service), (Kind::Person, person), (Kind::Role, role)];
        if self.send_link(add, "/person-service-roles", body, &ends).await {
            self.model.grant(add, person, service, role, term);
        }
        format!("granting {person} {service} {role} {add} {term:?}")
    }

    async fn direct(&mut self, add: bool) -> String {
        let (person, service) = (self.some(Kind::Person), self.some(Kind::Service));
        let permission = self.some(Kind::Permission);
        self.send_direct(add, person, service, permission).await
    }

    async fn send_direct(&mut self, add: bool, person: i64, service: i64, permission: i64) -> String {
        let mut body = json!({"person_id": person, "service_id": service, "permission_id": permission});
        let term = self.term(add, &mut body);
        let ends = [(Kind::Service, service), (Kind::Person, person), (Kind::Permission, permission)];
        if self.send_link(add, "/person-service-permissions", body, &ends).await {
            self.model.direct(add, person, service, permission, term);
        }
        format!("granting directly {person} {service} {permission} {add} {term:?}")
    }

    /// Something of Portero's own, in a service or everywhere: a role, one by the name of such a role, or a permission.
    async fn give_own(&mut self, add: bool) -> String {
        let person = self.some(Kind::Person);
        let service = if self.dice.throw(2) == 0 { 0 } else { self.some(Kind::Service) };
        if self.dice.throw(3) == 0 {
            let role = self.dice.pick(&[-1, -2, -3, self.model.namesake()]);
            self.send_grant(add, person, service, role).await
        } else {
            let permission = self.dice.pick(&[0, -6, -8, -9]);
            self.send_direct(add, person, service, permission).await
        }
    }

    async fn begin_session(&mut self) -> String {
        let living = self.model.living(Kind::Person);
        if living.is_empty() {
            return self.make(Kind::Person).await;
        }
        let person = self.dice.pick(&living);
        self.sessions.push(self.server.session_of(i32::try_from(person).expect("an id")).await);
        self.model.sessions.push((person, Token::Live));
        format!("a session of {person}")
    }

    async fn end_session(&mut self) -> String {
        if self.sessions.is_empty() {
            return self.begin_session().await;
        }
        let n = self.dice.throw(self.sessions.len());
        let answer = self.sessions[n].post("/auth/logout", json!({})).await;
        assert_eq!((answer.status, answer.error()), self.model.sessions[n].1.expected());
        if self.model.sessions[n].1 == Token::Live {
            self.model.sessions[n].1 = Token::Revoked;
        }
        format!("the end of session {n}")
    }

    async fn time_passes(&mut self) -> String {
        self.server.app.clock.turn(time::Duration::hours(1));
        self.model.all_expire();
        // What is over is over, swept up or not.
        if self.dice.throw(2) == 0 {
            portero::access::grants::sweep(&self.server.app).await.expect("a sweep");
            portero::access::groups::sweep(&self.server.app).await.expect("a sweep");
        }
        self.root = self.server.session_of(self.root.id).await;
        "an hour".to_owned()
    }
}
