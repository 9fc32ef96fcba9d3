//! The `.env` of the working directory: settings that the environment does not have.
//!
//! It chooses databases, mail servers and more, so it is read only where nobody else can have written it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::known::{is_read, port_for_others, probable_typo, steers_the_machine};
use crate::platform::ownership::{OwnershipError, Trusted, open_itself};

const NAME: &str = ".env";
/// More is no file of settings.
const LONGEST: u64 = 1024 * 1024;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct EnvFile {
    pub path: PathBuf,
    /// Names in it that Portero does not read.
    pub passed_over: Vec<String>,
}

impl EnvFile {
    /// What to say of names in it that were probably meant to be settings.
    pub fn probable_typos(&self) -> Vec<String> {
        let typos = self.passed_over.iter().filter_map(|name| probable_typo(name));
        let has = |name: &str| self.passed_over.iter().any(|other| other == name) || std::env::var_os(name).is_some();
        typos.chain(port_for_others(has).filter(|_| self.passed_over.iter().any(|name| name == "PORT"))).collect()
    }
}

/// One line of it.
type Setting = (String, String);

/// Reads the `.env` of the working directory, if there is one, and adds it to the environment, which goes before it.
///
/// To be called before there is another thread.
///
/// # Errors
/// What is wrong and what to do, without a value, which may be a secret.
pub fn load() -> Result<Option<EnvFile>, String> {
    let Some((file, settings)) = read(Path::new("."), rustix::process::geteuid().is_root())? else { return Ok(None) };
    for (name, value) in settings {
        if std::env::var_os(&name).is_none() {
            #[expect(unsafe_code, reason = "the SDK of OpenTelemetry reads the environment itself")]
            // SAFETY: nobody reads the environment meanwhile, as there is no other thread yet.
            unsafe {
                std::env::set_var(name, value);
            }
        }
    }
    Ok(Some(file))
}

/// The settings of the `.env` in this directory. For root, none of them may choose programs or directories.
fn read(directory: &Path, for_root: bool) -> Result<Option<(EnvFile, Vec<Setting>)>, String> {
    let path = directory.join(NAME);
    // Where it is, for those who read about it.
    let shown = directory.canonicalize().unwrap_or_else(|_| directory.to_owned()).join(NAME);
    let Some(text) = text(directory, &path).map_err(|fault| format!("{}: {fault}", shown.display()))? else {
        return Ok(None);
    };
    let all = parse(&text).map_err(|fault| format!("{}: {fault}", shown.display()))?;
    let steering: Vec<&str> =
        all.iter().map(|(name, _)| name.as_str()).filter(|name| steers_the_machine(name)).collect();
    if for_root && !steering.is_empty() {
        let names = steering.join(", ");
        return Err(format!(
            "{}: {names} would choose programs or directories, which no file does for root: set it in the environment instead",
            shown.display()
        ));
    }
    let (settings, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| is_read(name));
    let passed_over = others.into_iter().map(|(name, _)| name).collect();
    Ok(Some((EnvFile { path: shown, passed_over }, settings)))
}

fn text(directory: &Path, path: &Path) -> Result<Option<String>, String> {
    match fs::symlink_metadata(path) {
        // Some keep programs in a directory of that name.
        Ok(found) if found.is_dir() => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let file = open_itself(path, File::options().read(true)).map_err(|error| match error.kind() {
        io::ErrorKind::Other => format!("{error}: put the file itself there, or set the environment"),
        _ => format!("can't be read: {error}"),
    })?;
    guarded(directory, path, &file)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| format!("can't be read: {error}"))?;
    if bytes.len() as u64 > LONGEST {
        return Err("is longer than 1 MiB, which no file of settings is".to_owned());
    }
    String::from_utf8(bytes).map(Some).map_err(|_| "is not UTF-8; save it as such".to_owned())
}

/// That nobody else can have written it, or put another in its place.
fn guarded(directory: &Path, path: &Path, file: &File) -> Result<(), String> {
    let trusted = Trusted::ours();
    let refused = |fault: OwnershipError| {
        let we = crate::platform::ownership::name_of(rustix::process::geteuid().as_raw());
        let remedy = fault.remedy().map(|command| format!("`{command}`, ")).unwrap_or_default();
        format!(
            "not read, since {fault}. If you know what is in it: {remedy}or run this elsewhere; {we} reads only what nobody else can change"
        )
    };
    let found = file.metadata().map_err(|error| error.to_string())?;
    let around = fs::metadata(directory).map_err(|error| error.to_string())?;
    let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let name = path.file_name().map_or_else(|| real.clone(), |name| real.join(name));
    trusted.owns(&name, &found).and_then(|()| trusted.owns(&real, &around)).map_err(refused)
}

