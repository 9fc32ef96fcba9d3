//! `portero audit`: is the audit trail what it was?

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::output::{complain, count};
use super::tool::Tool;
use crate::app::trail::{self, ChainFault, Head};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Verify the whole chain and list every event that was changed, removed or inserted. Exit code 0 if there is none,
    /// else 1. Keep the printed head elsewhere: it later proves that the chain was not truncated or rewritten.
    Verify {
        /// A head noted earlier that the chain must contain: `<position>:<hash>`.
        #[arg(long, value_name = "HEAD")]
        head: Option<Head>,
    },
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    let Command::Verify { head } = command;
    let mut conn = tool.patient_connection().await?;
    let mut tx = tool.begin_on(&mut conn).await?;
    let report = trail::verify(&mut tx, head).await?;
    tx.rollback().await?;

    for fault in &report.faults {
        complain(&format!("portero: {}", sentence(fault)));
    }
    let head = report.head.map(|head| head.to_string());
    let answer = json!({
        "intact": report.intact, "unsealed": report.unsealed, "pruned_up_to": report.begins_after, "head": head,
        "faults": report.faults,
    });
    let intact = count(report.intact, "event verified", "events verified");
    let unsealed = match report.unsealed {
        0 => String::new(),
        waiting => format!(", {waiting} not sealed yet"),
    };
    let pruned = match report.begins_after {
        0 => String::new(),
        up_to => format!(" The first {up_to} were pruned."),
    };
    let head = head.unwrap_or_default();
    tool.output.done(&answer, format_args!("{intact}{unsealed}.{pruned}\nHead: {head}"))?;
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sentence(fault: &ChainFault) -> String {
    let place = fault.position.map(|position| format!(" at position {position}")).unwrap_or_default();
    let event = fault.event_id.map_or_else(|| "an event".to_owned(), |id| format!("event {id}"));
    match fault.kind {
        "changed" => format!("{event}{place} was changed"),
        "missing" => format!("{event}{place} is missing"),
        "unproved" => format!("{event}{place} may have been changed: the seal before it is missing"),
        "inserted" => format!("{event} was inserted"),
        _ => format!("the chain does not contain the given head{place}: it was truncated or rewritten"),
    }
}
