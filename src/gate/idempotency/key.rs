use std::fmt;
use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base::error::{Error, Result};
use crate::base::id::{KeyId, PersonId};
use crate::base::network::Network;

/// The request header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key, in characters.
pub const LONGEST: usize = 255;

/// From a stranger the key is all that keeps others from the answer.
pub const SHORTEST_OF_STRANGERS: usize = 32;

/// SHA-256.
pub type Hash = [u8; 32];

/// Whose keys are apart from everybody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOwner {
    /// Somebody, in whichever session.
    Person(PersonId),
    /// A backend.
    ServiceKey(KeyId),
    /// Whoever calls from there.
    Stranger(IpAddr),
}

/// A key, and who came with it: enough to find what was asked under it, and to open its answer.
#[derive(Clone)]
pub struct PresentedKey {
    caller: String,
    digest: Hash,
    secret: Zeroizing<Hash>,
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(***)")
    }
}

impl PresentedKey {
    /// The key in `headers`, of `who`, who came with `credential` (empty for a stranger).
    ///
    /// # Errors
    /// 400 `invalid_idempotency_key`.
    pub fn of(headers: &HeaderMap, who: KeyOwner, credential: &str) -> Result<Self> {
        let key = key(headers, matches!(who, KeyOwner::Stranger(_)))?;
        let digest = match who {
            KeyOwner::Person(PersonId(id)) => digest("person's key", &[&id.to_be_bytes(), key]),
            KeyOwner::ServiceKey(KeyId(id)) => digest("service key's key", &[&id.to_be_bytes(), key]),
            KeyOwner::Stranger(address) => digest("stranger's key", &[address.to_string().as_bytes(), key]),
        };
        let caller = match who {
            KeyOwner::Person(PersonId(id)) => format!("person:{id}"),
            KeyOwner::ServiceKey(KeyId(id)) => format!("key:{id}"),
            KeyOwner::Stranger(address) => format!("network:{}", Network::of(address)),
        };
        Ok(Self { caller, digest, secret: Zeroizing::new(digest_of_secrets(key, credential)) })
    }

    /// Whose share of the keys it counts to.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// What it is stored under.
    pub fn digest(&self) -> &Hash {
        &self.digest
    }

    /// Tells whether it is the same session that asks again: no other can open the answer.
    pub fn session(&self) -> Hash {
        digest("session", &[self.secret.as_slice()])
    }

    /// Tells whether the same is asked again. Without the key and the credential nobody can try bodies against it.
    pub fn fingerprint(&self, target: &str, body: &Hash) -> Hash {
        digest("fingerprint", &[self.secret.as_slice(), target.as_bytes(), body])
    }

    /// What seals the answer to `body`.
    pub fn seal(&self, body: &Hash) -> Zeroizing<Hash> {
        Zeroizing::new(digest("seal", &[self.secret.as_slice(), body]))
    }
}

fn digest_of_secrets(key: &[u8], credential: &str) -> Hash {
    digest("secret", &[key, credential.as_bytes()])
}

/// The SHA-256 of parts, for one purpose: each with its length before it, so that no two lists of parts are the same
/// bytes.
fn digest(purpose: &str, parts: &[&[u8]]) -> Hash {
    let mut sha = Sha256::new();
    for part in [b"portero idempotency".as_slice(), purpose.as_bytes()].iter().chain(parts) {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    sha.finalize().into()
}

fn key(headers: &HeaderMap, of_a_stranger: bool) -> Result<&[u8]> {
    let refuse = |detail: String| Err(Error::bad_request("invalid_idempotency_key", detail));
    let mut values = headers.get_all(HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refuse("`Idempotency-Key` was sent twice; send one".to_owned());
    };
    let key = value.as_bytes();
    if key.is_empty() || key.len() > LONGEST || !key.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return refuse(format!(
            "`Idempotency-Key` has 1 to {LONGEST} printable ASCII characters; a random UUID is right"
        ));
    }
    if of_a_stranger && key.len() < SHORTEST_OF_STRANGERS {
        let detail = "without a token `Idempotency-Key` has at least";
        return refuse(format!("{detail} {SHORTEST_OF_STRANGERS} characters; a random UUID is right"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn presented(key: &[u8], who: KeyOwner, credential: &str) -> Result<PresentedKey> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(key).expect("a header"));
        PresentedKey::of(&headers, who, credential)
    }

    proptest! {
        #[test]
        fn no_two_lists_of_parts_have_the_same_digest(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..5),
            others in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..5),
            cut in 0..20_usize,
        ) {
            let spell = |parts: &[Vec<u8>]| {
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                digest("test", &parts)
            };
            prop_assert_eq!(parts == others, spell(&parts) == spell(&others));
            // The same bytes, cut elsewhere.
            let whole = parts.concat();
            let (head, tail) = whole.split_at(cut.min(whole.len()));
            let recut = vec![head.to_vec(), tail.to_vec()];
            prop_assert_eq!(parts == recut, spell(&parts) == spell(&recut));
        }

        #[test]
        fn callers_never_share_a_key(a in any::<i32>(), b in any::<i32>(), key in "[ -~]{1,40}") {
            let of = |who| presented(key.trim().as_bytes(), who, "").map(|presented| *presented.digest()).ok();
            let (person, backend) = (of(KeyOwner::Person(PersonId(a))), of(KeyOwner::ServiceKey(KeyId(b))));
            prop_assert!(person.is_none() || person != backend);
            prop_assert_eq!(person.is_none() || a == b, person == of(KeyOwner::Person(PersonId(b))));
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let ada = KeyOwner::Person(PersonId(1));
        for bad in [b"".as_slice(), &[b'x'; 256], "ñ".as_bytes(), b"a\tb"] {
            assert!(presented(bad, ada, "").is_err(), "{bad:?}");
        }
        assert!(presented(&[b'x'; 255], ada, "").is_ok());
        let stranger = KeyOwner::Stranger([127, 0, 0, 1].into());
        assert!(presented(b"guessable", stranger, "").is_err());
        assert!(presented(b"8e03978e-40d5-43dd-bc93-6894a57f9324", stranger, "").is_ok());
    }

    #[test]
    fn another_session_has_another_seal() {
        let of = |token| presented(b"key", KeyOwner::Person(PersonId(1)), token).expect("a key");
        let (one, other) = (of("ptk_1"), of("ptk_2"));
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.session(), other.session());
        assert_ne!(one.seal(&[0; 32]), other.seal(&[0; 32]));
        assert_ne!(one.seal(&[0; 32]), one.seal(&[1; 32]));
        assert_ne!(one.fingerprint("POST /roles", &[0; 32]), other.fingerprint("POST /roles", &[0; 32]));
    }
}
