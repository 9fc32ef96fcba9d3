//! Whose a file is. What decides over programs, settings and data is believed only where nobody else may have written it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::{Gid, Group, Uid, User};

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
/// In such a directory nobody renames or removes what belongs to others.
const STICKY: u32 = 0o1000;
/// As the kernel has it: whoever needs more goes in a circle.
const MOST_LINKS: u8 = 40;

/// Why something is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// Somebody else owns it.
    #[error("{} belongs to {}, who may have put anything there", path.display(), name_of(*owner))]
    Foreign { path: PathBuf, owner: u32 },
    /// Others may write to it.
    #[error("{} can be changed by {} (mode {:03o})", path.display(), writers(*mode), mode & 0o777)]
    Open { path: PathBuf, mode: u32 },
    /// It is not what it looks like.
    #[error("{} is {what}, which is not followed", path.display())]
    Link { path: PathBuf, what: &'static str },
    /// It can't be looked at.
    #[error("can't look at {}: {source}", path.display())]
    Unseen { path: PathBuf, source: io::Error },
}

impl OwnershipError {
    /// What it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Foreign { path, .. }
            | Self::Open { path, .. }
            | Self::Link { path, .. }
            | Self::Unseen { path, .. } => path,
        }
    }

    /// The command that would mend it, where there is one.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Foreign { path, .. } => Some(format!("chown {} {}", name_of(our_uid()), path.display())),
            Self::Open { path, .. } => Some(format!("chmod go-w {}", path.display())),
            Self::Link { .. } | Self::Unseen { .. } => None,
        }
    }
}

/// The user with this id, by name where there is one.
pub fn name_of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn writers(mode: u32) -> &'static str {
    if mode & OTHERS_WRITE != 0 { "everybody on this machine" } else { "its group" }
}

/// Whose files are believed.
#[derive(Clone, Debug)]
pub struct Trusted(Vec<u32>);

impl Trusted {
    /// Ours and root's.
    pub fn ours() -> Self {
        let unmapped = if in_user_namespace() { overflow_uid() } else { None };
        Self([our_uid(), 0].into_iter().chain(unmapped).collect())
    }

    /// And those of this user.
    #[must_use]
    pub fn and(mut self, uid: u32) -> Self {
        self.0.push(uid);
        self
    }

    /// Whether this user is one of them.
    pub fn has(&self, uid: u32) -> bool {
        self.0.contains(&uid)
    }

    /// That this belongs to one of them, and that nobody else may write to it.
    pub fn owns(&self, path: &Path, found: &Metadata) -> Result<(), OwnershipError> {
        self.belongs(path, found)?;
        if is_open(found) {
            return Err(OwnershipError::Open { path: path.to_owned(), mode: found.mode() });
        }
        Ok(())
    }

    fn belongs(&self, path: &Path, found: &Metadata) -> Result<(), OwnershipError> {
        if self.has(found.uid()) {
            return Ok(());
        }
        Err(OwnershipError::Foreign { path: path.to_owned(), owner: found.uid() })
    }

    /// The same of whatever is at the end of this path; and that nobody else can put something else there: that goes for
    /// each directory and each link on the way. Answers the way without links, or none where it leads to nothing yet.
    pub fn owns_way_to(&self, path: &Path) -> Result<Option<PathBuf>, OwnershipError> {
        let unseen = |path: &Path| {
            let path = path.to_owned();
            move |source| OwnershipError::Unseen { path, source }
        };
        let absolute = std::path::absolute(path).map_err(unseen(path))?;
        let mut ahead: VecDeque<OsString> = steps(&absolute).collect();
        let mut here = PathBuf::from("/");
        let mut found = fs::symlink_metadata(&here).map_err(unseen(&here))?;
        let mut links = 0;
        while let Some(step) = ahead.pop_front() {
            self.belongs(&here, &found)?;
            if is_open(&found) && found.mode() & STICKY == 0 {
                return Err(OwnershipError::Open { path: here, mode: found.mode() });
            }
            if step == ".." {
                here.pop();
                found = fs::symlink_metadata(&here).map_err(unseen(&here))?;
                continue;
            }
            let next = here.join(&step);
            found = match fs::symlink_metadata(&next) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(unseen(&next)(error)),
            };
            if !found.is_symlink() {
                here = next;
                continue;
            }
            self.belongs(&next, &found)?;
            links += 1;
            if links > MOST_LINKS {
                return Err(OwnershipError::Link { path: next, what: "one of too many links" });
            }
            let target = fs::read_link(&next).map_err(unseen(&next))?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            found = fs::symlink_metadata(&here).map_err(unseen(&here))?;
            for step in steps(&target).collect::<Vec<_>>().into_iter().rev() {
                ahead.push_front(step);
            }
        }
        self.owns(&here, &found)?;
        Ok(Some(here))
    }

    /// Opens a file that belongs to one of them. A link is not followed, and nothing but a file is opened; what has a second
    /// name may be a file of somebody else's.
    pub fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<File> {
        let file = open_itself(path, options)?;
        let found = file.metadata()?;
        if found.nlink() > 1 {
            return Err(io::Error::other(
                OwnershipError::Link { path: path.to_owned(), what: "a file with a second name" }.to_string(),
            ));
        }
        self.owns(path, &found).map_err(|fault| io::Error::other(fault.to_string()))?;
        Ok(file)
    }
}

/// Opens a file, whosever it is. A link is not followed, and nothing but a file is opened.
pub fn open_itself(path: &Path, options: &OpenOptions) -> io::Result<File> {
    // What waits for another end, like a pipe, does not keep us.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let refused = |what| io::Error::other(OwnershipError::Link { path: path.to_owned(), what }.to_string());
    let file = options.clone().custom_flags(flags).open(path).map_err(|error| {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if is_link { refused("a link") } else { error }
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused("no file")) }
}

/// What `..` and names a path consists of.
fn steps(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

/// Whether others than its owner may write to it.
fn is_open(found: &Metadata) -> bool {
    let mode = found.mode();
    mode & OTHERS_WRITE != 0 || mode & GROUP_WRITES != 0 && !is_private(found.gid(), found.uid())
}

/// Whether nobody is in this group but its file's owner, as far as can be told: many systems give each user a group of their
/// own name, and let it write to their files. Who is in root's group is root, or may become it.
fn is_private(gid: u32, owner: u32) -> bool {
    let may_be_root = gid == 0 || cfg!(target_os = "macos") && gid == 80;
    let Ok(group) = Group::from_gid(Gid::from_raw(gid)) else { return false };
    // Without a name in this system, as in a container: nobody is in it by name.
    let Some(group) = group else { return true };
    let name = name_of(owner);
    may_be_root || group.name == name && group.mem.iter().all(|member| *member == name)
}

/// Whether ids here are others than those of the machine. What belongs to its root then seems to belong to nobody.
fn in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let whole = ["0", "0", "4294967295"];
    !map.is_empty() && !map.split_whitespace().eq(whole)
}

fn overflow_uid() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
}
