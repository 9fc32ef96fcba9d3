//! What a hash may cost at most, so that nobody can plant one that ties up a hashing thread or takes all memory.

use super::{Function, Salted, Sum};

/// libsodium's `MODERATE` is 256 MiB and three passes.
const ARGON2_MEMORY_KIB: u32 = 256 * 1024;
const ARGON2_MEMORY_KIB_TIMES_PASSES: u32 = 3 * ARGON2_MEMORY_KIB;
const ARGON2_LANES: u32 = 16;
const BCRYPT_COST: u32 = 15;
/// 128 bytes of memory each, and about as much time.
const SCRYPT_N_TIMES_R_TIMES_P: u64 = 1 << 20;
/// For each block of output.
const PBKDF2_ROUNDS: u32 = 2_000_000;
const SHA_CRYPT_ROUNDS: u32 = 1_000_000;
const STRETCHED_LOG_2: u32 = 19;

/// Shorter ones would be found by chance.
const SHORTEST_OUTPUT: usize = 10;
const LONGEST_OUTPUT: usize = 512;

fn affordable(within: bool, most: &str) -> Result<(), String> {
    let advice = "import this person without a password, and they choose one with a forgotten-password mail";
    if within { Ok(()) } else { Err(format!("this hash costs more to verify than Portero allows ({most}); {advice}")) }
}

pub(super) fn argon2(memory: u32, passes: u32, lanes: u32) -> Result<(), String> {
    let cost = memory.saturating_mul(passes);
    let within = memory <= ARGON2_MEMORY_KIB && cost <= ARGON2_MEMORY_KIB_TIMES_PASSES && lanes <= ARGON2_LANES;
    affordable(within, "Argon2: at most 256 MiB with 3 passes, 16 lanes")
}

pub(super) fn bcrypt(cost: u32) -> Result<(), String> {
    affordable((4..=BCRYPT_COST).contains(&cost), "bcrypt: at most cost 15")
}

/// scrypt, and whatever is built upon it.
pub(super) fn scrypt(log_n: u32, r: u32, p: u32) -> Result<scrypt::Params, String> {
    let cost = 1_u64.checked_shl(log_n).and_then(|n| n.checked_mul(u64::from(r) * u64::from(p)));
    let within = log_n < 32 && cost.is_some_and(|cost| cost <= SCRYPT_N_TIMES_R_TIMES_P);
    affordable(within, "scrypt and yescrypt: N·r·p of at most 2^20, which is 128 MiB")?;
    let log_n = u8::try_from(log_n).map_err(|error| error.to_string())?;
    scrypt::Params::new(log_n, r, p).map_err(|_| "its scrypt parameters don't work".to_owned())
}

pub(super) fn pbkdf2(digest: Sum, rounds: u32, salted: Salted) -> Result<Function, String> {
    output(&salted.output)?;
    let blocks = u32::try_from(salted.output.len().div_ceil(digest.length())).unwrap_or(u32::MAX);
    let within = rounds >= 1 && rounds.saturating_mul(blocks) <= PBKDF2_ROUNDS;
    affordable(within, "PBKDF2: at most 2,000,000 rounds, counted for each block of its output")?;
    Ok(Function::Pbkdf2 { digest, rounds, salted })
}

pub(super) fn sha_crypt(rounds: u32) -> Result<(), String> {
    affordable(rounds <= SHA_CRYPT_ROUNDS, "$5$ and $6$: at most 1,000,000 rounds")
}

pub(super) fn stretched(log_2: u32) -> Result<u32, String> {
    affordable(log_2 <= STRETCHED_LOG_2, "phpass and Drupal: at most 2^19 rounds")?;
    Ok(1 << log_2)
}

/// Whether what must come of a password is long enough to mean something.
pub(super) fn output(output: &[u8]) -> Result<(), String> {
    if (SHORTEST_OUTPUT..=LONGEST_OUTPUT).contains(&output.len()) {
        return Ok(());
    }
    Err(format!("its output has {} bytes: from {SHORTEST_OUTPUT} to {LONGEST_OUTPUT} can be read", output.len()))
}
