//! PHC strings, `$name$v=…$parameters$salt$output`: Argon2, scrypt and PBKDF2, and passlib's way of writing the last.

use argon2::{Algorithm, Argon2, Params, Version};

use super::{Function, Salted, Scheme, Sum, base64, bounds, unreadable};

/// What is read of one that is written like this.
pub(super) fn read(text: &str) -> Option<Result<Scheme, String>> {
    let (name, rest) = text.strip_prefix('$')?.split_once('$')?;
    let read: fn(&str, &Parts) -> Result<Function, String> = match name {
        "argon2id" | "argon2i" | "argon2d" => argon2,
        "scrypt" => scrypt,
        name if name == "pbkdf2" || name.starts_with("pbkdf2-") => pbkdf2,
        _ => return None,
    };
    Some(
        Parts::of(rest)
            .ok_or_else(|| unreadable("Argon2, scrypt or PBKDF2"))
            .and_then(|parts| read(name, &parts))
            .map(Scheme::from),
    )
}

/// What comes after the name.
struct Parts<'a> {
    version: Option<u32>,
    parameters: &'a str,
    salted: (Vec<u8>, Vec<u8>),
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut fields: Vec<&str> = text.split('$').collect();
        let (output, salt) = (base64::decode(fields.pop()?)?, base64::decode(fields.pop()?)?);
        let version = match fields.first() {
            Some(first) if first.starts_with("v=") => Some(fields.remove(0)[2..].parse().ok()?),
            _ => None,
        };
        match fields[..] {
            [parameters] => Some(Self { version, parameters, salted: (salt, output) }),
            _ => None,
        }
    }

    fn parameter(&self, name: &str) -> Option<u32> {
        self.parameters.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    }

    fn needed(&self, name: &'static str) -> Result<u32, String> {
        self.parameter(name).ok_or_else(|| format!("the hash lacks its parameter `{name}`"))
    }

    fn salted(&self) -> Salted {
        let (salt, output) = self.salted.clone();
        Salted { salt, output }
    }
}

fn argon2(name: &str, parts: &Parts) -> Result<Function, String> {
    let (memory, passes, lanes) = (parts.needed("m")?, parts.needed("t")?, parts.needed("p")?);
    bounds::argon2(memory, passes, lanes)?;
    let salted = parts.salted();
    bounds::output(&salted.output)?;
    let params = Params::new(memory, passes, lanes, Some(salted.output.len()))
        .map_err(|error| format!("its Argon2 parameters don't work: {error}"))?;
    let version = Version::try_from(parts.version.unwrap_or(0x10)).map_err(|error| error.to_string())?;
    let algorithm = match name {
        "argon2id" => Algorithm::Argon2id,
        "argon2i" => Algorithm::Argon2i,
        _ => Algorithm::Argon2d,
    };
    Ok(Function::Argon2(Box::new(Argon2::new(algorithm, version, params)), salted))
}

fn scrypt(_: &str, parts: &Parts) -> Result<Function, String> {
    let params = bounds::scrypt(parts.needed("ln")?, parts.needed("r")?, parts.needed("p")?)?;
    let salted = parts.salted();
    bounds::output(&salted.output)?;
    Ok(Function::Scrypt(params, salted))
}

fn pbkdf2(name: &str, parts: &Parts) -> Result<Function, String> {
    let digest = match name.strip_prefix("pbkdf2-").unwrap_or("sha1") {
        "sha1" => Sum::Sha1,
        "sha256" => Sum::Sha256,
        "sha384" => Sum::Sha384,
        "sha512" => Sum::Sha512,
        _ => {
            return Err(
                "looks like PBKDF2 over a digest that Portero can't verify: sha1, sha256, sha384 or sha512".to_owned()
            );
        }
    };
    // passlib writes the number alone.
    let rounds = parts.parameter("i").or_else(|| parts.parameters.parse().ok());
    let rounds = rounds.ok_or("the hash lacks its parameter `i`, the number of rounds")?;
    let salted = parts.salted();
    if parts.parameter("l").is_some_and(|length| length as usize != salted.output.len()) {
        return Err(unreadable("PBKDF2"));
    }
    bounds::pbkdf2(digest, rounds, salted)
}
