//! Importing a file: look at every line, name every fault, and only then hash and write.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::json;
use sqlx::PgConnection;

use super::progress;
use crate::app::cli::output::{self, Output, count};
use crate::app::cli::tool::Tool;
use crate::gate::audit::{self, Action, Event};
use crate::identity::people::import::{LineBatches, PasswordRules, PeopleFile, Remarks, hash_all, store};
use crate::platform::passwords::Password;

/// How many faults are read back at a time.
const FAULTS: i64 = 1000;

pub(super) async fn import(tool: &Tool, file: PeopleFile, dry_run: bool) -> anyhow::Result<ExitCode> {
    let mut conn = tool.patient_connection().await?;
    let mut conn = tool.begin_on(&mut conn).await?;
    store::prepare(&mut conn).await?;
    let name = file.name.clone();
    let (lines, passwords, remarks) = look_at(tool, file, &mut conn).await?;
    store::find_faults(&mut conn).await?;
    let (faults, bad_lines) = store::count_faults(&mut conn).await?;
    if faults > 0 {
        tell_faults(tool.output, &name, &mut conn).await?;
        let faults = count(faults.unsigned_abs(), "fault", "faults");
        let bad_lines = count(bad_lines.unsigned_abs(), "line", "lines");
        bail!("nothing was imported: {faults} in {bad_lines} of {name}; mend them and import it again");
    }
    if lines == 0 {
        bail!("{name} has no people");
    }
    let imported = if dry_run {
        0
    } else {
        let bar = progress::bar("hashing", Some(passwords.len() as u64), progress::ITEMS);
        hash_all(&tool.app, &mut conn, passwords, || bar.inc(1)).await?;
        bar.finish_and_clear();
        let by = tool.by();
        let imported = store::register(&mut conn, &by).await?;
        let told = Event::new(Action::UsersImported).after(json!({"people": imported, "from": "a file"}));
        audit::store::insert(&mut conn, &by, &told).await?;
        imported
    };
    conn.commit().await?;
    let answer =
        json!({ "lines": lines, "imported": imported, "dry_run": dry_run, "faults": [], "remarks": remarks.said() });
    remarks.said().iter().for_each(|said| output::remark(said));
    let people = count(lines, "person", "people");
    let did = if dry_run { "Found no fault; would import" } else { "Imported" };
    tool.output.done(&answer, format_args!("{did} {people}."))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the file. Answers how many lines it has, the passwords that are to be hashed, and what else is to be said.
async fn look_at(
    tool: &Tool,
    file: PeopleFile,
    conn: &mut PgConnection,
) -> anyhow::Result<(u64, Vec<(i64, Password)>, Remarks)> {
    let bar = progress::bar("reading", file.size, progress::BYTES);
    let (mut lines, mut passwords, mut remarks) = (0, Vec::new(), Remarks::default());
    let mut batches = LineBatches::of(
        file,
        PasswordRules::new(tool.app.judge.policy(), tool.app.settings.knows_firebase, tool.app.clock.now()),
    );
    while let Some(batch) = batches.next().transpose()? {
        store::keep(conn, &batch).await?;
        lines += batch.lines;
        passwords.extend(batch.passwords);
        remarks.add(batch.remarks);
        bar.set_position(batches.bytes_read());
    }
    bar.finish_and_clear();
    Ok((lines, passwords, remarks))
}

/// Names every fault: for people on standard error, for scripts as JSON.
async fn tell_faults(output: Output, name: &str, conn: &mut PgConnection) -> anyhow::Result<()> {
    if output == Output::Json {
        output::line("{\"imported\": 0, \"faults\": [")?;
    }
    let mut last = None;
    loop {
        let page = store::faults(conn, last.as_ref(), FAULTS).await?;
        if page.is_empty() {
            break;
        }
        for fault in page {
            match output {
                Output::Text => output::complain(&format!("{name}:{}: {}", fault.line, fault.what)),
                Output::Json => {
                    let comma = if last.is_some() { "," } else { "" };
                    output::line(&format!("{comma}{}", serde_json::to_string(&fault)?))?;
                }
            }
            last = Some(fault);
        }
    }
    if output == Output::Json { output::line("]}") } else { Ok(()) }
}
