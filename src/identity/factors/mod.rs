//! Second factors: what somebody has beside their password, and the logins that wait for it.

mod code;
mod enrol;
mod freshness;
mod listed;
mod method;
mod name;
mod own;
mod pending;
mod prove;
mod purge;
mod recovery_codes;
mod remove;
mod require;
mod routes;
pub mod store;
mod totp;
mod tries;
mod trust;
mod user_routes;

pub use code::Code;
pub use enrol::{
    Confirmation, Enrolment, again as totp_again, begin as begin_totp, keep_codes, keep_first_codes, not_begun,
};
pub use freshness::{is_fresh, must_be_fresh, reauthentication_required};
pub use listed::{FactorOfUser, ListedDevice, ListedFactor, RecoveryCodesLeft};
pub use method::Method;
pub use name::FactorName;
pub use own::{begin_own, confirm_own, distrust_own, make_own_codes, remove_own, rename_own};
pub use pending::{FirstStep, Pending};
pub use prove::{Given, Proved, Spent, TotpCode, prove, prove_by};
pub use purge::{purge, purge_every_minute};
pub use recovery_codes::{IN_A_SET, RecoveryCodes, ShownCodes};
pub use remove::{remove, remove_all, rename, settle};
pub use require::RequireMfa;
pub use routes::routes;
pub use totp::{TotpSecret, qr_code};
pub use tries::{Tried, Tries};
pub use trust::{distrust, distrust_all, trust};
pub use user_routes::user_routes;