/// `NAME=value` lines. Nothing in a value is replaced, so that it is what is written:
///
/// - without quotes, up to the end of the line, or to a `#` after a space; it has no space in it;
/// - `'…'`, up to the next `'`;
/// - `"…"`, where, as in a shell, `\"`, `\\`, `` \` `` and `\$` stand for the second character, and any other `\` for itself.
fn parse(text: &str) -> Result<Vec<Setting>, String> {
    let mut settings = Vec::new();
    let mut names = BTreeSet::new();
    for (number, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, rest) = name(line).ok_or_else(|| format!("line {} is not NAME=value", number + 1))?;
        let value = value(rest).map_err(|fault| format!("the line of {name} (line {}): {fault}", number + 1))?;
        if !names.insert(name) {
            return Err(format!("{name} is set twice (again in line {}): remove one of them", number + 1));
        }
        settings.push((name.to_owned(), value));
    }
    Ok(settings)
}

fn name(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line);
    let (name, rest) = line.split_once('=')?;
    let name = name.trim();
    let first = name.bytes().next()?;
    let is_name = !first.is_ascii_digit() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    is_name.then_some((name, rest))
}

fn value(rest: &str) -> Result<String, String> {
    if rest.contains('\0') {
        return Err("it has a NUL in it".to_owned());
    }
    let is_apart = rest.starts_with([' ', '\t']);
    let rest = rest.trim();
    match rest.chars().next() {
        Some('\'') => {
            let (value, after) = rest[1..].split_once('\'').ok_or("the closing ' is missing")?;
            nothing(after).map(|()| value.to_owned())
        }
        Some('"') => double_quoted(&rest[1..]),
        Some('#') if !is_apart => {
            Err("write a value that begins with # between quotes; a comment stands after a space".to_owned())
        }
        Some('#') | None => Ok(String::new()),
        Some(_) => {
            let end = rest.find([' ', '\t']).unwrap_or(rest.len());
            nothing(&rest[end..]).map(|()| rest[..end].to_owned())
        }
    }
}

fn double_quoted(rest: &str) -> Result<String, String> {
    let mut value = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return nothing(&rest[at + 1..]).map(|()| value),
            '\\' => value.push(chars.next_if(|(_, next)| r#""\`$"#.contains(*next)).map_or('\\', |(_, next)| next)),
            _ => value.push(c),
        }
    }
    Err("the closing \" is missing".to_owned())
}

