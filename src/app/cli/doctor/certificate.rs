//! The certificate that is shown, and for how long it is good.

use time::{Duration, OffsetDateTime};

use super::Report;
use crate::app::config::Config;
use crate::platform::tls::Files;

/// Whoever renews certificates by themselves does so earlier.
const SOON: Duration = Duration::days(14);

pub(super) fn check(report: &mut Report, config: &Config) {
    let Some(files) = &config.tls else {
        if !config.listen.ip().is_loopback() {
            report.skipped("certificate", "plain HTTP: TLS is left to a proxy");
        }
        return;
    };
    #[expect(clippy::disallowed_methods, reason = "there is no app here, and no clock")]
    look(report, files, OffsetDateTime::now_utc());
}

fn look(report: &mut Report, files: &Files, now: OffsetDateTime) {
    match files.read().and_then(|read| files.check(&read, now)) {
        Err(error) => report.wrong("certificate", format!("{error:#}"), "until then a start is refused"),
        Ok(certificate) => {
            let left = certificate.ends_at - now;
            let detail = format!("ends in {} days, on {}", left.whole_days(), certificate.ends_at.date());
            if left < SOON {
                report.wrong("certificate", detail, "renew it; Portero reads the new files by itself");
            } else {
                report.ok("certificate", detail);
            }
        }
    }
}
