//! One meaning: what an expression says of a row, what Postgres says of its text, and which rows its filters keep.

use std::env;

use portero::access::policies::language::Dialect;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use sqlx::{Connection, Executor, PgConnection};

use super::generate::{self, Case};
use super::lite::Lite;
use super::oracle::{self, Asked, Filter};

/// So many questions, or as many as `POLICY_CASES` says: 100,000 before a release.
const CASES: usize = 3_000;
const BATCH: usize = 500;

/// Where to ask: one server, two databases.
pub struct Postgres {
    pub original: PgConnection,
    /// With another collation, time zone and style of dates than the policies are to be read with.
    pub foreign: PgConnection,
}

#[derive(Debug, Default)]
struct Count {
    asked: usize,
    refused: usize,
    errors: usize,
    folded: usize,
    said: usize,
    bound: usize,
    in_sqlite: usize,
    yes: usize,
}

pub async fn hold(postgres: &mut Postgres) {
    let cases = env::var("POLICY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let seed = env::var("POLICY_SEED").ok().and_then(|seed| seed.parse().ok());
    let config = Config { rng_seed: seed.map_or(RngSeed::Random, RngSeed::Fixed), ..Config::default() };
    let mut runner = TestRunner::new(config);
    oracle::prepare(&mut postgres.original).await;
    oracle::prepare(&mut postgres.foreign).await;
    let foreign =
        "set timezone = 'America/New_York'; set datestyle = 'German, DMY'; set intervalstyle = 'sql_standard'";
    postgres.foreign.execute(foreign).await.expect("settings");
    let (lite, strategy, mut count) = (Lite::new(), generate::case(), Count::default());
    while count.asked < cases {
        let mut trees = Vec::new();
        while trees.len() < BATCH {
            let tree = strategy.new_tree(&mut runner).expect("a case");
            if Asked::of(&tree.current()).is_some() { trees.push(tree) } else { count.refused += 1 }
        }
        let batch: Vec<Asked> = trees.iter().filter_map(|tree| Asked::of(&tree.current())).collect();
        count.asked += batch.len();
        if let Some((at, wrong)) = broken(postgres, &lite, &batch, &mut count).await {
            let (smallest, wrong) = shrunk(postgres, &lite, trees.swap_remove(at), wrong).await;
            panic!("{wrong}\n{smallest:#?}");
        }
    }
    println!("{count:?}");
    assert!(count.said > cases / 4 && count.in_sqlite > cases / 20 && count.yes > cases / 10, "{count:?}");
}

/// The first question of which something else is said, and what.
async fn broken(postgres: &mut Postgres, lite: &Lite, batch: &[Asked], count: &mut Count) -> Option<(usize, String)> {
    let originals: Vec<String> = batch.iter().map(Asked::original).collect();
    let said = oracle::ask(&mut postgres.original, &originals).await;
    let filters: Vec<Option<String>> = batch.iter().map(Asked::filter_query).collect();
    let asked: Vec<String> =
        filters.iter().map(|query| query.clone().unwrap_or_else(|| "select 'skipped'".to_owned())).collect();
    let kept = oracle::ask(&mut postgres.foreign, &asked).await;
    for (at, asked) in batch.iter().enumerate() {
        let ours = asked.evaluated();
        let wrong = differs(asked, &ours, &said[at], count)
            .map(|wrong| format!("{wrong}\n{}", originals[at]))
            .or_else(|| filters[at].as_ref().and_then(|query| keeps_another(&ours, &kept[at], query, count)))
            .or_else(|| lite_differs(lite, asked, &ours, count));
        if let Some(wrong) = wrong {
            return Some((at, wrong));
        }
        if at % 20 == 0
            && filters[at].is_some()
            && let Filter::Sql(sql, parameters) = asked.filter(Dialect::Postgres)
            && !kept[at].starts_with('!')
        {
            count.bound += 1;
            match oracle::ask_bound(&mut postgres.foreign, asked, &sql, &parameters).await {
                Ok(kept) if kept == (ours == "t") => {}
                other => return Some((at, format!("bound: {other:?}, not {ours:?}: {sql} {parameters:?}"))),
            }
        }
    }
    None
}

/// Postgres may stumble over a part that decides nothing; it may compute `null + …` before it sees that the rest has no value.
fn differs(asked: &Asked, ours: &str, theirs: &str, count: &mut Count) -> Option<String> {
    count.yes += usize::from(ours == "t");
    match (ours.starts_with('!'), theirs.starts_with('!')) {
        (true, true) => count.errors += 1,
        (false, true) if asked.has_failing_part() || is_of_another_type(theirs) => count.errors += 1,
        (false, true) if asked.has_undeclared_numbers() && theirs.starts_with("!22003") => count.errors += 1,
        (true, false) if asked.case.text.contains("null") || !asked.has_possible_row() => count.folded += 1,
        (true, false) if is_narrower(ours) => count.folded += 1,
        (false, false) if ours == theirs => {}
        _ => return Some(format!("evaluated: {ours:?}, Postgres: {theirs:?}")),
    }
    None
}

/// Postgres computes with times before the year 1, and sees that a pattern ends with its escape character only when it gets there.
fn is_narrower(ours: &str) -> bool {
    ours.ends_with("the pattern ends with its escape character")
        || ["timestamp", "timestamptz", "date", "interval"]
            .iter()
            .any(|kind| ours.ends_with(&format!("out of range for {kind}")))
}

/// A column of which nothing was said, in a database where it is of a type that does not compare.
fn is_of_another_type(theirs: &str) -> bool {
    theirs.starts_with("!42883") || theirs.starts_with("!42804")
}

fn keeps_another(ours: &str, theirs: &str, query: &str, count: &mut Count) -> Option<String> {
    count.said += 1;
    if is_of_another_type(theirs) {
        return None;
    }
    let same = (theirs == "t") == (ours == "t") && !theirs.starts_with('!');
    (!same).then(|| format!("evaluated: {ours:?}, the filter: {theirs:?}\n{query}"))
}

fn lite_differs(lite: &Lite, asked: &Asked, ours: &str, count: &mut Count) -> Option<String> {
    let kept = lite.keeps(asked)?;
    count.in_sqlite += 1;
    (kept != (ours == "t")).then(|| format!("evaluated: {ours:?}, kept in SQLite: {kept}: {}", lite_sql(asked)))
}

fn lite_sql(asked: &Asked) -> String {
    match asked.filter(Dialect::Sqlite) {
        Filter::Sql(sql, parameters) => format!("{sql} {parameters:?}"),
        _ => String::new(),
    }
}

/// The smallest case that proptest finds of which something else is said, still.
async fn shrunk(
    postgres: &mut Postgres,
    lite: &Lite,
    mut tree: impl ValueTree<Value = Case>,
    wrong: String,
) -> (Case, String) {
    let mut found = (tree.current(), wrong);
    for _ in 0..2_000 {
        let is_wrong = match Asked::of(&tree.current()) {
            Some(asked) => broken(postgres, lite, &[asked], &mut Count::default()).await,
            None => None,
        };
        let goes_on = match is_wrong {
            Some((_, wrong)) => {
                found = (tree.current(), wrong);
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    found
}

pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("Postgres is there")
}
