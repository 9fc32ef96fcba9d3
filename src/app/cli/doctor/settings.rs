//! The configuration.

use super::Report;
use crate::app::config::env_file::EnvFile;
use crate::app::config::{Config, Faults};
use crate::gate::sessions::Lifetime;

pub(super) fn check(report: &mut Report, env_file: &Result<Option<EnvFile>, String>, config: &Config, faults: &Faults) {
    match env_file {
        Err(fault) => report.wrong("settings file", fault.clone(), "none of its settings is in effect"),
        Ok(Some(file)) if file.passed_over.is_empty() => report.ok("settings file", file.path.display().to_string()),
        Ok(Some(file)) => {
            let others = file.passed_over.join(", ");
            report.ok(
                "settings file",
                format!("{}, but for {others}: Portero has no such settings", file.path.display()),
            );
            for typo in file.probable_typos() {
                report.wrong("settings file", typo, "rename it, or remove it");
            }
        }
        Ok(None) => {
            let here = std::env::current_dir().map(|here| format!(" {}", here.display())).unwrap_or_default();
            report.skipped("settings file", format!("there is no .env in the working directory{here}"));
        }
    }
    for fault in faults.each() {
        let (fault, example) = fault.split_once('\n').unwrap_or((fault, ""));
        report.wrong("configuration", fault, example.trim());
    }
    for typo in &config.probable_typos {
        report.wrong("configuration", typo.clone(), "rename it, or remove it");
    }
    if let Some(why) = &config.set_for_others {
        report.wrong("configuration", why.clone(), "call it AUTH_DATABASE_URL, or unset it");
    }
    if faults.is_empty() && config.probable_typos.is_empty() && config.set_for_others.is_none() {
        report.ok("configuration", "every setting can be read");
    }
    lifetimes(report, config.lifetime);
}

fn lifetimes(report: &mut Report, lifetime: Lifetime) {
    let (ttl, renew, age) = (lifetime.sliding, lifetime.renew_within, lifetime.absolute);
    let seconds = |duration: time::Duration| duration.whole_seconds();
    let wrongs = report.wrongs();
    if renew >= ttl {
        report.wrong(
            "token lifetime",
            format!(
                "TOKEN_RENEW_THRESHOLD_SECONDS ({}) is not below TOKEN_TTL_SECONDS ({}): every check renews, and writes",
                seconds(renew),
                seconds(ttl)
            ),
            format!("set TOKEN_RENEW_THRESHOLD_SECONDS to about {}", (seconds(ttl) / 10).max(1)),
        );
    }
    if age < ttl {
        report.wrong(
            "token lifetime",
            format!(
                "TOKEN_MAX_AGE_SECONDS ({}) is below TOKEN_TTL_SECONDS ({}), which so has no effect",
                seconds(age),
                seconds(ttl)
            ),
            "raise the one or lower the other",
        );
    }
    if report.wrongs() == wrongs {
        report.ok(
            "token lifetime",
            format!("{} s, renewed when {} s are left, for {} s at most", seconds(ttl), seconds(renew), seconds(age)),
        );
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn a_threshold_that_renews_each_time_is_found() {
        let wrongs = |sliding, renew, age| {
            let mut report = Report::default();
            let seconds = Duration::seconds;
            let lifetime = Lifetime { sliding: seconds(sliding), renew_within: seconds(renew), absolute: seconds(age) };
            lifetimes(&mut report, lifetime);
            report.wrongs()
        };
        assert_eq!(wrongs(300, 30, 86_400), 0);
        assert_eq!(wrongs(300, 300, 86_400), 1);
        assert_eq!(wrongs(300, 301, 60), 2);
    }
}
