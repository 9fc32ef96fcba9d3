//! Who is in which group, as it is held flattened, against what a loop over memberships and nestings says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{group, put};
use crate::model::Dice;
use crate::support::{Caller, Server};

/// Ends are so many seconds after the beginning of time; none never comes.
type End = Option<i64>;

/// All ends, and a moment before and after them.
const MOMENTS: i64 = 12;

#[derive(Debug, Default)]
struct Naive {
    groups: BTreeSet<i32>,
    people: BTreeSet<i32>,
    members: BTreeMap<(i32, i32), End>,
    nestings: BTreeMap<(i32, i32), End>,
    roles: BTreeMap<(i32, i32), End>,
}

fn lasts(end: End, moment: i64) -> bool {
    end.is_none_or(|end| end > moment)
}

impl Naive {
    fn is_in(&self, person: i32, group: i32, moment: i64) -> bool {
        self.members.get(&(group, person)).is_some_and(|end| lasts(*end, moment))
            || self.nestings.iter().any(|((outer, inner), end)| {
                *outer == group && lasts(*end, moment) && self.is_in(person, *inner, moment)
            })
    }

    /// Whether `inner` is in `outer`, over or not, or is it.
    fn is_below(&self, inner: i32, outer: i32) -> bool {
        inner == outer || self.nestings.keys().any(|(group, member)| *group == outer && self.is_below(inner, *member))
    }

    fn inside(&self) -> BTreeSet<(i64, i32, i32)> {
        let mut inside = BTreeSet::new();
        for moment in 0..MOMENTS {
            for person in &self.people {
                let groups = self.groups.iter().filter(|group| self.is_in(*person, **group, moment));
                inside.extend(groups.map(|group| (moment, *person, *group)));
            }
        }
        inside
    }

    fn held(&self) -> BTreeSet<(i64, i32, i32)> {
        let inside = self.inside().into_iter();
        let held = inside.flat_map(|(moment, person, group)| {
            let roles = self.roles.iter().filter(move |((of, _), end)| *of == group && lasts(**end, moment));
            roles.map(move |((_, role), _)| (moment, person, *role))
        });
        held.collect()
    }

    fn drop_group(&mut self, id: i32) {
        self.groups.remove(&id);
        self.members.retain(|(group, _), _| *group != id);
        self.nestings.retain(|(group, member), _| *group != id && *member != id);
        self.roles.retain(|(group, _), _| *group != id);
    }
}

