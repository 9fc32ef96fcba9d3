//! `portero user export`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;

use crate::app::cli::output::{Output, count};
use crate::app::cli::tool::Tool;
use crate::identity::people::PeopleExport;
use crate::identity::people::import::Format;

#[derive(Debug, clap::Args)]
pub(in crate::app::cli) struct Args {
    /// The format. By default that of the file name, else CSV.
    #[arg(long)]
    format: Option<Format>,
    /// The file to create, readable by you only; standard output by default.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(tool: &Tool, args: &Args) -> anyhow::Result<()> {
    let Some(path) = &args.output else {
        if tool.output == Output::Json {
            bail!("`--json` needs `--output`; to print JSON Lines, use `--format jsonl`");
        }
        write(tool, args.format.unwrap_or(Format::Csv), &mut io::stdout()).await?;
        return Ok(());
    };
    let format = args.format.or_else(|| Format::named(path)).unwrap_or(Format::Csv);
    let mut file = make(path)?;
    let people = match write(tool, format, &mut file).await {
        Ok(people) => people,
        Err(error) => {
            // Half of them would look like all.
            let _ = fs::remove_file(path);
            return Err(error.context(format!("can't write {}", path.display())));
        }
    };
    tool.output.done(
        &json!({ "exported": people, "format": format.extension(), "file": path }),
        format_args!("Wrote {} to {}.", count(people as u64, "person", "people"), path.display()),
    )
}

fn make(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::AlreadyExists => anyhow::anyhow!("{path} already exists; choose another file"),
            _ => anyhow::Error::new(error).context(format!("can't make {path}")),
        }
    })
}

/// Answers how many people were written.
async fn write(tool: &Tool, format: Format, to: &mut impl Write) -> anyhow::Result<usize> {
    let mut tx = tool.begin().await?;
    let mut export = PeopleExport::begin(&mut tx, format, true).await?;
    tx.commit([export.told()]).await?;
    while let Some(lines) = export.next(&mut *tool.app.db.read().await?, tool.app.clock.now()).await? {
        to.write_all(&lines)?;
    }
    to.flush()?;
    Ok(export.people())
}
