//! Anybody can be a public client. What is stored for one that has shown nothing yet is bounded for each address.

use std::net::{IpAddr, Ipv4Addr};

use super::Client;
use crate::base::error;
use crate::base::network::Network;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::error::Result;
use crate::platform::http::rate_limit;

/// So many pushed requests and proofs of public clients a minute are taken from an address.
pub const A_MINUTE: u32 = 300;

/// One more of them.
///
/// # Errors
/// 429 `temporarily_unavailable`.
pub fn take_share(oauth: &OAuth, client: &Client, origin: &Origin) -> Result<()> {
    let Some(shares) = oauth.public_clients.as_ref().filter(|_| client.is_public()) else { return Ok(()) };
    let network = Network::of(origin.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let refused = |left: rate_limit::Left| {
        let what = "public clients at this address have sent too many pushed requests and DPoP proofs";
        rate_limit::refusal("rate_limited", what, &[left], left.reset)
    };
    shares.take(network, oauth.clock.uptime()).map(|_| ()).map_err(refused).map_err(error::Error::into)
}
