use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// What counts as one place: an address, or the /64 of an IPv6 one, all of which is usually one customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    const IPV6_PREFIX: u8 = 64;

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
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
