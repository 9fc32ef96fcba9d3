//! Secrets: from a prompt that does not show them, or from standard input. Never from an argument, which everybody on
//! the machine could read in the list of processes.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::access::administrators::random_password;
use crate::platform::passwords::{Password, Policy};

/// No secret is longer.
const LONGEST: u64 = 64 * 1024;

/// Where a new password comes from.
#[derive(Debug, clap::Args)]
pub(super) struct NewPassword {
    /// Make a random password and print it, this once. Otherwise it is asked for, or read from standard input when that
    /// is no terminal.
    #[arg(long)]
    pub random_password: bool,
}

/// A new password, and whether it must be told to its owner.
#[derive(Debug)]
pub(super) struct PromptedPassword {
    pub password: Password,
    random: bool,
}

impl NewPassword {
    /// Gets the password that somebody is to have, of whom `about` is known: first their username.
    pub(super) fn get(&self, policy: Policy, about: &[&str]) -> anyhow::Result<PromptedPassword> {
        if self.random_password {
            return Ok(PromptedPassword { password: random_password()?, random: true });
        }
        let password = if io::stdin().is_terminal() {
            twice(about, policy, |prompt| asked(&prompt))?
        } else {
            let line = line_from(io::stdin().lock()).context("the password on standard input")?;
            if line.is_empty() {
                bail!("there is no password on standard input; send one, or let `--random-password` make one");
            }
            accepted(&line, policy, about)?
        };
        Ok(PromptedPassword { password, random: false })
    }
}

impl PromptedPassword {
    /// The password, if nobody knows it yet.
    pub(super) fn to_show(&self) -> Option<Zeroizing<String>> {
        self.random.then(|| Zeroizing::new(self.password.reveal().to_owned()))
    }
}

/// Asks twice, because nobody sees what they type.
fn twice(
    about: &[&str],
    policy: Policy,
    mut prompt: impl FnMut(String) -> anyhow::Result<Zeroizing<String>>,
) -> anyhow::Result<Password> {
    let first = prompt(format!("New password of {}: ", about.first().copied().unwrap_or_default()))?;
    let password = accepted(&first, policy, about)?;
    let second = prompt("Once more: ".to_owned())?;
    match Password::try_from(second.as_str().to_owned()) {
        Ok(second) if second.as_bytes() == password.as_bytes() => Ok(password),
        _ => bail!("the two passwords differ; nothing was changed"),
    }
}

fn accepted(text: &Zeroizing<String>, policy: Policy, about: &[&str]) -> anyhow::Result<Password> {
    let password =
        Password::try_from(text.as_str().to_owned()).map_err(|fault| anyhow::anyhow!("password: {fault}"))?;
    policy.accept(&password, about)?;
    Ok(password)
}

/// What somebody types and does not see.
fn asked(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let typed = rpassword::prompt_password(prompt);
    let advice = "can't ask for it, as this process has no terminal of its own: send it on standard input (`… < file`)";
    typed.map(Zeroizing::new).context(advice)
}

/// A secret that exists already: from a prompt, or the first line of standard input.
pub(super) fn secret(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    if io::stdin().is_terminal() { asked(prompt) } else { line_from(io::stdin().lock()).context("standard input") }
}

/// The first line, without its end.
fn line_from(input: impl BufRead) -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::new());
    input.take(LONGEST).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    let text = str::from_utf8(&line).map_err(|_| anyhow::anyhow!("is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(answers: &[&str]) -> anyhow::Result<Password> {
        let mut answers = answers.iter();
        twice(&["ada"], Policy::at_least(8), |_| {
            Ok(Zeroizing::new((*answers.next().expect("asked once too often")).to_owned()))
        })
    }

    #[test]
    fn a_prompted_password_is_typed_twice_the_same() {
        assert_eq!(typed(&["correct horse", "correct horse"]).expect("a password").as_bytes(), b"correct horse");
        let differ = typed(&["correct horse", "correct hose"]).expect_err("a typing error").to_string();
        assert!(differ.contains("differ") && !differ.contains("correct"), "{differ}");
        assert!(typed(&["correct horse", ""]).is_err());
    }

    #[test]
    fn a_weak_password_is_refused_before_it_is_asked_for_again() {
        assert!(typed(&["short"]).is_err());
        assert!(typed(&[""]).is_err());
    }

    #[test]
    fn a_line_ends_where_it_ends() {
        let read = |bytes: &[u8]| line_from(bytes).map(|line| line.as_str().to_owned()).ok();
        assert_eq!(read(b"correct horse\nbattery").as_deref(), Some("correct horse"));
        assert_eq!(read(b"correct horse \r\n").as_deref(), Some("correct horse "));
        assert_eq!(read(b"correct horse").as_deref(), Some("correct horse"));
        assert_eq!(read(b"").as_deref(), Some(""));
        assert_eq!(read(b"\xff\n"), None);
    }
}
