//! Importing the database of the system that Portero succeeds: its schema `auth`, with ids and passwords, so that
//! callers which know ids go on working and people log in as before (their bcrypt hashes are upgraded then).
//!
//! - People who were removed there are imported as removed: their ids stay taken, nobody sees them. What is known of
//!   them is copied unchecked, since nobody can address them any more. Services with `status = false` are removed ones.
//! - Roles named `direct:<person>:<service>` become the roles of direct grants.
//! - A grant whose service does not offer the role makes the offer; that is how it worked there.
//! - Grants and direct roles of removed people and services, and links to rows that are not there, are left out.
//! - Sessions are not imported: everybody logs in again.
//!
//! All is written in one transaction, which ends without effect when anything is found wrong.

mod conflicts;
mod grants;
mod people;
mod source;
mod store;
mod vocabulary;

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;
use sqlx::PgConnection;

use super::progress;
use crate::app::cli::output::{self, Output, count, remark};
use crate::app::cli::tool::Tool;
use crate::base::secret::Secret;
use crate::gate::audit::{self, Action, Event};
use crate::gate::store::is_there_an_administrator;
use crate::platform::database::Address;
use source::Source;

/// Something that keeps a row from being imported.
#[derive(Debug, Serialize)]
struct RowFault {
    /// Which row: `person 12`.
    row: String,
    fault: String,
}

/// What was imported, and what was left out.
#[derive(Debug, Default, Serialize)]
struct Summary {
    people: u64,
    removed_people: u64,
    services: u64,
    removed_services: u64,
    roles: u64,
    direct_roles: u64,
    permissions: u64,
    role_permissions: u64,
    service_roles: u64,
    grants: u64,
    /// Offers that were missing, made because of a grant.
    offers_made: u64,
    /// Direct roles and links of removed people and services, and links to rows that are not there.
    left_out: u64,
}

/// An import under way.
struct Import<'a> {
    source: Source,
    /// Into here: one transaction.
    target: &'a mut PgConnection,
    faults: Vec<RowFault>,
    summary: Summary,
    /// Who and what can hold something, and be held.
    people: HashSet<i32>,
    services: HashSet<i32>,
    permissions: HashSet<i32>,
    /// For the role of a direct grant, whose it is and where.
    roles: BTreeMap<i32, Option<(i32, i32)>>,
    /// The highest id of a role, also of those that are left out.
    last_role: i32,
}

impl Import<'_> {
    fn fault(&mut self, row: impl Into<String>, fault: impl Into<String>) {
        self.faults.push(RowFault { row: row.into(), fault: fault.into() });
    }
}

pub(super) async fn import(tool: &Tool, url: &Secret, dry_run: bool) -> anyhow::Result<ExitCode> {
    let address = Address::parse(url.expose());
    let address = address.map_err(|fault| anyhow::anyhow!("the URL of the old database {fault}"))?;
    let source = Source::open(&address).await.context("the old database")?;
    let mut conn = tool.patient_connection().await?;
    let mut tx = tool.begin_on(&mut conn).await?;
    let mut import = Import {
        source,
        target: &mut tx,
        faults: Vec::new(),
        summary: Summary::default(),
        people: HashSet::new(),
        services: HashSet::new(),
        permissions: HashSet::new(),
        roles: BTreeMap::new(),
        last_role: 0,
    };
    let bar = progress::bar("importing", None, progress::ITEMS);
    // Each refers to those before it.
    vocabulary::services(&mut import).await?;
    vocabulary::permissions(&mut import).await?;
    people::people(&mut import, &bar).await?;
    vocabulary::roles(&mut import).await?;
    grants::links(&mut import).await?;
    grants::grants(&mut import).await?;
    bar.finish_and_clear();

    let Import { faults, summary, last_role, .. } = import;
    if !faults.is_empty() {
        tell_faults(tool.output, &faults)?;
        let faults = count(faults.len() as u64, "fault", "faults");
        bail!("nothing was imported: {faults}; mend them in the old database (or make room here) and import again");
    }
    if dry_run {
        tx.rollback().await?;
    } else {
        // Sequences don't take part in transactions: only now, when nothing can go wrong but the commit itself.
        store::set_sequences(&mut tx, last_role).await?;
        let told = Event::new(Action::UsersImported).after(&summary);
        audit::store::insert(&mut tx, &tool.by(), &told).await?;
        tx.commit().await?;
    }
    let no_administrator = !dry_run && !is_there_an_administrator(&mut conn, tool.app.clock.now()).await?;
    tell(tool.output, &summary, dry_run)?;
    if no_administrator {
        remark("Portero has no administrator yet: `portero admin add <username>` makes one of these people one");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_faults(output: Output, faults: &[RowFault]) -> anyhow::Result<()> {
    if output == Output::Json {
        return output.done(&serde_json::json!({ "imported": false, "faults": faults }), "");
    }
    for RowFault { row, fault } in faults {
        output::complain(&format!("{row}: {fault}"));
    }
    Ok(())
}

fn tell(output: Output, summary: &Summary, dry_run: bool) -> anyhow::Result<()> {
    let mut answer = serde_json::to_value(summary)?;
    answer["imported"] = (!dry_run).into();
    answer["dry_run"] = dry_run.into();
    if output == Output::Json {
        return output.done(&answer, "");
    }
    output::line(if dry_run { "Found no fault; would import:" } else { "Imported:" })?;
    let rows = [
        (summary.people, "people", Some((summary.removed_people, "removed"))),
        (summary.services, "services", Some((summary.removed_services, "removed"))),
        (summary.roles, "roles", Some((summary.direct_roles, "of direct grants"))),
        (summary.permissions, "permissions", None),
        (summary.role_permissions, "permissions in roles", None),
        (summary.service_roles, "roles in services", Some((summary.offers_made, "made because somebody holds them"))),
        (summary.grants, "roles held by people", None),
    ];
    for (number, what, of_them) in rows {
        let of_them = of_them.filter(|(number, _)| *number > 0);
        let of_them = of_them.map_or_else(String::new, |(number, which)| format!(" ({number} of them {which})"));
        output::line(&format!("{number:>9} {what}{of_them}"))?;
    }
    if summary.left_out > 0 {
        output::line(&format!(
            "Left out: {} of removed people or services, or of rows that are not there.",
            count(summary.left_out, "link or direct role", "links and direct roles")
        ))?;
    }
    Ok(())
}
