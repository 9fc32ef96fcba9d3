//! `portero user import`: many people at once, all or none. Everything that is wrong is named before anything is
//! written.

mod file;
mod hashing;
mod line;
mod people;
mod progress;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;

use super::tool::Tool;

#[derive(Debug, clap::Args)]
#[command(after_long_help = FIELDS)]
pub(super) struct Args {
    /// A CSV or JSON Lines file with one person a line; `-` is standard input.
    file: PathBuf,
    /// What the file is; otherwise its name tells.
    #[arg(long)]
    format: Option<Format>,
    /// Only look for faults; write nothing.
    #[arg(long)]
    dry_run: bool,
}

const FIELDS: &str = "\
The fields of a file, in CSV the names in its first line:
  username, name
  password         hashed here; or
  password_hash    a hash from elsewhere: Argon2, scrypt, PBKDF2 (PHC), bcrypt; it is upgraded at the next login
  person_type      N (natural) or J (juridical); may be left out
  document_type    DNI, CE or RUC, with document_number; both may be left out";

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values, with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

pub(super) async fn run(args: Args, tool: &Tool) -> anyhow::Result<ExitCode> {
    let format = format(&args.file, args.format)?;
    people::import(tool, file::open(&args.file, format)?, args.dry_run).await
}

fn format(file: &std::path::Path, format: Option<Format>) -> anyhow::Result<Format> {
    if let Some(format) = format {
        return Ok(format);
    }
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Ok(Format::Csv),
        "jsonl" | "ndjson" => Ok(Format::Jsonl),
        _ => bail!("`{}` does not tell what it holds; add `--format csv` or `--format jsonl`", file.display()),
    }
}
