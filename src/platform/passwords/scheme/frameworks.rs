//! What web frameworks write: Django, Werkzeug (Flask), ASP.NET Identity, better-auth.

use super::{Before, Function, Salted, Scheme, Sum, base64, bounds, crypt, phc, unreadable};

/// What is read of one that is written like this.
pub(super) fn read(text: &str) -> Option<Result<Scheme, String>> {
    if let Some((name, rest)) = text.split_once('$')
        && let Some(read) = django(name, rest)
    {
        return Some(read);
    }
    if let Some((name @ ("pbkdf2" | "scrypt"), rest)) = text.split_once(':') {
        return Some(werkzeug(name, rest).ok_or_else(|| unreadable("Werkzeug")).flatten().map(Scheme::from));
    }
    better_auth(text).or_else(|| asp_net(text))
}

fn django(name: &str, rest: &str) -> Option<Result<Scheme, String>> {
    let pbkdf2 = |digest| {
        let fields: Vec<&str> = rest.split('$').collect();
        let [rounds, salt, output] = fields[..] else { return Err(unreadable("Django")) };
        let (Ok(rounds), Some(output)) = (rounds.parse(), base64::decode(output)) else {
            return Err(unreadable("Django"));
        };
        let salted = Salted { salt: salt.as_bytes().to_vec(), output };
        bounds::pbkdf2(digest, rounds, salted).map(Scheme::from)
    };
    Some(match name {
        "pbkdf2_sha256" => pbkdf2(Sum::Sha256),
        "pbkdf2_sha1" => pbkdf2(Sum::Sha1),
        "argon2" => phc::read(&format!("${rest}")).unwrap_or_else(|| Err(unreadable("Django"))),
        "bcrypt" => crypt::bcrypt(rest, Before::Nothing),
        "bcrypt_sha256" => crypt::bcrypt(rest, Before::Sha256Hex),
        "scrypt" => django_scrypt(rest).ok_or_else(|| unreadable("Django")).flatten(),
        _ => return None,
    })
}

/// `N$salt$r$p$output`.
fn django_scrypt(text: &str) -> Option<Result<Scheme, String>> {
    let fields: Vec<&str> = text.split('$').collect();
    let [n, salt, r, p, output] = fields[..] else { return None };
    let salted = Salted { salt: salt.as_bytes().to_vec(), output: base64::decode(output)? };
    Some(scrypt(n, r, p, salted)?.map(Scheme::from))
}

/// `sha256:rounds$salt$output` or `N:r:p$salt$output`, in hexadecimal.
fn werkzeug(name: &str, text: &str) -> Option<Result<Function, String>> {
    let fields: Vec<&str> = text.split('$').collect();
    let [parameters, salt, output] = fields[..] else { return None };
    let salted = Salted { salt: salt.as_bytes().to_vec(), output: hex::decode(output).ok()? };
    let parameters: Vec<&str> = parameters.split(':').collect();
    match (name, &parameters[..]) {
        ("scrypt", [n, r, p]) => scrypt(n, r, p, salted),
        ("pbkdf2", [digest, rounds]) => {
            let digest = match *digest {
                "sha1" => Sum::Sha1,
                "sha256" => Sum::Sha256,
                "sha384" => Sum::Sha384,
                "sha512" => Sum::Sha512,
                _ => return None,
            };
            Some(bounds::pbkdf2(digest, rounds.parse().ok()?, salted))
        }
        _ => None,
    }
}

/// With N itself rather than its logarithm.
fn scrypt(n: &str, r: &str, p: &str, salted: Salted) -> Option<Result<Function, String>> {
    let (n, r, p): (u64, u32, u32) = (n.parse().ok()?, r.parse().ok()?, p.parse().ok()?);
    let log_n = n.is_power_of_two().then(|| n.ilog2())?;
    let checked = bounds::output(&salted.output).and_then(|()| bounds::scrypt(log_n, r, p));
    Some(checked.map(|params| Function::Scrypt(params, salted)))
}

/// `salt:output`, in hexadecimal; the salt is that text.
fn better_auth(text: &str) -> Option<Result<Scheme, String>> {
    let (salt, output) = text.split_once(':')?;
    let output = hex::decode(output).ok().filter(|output| output.len() == 64)?;
    hex::decode(salt).ok().filter(|salt| salt.len() == 16)?;
    let salted = Salted { salt: salt.as_bytes().to_vec(), output };
    let function = bounds::scrypt(14, 16, 1).map(|params| Function::Scrypt(params, salted));
    Some(function.map(|function| Scheme { before: Before::Nfkc, function }))
}

/// Base64 of a byte that says which version, and what belongs to that.
fn asp_net(text: &str) -> Option<Result<Scheme, String>> {
    let bytes = base64::decode(text)?;
    let (version, rest) = bytes.split_first()?;
    let (digest, rounds, salted) = match version {
        0 if rest.len() == 48 => (Sum::Sha1, 1000, Salted { salt: rest[..16].to_vec(), output: rest[16..].to_vec() }),
        1 if rest.len() > 12 => {
            let number = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
            let digest = match number(0)? {
                0 => Sum::Sha1,
                1 => Sum::Sha256,
                2 => Sum::Sha512,
                _ => return None,
            };
            let (salt, output) = rest[12..].split_at_checked(number(8)? as usize)?;
            (digest, number(4)?, Salted { salt: salt.to_vec(), output: output.to_vec() })
        }
        _ => return None,
    };
    Some(bounds::pbkdf2(digest, rounds, salted).map(Scheme::from))
}