async fn triples(conn: &mut PgConnection, sql: &'static str) -> BTreeSet<(i64, i32, i32)> {
    let rows = sqlx::query(sql).bind((0..MOMENTS).collect::<Vec<i64>>()).fetch_all(conn).await.expect("rows");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

const INSIDE: &str =
    "select moment, person_id, group_id from unnest($1::bigint[]) moment, auth.groups_at(to_timestamp(moment))";
const HELD: &str =
    "select moment, person_id, role_id from unnest($1::bigint[]) moment, auth.roles_at(to_timestamp(moment))";
const CHECKED: &str = "select moment, p.id, role_id from unnest($1::bigint[]) moment
    cross join auth.person p cross join auth.held_in(p.id, 1, to_timestamp(moment)) held cross join unnest(held.roles) role_id";

async fn run(conn: &mut PgConnection, sql: String) -> Result<(), String> {
    let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(conn).await;
    match done {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("group_nestings_no_circle") => {
            Err("circle".to_owned())
        }
        Err(error) => panic!("{error}: {sql}"),
    }
}

/// One random change, of the model and of the tables.
async fn change(conn: &mut PgConnection, naive: &mut Naive, dice: &mut Dice) -> String {
    let groups: Vec<i32> = naive.groups.iter().copied().collect();
    let people: Vec<i32> = naive.people.iter().copied().collect();
    let any = |dice: &mut Dice, among: &[i32]| among[dice.throw(among.len())];
    let (group, other, person) = (any(dice, &groups), any(dice, &groups), any(dice, &people));
    let role = 1 + i32::try_from(dice.throw(3)).expect("a number");
    let end = (dice.throw(3) > 0).then(|| 1 + i64::try_from(dice.throw(10)).expect("a number"));
    let ends = end.map_or("null".to_owned(), |end| format!("to_timestamp({end})"));
    let upsert = |table: &str, columns: &str, values: String| {
        format!(
            "insert into auth.{table} ({columns}, expires_at) values ({values}, {ends})
             on conflict ({columns}) do update set expires_at = excluded.expires_at"
        )
    };
    let (sql, expected): (String, Result<(), String>) = match dice.throw(20) {
        0..=5 => {
            naive.members.insert((group, person), end);
            (upsert("group_members", "group_id, person_id", format!("{group}, {person}")), Ok(()))
        }
        6 | 7 => {
            naive.members.remove(&(group, person));
            (format!("delete from auth.group_members where group_id = {group} and person_id = {person}"), Ok(()))
        }
        8..=12 => {
            let circle = naive.is_below(group, other);
            if !circle {
                naive.nestings.insert((group, other), end);
            }
            let expected = if circle { Err("circle".to_owned()) } else { Ok(()) };
            (upsert("group_nestings", "group_id, member_id", format!("{group}, {other}")), expected)
        }
        13 => {
            naive.nestings.retain(|(_, member), _| *member != other);
            (format!("delete from auth.group_nestings where member_id = {other}"), Ok(()))
        }
        14 | 15 => {
            naive.roles.insert((group, role), end);
            (upsert("group_service_role", "group_id, service_id, role_id", format!("{group}, 1, {role}")), Ok(()))
        }
        16 if groups.len() > 4 => {
            naive.drop_group(group);
            (format!("delete from auth.groups where id = {group}"), Ok(()))
        }
        17 if people.len() > 3 => {
            naive.people.remove(&person);
            naive.members.retain(|(_, who), _| *who != person);
            (format!("update auth.person set removed_at = now() where id = {person}"), Ok(()))
        }
        18 => {
            naive.members.values_mut().filter(|of| **of == end).for_each(|of| *of = None);
            (
                format!("update auth.group_members set expires_at = null where expires_at is not distinct from {ends}"),
                Ok(()),
            )
        }
        _ => {
            naive.nestings.retain(|_, of| *of != end || end.is_none());
            (format!("delete from auth.group_nestings where expires_at = {ends}"), Ok(()))
        }
    };
    assert_eq!(run(conn, sql.clone()).await, expected, "{sql}");
    sql
}

async fn play(seed: u64) {
    let server = Server::on_a_fresh_database().await;
    server
        .execute(
            "insert into auth.services (name) values ('Shop');
             insert into auth.role (name) values ('R1'), ('R2'), ('R3');
             insert into auth.service_roles (service_id, role_id) select 1, n from generate_series(1, 3) n;
             insert into auth.person (username, name) select 'p' || n, 'P' from generate_series(1, 8) n;
             insert into auth.groups (name) select 'g' || n from generate_series(1, 12) n;",
        )
        .await;
    let mut naive = Naive { groups: (1..=12).collect(), people: (1..=8).collect(), ..Naive::default() };
    let mut dice = Dice(seed);
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    for step in 0..250 {
        let act = change(&mut conn, &mut naive, &mut dice).await;
        assert_eq!(triples(&mut conn, INSIDE).await, naive.inside(), "seed {seed}, step {step}: {act}");
        if step % 5 == 0 {
            let held = naive.held();
            assert_eq!(triples(&mut conn, HELD).await, held, "seed {seed}, step {step}: {act}");
            assert_eq!(triples(&mut conn, CHECKED).await, held, "seed {seed}, step {step}: {act}");
        }
    }
}

#[tokio::test]
async fn whoever_writes_what_is_held_flattened_is_what_a_loop_finds_at_every_moment_1() {
    play(1).await;
}

#[tokio::test]
async fn whoever_writes_what_is_held_flattened_is_what_a_loop_finds_at_every_moment_2() {
    play(2).await;
}

#[tokio::test]
async fn whoever_writes_what_is_held_flattened_is_what_a_loop_finds_at_every_moment_3() {
    play(3).await;
}

/// What the tables say, as the model has it; ends do not matter.
async fn read(conn: &mut PgConnection) -> Naive {
    let pairs = async |conn: &mut PgConnection, sql: &'static str| {
        let rows = sqlx::query(sql).fetch_all(conn).await.expect("rows");
        rows.iter().map(|row| ((row.get(0), row.get(1)), None)).collect::<BTreeMap<(i32, i32), End>>()
    };
    let members = pairs(conn, "select group_id, person_id from auth.group_members").await;
    let nestings = pairs(conn, "select group_id, member_id from auth.group_nestings").await;
    let groups = pairs(conn, "select id, id from auth.groups").await.into_keys().map(|(id, _)| id).collect();
    let people = pairs(conn, "select id, id from auth.person").await.into_keys().map(|(id, _)| id).collect();
    Naive { groups, people, members, nestings, roles: BTreeMap::new() }
}

