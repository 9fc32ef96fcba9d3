//! Networks and sites: what strangers share, and what they are counted by.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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

/// A network that an administrator or an owner names: CIDR, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedNetwork(IpNet);

impl NamedNetwork {
    /// Whether an address is in it. An IPv4 address that is written as an IPv6 one is that IPv4 address.
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The network that is meant where an address has bits beyond its prefix.
    pub fn around(text: &str) -> Option<Self> {
        text.parse::<IpNet>().ok()?.trunc().to_string().parse().ok()
    }
}

impl FromStr for NamedNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = named.map_err(|_| {
            "expected a network such as 203.0.113.0/24 or 2001:db8::/32, or an address such as 203.0.113.7".to_owned()
        })?;
        match network {
            IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => {
                Err("write the IPv4 network as such, without ::ffff:".to_owned())
            }
            network if network.trunc() != network => {
                Err(format!("the network is {}: the address has bits beyond its prefix", network.trunc()))
            }
            network => Ok(Self(network)),
        }
    }
}

impl fmt::Display for NamedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for NamedNetwork {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NamedNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_network_has_its_addresses_and_no_others() {
        let named = |text: &str| text.parse::<NamedNetwork>();
        let has = |network: &str, address: &str| named(network).expect(network).has(address.parse().expect(address));
        assert!(has("203.0.113.0/24", "203.0.113.9") && has("203.0.113.0/24", "::ffff:203.0.113.9"));
        assert!(!has("203.0.113.0/24", "203.0.114.9") && !has("203.0.113.0/24", "2001:db8::1"));
        assert!(has("203.0.113.7", "203.0.113.7") && !has("203.0.113.7", "203.0.113.8"));
        assert!(has("2001:db8::/32", "2001:db8:1::1") && !has("2001:db8::/32", "2001:db9::1"));
        assert!(has("0.0.0.0/0", "203.0.113.9") && !has("0.0.0.0/0", "2001:db8::1"));
        for bad in
            ["", "here", "203.0.113.9/24", "203.0.113.0/33", "::ffff:203.0.113.0/120", " 203.0.113.7", "10.0.0/8"]
        {
            assert!(named(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_with_bits_beyond_its_prefix_is_told_its_network() {
        for (text, meant) in [("10.0.0.1/8", "10.0.0.0/8"), ("2001:db8::1/32", "2001:db8::/32")] {
            assert_eq!(NamedNetwork::around(text).map(|network| network.to_string()).as_deref(), Some(meant));
            assert!(text.parse::<NamedNetwork>().is_err_and(|fault| fault.contains(meant)));
        }
        for none in ["here", "10.0.0.1", "10.0.0.1/33", "::ffff:10.0.0.1/104"] {
            assert_eq!(NamedNetwork::around(none), None, "{none}");
        }
    }

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