/// That there is nothing but a comment.
fn nothing(after: &str) -> Result<(), String> {
    let rest = after.trim_start();
    // A `#` directly after the value is no comment to a shell.
    if rest.is_empty() || rest.starts_with('#') && rest.len() < after.len() {
        return Ok(());
    }
    Err("there is more after the value; write NAME=value, with quotes around a value that has spaces".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn read_one(line: &str) -> Result<String, String> {
        parse(line).map(|mut settings| settings.pop().expect("a setting").1)
    }

    #[test]
    fn a_value_is_what_is_written() {
        for (written, meant) in [
            ("A=Zan$ahoria-77-limon-verde", "Zan$ahoria-77-limon-verde"),
            (r#"A="a $b ${c} $(d) $$""#, "a $b ${c} $(d) $$"),
            ("A=${HOME}", "${HOME}"),
            (r"A=a\b\$c\\", r"a\b\$c\\"),
            (r"A='a\b $c \'", r"a\b $c \"),
            (r#"A="a\b \"c\" \\ \$d \` \n""#, r#"a\b "c" \ $d ` \n"#),
            ("A=it's", "it's"),
            ("A=a#b", "a#b"),
            ("A=a=b", "a=b"),
            ("A=a # why", "a"),
            ("A='a # b' # why", "a # b"),
            (r#"A="a # b" # why"#, "a # b"),
            ("  export A = a  ", "a"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A='#b'", "#b"),
            ("\u{feff}A=a\r\n", "a"),
            ("A='Müller ñ €'", "Müller ñ €"),
        ] {
            assert_eq!(read_one(written).as_deref(), Ok(meant), "{written}");
        }
        let all = parse("# a comment\n\nA=1\n # another\nB='2'\n").expect("two");
        assert_eq!(all, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn a_line_that_can_mean_two_things_is_refused_without_its_value() {
        for line in [
            "A=hunter2 or not",
            "A='hunter2",
            "A=\"hunter2",
            "A='hunter2'x",
            "A=\"hunter2\"#x",
            "A='hunter2' 'x'",
            "hunter2",
            "1A=hunter2",
            "=hunter2",
            "A=1\nA=hunter2",
            "A=hunter2\0",
            "A=#hunter2",
            "A =#hunter2 #",
        ] {
            let fault = parse(line).expect_err(line);
            assert!(!fault.contains("hunter2"), "{fault}");
            assert!(fault.contains("line "), "{fault}");
        }
    }

    /// A directory with a `.env` in it.
    fn with(text: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join(NAME), text).expect("written");
        directory
    }

    fn refusal(directory: &Path) -> String {
        read(directory, false).expect_err("it is refused")
    }

    #[test]
    fn it_is_read_where_nobody_else_can_have_written_it() {
        let ours = with("ADMIN=ours\nEDITOR=vi\n");
        let (file, settings) = read(ours.path(), false).expect("read").expect("it is there");
        assert_eq!(settings, [("ADMIN".to_owned(), "ours".to_owned())]);
        assert_eq!(
            (file.path, file.passed_over),
            (ours.path().canonicalize().expect("real").join(NAME), vec!["EDITOR".to_owned()])
        );

        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
        let file = ours.path().join(NAME);
        mode(&file, 0o646);
        assert!(refusal(ours.path()).contains("can be changed by everybody"), "{}", refusal(ours.path()));
        mode(&file, 0o600);
        for open in [0o777, 0o1777] {
            mode(ours.path(), open);
            assert!(refusal(ours.path()).contains("chmod go-w"), "{}", refusal(ours.path()));
        }
        mode(ours.path(), 0o700);
        assert!(read(ours.path(), false).is_ok());
    }

    #[test]
    fn a_strangers_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let planted = with("ADMIN=stranger\n");
        let give = |path: &Path, uid, gid| chown(path, Some(uid), Some(gid)).expect("chown");
        give(&planted.path().join(NAME), 4321, 4321);
        assert!(refusal(planted.path()).contains("belongs to uid 4321"), "{}", refusal(planted.path()));
        give(&planted.path().join(NAME), 0, 0);
        give(planted.path(), 4321, 4321);
        assert!(refusal(planted.path()).contains("belongs to uid 4321"), "{}", refusal(planted.path()));
        // A group that has others in it, as far as can be told.
        give(planted.path(), 0, 1);
        fs::set_permissions(planted.path(), fs::Permissions::from_mode(0o770)).expect("chmod");
        assert!(refusal(planted.path()).contains("its group"), "{}", refusal(planted.path()));
    }

    #[test]
    fn nothing_but_a_file_is_read() {
        let elsewhere = with("ADMIN=elsewhere\n");
        let here = tempfile::tempdir().expect("a directory");
        symlink(elsewhere.path().join(NAME), here.path().join(NAME)).expect("a link");
        assert!(refusal(here.path()).contains("is a link"), "{}", refusal(here.path()));

        fs::remove_file(here.path().join(NAME)).expect("removed");
        nix::unistd::mkfifo(&here.path().join(NAME), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert!(refusal(here.path()).contains("no file"), "{}", refusal(here.path()));

        fs::remove_file(here.path().join(NAME)).expect("removed");
        assert!(read(here.path(), false).expect("no fault").is_none());
        fs::create_dir(here.path().join(NAME)).expect("a directory");
        assert!(read(here.path(), false).expect("no fault").is_none());
    }

    #[test]
    fn one_above_is_not_read() {
        let above = with("ADMIN=stranger\n");
        let below = above.path().join("below");
        fs::create_dir(&below).expect("mkdir");
        assert!(read(&below, false).expect("no fault").is_none());
    }

    #[test]
    fn for_root_it_chooses_no_program_and_no_directory() {
        for name in ["PG_BINDIR", "PORTERO_DATA_DIR", "PATH", "HOME", "XDG_DATA_HOME", "LD_PRELOAD", "TMPDIR"] {
            let file = with(&format!("ADMIN=root\n{name}=/tmp/planted\n"));
            let refused = read(file.path(), true).expect_err(name);
            assert!(refused.contains(name) && refused.contains("environment"), "{refused}");
            // Others choose their own; what is not Portero's own is not theirs to choose here.
            let (_, settings) = read(file.path(), false).expect("read").expect("there");
            assert_eq!(settings.iter().any(|(set, _)| set == name), name.starts_with('P') && name != "PATH", "{name}");
        }
    }
}
