//! `portero policy diff`: what a change of policies would do to people.

use std::path::PathBuf;

use anyhow::Context;

use super::OfService;
use crate::access::explanations::{Difference, RowExtent, Supposed, SupposedPolicies, Turn, diff};
use crate::access::policies::{Asking, Edits, PolicyEdit};
use crate::app::cli::decision::new_policy;
use crate::app::cli::output::{Output, Row, remark};
use crate::app::cli::tool::Tool;
use crate::gate::audit::AuditedTx;

#[derive(Debug, clap::Args)]
#[group(id = "change", required = true, multiple = true, args = ["policy", "file", "without", "policies_decide"])]
pub(in crate::app::cli) struct Args {
    /// A policy that would be new.
    #[arg(num_args = 3, value_names = ["TABLE", "ACTION", "EXPRESSION"])]
    policy: Vec<String>,
    /// A JSON list of policies: with an `id` changed, otherwise new. `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Those of the file would be all that there are.
    #[arg(long, requires = "file", conflicts_with = "without")]
    replace_all: bool,
    /// A policy that would be removed, by id. May be repeated.
    #[arg(long, value_name = "ID")]
    without: Vec<i32>,
    /// As if policies decided in the service; with `=false`, as if they did not.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    policies_decide: Option<bool>,
    #[command(flatten)]
    of: OfService,
}

impl Row for Difference {
    const HEADER: &'static [&'static str] = &["type", "action", "change", "rows", "people", "who"];

    fn cells(&self) -> Vec<String> {
        let rows = |rows: RowExtent| match rows {
            RowExtent::None => "none",
            RowExtent::Some => "some",
            RowExtent::All => "all",
        };
        let change = match self.turn {
            Turn::Gains => "gains",
            Turn::Loses => "loses",
            Turn::Differs => "differs",
        };
        let more = self.count - self.people.len();
        let mut who: Vec<String> = self.people.clone();
        who.extend((more > 0).then(|| format!("and {more} more")));
        who.extend(self.anonymous.then(|| "(not logged in)".to_owned()));
        let (before, after) = (rows(self.before), rows(self.after));
        vec![
            self.kind.clone(),
            self.action.clone(),
            change.to_owned(),
            format!("{before} -> {after}"),
            self.count.to_string(),
            who.join(", "),
        ]
    }
}

pub(super) async fn show(args: Args, mut tx: AuditedTx, tool: &Tool) -> anyhow::Result<()> {
    let service = args.of.find(&mut tx).await?;
    drop(tx);
    let mut policies = match &args.file {
        Some(file) => read(file)?,
        None => Vec::new(),
    };
    if !args.policy.is_empty() {
        policies.push(new_policy(&args.policy)?);
    }
    let edits = Edits {
        policies: &policies,
        without: &args.without,
        replaces_all: args.replace_all,
        policies_decide: args.policies_decide,
    };
    let supposed =
        Supposed { policies: SupposedPolicies::Edited(edits), resources: &[], context: None, patience: None };
    let told = diff(&tool.app.access, &Asking::at_the_command_line(service), supposed, true).await?;
    if !told.policies_decide && args.policies_decide.is_none() {
        remark("policies do not decide in this service: add `--policies-decide` to see what they would do");
    }
    if told.people_left_out > 0 {
        remark(&format!("looked at {} people, and not at {} others", told.people, told.people_left_out));
    }
    if tool.output == Output::Text && !told.differences.is_empty() {
        tool.output.list(&told.differences)?;
    }
    tool.output.done(&told, &told.summary)
}

fn read(file: &std::path::Path) -> anyhow::Result<Vec<PolicyEdit>> {
    let name = file.display();
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("standard input")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{name}"))?
    };
    let mut reader = serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(&mut reader).with_context(|| format!("{name} is no list of policies"))
}
