//! `portero user import`: many people at once, all or none. Everything that is wrong is named before anything is
//! written.

mod file;
mod people;
mod predecessor;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::ArgGroup;

use super::ask;
use super::tool::Tool;
use crate::base::secret::Secret;
use crate::identity::people::import::Format;

#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("source").required(true),
    override_usage = "portero user import [OPTIONS] <FILE | --from-database <URL>>",
    after_long_help = FIELDS,
)]
pub(super) struct Args {
    /// A CSV or JSON Lines file with one person a line; `-` is standard input.
    #[arg(group = "source")]
    file: Option<PathBuf>,
    /// The database of the system that Portero succeeds: people, services, roles, permissions and grants, with their
    /// ids and passwords. `-` reads the URL, which may hold a password, from IMPORT_DATABASE_URL or standard input.
    #[arg(long, value_name = "URL", group = "source")]
    from_database: Option<Secret>,
    /// What the file is; otherwise its name tells.
    #[arg(long, conflicts_with = "from_database")]
    format: Option<Format>,
    /// Only check for faults; write nothing.
    #[arg(long)]
    dry_run: bool,
}

const FIELDS: &str = "\
The fields of a file, in CSV the names in its first line:
  username, name
  password         hashed here; or
  password_hash    a hash from elsewhere (docs/operations.md lists which); it is upgraded at the next login;
                   who has neither chooses a password with a forgotten-password mail
  person_type      N (natural) or J (juridical); may be left out
  document_type    DNI, CE or RUC, with document_number; both may be left out
  email            where they can be reached; may be left out
  locale           en or es; may be left out
  disabled_at      since when they are kept out, like 2026-01-31T09:00:00Z; may be left out
  groups           names of groups, in CSV parted by `;`; may be left out
An export can be imported again: its other fields are left out, and a remark says so.";

pub(super) async fn run(args: Args, tool: &Tool) -> anyhow::Result<ExitCode> {
    match (args.file, args.from_database) {
        (Some(file), _) => {
            file::must_be_there(&file)?;
            let format = format(&file, args.format)?;
            people::import(tool, file::open(&file, format)?, args.dry_run).await
        }
        (None, Some(url)) => predecessor::import(tool, &given(url)?, args.dry_run).await,
        (None, None) => bail!("name a file, or `--from-database`"),
    }
}

fn format(file: &std::path::Path, format: Option<Format>) -> anyhow::Result<Format> {
    format.or_else(|| Format::named(file)).ok_or_else(|| {
        let file = file.display();
        anyhow::anyhow!("cannot tell the format of `{file}` from its name; add `--format csv` or `--format jsonl`")
    })
}

/// The URL, which need not be an argument that everybody on this machine can read.
fn given(url: Secret) -> anyhow::Result<Secret> {
    if url.expose() != "-" {
        return Ok(url);
    }
    if let Some(url) = std::env::var("IMPORT_DATABASE_URL").ok().filter(|url| !url.trim().is_empty()) {
        return Ok(url.trim().to_owned().into());
    }
    let url = ask::secret("URL of the old database: ")?;
    Ok(url.trim().to_owned().into())
}
