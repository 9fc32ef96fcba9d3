//! `portero token check`: what a backend would be told.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use super::ask;
use super::tool::Tool;
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::base::error::Error;
use crate::base::id::{Ref, ServiceId};
use crate::gate::{Passed, Presented, Rights};
use crate::platform::http::credential;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a token or an API key, as a backend would. Exit code 0 if it is valid, 1 if not. The token is prompted for, or read from
    /// standard input. Like every check, this renews a token near its end.
    Check {
        /// Also print what its owner may do in this service: id or name.
        #[arg(long)]
        service: Option<TypedRef<ServiceId>>,
        /// A permission that its owner must hold there, by name. May be repeated.
        #[arg(long, requires = "service")]
        permission: Vec<String>,
    },
}

pub(super) async fn run(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    let Command::Check { service, permission } = command;
    let service = match service {
        Some(service) => Some(Ref::Id(service.find(&mut *tool.app.db.read().await?).await?)),
        None => None,
    };
    let presented = ask::secret("Token: ")?;
    if presented.trim().is_empty() {
        bail!("there is no token on standard input; `portero token check < file` reads one");
    }
    let checked = match Presented::of(presented.trim()) {
        Some(presented) => presented.check(&tool.app, service, None).await,
        None => Err(credential::invalid()),
    };
    match checked {
        Ok(passed) => valid(tool, passed, &permission),
        Err(Error::Refused(refusal)) => {
            let answer = json!({ "valid": false, "error": refusal.code, "detail": refusal.detail });
            tool.output.done(&answer, format_args!("Not valid: {}.", refusal.detail))?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

fn valid(tool: &Tool, checked: Passed, wanted: &[String]) -> anyhow::Result<ExitCode> {
    let payload = checked.payload;
    let renewed = if checked.renewed { " (renewed just now)" } else { "" };
    let mut said = format!(
        "Valid until {}{renewed}: {}, {} (id {}).",
        moment(checked.expires_at),
        payload.username,
        payload.name,
        payload.user_id
    );
    let mut answer = json!({
        "valid": true, "payload": payload, "renewed": checked.renewed,
        "expires_at": checked.expires_at.unix_timestamp(),
    });
    let mut allowed = true;
    if let Some(Rights { service, effective, .. }) = checked.rights {
        let listed = |names: &[Arc<str>]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let (roles, permissions) = (listed(&effective.roles), listed(&effective.permissions));
        let _ = write!(said, "\nIn service {service}: roles: {roles}; permissions: {permissions}.");
        if !wanted.is_empty() {
            allowed = effective.allows(wanted);
            answer["allowed"] = Value::Bool(allowed);
            said.push_str(if allowed { "\nAllowed." } else { "\nNot allowed." });
        }
        answer["service_id"] = json!(service);
        answer["roles"] = json!(effective.roles);
        answer["permissions"] = json!(effective.permissions);
    }
    tool.output.done(&answer, said)?;
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
