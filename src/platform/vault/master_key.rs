use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use super::fingerprint;

/// The key under which the vault seals: 256 bits, in a file as 64 hex digits.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.fingerprint())
    }
}

/// Where the master key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `MASTER_KEY_FILE`: somebody else makes it.
    File(PathBuf),
    /// A file in `PORTERO_DATA_DIR`, made when it is first needed.
    DataDirectory(PathBuf),
}

impl Place {
    /// The file.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::DataDirectory(directory) => directory.join("master.key"),
        }
    }
}

impl MasterKey {
    /// These 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// 16 hex digits that tell it apart from others and open nothing.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.as_bytes())
    }

    /// The key in a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When it can't be read, is no key, or others may read it.
    pub fn read(place: &Place) -> anyhow::Result<Option<Self>> {
        let path = place.path();
        let shown = path.display();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("can't read the master key in {shown}")),
        };
        let mode = std::fs::metadata(&path)?.permissions().mode();
        // A container's runtime decides itself who gets at its secrets: its files say 0444 to whoever did.
        if mode & 0o007 != 0 && !path.starts_with("/run/secrets") {
            bail!("everybody can read the master key in {shown}: chmod 600 {shown}");
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice()).map_err(|_| {
            anyhow::anyhow!("{shown} is not a master key: it holds 64 hex digits, as `openssl rand -hex 32` makes them")
        })?;
        Ok(Some(Self(bytes)))
    }

    /// Makes one and the file that it is in, closed to everybody else. Another process that makes it at the same time gets
    /// the same.
    ///
    /// # Errors
    /// When the file can't be made.
    #[expect(clippy::disallowed_methods, reason = "this is where it is made")]
    pub fn make(place: &Place) -> anyhow::Result<Self> {
        let path = place.path();
        let (mut bytes, mut suffix) = (Zeroizing::new([0; 32]), [0; 8]);
        getrandom::fill(bytes.as_mut_slice())?;
        getrandom::fill(&mut suffix)?;
        let digits = Zeroizing::new(hex::encode(bytes.as_slice()));
        match write_closed(&path, &path.with_extension(hex::encode(suffix)), &digits) {
            Ok(()) => Ok(Self(bytes)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Self::read(place)?.with_context(|| format!("{} went away", path.display()))
            }
            Err(error) => Err(error).with_context(|| {
                format!("can't make the master key in {}: set MASTER_KEY_FILE or PORTERO_DATA_DIR", path.display())
            }),
        }
    }
}

/// Whole or not at all: written beside, then linked, so that nobody reads half of it.
fn write_closed(path: &Path, beside: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o711).create(directory)?;
    }
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside).and_then(|mut file| {
        writeln!(file, "{text}")?;
        file.sync_all()
    });
    let linked = written.and_then(|()| std::fs::hard_link(beside, path));
    let _ = std::fs::remove_file(beside);
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_makes_it_and_everybody_else_reads_the_same() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::DataDirectory(directory.path().join("data"));
        assert!(MasterKey::read(&place).expect("nothing").is_none());
        let keys: Vec<String> = std::thread::scope(|scope| {
            let make = || scope.spawn(|| MasterKey::make(&place).expect("a key").fingerprint());
            let makers: Vec<_> = (0..8).map(|_| make()).collect();
            makers.into_iter().map(|maker| maker.join().expect("made")).collect()
        });
        let read = MasterKey::read(&place).expect("a key").expect("a key").fingerprint();
        assert!(keys.iter().all(|key| *key == read), "{keys:?} {read}");
        let mode = std::fs::metadata(place.path()).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path().join("data")).expect("a directory").count(), 1);
    }

    #[test]
    fn a_file_that_everybody_reads_or_that_is_no_key_is_refused_with_what_to_do() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Place::File(directory.path().join("key"));
        std::fs::write(place.path(), "secret").expect("written");
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o644)).expect("changed");
        let fault = MasterKey::read(&place).expect_err("open").to_string();
        assert!(fault.contains("chmod 600"), "{fault}");
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o600)).expect("changed");
        let fault = MasterKey::read(&place).expect_err("no key").to_string();
        assert!(fault.contains("64 hex digits") && !fault.contains("secret"), "{fault}");
    }
}