#[tokio::test]
async fn many_who_nest_and_join_at_once_leave_it_true_and_no_circle() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "6")]).await;
    let root = server.administrator().await;
    for n in 0..6 {
        group(&root, &format!("g{n}")).await;
        server.person_with(&format!("p{n}"), &[]).await;
    }
    for round in 0..12 {
        let requests = (0..12_u64).map(|n| {
            let root = root.clone();
            let mut dice = Dice(round * 100 + n);
            async move {
                let mut any = || 1 + i64::try_from(dice.throw(6)).expect("a number");
                let (outer, inner, kind) = (any(), any(), any());
                let path = format!("/groups/{outer}/members");
                match kind {
                    1 | 2 => root.post(&path, json!({"person_id": inner})).await,
                    3 => root.delete_with(&path, json!({"person_id": inner})).await,
                    4 | 5 => root.post(&path, json!({"group_id": inner})).await,
                    _ => root.delete_with(&path, json!({"group_id": inner})).await,
                }
            }
        });
        for answer in Caller::together(requests).await {
            let why = || server.log.lines(" WARN ").join("\n");
            assert!([(200, ""), (409, "group_circle")].contains(&answer.refusal()), "{answer:?}\n{}", why());
        }
        let mut conn = server.app.db.pool().acquire().await.expect("a connection");
        let naive = read(&mut conn).await;
        for (group, member) in naive.nestings.keys() {
            assert!(!naive.is_below(*group, *member), "{group} is in itself by {member}");
        }
        let found: BTreeSet<_> =
            triples(&mut conn, INSIDE).await.into_iter().map(|(_, person, group)| (person, group)).collect();
        let expected: BTreeSet<_> = naive.inside().into_iter().map(|(_, person, group)| (person, group)).collect();
        assert_eq!(found, expected, "round {round}");
    }
}

#[tokio::test]
async fn a_lattice_of_groups_costs_what_its_groups_cost() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    // Two in each of two, forty times: as many ways as no machine walks.
    server
        .execute(
            "insert into auth.groups (name) select format('l%s.%s', n, s) from generate_series(0, 40) n, generate_series(0, 1) s;
             insert into auth.group_nestings (group_id, member_id)
             select a.id, b.id from auth.groups a join auth.groups b
             on split_part(substr(b.name, 2), '.', 1)::int = split_part(substr(a.name, 2), '.', 1)::int + 1;",
        )
        .await;
    let deepest = server.number("select id::bigint from auth.groups where name = 'l40.0'").await;
    put(&adm1, deepest, json!({"person_id": "juan"})).await.ok();
    assert_eq!(adm1.get("/users/7/groups?limit=1000").await.ok().column("id").len(), 81);
    let top = server.number("select id::bigint from auth.groups where name = 'l0.0'").await;
    let circle = put(&adm1, deepest, json!({"group_id": top})).await;
    assert_eq!(circle.refusal(), (409, "group_circle"));
    assert_eq!(circle.body["circle"].as_array().map(Vec::len), Some(42));
}

#[tokio::test]
async fn what_follows_is_nobodys_to_write() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    put(&adm1, editors, json!({"person_id": "juan"})).await.ok();
    for sql in ["delete from auth.group_people", "update auth.group_people set expires_at = now()"] {
        let refused = sqlx::raw_sql(sql).execute(server.app.db.pool()).await.expect_err("a refusal");
        assert!(refused.to_string().contains("auth.group_members"), "{refused}");
    }
    server.execute("truncate auth.group_people").await;
    assert_eq!(server.number("select count(*) from auth.group_people").await, 1, "it is written anew");
    server.execute("truncate auth.group_members cascade").await;
    assert_eq!(server.number("select count(*) from auth.group_people").await, 0);
}
