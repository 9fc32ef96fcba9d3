//! `portero export --config`, `portero plan`, `portero apply`: what stands here as one file.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;

use super::output::{Output, count, line, remark};
use super::tool::Tool;
use crate::access::explanations::{PolicyDiff, Supposed, SupposedPolicies, diff};
use crate::access::policies::Asking;
use crate::app::plan::{self, Desired, Plan, State, SupposedService};

/// What `plan --exit-code` ends with where something would change.
const WOULD_CHANGE: u8 = 2;

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Services, roles, permissions, groups, resource types, policies, clients, identity providers and grants to groups: without secrets.
    #[arg(long, required = true)]
    config: bool,
    /// Also who is in which group, and which roles people hold themselves, by username.
    #[arg(long)]
    with_people: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct File {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Delete what a file has managed and this one no longer names. What was made by hand stays, unless a file has ever named it.
    #[arg(long)]
    prune: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    file: File,
    /// End with 0 if nothing would change, with 2 if something would, and with 1 on an error.
    #[arg(long)]
    exit_code: bool,
}

pub(super) async fn export(args: Export, tool: &Tool) -> anyhow::Result<()> {
    let mut conn = tool.patient_connection().await?;
    let mut tx = tool.begin_on(&mut conn).await?;
    plan::one_moment(&mut tx).await?;
    let state = plan::now_there(&mut tx, tool.app.clock.now(), args.with_people).await?;
    tx.rollback().await?;
    let (text, json) = plan::write(&state.things, args.with_people)?;
    match tool.output {
        Output::Json => tool.output.done(&json, ""),
        Output::Text => line(text.trim_end()),
    }
}

pub(super) async fn plan(args: PlanArgs, tool: &Tool) -> anyhow::Result<ExitCode> {
    let desired = read(&args.file.file, tool)?;
    let mut conn = tool.patient_connection().await?;
    let mut tx = tool.begin_on(&mut conn).await?;
    plan::one_moment(&mut tx).await?;
    let state = State::of(&mut tx, &desired, tool.app.clock.now()).await?;
    tx.rollback().await?;
    let planned = state.plan(&desired, args.file.prune);
    at(&args.file.file, plan::check(&desired, &state, &planned))?;
    tell_of(&desired, &planned, "will mark");
    let told = decisions(tool, plan::supposed(&planned, &state)).await?;
    let mut sentences = plan::sentences(&planned);
    for (service, told) in &told {
        let _ = writeln!(sentences, "In service `{service}`, by what people hold now, {}.", told.summary);
        if told.people_left_out > 0 {
            remark(&format!("looked at {} people, and not at {} others", told.people, told.people_left_out));
        }
    }
    let sum = match planned.changes.len() {
        0 => "Nothing to change.".to_owned(),
        _ => format!("Plan: {}.", plan::sum(&planned)),
    };
    let mut answer = plan::json(&planned);
    answer["decisions"] = told.iter().map(|(service, told)| json!({ "service": service, "diff": told })).collect();
    tool.output.done(&answer, format_args!("{sentences}{sum}"))?;
    let would_change = args.exit_code && !planned.changes.is_empty();
    Ok(if would_change { ExitCode::from(WOULD_CHANGE) } else { ExitCode::SUCCESS })
}

/// What becomes of decisions: for each service, whom that gives and takes what.
async fn decisions(tool: &Tool, services: Vec<SupposedService>) -> anyhow::Result<Vec<(String, PolicyDiff)>> {
    let mut told = Vec::with_capacity(services.len());
    for SupposedService { name, id, set } in services {
        let policies = SupposedPolicies::Set(&set);
        let supposed = Supposed { policies, resources: &[], context: None, patience: None };
        let diff = diff(&tool.app.access, &Asking::at_the_command_line(id), supposed, true).await?;
        told.push((name, diff));
    }
    Ok(told)
}

pub(super) async fn apply(args: File, tool: &Tool) -> anyhow::Result<()> {
    let desired = read(&args.file, tool)?;
    let secrets = plan::secrets(&tool.app, &desired).await?;
    let mut tx = tool.begin().await?;
    let applied = plan::apply(&mut tx, &tool.app, (&desired, secrets), args.prune).await;
    let applied = applied.with_context(|| args.file.display().to_string())?;
    tx.commit([]).await?;
    tell_of(&desired, &applied.plan, "has marked");
    for notice in applied.notices {
        remark(&notice);
    }
    let (created, changed, deleted) = plan::counts(&applied.plan);
    let mut sentence = match applied.plan.changes.len() {
        0 => "Nothing to change.".to_owned(),
        _ => format!("Applied: {created} created, {changed} changed, {deleted} deleted."),
    };
    let mut answer = plan::json(&applied.plan);
    let mut secrets = Vec::new();
    for made in &applied.secrets {
        let _ =
            write!(sentence, "\nThe secret of client {}, shown only once: {}", made.client_id, made.secret.reveal());
        secrets.push(json!({ "client_id": made.client_id, "client_secret": made.secret }));
    }
    answer["secrets"] = json!(secrets);
    tool.output.done(&answer, format_args!("{}{sentence}", plan::sentences(&applied.plan)))
}

fn read(file: &Path, tool: &Tool) -> anyhow::Result<Desired> {
    let shown = file.display();
    let mut text = String::new();
    // One byte more than is taken: enough to refuse it.
    let limit = plan::LARGEST as u64 + 1;
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(limit).read_to_string(&mut text))
    };
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => bail!("{shown} is not UTF-8"),
        read => read.with_context(|| format!("can't read {shown}"))?,
    };
    at(file, plan::read(text, tool.app.clock.now()))
}

/// Faults of a file, each in a line of its own.
fn at<T>(file: &Path, read: Result<T, plan::Faults>) -> anyhow::Result<T> {
    read.map_err(|faults| anyhow::Error::from(faults).context(file.display().to_string()))
}

/// What is no change and good to know.
fn tell_of(desired: &Desired, plan: &Plan, apply: &str) {
    for key in &desired.over {
        remark(&format!("{key} has come to its end: take it out of the file"));
    }
    if plan.adopted > 0 {
        let things = count(plan.adopted as u64, "thing exists", "things exist");
        let them = if plan.adopted == 1 { "it" } else { "them" };
        remark(&format!("{things} already; apply {apply} {them} as managed by this file"));
    }
}
