//! Who is at the other end: the peer, or, behind proxies that we trust, whom they name.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{HOST, HeaderName};
use axum::http::{Extensions, HeaderMap, HeaderValue};
use ipnet::IpNet;

/// At most so often it is said that a proxy writes what can't be read.
const COMPLAINTS: Duration = Duration::from_mins(1);

/// So much of it is shown.
const SHOWN: usize = 60;

/// The other end of the connection, put into each request by the listener.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The client's address. `X-Forwarded-For` is believed only as far as trusted proxies wrote it: from its right end
/// to the first address that is not one of them. Where one of them wrote what can't be read, whoever it means counts as that
/// proxy: nobody can choose to be somebody else by it.
pub fn client_ip(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer.ip().to_canonical();
    if !is_trusted(client) {
        return client;
    }
    // As bytes: what a stranger put there, before proxies added to it, must not hide what they wrote.
    let lines = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes);
    let hops: Vec<&[u8]> = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect();
    for hop in hops.iter().rev().map(|hop| hop.trim_ascii()).filter(|hop| !hop.is_empty()) {
        let Some(ip) = str::from_utf8(hop).ok().and_then(address) else {
            complain(client, hop);
            break;
        };
        client = ip;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// What proxies add to what they pass on, and browsers to what a page sends.
const FORWARDED: [&str; 10] = [
    "forwarded",
    "via",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "origin",
    "sec-fetch-site",
];

/// Whether a request came from a program on this machine, and nobody passed it on: by the other end of the connection, whatever
/// proxies are trusted. No header makes it so; those of a proxy or a browser make it not so, and so does a name of this machine
/// that others have for it.
pub fn is_of_this_machine(request: &Extensions, headers: &HeaderMap) -> bool {
    // Only tests have no listener.
    let peer = request.get().is_none_or(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    let is_passed_on =
        |name: &HeaderName| FORWARDED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-");
    peer && !headers.keys().any(is_passed_on) && headers.get(HOST).is_none_or(is_loopback)
}

/// Whether a `Host` is this machine by a name that is good on it alone.
fn is_loopback(host: &HeaderValue) -> bool {
    let host = host.to_str().unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or(host, |(name, _)| name);
    let ip = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// An address as proxies write it: alone, with a port, in brackets, in quotes, with the zone of a link.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let (bare, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            (inside, after.strip_prefix(':').or_else(|| after.is_empty().then_some("0"))?)
        }
        // A second colon is one of an IPv6 address.
        None => text.split_once(':').filter(|(_, port)| !port.contains(':')).unwrap_or((text, "0")),
    };
    port.parse::<u16>().ok()?;
    let without_zone = bare.split_once('%').map_or(bare, |(ip, _)| ip);
    without_zone.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

fn complain(proxy: IpAddr, hop: &[u8]) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_none_or(|last| last.elapsed() > COMPLAINTS) {
        *last = Some(Instant::now());
        drop(last);
        let hop = hop[..hop.len().min(SHOWN)].escape_ascii();
        tracing::warn!(
            %proxy,
            "a trusted proxy's X-Forwarded-For has `{hop}` where an address should be: whoever that is counts as the proxy"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&[u8]], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value).expect("a header value"));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().expect("a network")).collect();
        client_ip(SocketAddr::new(peer.parse().expect("an address"), 1), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_names_nobody() {
        assert_eq!(seen("203.0.113.9", &[b"198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &[b"198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn trusted_proxies_are_believed_as_far_as_they_wrote() {
        let trusted = ["10.0.0.0/8"];
        let seen = |forwarded: &[&[u8]]| seen("10.0.0.1", forwarded, &trusted);
        assert_eq!(seen(&[b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen(&[b"1.1.1.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(seen(&[b"1.1.1.1", b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen(&[b"1.1.1.1", b"198.51.100.1", b"10.0.0.2"]), "198.51.100.1");
        assert_eq!(super::tests::seen("::ffff:10.0.0.1", &[b"198.51.100.1"], &trusted), "198.51.100.1");
    }

    #[test]
    fn an_address_is_read_however_a_proxy_writes_it() {
        for (written, meant) in [
            ("203.0.113.7:50123", "203.0.113.7"),
            ("203.0.113.7,", "203.0.113.7"),
            (",, 203.0.113.7 , ,", "203.0.113.7"),
            ("\t203.0.113.7\t", "203.0.113.7"),
            ("\"203.0.113.7:50123\"", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:50123", "2001:db8::1"),
            ("\"[2001:DB8:0:0::1]:50123\"", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:1", "fe80::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:1", "203.0.113.7"),
            ("[::ffff:cb00:7107]", "203.0.113.7"),
            ("1.1.1.1:1, 203.0.113.7:2, 10.0.0.2:3, [::ffff:10.0.0.3]:4", "203.0.113.7"),
        ] {
            assert_eq!(seen("10.0.0.1", &[written.as_bytes()], &["10.0.0.0/8"]), meant, "{written}");
        }
    }

    #[test]
    fn this_machine_is_the_other_end_of_the_connection_and_never_a_header() {
        let is_ours = |peer: &str, headers: &[&'static str]| {
            let mut request = Extensions::new();
            request.insert(Peer(SocketAddr::new(peer.parse().expect("an address"), 1)));
            let value = HeaderValue::from_static("127.0.0.1");
            let headers = headers.iter().map(|name| (axum::http::HeaderName::from_static(name), value.clone()));
            is_of_this_machine(&request, &headers.collect())
        };
        for ours in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(is_ours(ours, &["host"]), "{ours}");
            assert!(FORWARDED.iter().all(|name| !is_ours(ours, &[name])), "{ours}");
        }
        for name in ["x-forwarded-proto", "x-forwarded-port", "x-forwarded-server"] {
            assert!(!is_ours("127.0.0.1", &[name]), "{name}");
        }
        for ours in ["localhost", "LOCALHOST:7878", "127.0.0.1:7878", "[::1]:7878", "[::1]"] {
            assert!(is_loopback(&HeaderValue::from_static(ours)), "{ours}");
        }
        for other in ["evil.example", "evil.example:7878", "localhost.evil.example", "10.0.0.1", "[2001:db8::1]:80", ""]
        {
            assert!(!is_loopback(&HeaderValue::from_static(other)), "{other}");
        }
        for other in ["203.0.113.9", "10.0.0.1", "::", "0.0.0.0", "2001:db8::1"] {
            assert!(!is_ours(other, &[]) && !is_ours(other, &["x-forwarded-for"]), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_its_proxy_and_nobody_that_a_stranger_names() {
        let trusted = ["10.0.0.0/8"];
        for unreadable in [
            "unknown",
            "_hidden",
            "garbage",
            "203.0.113.7:",
            "203.0.113.7:99999",
            "203.0.113.7:1:2",
            "[203.0.113.7",
            "1.1.1",
            "0x7f.1",
            "\"\"",
        ] {
            let behind = format!("1.1.1.1, {unreadable}");
            assert_eq!(seen("10.0.0.1", &[behind.as_bytes()], &trusted), "10.0.0.1", "{unreadable}");
            let further = format!("1.1.1.1, {unreadable}, 10.0.0.2");
            assert_eq!(seen("10.0.0.1", &[further.as_bytes()], &trusted), "10.0.0.2", "{unreadable}");
        }
        // Bytes that are no text, from a stranger, hide nothing that the proxy wrote.
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1, \xff\xfe, 198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1", b"\xff"], &trusted), "10.0.0.1");
    }
}
