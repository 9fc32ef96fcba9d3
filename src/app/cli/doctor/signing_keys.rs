//! What tokens are signed with: whether the master key opens it, and whether it is changed in time.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::Report;
use crate::app::config::Config;
use crate::base::error::Result;
use crate::oauth::keys::store;
use crate::platform::vault::{MasterKey, Place};

/// An instance looks every half minute.
const LATE: Duration = Duration::hours(1);

pub(super) async fn check(
    report: &mut Report,
    conn: &mut PgConnection,
    config: &Config,
    now: OffsetDateTime,
) -> Result<()> {
    let keys = store::listed(conn).await?;
    let newest = keys.last();
    master_key(report, &config.master_key, newest.map(|key| key.sealed_by.as_str()));
    match newest {
        None => report.ok("signing keys", "the first start makes them"),
        Some(newest) if now - newest.signs_from > config.rotate_keys_every + LATE => report.wrong(
            "signing keys",
            format!(
                "they should have been rotated {} days ago",
                (now - newest.signs_from - config.rotate_keys_every).whole_days()
            ),
            "start Portero, which rotates them, or look into its log",
        ),
        Some(newest) => {
            let age = (now - newest.signs_from).whole_days().max(0);
            report
                .ok("signing keys", format!("{age} days old, rotated after {}", config.rotate_keys_every.whole_days()));
        }
    }
    Ok(())
}

fn master_key(report: &mut Report, place: &Place, sealed_by: Option<&str>) {
    let path = place.path();
    let shown = path.display();
    match (MasterKey::read(place), sealed_by) {
        (Err(error), _) => {
            report.wrong("master key", error.to_string(), "give it to the user that Portero runs as, alone");
        }
        (Ok(None), Some(needed)) => report.wrong(
            "master key",
            format!("there is no {shown}, but the signing keys are sealed under a master key (fingerprint {needed})"),
            "copy it from another instance or from your backup, or set MASTER_KEY_FILE",
        ),
        (Ok(None), None) if matches!(place, Place::File(_)) => {
            report.wrong("master key", format!("there is no {shown}"), format!("openssl rand -hex 32 > {shown}"));
        }
        (Ok(None), None) => report.ok("master key", format!("the first start makes {shown}")),
        (Ok(Some(key)), Some(needed)) if key.fingerprint() != needed => report.wrong(
            "master key",
            format!("{shown} is another one ({}) than the signing keys are sealed under ({needed})", key.fingerprint()),
            "copy the file from another instance or from your backup",
        ),
        (Ok(Some(key)), _) => {
            report.ok("master key", format!("{shown} is the right one (fingerprint {})", key.fingerprint()));
        }
    }
}
