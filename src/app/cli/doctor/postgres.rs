//! The database.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{Report, servers, signing_keys, store};
use crate::app::cli::output::count;
use crate::app::config::Config;
use crate::app::database::{Database, MigrationStatus, migration_status, newer};
use crate::base::error::{Result, causes};
use crate::base::no_primary::NoPrimary;
use crate::gate::store::administrators;
use crate::identity::mail;
use crate::oauth::backchannel_logout;
use crate::oauth::clients::documents;

const PATIENCE: Duration = Duration::from_secs(5);
/// What is said is heard within milliseconds, or not at all.
const EARSHOT: Duration = Duration::from_secs(1);
const CHANNEL: &str = "portero_doctor";
/// The oldest that the migrations run on.
const OLDEST: i32 = 14;
/// Tokens are timed by Portero's clock, and several Porteros share them.
const DIFFERENCE: time::Duration = time::Duration::seconds(2);
/// What share of all ids may be gone before somebody should look.
const IDS_USED: f64 = 0.9;

/// Answers whether a Portero may be serving the database: a private one is served or is not.
pub(super) async fn check(report: &mut Report, config: &Config, demo: bool) -> bool {
    match Database::living(config, demo) {
        Ok(Some(database)) => {
            look_at(report, config, database).await;
            true
        }
        Ok(None) => {
            let why = format!("no Portero runs on {}, and doctor does not start one", config.data_dir.display());
            report.skipped("database", format!("{why}; run this again while one does"));
            false
        }
        Err(error) => {
            report.wrong("database", causes(&error), "");
            true
        }
    }
}

async fn look_at(report: &mut Report, config: &Config, mut database: Database) {
    servers::check(report, &database.address).await;
    let connected = async {
        database.meet().await?;
        Ok::<_, anyhow::Error>(database.address.connect_patiently().await?)
    };
    let mut conn = match timeout(PATIENCE, connected).await {
        Ok(Ok(conn)) => conn,
        Ok(Err(error)) => {
            return match error.downcast_ref::<NoPrimary>() {
                Some(none) => report.wrong("database", none.to_string(), none.advice()),
                None => report.wrong("database", causes(&error), "look into the log of Postgres"),
            };
        }
        Err(_) => {
            let servers = database.address.names();
            return report.wrong(
                "database",
                format!("Postgres at {servers} does not answer within 5 s"),
                "look into the log of Postgres, and whether AUTH_DATABASE_URL is right",
            );
        }
    };
    let asked = async { ask(report, &mut *database.address.begin_on(&mut conn).await?, config).await };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.wrong("database", causes(&error.into()), "look into the log of Postgres"),
        Err(_) => report.wrong("database", "Postgres does not answer within 5 s", "look into the log of Postgres"),
    }
    if config.database_direct_url.is_some() {
        listening(report, config, &database, &mut conn).await;
    }
    let _ = conn.close().await;
}

/// Whether what is said on the one connection is heard on the other: they lead to one database, and the other is a
/// session of its own.
async fn listening(report: &mut Report, config: &Config, database: &Database, conn: &mut PgConnection) {
    let heard = async {
        let Some(address) = database.where_to_listen(config)? else { return Ok(false) };
        let mut listener = address.listen(CHANNEL).await?;
        let mut tx = database.address.begin_on(conn).await?;
        store::notify(&mut tx, CHANNEL).await?;
        tx.commit().await?;
        Ok::<_, anyhow::Error>(timeout(EARSHOT, listener.recv()).await.is_ok_and(|heard| heard.is_ok()))
    };
    let advice = "let AUTH_DATABASE_DIRECT_URL lead to the same database without a pooler, or unset it";
    match timeout(PATIENCE, heard).await {
        Ok(Ok(true)) => report.ok("direct", "AUTH_DATABASE_DIRECT_URL receives notifications"),
        Ok(Ok(false)) => report.wrong("direct", "AUTH_DATABASE_DIRECT_URL leads elsewhere, or to a pooler", advice),
        Ok(Err(error)) => report.wrong("direct", format!("AUTH_DATABASE_DIRECT_URL: {}", causes(&error)), advice),
        Err(_) => report.wrong("direct", "AUTH_DATABASE_DIRECT_URL does not answer within 5 s", advice),
    }
}

