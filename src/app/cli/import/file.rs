//! A file on this machine, or what is piped in.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, bail};

use crate::identity::people::import::{Format, PeopleFile};

/// Before anything is said about what it holds.
pub(super) fn must_be_there(path: &Path) -> anyhow::Result<()> {
    if path != Path::new("-") {
        let found = fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?;
        if found.is_dir() {
            bail!("{} is a directory", path.display());
        }
    }
    Ok(())
}

pub(super) fn open(path: &Path, format: Format) -> anyhow::Result<PeopleFile> {
    if path == Path::new("-") {
        return PeopleFile::new("standard input".to_owned(), io::stdin(), None, format);
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("can't read {name}"))?;
    let metadata = file.metadata().with_context(|| format!("can't read {name}"))?;
    if metadata.is_dir() {
        bail!("{name} is a directory");
    }
    let size = metadata.is_file().then_some(metadata.len());
    PeopleFile::new(name, file, size, format)
}
