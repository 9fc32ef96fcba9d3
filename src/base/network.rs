//! Networks and sites: what strangers share, and what they are counted by.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// What counts as one place: an address, or the /64 of an IPv6 one, all of which is usually one customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    const IPV6_PREFIX: u8 = 64;
    const SITE_IPV4_PREFIX: u8 = 24;
    const SITE_IPV6_PREFIX: u8 = 48;

    /// Where an address is.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = Ipv6Net::new(address, Self::IPV6_PREFIX).map(|network| network.trunc());
                Self(network.map_or_else(|_| IpAddr::V6(address).into(), Into::into))
            }
            address @ IpAddr::V4(_) => Self(address.into()),
        }
    }

    /// What it belongs to.
    pub fn site(self) -> Site {
        let prefix = if self.0.addr().is_ipv4() { Self::SITE_IPV4_PREFIX } else { Self::SITE_IPV6_PREFIX };
        Site(IpNet::new(self.0.addr(), prefix).map_or(self.0, |site| site.trunc()))
    }

    /// The first address there.
    pub fn address(&self) -> IpAddr {
        self.0.addr()
    }
}

/// Places that belong together, to one customer or one hoster: 256 addresses, or the /48 of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site(IpNet);

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_together_is_one_site() {
        let of = |text: &str| Network::of(text.parse().expect("an address")).site();
        assert_eq!(of("203.0.113.9"), of("203.0.113.200"));
        assert_ne!(of("203.0.113.9"), of("203.0.114.9"));
        assert_eq!(of("2001:db8:7:1::1"), of("2001:db8:7:ffff::1"));
        assert_ne!(of("2001:db8:7:1::1"), of("2001:db8:8:1::1"));
    }

    #[test]
    fn neighbours_in_ipv6_are_one_and_in_ipv4_two() {
        let of = |text: &str| Network::of(text.parse().expect("an address")).to_string();
        assert_eq!(of("203.0.113.9"), "203.0.113.9/32");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9/32");
        assert_eq!(of("2001:db8:0:1::7"), "2001:db8:0:1::/64");
        assert_eq!(of("2001:db8:0:1:ffff::7"), of("2001:db8:0:1::7"));
        assert_ne!(of("2001:db8:0:2::7"), of("2001:db8:0:1::7"));
    }
}
