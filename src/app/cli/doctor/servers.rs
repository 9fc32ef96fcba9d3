//! The servers of an address that names several: which is the primary, and whether the others could take over.

use super::Report;
use crate::base::no_primary::{ConnectFailure, Unfit};
use crate::platform::database::Address;

pub(super) async fn check(report: &mut Report, address: &Address) {
    let each = address.look_at_each().await;
    if each.len() < 2 {
        return;
    }
    let primaries = each.iter().filter(|(_, how)| how.is_ok()).count();
    for (server, how) in each {
        match how {
            Ok(()) if primaries == 1 => report.ok("server", format!("{server} is the primary")),
            Ok(()) => report.wrong(
                "server",
                format!("{server} is a primary, and not the only one: what is revoked on one is valid on the other"),
                "find out which one is right, and stop the others before anything else",
            ),
            Err(ConnectFailure::Unfit(Unfit::Standby)) => report.ok("server", format!("{server} is a standby")),
            Err(ConnectFailure::Unfit(Unfit::ReadOnly)) => report.wrong(
                "server",
                format!("{server} is read-only without being a standby"),
                "unset default_transaction_read_only there, or take it out of AUTH_DATABASE_URL",
            ),
            Err(ConnectFailure::Failed { text, .. }) => report.wrong(
                "server",
                format!("{server} can't be reached: {text}"),
                "start it, or take it out of AUTH_DATABASE_URL",
            ),
        }
    }
}
