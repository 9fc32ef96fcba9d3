//! Every request at 1,000 people and at 1,000,000: two databases in one Postgres, a Portero on each, in turn.

use anyhow::Context;
use time::OffsetDateTime;

use super::{Bench, check};
use crate::load::{Ask, By, Load, Subjects};
use crate::stage::Server;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::{World, refill};

const FEW: i32 = 1000;
/// People beyond the world's own, made anew for each round: some requests use them up.
const EXPENDABLE: i32 = 400;
/// Requests that are drawn for a round.
const DRAWN: usize = 20_000;
/// Enough for a p99, without one request queueing for another's connection to Postgres.
const CONNECTIONS: usize = 4;
const SECONDS: f64 = 1.0;

/// One side of the comparison.
struct Side {
    database: &'static str,
    world: World,
    portero: Server,
}

/// A kind of request, and whom it is about.
struct Request {
    ask: Ask,
    subjects: Subjects,
    on_expendable: bool,
}

pub async fn scale(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let few = side(bench, "few", FEW).await?;
    let many = side(bench, "many", bench.people).await?;
    let requests = requests();
    let mut figures = vec![[Rounds::default(), Rounds::default()]; requests.len()];
    for round in bench.rounds() {
        for side in [&few, &many] {
            let mut conn = bench.stage.connect(side.database).await?;
            let people = side.world.people;
            refill(&mut conn, people + 1..=people + EXPENDABLE, OffsetDateTime::now_utc()).await?;
        }
        for (request, rounds) in requests.iter().zip(&mut figures) {
            for (side, rounds) in [&few, &many].into_iter().zip(rounds) {
                rounds.add(p99(request, side, round).await?);
            }
        }
        eprintln!("scale, round {round} is done");
    }
    let rows = requests.iter().zip(figures).map(|(request, [few, many])| {
        let Ask { method, path, body, .. } = &request.ask;
        let body = if path == "/check-token" && !body.is_empty() { ", service and permission" } else { "" };
        let figure = format!("p99 of {method} {path}{body}");
        Row::against(("1,000 people", &few), figure, Unit::Time, many, Target::RatioAtMost(1.5))
    });
    Ok(rows.collect())
}

async fn side(bench: &Bench, database: &'static str, people: i32) -> anyhow::Result<Side> {
    let world = bench.stage.populate(database, people).await?;
    let portero = bench.stage.portero(database, &[]).await?;
    Ok(Side { database, world, portero })
}

async fn p99(request: &Request, side: &Side, round: u32) -> anyhow::Result<f64> {
    let people = side.world.people;
    let load = Load {
        subjects: request.subjects,
        people: if request.on_expendable { (people + 1, people + EXPENDABLE) } else { (1, people) },
        connections: CONNECTIONS,
        warm_up: if request.subjects == Subjects::Drawn(DRAWN) { 0.3 } else { 0.0 },
        seconds: SECONDS,
        seed: u64::from(round),
        ..Load::new(side.portero.address, side.world, request.ask.clone())
    };
    let outcome = load.run_tolerating(&[429, 503]).await.with_context(|| format!("{people} people"))?;
    eprintln!(
        "  {} {} at {people}: {} answers, p99 {:.0} us",
        request.ask.method, request.ask.path, outcome.answers, outcome.p99
    );
    // One that gave up has not answered.
    Ok(if outcome.others.is_empty() { outcome.p99 } else { f64::INFINITY })
}

fn requests() -> Vec<Request> {
    let drawn = |ask| Request { ask, subjects: Subjects::Drawn(DRAWN), on_expendable: false };
    let each = |ask| Request { ask, subjects: Subjects::EachPerson, on_expendable: true };
    let reading = reading().into_iter().map(drawn);
    let writing = writing().into_iter().map(each);
    reading.chain(writing).collect()
}

fn reading() -> Vec<Ask> {
    let list = |path| Ask::new("GET", path, By::Administrator);
    vec![
        check(),
        check().body(r#"{"service_id":{service},"permission":"{permission}"}"#).proof(r#","allowed":true"#),
        Ask::new("GET", "/auth/profile", By::Themselves),
        Ask::new("GET", "/people/{person}/services/{service}", By::Themselves),
        Ask::new("GET", "/people/{person}/services", By::Themselves),
        Ask::new("GET", "/people/{person}/services/{service}/roles", By::Themselves),
        list("/people/{username}/services/{service}/roles"),
        list("/people/{person}/services"),
        list("/users/{person}").proof("{\"id\":{person},"),
        list("/users"),
        list("/users?after={person}"),
        list("/users?limit=10&q={prefix_1}"),
        list("/users?limit=10&q={prefix_3}"),
        list("/users?limit=10&q={prefix_6}"),
        list("/users?limit=10&after={person}&q={prefix_3}"),
        list("/services/{crowd}/roles/{crowd_role}/people"),
        list("/services/{crowd}/roles/{crowd_role}/people?limit=10&after={person}"),
        list("/services/{crowd}/roles/{crowd_role}/people?limit=10&q={prefix_1}"),
        list("/services/{crowd}/roles/{crowd_role}/people?limit=10&q={prefix_6}"),
        list("/services/{crowd}/roles"),
        list("/services/{any_service}/roles"),
        list("/roles"),
        list("/roles?after={any_role}"),
        list("/roles?q={role_prefix}"),
        list("/roles/{any_role}/permissions"),
        list("/permissions"),
        list("/permissions?q={permission_prefix}"),
        list("/services"),
        list("/services?q={service_prefix}"),
    ]
}

/// In an order in which each can be done once.
fn writing() -> Vec<Ask> {
    let write = |method, path, body| Ask::new(method, path, By::Administrator).body(body);
    let grant = r#"{"person_id":{person},"service_id":{any_service},"role_id":2000}"#;
    let direct = r#"{"person_id":{person},"service_id":{any_service},"permission_id":7}"#;
    let carried = r#"{"role_id":{any_role},"permission_id":500}"#;
    let new = concat!(
        r#"{"username":"new{unique}","name":"New","person_type":"N","document_type":"CE","document_number":"{unique}","#,
        r#""password_hash":"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
    );
    vec![
        write("POST", "/person-service-roles", grant),
        write("DELETE", "/person-service-roles", grant),
        write("POST", "/person-service-permissions", direct),
        write("DELETE", "/person-service-permissions", direct),
        write("POST", "/role-permissions", carried),
        write("DELETE", "/role-permissions", carried),
        write("POST", "/users", new).status(201),
        write("PUT", "/users/{person}", r#"{"name":"Another {unique}"}"#),
        Ask::new("POST", "/auth/logout", By::Themselves),
        write("DELETE", "/users/{person}", "").proof("user_deleted"),
    ]
}
