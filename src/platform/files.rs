//! How many files and sockets may be open.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// For listeners, logs, those who are turned away, and connections to Postgres besides those of the pool.
const RESERVED: usize = 256;

/// The most connections, whatever the system would allow.
const MOST: usize = 10_000;

/// Raises the limit as far as we may; answers what it is now, or `None` where the system does not say.
pub fn raise_limit() -> Option<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_err() {
        return Some(number(soft));
    }
    Some(number(hard))
}

/// What [`raise_limit`] can raise it to.
pub fn highest_limit() -> Option<usize> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| number(hard))
}

fn number(limit: rlim_t) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// How many connections there is room for where `limit` files may be open and `database` of them are connections to
/// Postgres.
pub fn connections(limit: Option<usize>, database: usize) -> usize {
    let Some(limit) = limit else { return MOST };
    limit.saturating_sub(RESERVED + database).max(limit / 2).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_all_else() {
        assert_eq!(connections(None, 8), 10_000);
        assert_eq!(connections(Some(1_048_576), 8), 10_000);
        assert_eq!(connections(Some(1024), 8), 760);
        assert_eq!(connections(Some(256), 8), 128);
        assert_eq!(connections(Some(0), 8), 1);
    }
}
