//! Whether the time of an answer tells who exists: the same request about somebody and about nobody, many times, at the
//! same time, so that what else the machine does meanwhile slows all of them.

use sqlx::Executor;

use super::{Bench, PEOPLE};
use crate::load::{Ask, By, Load, Pace, Subjects};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::PASSWORD;

/// Its people are changed: it is nobody else's.
const DATABASE: &str = "equal";
const DISABLED: (i32, i32) = (1, 1000);
const ENABLED: (i32, i32) = (1001, 10_000);

/// Connections of each kind: few enough that nobody waits for a place in the hashing queue.
const AT_ONCE: usize = 4;

/// Of each kind; together fewer a second than the sender of mails looks up.
const FORGETFUL_A_SECOND: f64 = 100.0;

const PREPARE: &str = "
    update auth.person set email = username || '@example.com';
    update auth.person set disabled_at = now() where id between 1 and 1000;
";

pub async fn equal(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.stage.populate(DATABASE, PEOPLE).await?;
    bench.stage.connect(DATABASE).await?.execute(PREPARE).await?;
    // Guessers don't wait here, or there would be nothing to measure; and there is a mail server, which is down.
    let settings = [
        ("LOGIN_FREE_FAILURES", "0"),
        ("LOGIN_FREE_FAILURES_PER_ADDRESS", "0"),
        ("SMTP_URL", "smtp://127.0.0.1:1"),
        ("MAIL_FROM", "portero@example.com"),
    ];
    let portero = bench.stage.portero(DATABASE, &settings).await?;
    let ask = async |ask: Ask, people: (i32, i32), pace: Pace, round: u32| {
        let load = Load {
            people,
            pace,
            subjects: Subjects::Drawn(900),
            connections: AT_ONCE,
            seconds: bench.seconds.max(3.0),
            seed: u64::from(round),
            ..Load::new(portero.address, world, ask)
        };
        load.run().await.map(|outcome| outcome.p50)
    };
    let mut times: [Rounds; 5] = Default::default();
    for round in bench.rounds() {
        let eager = |request, people| ask(request, people, Pace::Eager, round);
        let (wrong, unknown, disabled) = tokio::try_join!(
            eager(login("{username}"), ENABLED),
            eager(login("nobody{unique}"), ENABLED),
            eager(login("{username}"), DISABLED),
        )?;
        let calm = |request| ask(request, ENABLED, Pace::PerSecond(FORGETFUL_A_SECOND), round);
        let (known, nobody) = tokio::try_join!(calm(forgot("{username}")), calm(forgot("nobody{unique}")))?;
        let medians = [wrong, unknown, disabled, known, nobody];
        eprintln!("equal, round {round}: {:?}", medians.map(f64::round));
        for (rounds, median) in times.iter_mut().zip(medians) {
            rounds.add(median);
        }
    }
    let [wrong, unknown, disabled, known, nobody] = times;
    let row = |figure: &str, value, than, baseline: &Rounds| {
        Row::against((than, baseline), figure, Unit::Time, value, Target::RatioWithin(0.05))
    };
    Ok(vec![
        row("a login with a wrong password", wrong, "unknown username", &unknown),
        row("a login of somebody disabled", disabled, "unknown username", &unknown),
        row("a forgotten password", known, "unknown username", &nobody),
    ])
}

/// With a password that nobody has.
fn login(username: &str) -> Ask {
    let body = format!(r#"{{"username":"{username}","password":"not {PASSWORD}"}}"#);
    Ask::new("POST", "/auth/login", By::Nobody).body(&body).status(401).proof("invalid_credentials")
}

fn forgot(username: &str) -> Ask {
    let body = format!(r#"{{"username":"{username}"}}"#);
    Ask::new("POST", "/auth/forgot-password", By::Nobody).body(&body).status(202).proof("accepted")
}
