/// What somebody has to sign in with, besides a password.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaysIn {
    pub passkeys: i64,
    /// Whether they have recovery codes left.
    pub has_codes: bool,
    /// Whether they have an address of their own, to which a password can be mailed that recovery codes go with.
    pub has_address: bool,
}

impl WaysIn {
    /// Whether they can do without a password: with two passkeys, so that one may get lost; or with one, and recovery codes for the
    /// login that follows once a password was mailed to them.
    pub fn are_enough(self) -> bool {
        match self.passkeys {
            0 => false,
            1 => self.has_codes && self.has_address,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_them_may_get_lost() {
        let enough = |passkeys, has_codes, has_address| WaysIn { passkeys, has_codes, has_address }.are_enough();
        assert!(enough(2, false, false) && enough(1, true, true));
        assert!(!enough(0, true, true) && !enough(1, true, false) && !enough(1, false, true));
    }
}
