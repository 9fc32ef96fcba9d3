use std::fmt;

use sha2::{Digest, Sha256};

use crate::gate::audit::Origin;

/// What somebody logs in with, as it describes itself: the digest of its `User-Agent` and `x-client-id`. It proves
/// nothing; it tells one's own devices apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Device([u8; 32]);

impl Device {
    /// How many are remembered of a person, each at each network.
    pub const MOST: i32 = 64;

    /// What describes itself like this.
    pub fn of(user_agent: Option<&str>, client_id: Option<&str>) -> Self {
        let mut digest = Sha256::new();
        for part in [user_agent, client_id] {
            // With its length, so that no two pairs are written alike; absent is not empty.
            digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        Self(digest.finalize().into())
    }

    /// What a request came with.
    pub fn of_origin(origin: &Origin) -> Self {
        Self::of(origin.user_agent.as_deref(), origin.client_id.as_deref())
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", hex::encode(&self.0[..4]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_that_describe_themselves_differently_are_two(
            a: (Option<String>, Option<String>),
            b: (Option<String>, Option<String>),
        ) {
            let of = |(agent, client): &(Option<String>, Option<String>)| Device::of(agent.as_deref(), client.as_deref());
            prop_assert_eq!(a == b, of(&a) == of(&b));
            let moved = (a.0.clone().map(|agent| agent + a.1.as_deref().unwrap_or_default()), Some(String::new()));
            prop_assert_eq!(a == moved, of(&a) == of(&moved));
        }
    }
}