async fn ask(report: &mut Report, conn: &mut PgConnection, config: &Config) -> Result<()> {
    let (number, text) = store::version(conn).await?;
    if number / 10_000 < OLDEST {
        report.wrong(
            "database",
            format!("PostgreSQL {text} is too old"),
            format!("upgrade it to PostgreSQL {OLDEST} or newer"),
        );
    } else {
        report.ok("database", format!("PostgreSQL {text}"));
    }
    clocks(report, conn).await?;
    match migration_status(conn).await? {
        MigrationStatus::Current => report.ok("migrations", "the database is at this version"),
        MigrationStatus::Behind => {
            report.wrong("migrations", "the database is not migrated to this version", "portero migrate");
            report.skipped("administrator", "can be looked for after the migration");
            return Ok(());
        }
        MigrationStatus::Ahead(version) => report.wrong("migrations", newer(version), ""),
    }
    ids(report, conn).await?;
    #[expect(clippy::disallowed_methods, reason = "there is no app here, and no clock")]
    let now = OffsetDateTime::now_utc();
    signing_keys::check(report, conn, config, now).await?;
    let mails = mail::store::queue_counts(conn).await?;
    if mails.dead > 0 {
        let letters = count(mails.dead.unsigned_abs(), "mail was", "mails were");
        report.wrong("mail queue", format!("{letters} given up"), "portero mail list; then portero mail retry");
    } else {
        report.ok("mail queue", format!("{} to be sent, none given up", mails.waiting));
    }
    logouts(report, conn).await?;
    document_service(report, conn, config).await?;
    let administrators = administrators(conn, now).await?;
    if administrators.is_empty() {
        report.wrong("administrator", "there is none who can log in", "portero admin add <username>");
    } else {
        let names: Vec<&str> = administrators.iter().take(10).map(|person| person.username.as_str()).collect();
        let more = if administrators.len() > names.len() { ", …" } else { "" };
        report.ok("administrator", format!("{}{more}", names.join(", ")));
    }
    Ok(())
}

/// Whether clients hear of the sessions that end.
async fn logouts(report: &mut Report, conn: &mut PgConnection) -> Result<()> {
    let queue = backchannel_logout::store::queue_counts(conn).await?;
    if queue.dead == 0 {
        report.ok("logouts", format!("{} to be told to clients, none given up", queue.waiting));
        return Ok(());
    }
    let unreached = backchannel_logout::store::unreached(conn, 5).await?;
    let clients = unreached.iter().map(|client| {
        let why = client.last_error.as_deref().unwrap_or("no answer");
        format!("{} ({}: {why})", client.client_id, client.logouts)
    });
    report.wrong(
        "logouts",
        format!(
            "{} given up, which clients were not told of: {}",
            count(queue.dead.unsigned_abs(), "logout was", "logouts were"),
            clients.collect::<Vec<_>>().join(", ")
        ),
        "look into the backchannel_logout_uri of these clients; what was given up is forgotten after 30 days",
    );
    Ok(())
}

/// Whether there is the service that clients of documents are to be of.
async fn document_service(report: &mut Report, conn: &mut PgConnection, config: &Config) -> Result<()> {
    let Some(named) = &config.document_service else { return Ok(()) };
    match documents::missing(conn, named).await? {
        Some(why) => report.wrong("documents", why, "portero service add <name>, or unset CLIENT_ID_METADATA_SERVICE"),
        None => report.ok("documents", "the service of CLIENT_ID_METADATA_SERVICE is there"),
    }
    Ok(())
}

/// Whether any of the numbers that ids are taken from comes to its end.
async fn ids(report: &mut Report, conn: &mut PgConnection) -> Result<()> {
    let full = store::fullest_ids(conn).await?;
    let (used, table) = full.map_or((0.0, String::new()), |full| (full.used, full.table));
    let percent = format!("{:.0} %", used * 100.0);
    if used >= IDS_USED {
        report.wrong(
            "ids",
            format!("{percent} of the ids of {table} are used up; beyond the last one nothing can be added to it"),
            "find what took them: ids that were imported or set by hand, or something that adds and removes in a loop",
        );
    } else {
        report.ok("ids", format!("{percent} of those that there are have been used"));
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it compares the machine's clock with that of Postgres")]
async fn clocks(report: &mut Report, conn: &mut PgConnection) -> Result<()> {
    let before = OffsetDateTime::now_utc();
    let there = store::now(conn).await?;
    let after = OffsetDateTime::now_utc();
    // How far its clock is outside the time that the question took.
    let ahead = (there - after).max(time::Duration::ZERO);
    let behind = (before - there).max(time::Duration::ZERO);
    let difference = ahead.max(behind);
    if difference > DIFFERENCE {
        let direction = if ahead > behind { "ahead of" } else { "behind" };
        report.wrong(
            "clock",
            format!("the clock of Postgres is {} s {direction} this machine's", difference.whole_seconds()),
            "keep both by NTP (chrony, systemd-timesyncd); tokens would live longer or shorter than set",
        );
    } else {
        report.ok("clock", "this machine's and that of Postgres agree");
    }
    Ok(())
}
