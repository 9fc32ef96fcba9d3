//! `portero audit`: is the audit trail what it was?

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::output::{complain, count};
use super::tool::Tool;
use crate::app::trail::{self, Fault, Head};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Walk the whole chain and name every event that was changed, taken out or slipped in: exit code 0 when all is as it
    /// was written, 1 when not. The head that it shows, noted elsewhere, proves later that the chain was not cut off or
    /// written anew.
    Verify {
        /// A head that was noted earlier, which the chain must go through: `<position>:<hash>`.
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
    let intact = count(report.intact, "event is", "events are");
    let unsealed = match report.unsealed {
        0 => String::new(),
        waiting => format!(" {} for a seal.", count(waiting, "waits", "wait")),
    };
    let pruned = match report.begins_after {
        0 => String::new(),
        up_to => format!(" The first {up_to} were pruned."),
    };
    let head = head.unwrap_or_default();
    tool.output.done(&answer, format_args!("{intact} as written.{unsealed}{pruned}\nHead: {head}"))?;
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sentence(fault: &Fault) -> String {
    let place = fault.position.map(|position| format!(" at position {position}")).unwrap_or_default();
    let event = fault.event_id.map_or_else(|| "an event".to_owned(), |id| format!("event {id}"));
    match fault.kind {
        "changed" => format!("{event}{place} is not what was written"),
        "missing" => format!("{event}{place} is missing"),
        "unproved" => format!("{event}{place} may have been changed: the seal before it, which would tell, is missing"),
        "inserted" => format!("{event} was slipped in"),
        _ => format!("the chain does not go through the head that was noted{place}: it was cut off or written anew"),
    }
}
