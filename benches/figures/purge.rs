//! Checks while a million expired tokens are purged. Two Porteros take turns on one database: one that purges from its
//! start, and one with so long a lifetime that nothing is expired for it.

use std::time::Instant;

use anyhow::ensure;
use sqlx::{AssertSqlSafe, PgConnection};
use time::{Duration, OffsetDateTime};

use super::storm::CHECKS_A_SECOND;
use super::{Bench, PEOPLE, check};
use crate::load::{Load, Pace};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::{TOKENS_EACH, sessions};

const DATABASE: &str = "purge";
const EXPIRED_EACH: i32 = 50;
/// Over for the one, not for the other.
const AGE: Duration = Duration::days(60);
const YEAR: &str = "31536000";
const NOTHING_EXPIRES: [(&str, &str); 2] = [("TOKEN_TTL_SECONDS", YEAR), ("TOKEN_MAX_AGE_SECONDS", YEAR)];

pub async fn purge(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.stage.populate(DATABASE, PEOPLE).await?;
    let mut conn = bench.stage.connect(DATABASE).await?;
    let expired = TOKENS_EACH..TOKENS_EACH + EXPIRED_EACH;
    sessions(&mut conn, 1..=PEOPLE, expired, OffsetDateTime::now_utc() - AGE).await?;
    sqlx::query("vacuum (analyze) auth.tokens_cache").execute(&mut conn).await?;
    let mut left = expired_tokens(&mut conn).await?;
    let (mut idle, mut purging, mut speed) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        for (settings, series) in [(&[][..], &mut purging), (&NOTHING_EXPIRES[..], &mut idle)] {
            // One that ended in the middle may have left word that the next run is not due yet.
            purge_is_due(&mut conn, if settings.is_empty() { "now()" } else { "'infinity'" }).await?;
            let portero = bench.stage.portero(DATABASE, settings).await?;
            let load = Load {
                pace: Pace::PerSecond(CHECKS_A_SECOND),
                connections: 32,
                seconds: bench.seconds,
                seed: u64::from(round),
                ..Load::new(portero.address, world, check())
            };
            let start = Instant::now();
            let outcome = load.run().await?;
            series.add(outcome.p99);
            let now = expired_tokens(&mut conn).await?;
            eprintln!("purge, round {round}: p99 {:.0} us, {now} expired tokens left", outcome.p99);
            if settings.is_empty() {
                ensure!(now > 0, "all was purged before the load ended: fewer rounds or seconds, please");
                ensure!(now < left, "nothing was purged");
                #[expect(clippy::cast_precision_loss, reason = "few enough")]
                speed.add((left - now) as f64 / start.elapsed().as_secs_f64());
                left = now;
            }
        }
    }
    Ok(vec![
        Row::against(
            ("not purging", &idle),
            "p99 of a check while 1,000,000 are purged",
            Unit::Time,
            purging,
            Target::RatioAtMost(2.0),
        ),
        Row::alone("expired tokens purged meanwhile", Unit::PerSecond, speed, Target::None),
    ])
}

async fn expired_tokens(conn: &mut PgConnection) -> anyhow::Result<i64> {
    let yesterday = OffsetDateTime::now_utc() - Duration::DAY;
    let count = "select count(*) from auth.tokens_cache where created_at < $1";
    Ok(sqlx::query_scalar(count).bind(yesterday).fetch_one(conn).await?)
}

async fn purge_is_due(conn: &mut PgConnection, when: &str) -> anyhow::Result<()> {
    let duties: bool =
        sqlx::query_scalar("select to_regclass('auth.duties') is not null").fetch_one(&mut *conn).await?;
    if duties {
        let due = format!("update auth.duties set due_at = {when} where name = 'purge sessions'");
        sqlx::query(AssertSqlSafe(due)).execute(conn).await?;
    }
    Ok(())
}
