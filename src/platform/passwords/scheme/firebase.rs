//! Firebase Authentication's scrypt. It encrypts a key of the project with what scrypt makes of the password; that key is
//! a setting here, and does not lie beside the hashes. They are written as GoTrue writes them:
//! `$fbscrypt$v=1,n=14,r=8,p=1,ss=<salt separator>$<salt>$<hash>`, all in Base64; `n` is Firebase's `memCost`, `r` its `rounds`.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Function, Scheme, base64, bounds, unreadable};

pub(in crate::platform::passwords) const PREFIX: &str = "$fbscrypt$";

/// How the key is written in a hash that is about to be verified, and only there.
const KEY: &str = ",sk=";

/// A project's `base64_signer_key`.
#[derive(Clone, PartialEq, Eq)]
pub struct FirebaseKey(Zeroizing<String>);

impl FirebaseKey {
    /// Reads it as the Firebase console shows it.
    ///
    /// # Errors
    /// When it is not Base64 of at least 32 bytes.
    pub fn read(text: &str) -> Result<Self, String> {
        let read = base64::decode(text).filter(|bytes| bytes.len() >= 32);
        let key = read.ok_or("must be the `base64_signer_key` of the project's password hash parameters")?;
        drop(Zeroizing::new(key));
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// A hash of this project with what it takes to verify it.
    pub(in crate::platform::passwords) fn complete(&self, hash: &str) -> Option<Zeroizing<String>> {
        let (parameters, rest) = hash.strip_prefix(PREFIX)?.split_once('$')?;
        Some(Zeroizing::new(format!("{PREFIX}{parameters}{KEY}{}${rest}", *self.0)))
    }
}

impl fmt::Debug for FirebaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirebaseKey(***)")
    }
}

pub(super) struct Firebase {
    params: scrypt::Params,
    /// Salt and separator.
    salt: Vec<u8>,
    /// Not there until it is to be verified.
    key: Option<Zeroizing<Vec<u8>>>,
    output: Vec<u8>,
}

impl fmt::Debug for Firebase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Firebase(***)")
    }
}

pub(super) fn read(text: &str) -> Option<Result<Scheme, String>> {
    let rest = text.strip_prefix(PREFIX)?;
    Some(parts(rest).ok_or_else(|| unreadable("Firebase's scrypt")).flatten().map(Scheme::from))
}

fn parts(text: &str) -> Option<Result<Function, String>> {
    let fields: Vec<&str> = text.split('$').collect();
    let [parameters, salt, output] = fields[..] else { return None };
    let parameter = |name: &str| parameters.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| parameter(name)?.parse::<u32>().ok();
    if parameter("v")? != "1" {
        return None;
    }
    let mut salt = base64::decode(salt)?;
    salt.extend(parameter("ss").filter(|separator| !separator.is_empty()).map_or(Some(Vec::new()), base64::decode)?);
    let key = match parameter("sk") {
        Some(key) => Some(Zeroizing::new(base64::decode(key)?)),
        None => None,
    };
    let output = base64::decode(output)?;
    let params = bounds::output(&output)
        .and_then(|()| bounds::scrypt(number("n").unwrap_or(14), number("r").unwrap_or(8), number("p").unwrap_or(1)));
    Some(params.map(|params| Function::Firebase(Box::new(Firebase { params, salt, key, output }))))
}

impl Firebase {
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        self.computed(password).is_some_and(|computed| bool::from(computed.ct_eq(&self.output)))
    }

    fn computed(&self, password: &[u8]) -> Option<Vec<u8>> {
        let mut derived = Zeroizing::new([0; 64]);
        scrypt::scrypt(password, &self.salt, &self.params, &mut *derived).ok()?;
        let key = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, &derived[..32]).ok()?).ok()?;
        let mut output = self.key.as_ref()?.to_vec();
        key.less_safe_encrypt(&mut output, EncryptionContext::Iv128(FixedLength::from([0; 16]))).ok()?;
        Some(output)
    }
}
