//! What lies above what, as it is held flattened, against what a loop over parents says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::{put, shop};
use crate::model::Dice;
use crate::support::{Caller, Server};

/// Parents.
type Naive = BTreeMap<i32, Option<i32>>;

fn above(naive: &Naive, resource: i32) -> Vec<i32> {
    let mut way = vec![resource];
    while let Some(Some(parent)) = naive.get(way.last().expect("one")) {
        way.push(*parent);
        assert!(way.len() <= naive.len(), "a circle: {way:?}");
    }
    way
}

fn closure(naive: &Naive) -> BTreeSet<(i32, i32, i16)> {
    let all = naive.keys().flat_map(|resource| {
        let way = above(naive, *resource).into_iter().zip(0..);
        way.map(move |(ancestor, depth)| (*resource, ancestor, depth))
    });
    all.collect()
}

async fn stored(conn: &mut PgConnection) -> BTreeSet<(i32, i32, i16)> {
    let sql = "select resource_id, ancestor_id, depth from auth.resource_ancestors";
    let rows = sqlx::query(sql).fetch_all(conn).await.expect("rows");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

async fn parents(conn: &mut PgConnection) -> Naive {
    let rows = sqlx::query("select id, parent_id from auth.resources").fetch_all(conn).await.expect("rows");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// One random change, of the model and of the tables.
async fn change(conn: &mut PgConnection, naive: &mut Naive, dice: &mut Dice) -> String {
    let all: Vec<i32> = naive.keys().copied().collect();
    let any = |dice: &mut Dice| (!all.is_empty()).then(|| all[dice.throw(all.len())]);
    let (one, other) = (any(dice), any(dice));
    let shown = |id: Option<i32>| id.map_or("null".to_owned(), |id| id.to_string());
    let (sql, refusal) = match (dice.throw(10), one) {
        (0..=3, _) | (_, None) => {
            let id = 1 + naive.keys().last().copied().unwrap_or(0);
            let parent = if dice.throw(3) > 0 { other } else { None };
            naive.insert(id, parent);
            let values = format!("({id}, 1, 'folder', '{id}', {})", shown(parent));
            (format!("insert into auth.resources (id, service_id, type, key, parent_id) values {values}"), None)
        }
        (4..=7, Some(one)) => {
            let parent = if dice.throw(4) > 0 { other } else { None };
            let circle = parent.is_some_and(|parent| above(naive, parent).contains(&one));
            if !circle {
                naive.insert(one, parent);
            }
            let sql = format!("update auth.resources set parent_id = {} where id = {one}", shown(parent));
            (sql, circle.then_some("resources_no_circle"))
        }
        (8, Some(one)) => {
            let has_children = naive.values().any(|parent| *parent == Some(one));
            if !has_children {
                naive.remove(&one);
            }
            (format!("delete from auth.resources where id = {one}"), has_children.then_some("resources_parent_fkey"))
        }
        (_, Some(one)) => {
            let gone: BTreeSet<i32> = all.iter().copied().filter(|id| above(naive, *id).contains(&one)).collect();
            naive.retain(|id, _| !gone.contains(id));
            let beneath = format!("select resource_id from auth.resource_ancestors where ancestor_id = {one}");
            (format!("delete from auth.resources where id in ({beneath})"), None)
        }
    };
    let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(conn).await;
    let refused = match &done {
        Ok(_) => None,
        Err(sqlx::Error::Database(error)) => Some(error.constraint().unwrap_or_else(|| panic!("{error}: {sql}"))),
        Err(error) => panic!("{error}: {sql}"),
    };
    assert_eq!(refused, refusal, "{sql}");
    sql
}

async fn play(seed: u64) {
    let server = Server::on_a_fresh_database().await;
    server.execute("insert into auth.services (name) values ('Shop')").await;
    let mut naive = Naive::new();
    let mut dice = Dice(seed);
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    for step in 0..250 {
        let act = change(&mut conn, &mut naive, &mut dice).await;
        assert_eq!(stored(&mut conn).await, closure(&naive), "seed {seed}, step {step}: {act}");
        let flag: bool = sqlx::query_scalar("select has_resources from auth.policy_settings where service_id = 1")
            .fetch_one(&mut *conn)
            .await
            .expect("a flag");
        assert_eq!(flag, !naive.is_empty(), "seed {seed}, step {step}: {act}");
    }
}

#[tokio::test]
async fn whoever_writes_what_is_held_flattened_is_what_a_loop_finds_1() {
    play(1).await;
}

#[tokio::test]
async fn whoever_writes_what_is_held_flattened_is_what_a_loop_finds_2() {
    play(2).await;
}

#[tokio::test]
async fn two_that_are_moved_into_each_other_at_once_make_no_circle() {
    let (server, _root, shop) = shop().await;
    for id in ["1", "2", "3"] {
        put(&shop, &format!("folder/{id}"), json!({})).await.ok();
    }
    for round in 0..8 {
        let moves = [("1", "2"), ("2", "3"), ("3", "1")].map(|(one, into)| {
            let shop = shop.clone();
            async move { put(&shop, &format!("folder/{one}"), json!({"parent": {"type": "folder", "id": into}})).await }
        });
        let answers = Caller::together(moves).await;
        let refused = answers.iter().filter(|answer| answer.refusal() == (409, "resource_circle")).count();
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((done, refused), (2, 1), "round {round}: {answers:?}");
        let mut conn = server.app.db.pool().acquire().await.expect("a connection");
        assert_eq!(stored(&mut conn).await, closure(&parents(&mut conn).await), "round {round}");
        drop(conn);
        for id in ["1", "2", "3"] {
            put(&shop, &format!("folder/{id}"), json!({})).await.ok();
        }
    }
}

#[tokio::test]
async fn nobody_writes_what_follows() {
    let (server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    let refused = sqlx::query("delete from auth.resource_ancestors").execute(&mut *conn).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("follows from auth.resources")));
}
