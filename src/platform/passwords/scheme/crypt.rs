//! What crypt(3) and its like write, `$id$…`: bcrypt, the SHA-crypts, yescrypt, phpass, and what PHP programs made of them.

use sha_crypt::{PasswordVerifier, ShaCrypt};
use yescrypt::Yescrypt;

use super::{Before, Function, LONGEST_IN_ROUNDS, Scheme, Sum, bounds, unreadable};

/// What is read of one that is written like this.
pub(super) fn read(text: &str) -> Option<Result<Scheme, String>> {
    let id = text.strip_prefix('$')?.split('$').next()?;
    Some(match id {
        "2a" | "2b" | "2x" | "2y" => bcrypt(text, Before::Nothing),
        "wp" => bcrypt(text.strip_prefix("$wp")?, Before::WordPress),
        "5" | "6" => sha_crypt(text, id == "6").map(Scheme::from),
        "y" => yescrypt(text).map(Scheme::from),
        "P" | "H" => {
            stretched(&text[3..], Sum::Md5, 22).ok_or_else(|| unreadable("phpass")).flatten().map(Scheme::from)
        }
        "S" => stretched(&text[3..], Sum::Sha512, 43).ok_or_else(|| unreadable("Drupal")).flatten().map(Scheme::from),
        _ => return None,
    })
}

/// bcrypt of a password to which something was done before.
pub(super) fn bcrypt(text: &str, before: Before) -> Result<Scheme, String> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| unreadable("bcrypt"))?;
    bounds::bcrypt(parts.get_cost())?;
    Ok(Scheme { before, function: Function::Bcrypt(text.to_owned()) })
}

fn is_crypt_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'/')
}

fn sha_crypt(text: &str, sha512: bool) -> Result<Function, String> {
    let unreadable = || unreadable("SHA-crypt ($5$ or $6$)");
    let mut fields: Vec<&str> = text[3..].split('$').collect();
    let rounds = fields.first().and_then(|first| first.strip_prefix("rounds="));
    if let Some(rounds) = rounds {
        let rounds: u32 = rounds.parse().map_err(|_| unreadable())?;
        bounds::sha_crypt(rounds)?;
        if rounds < sha_crypt::Params::ROUNDS_MIN {
            return Err(unreadable());
        }
        fields.remove(0);
    }
    match fields[..] {
        [salt, output]
            if (1..=16).contains(&salt.len())
                && output.len() == if sha512 { 86 } else { 43 }
                && is_crypt_base64(output) =>
        {
            Ok(Function::ShaCrypt(text.to_owned()))
        }
        _ => Err(unreadable()),
    }
}

pub(super) fn verify_sha(password: &[u8], hash: &str) -> bool {
    password.len() <= LONGEST_IN_ROUNDS && ShaCrypt::default().verify_password(password, hash).is_ok()
}

/// Those that crypt_gensalt(3) makes: with N and r, and none of what makes it take longer for the same memory.
fn yescrypt(text: &str) -> Result<Function, String> {
    let fields: Vec<&str> = text[3..].split('$').collect();
    let [parameters, salt, output] = fields[..] else { return Err(unreadable("yescrypt")) };
    if parameters.len() != 3
        || output.len() != 43
        || salt.is_empty()
        || ![salt, output].into_iter().all(is_crypt_base64)
    {
        return Err(unreadable("yescrypt"));
    }
    let parameters: yescrypt::Params = parameters.parse().map_err(|_| unreadable("yescrypt"))?;
    bounds::scrypt(parameters.n().ilog2(), parameters.r(), parameters.p())?;
    Ok(Function::Yescrypt(text.to_owned()))
}

pub(super) fn verify_yescrypt(password: &[u8], hash: &str) -> bool {
    Yescrypt::default().verify_password(password, hash).is_ok()
}

/// One character that says how often, eight of salt, and so many of output.
fn stretched(text: &str, digest: Sum, length: usize) -> Option<Result<Function, String>> {
    const DIGITS: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if text.len() != 9 + length || !is_crypt_base64(text) {
        return None;
    }
    let log_2 = u32::try_from(DIGITS.find(&text[..1])?).ok()?;
    let (salt, output) = (text[1..9].to_owned(), text[9..].to_owned());
    Some(bounds::stretched(log_2).map(|loops| Function::Stretched { digest, loops, salt, output }))
}
