//! What a million renewals do to the table of tokens: each check renews, through the API, with autovacuum as it is.

use std::time::Duration;

use anyhow::ensure;
use sqlx::PgConnection;

use super::{Bench, PEOPLE, check, share};
use crate::load::Load;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};

const DATABASE: &str = "renewals";
const RENEWALS: u64 = 1_000_000;
const MONTH: &str = "2592000";
const YEAR: &str = "31536000";
const ALWAYS_DUE: [(&str, &str); 3] =
    [("TOKEN_TTL_SECONDS", MONTH), ("TOKEN_RENEW_THRESHOLD_SECONDS", MONTH), ("TOKEN_MAX_AGE_SECONDS", YEAR)];
/// Until Postgres has put its counters together.
const COUNTED: Duration = Duration::from_secs(3);

pub async fn renewals(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.stage.populate(DATABASE, PEOPLE).await?;
    let mut conn = bench.stage.connect(DATABASE).await?;
    let before = pages(&mut conn).await?;
    let portero = bench.stage.portero(DATABASE, &ALWAYS_DUE).await?;
    let load =
        Load { at_most: Some(RENEWALS), warm_up: 0.0, seconds: 3600.0, ..Load::new(portero.address, world, check()) };
    let outcome = load.run().await?;
    drop(portero);
    tokio::time::sleep(COUNTED).await;
    let (updated, hot) = updates(&mut conn).await?;
    // Of two that renew the same token at once, one does.
    ensure!(updated * 100 > RENEWALS * 99, "only {updated} renewals");
    eprintln!("renewals: {updated} in {:.0} s, {hot} of them HOT", outcome.seconds);
    let after = pages(&mut conn).await?;
    let once = |value| Rounds(vec![value]);
    let mut rows = vec![
        Row::alone("checks that renew", Unit::PerSecond, once(outcome.per_second), Target::None),
        Row::alone("renewals that touch no index (HOT)", Unit::Share, once(share(hot, updated)), Target::None),
    ];
    for ((name, before), (_, after)) in before.into_iter().zip(after) {
        let figure = format!("pages of {name} after 1,000,000 renewals");
        rows.push(Row::against(("before", &once(before)), figure, Unit::Pages, once(after), Target::None));
    }
    Ok(rows)
}

/// The table and its indexes.
async fn pages(conn: &mut PgConnection) -> anyhow::Result<Vec<(String, f64)>> {
    let pages = sqlx::query_as(
        "select c.relname::text, pg_relation_size(c.oid) / 8192::float8
         from pg_class c
         where c.oid = 'auth.tokens_cache'::regclass
            or c.oid in (select indexrelid from pg_index where indrelid = 'auth.tokens_cache'::regclass)
         order by c.relkind desc, c.relname",
    )
    .fetch_all(conn)
    .await?;
    Ok(pages)
}

async fn updates(conn: &mut PgConnection) -> anyhow::Result<(u64, u64)> {
    let (updated, hot): (i64, i64) = sqlx::query_as(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'auth.tokens_cache'::regclass",
    )
    .fetch_one(conn)
    .await?;
    Ok((updated.try_into()?, hot.try_into()?))
}
