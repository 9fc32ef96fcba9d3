//! A world of any size, always the same: who is there, what they hold, which tokens they have. What the figures need to
//! know of it is computed, never looked up.
//!
//! Each person holds ten roles, has five live sessions, and the grants are spread over 200 services with 20 roles each. The
//! vocabulary does not grow with the people. Four services are crowded: everybody holds the first role of one of
//! them, so that a page of its holders is full whatever the size of the world.

mod fill;

use portero::base::opaque::api_key::ApiKey;
use portero::base::opaque::second_step::MfaToken;
use portero::base::opaque::token::Token;
use portero::base::opaque::{Kind, Opaque};
use portero::gate::sessions::Payload;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use fill::{api_keys, fill, refill, sessions};

pub const SERVICES: i32 = 200;
pub const ROLES: i32 = 2000;
pub const PERMISSIONS: i32 = 500;
/// Roles that a service offers; each role is offered by two services.
pub const OFFERED: i32 = 20;
/// Permissions that a role carries.
const CARRIED: i32 = 5;
const CROWDED: i32 = 4;
pub const GRANTS_EACH: i32 = 10;
pub const TOKENS_EACH: i32 = 5;
/// One in so many people has a direct grant besides.
const DIRECT_EVERY: i32 = 20;

/// Everybody's.
pub const PASSWORD: &str = "correct horse battery staple";

/// Person 1 is its administrator.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct World {
    pub people: i32,
}

/// Somebody, by number: their id.
#[derive(Clone, Copy, Debug)]
pub struct Person(pub i32);

impl Person {
    pub const ADMINISTRATOR: Self = Self(1);

    pub fn username(self) -> String {
        let h = mix(self.number());
        format!("{}{}{}{}", syllable(h), syllable(h >> 8), syllable(h >> 16), self.0)
    }

    pub fn name(self) -> String {
        let h = mix(self.number()) >> 24;
        let word = |h: u64| {
            let mut word = format!("{}{}", syllable(h), syllable(h >> 8));
            word[..1].make_ascii_uppercase();
            word
        };
        format!("{} {}", word(h), word(h >> 16))
    }

    /// The text of one of their tokens.
    pub fn token(self, which: i32) -> Token {
        self.opaque(which)
    }

    /// The text of one of their API keys, where [`api_keys`] has given them some: as many as they have tokens.
    pub fn api_key(self, which: i32) -> ApiKey {
        self.opaque(which)
    }

    /// What a login of theirs waits with for its second step, if one does.
    pub fn mfa_token(self) -> MfaToken {
        self.opaque(0)
    }

    fn opaque<K: Kind>(self, which: i32) -> Opaque<K> {
        let mut random = [0; 32];
        random[..4].copy_from_slice(&self.0.to_be_bytes());
        random[4..8].copy_from_slice(&which.to_be_bytes());
        Opaque::generate(b"a world", &random, OffsetDateTime::UNIX_EPOCH)
    }

    pub fn payload(self) -> Payload {
        Payload { user_id: self.0, username: self.username(), name: self.name() }
    }

    /// Service and role of one of their grants, each in a service of its own; the first is in a crowded service.
    pub fn grant(self, which: i32) -> (i32, i32) {
        if which == 0 {
            let service = 1 + self.0 % CROWDED;
            return (service, offer(service, 0));
        }
        let others = SERVICES - CROWDED;
        let service = 1 + CROWDED + (self.0 % others * 11 + which * 23) % others;
        (service, offer(service, (self.0 / 7 + which) % OFFERED))
    }

    /// Service, role and permission of their direct grant, if they have one.
    fn direct_grant(self) -> Option<(i32, i32, i32)> {
        (self.0 % DIRECT_EVERY == 0).then(|| (self.grant(0).0, ROLES + self.0 / DIRECT_EVERY, 1 + self.0 % PERMISSIONS))
    }

    fn number(self) -> u64 {
        u64::from(self.0.unsigned_abs())
    }
}

/// A role that a service offers.
pub fn offer(service: i32, which: i32) -> i32 {
    1 + ((service - 1) * (OFFERED / 2) + which) % ROLES
}

/// One of the permissions that a role carries.
pub fn carried(role: i32, which: i32) -> i32 {
    1 + (role * 7 + which * 101) % PERMISSIONS
}

pub fn service_name(id: i32) -> String {
    format!("{}-service-{id:03}", syllable(mix(u64::from(id.unsigned_abs()))))
}

pub fn role_name(id: i32) -> String {
    format!("{}-role-{id:04}", syllable(mix(u64::from(id.unsigned_abs()))))
}

pub fn permission_name(id: i32) -> String {
    format!("{}-permission-{id:03}", syllable(mix(u64::from(id.unsigned_abs()))))
}

/// One of 80, evenly.
fn syllable(h: u64) -> String {
    let of = |letters: &[u8], at: u64| char::from(letters[usize::try_from(at).unwrap_or(0) % letters.len()]);
    String::from_iter([of(b"bcdfghjklmnprstv", h % 16), of(b"aeiou", h / 16 % 5)])
}

/// A number that looks like chance (splitmix64).
pub fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
