//! `portero doctor`: looks at everything that could keep Portero from working, or from working safely, and says what to
//! do. It changes nothing and starts nothing.

mod certificate;
mod files;
mod mail;
mod port;
mod postgres;
mod servers;
mod settings;
mod signing_keys;
mod store;

use std::process::ExitCode;

use serde::Serialize;

use super::output::{self, Output, count};
use crate::app::config::Config;
use crate::app::config::env_file::EnvFile;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Wrong,
    /// Could not be looked at, or does not apply.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All that was looked at.
#[derive(Debug, Default, Serialize)]
struct Report {
    ok: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.findings.push(Finding { check, status: Status::Ok, detail: detail.into(), advice: None });
    }

    fn skipped(&mut self, check: &'static str, detail: impl Into<String>) {
        self.findings.push(Finding { check, status: Status::Skipped, detail: detail.into(), advice: None });
    }

    fn wrong(&mut self, check: &'static str, detail: impl Into<String>, advice: impl Into<String>) {
        let (detail, advice) = (detail.into(), Some(advice.into()).filter(|advice: &String| !advice.is_empty()));
        self.findings.push(Finding { check, status: Status::Wrong, detail, advice });
    }

    fn wrongs(&self) -> usize {
        self.findings.iter().filter(|finding| finding.status == Status::Wrong).count()
    }
}

pub(super) async fn run(
    env_file: Result<Option<EnvFile>, String>,
    demo: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let (config, faults) = Config::examine_env();
    let mut report = Report::default();
    settings::check(&mut report, &env_file, &config, &faults);
    let read = env_file.ok().flatten();
    files::check(&mut report, read.as_ref().map(|file| file.path.as_path()), &config, demo);
    files::may_be_open(&mut report, &config);
    let living = postgres::check(&mut report, &config, demo).await;
    certificate::check(&mut report, &config);
    port::check(&mut report, (config.listen, config.tls.is_some()), living).await;
    mail::check(&mut report, &config).await;

    let wrongs = report.wrongs();
    report.ok = wrongs == 0;
    match output {
        Output::Json => output.done(&report, "")?,
        Output::Text => tell(&report)?,
    }
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(report: &Report) -> anyhow::Result<()> {
    for finding in &report.findings {
        let status = match finding.status {
            Status::Ok => "ok",
            Status::Wrong => "WRONG",
            Status::Skipped => "-",
        };
        let indented = finding.detail.replace('\n', "\n                        ");
        output::line(&format!("{status:<6} {:<16} {indented}", finding.check))?;
        if let Some(advice) = &finding.advice {
            output::line(&format!("{:<23} → {advice}", ""))?;
        }
    }
    match report.wrongs() {
        0 => output::line("\nNothing is wrong."),
        wrongs => output::line(&format!("\n{}.", count(wrongs as u64, "thing is wrong", "things are wrong"))),
    }
}
