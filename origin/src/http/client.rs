//! Who calls, by address: the limit on what one client may cost. It is spent by calls of the API, and by deliveries that
//! cannot be answered from memory; what is in memory costs less than counting it.
//!
//! The address is the socket's, or the one that the outermost proxy of ours saw (`MILLINER_TRUSTED_PROXIES`): each appends
//! what it saw to `X-Forwarded-For`, so that what a client wrote there itself is further to the left, and is never read.
//! Behind a load balancer Lambda names no socket: whom the header does not tell either, all of them share one limit.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Error;
use super::finish::rate_headers;
use crate::app::App;
use crate::rates::RateState;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whoever is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// What counts as one client: an IPv4 address, or the /64 that one subscriber has of IPv6; and all whose address nobody
/// tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Known(IpAddr),
    Unknown,
}

/// Lets a call of the API through if its client has not made too many.
pub async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    match spend(&app, request.headers(), request.extensions()).await {
        Err(error) => error.into_response(),
        Ok(rate) => {
            let mut response = next.run(request).await;
            if let Some(rate) = rate {
                rate_headers(response.headers_mut(), &rate);
            }
            response
        }
    }
}

/// Takes one call from whoever sent this. `None`: nobody counts.
pub async fn spend(
    app: &App,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Option<RateState>, Error> {
    let Some(per_minute) = app.config.limits.address_rate else { return Ok(None) };
    let client = Client::behind(app.config.server.trusted_proxies, extensions.get(), headers);
    match app.address_rates.spend(client, per_minute.get()).await {
        Ok(state) => Ok(Some(state)),
        Err(state) => Err(Error::TooManyCalls(state)),
    }
}

impl Client {
    /// Who is behind this many proxies, as far as what they say makes sense.
    fn behind(proxies: u8, peer: Option<&Peer>, headers: &HeaderMap) -> Self {
        let forwarded = usize::from(proxies).checked_sub(1).and_then(|nth| nth_from_right(headers, nth));
        let address = forwarded.or_else(|| peer.map(|Peer(address)| *address));
        address.map_or(Self::Unknown, Self::of)
    }

    fn of(address: IpAddr) -> Self {
        Self::Known(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Known(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Several lines of a header are one list.
fn nth_from_right(headers: &HeaderMap, nth: usize) -> Option<IpAddr> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    address(str::from_utf8(entries.nth(nth)?).ok()?.trim())
}

/// Some write a port behind it, and brackets around it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).or_else(bare)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_static(line))).collect()
    }

    fn client(proxies: u8, lines: &[&'static str]) -> String {
        let peer = Peer(PEER.parse().unwrap());
        Client::behind(proxies, Some(&peer), &headers(lines)).to_string()
    }

    #[test]
    fn the_nth_address_from_the_right_is_the_clients() {
        for (proxies, lines, expected) in [
            (0, &["203.0.113.7"][..], PEER),
            (1, &[], PEER),
            (1, &["203.0.113.7"], "203.0.113.7"),
            (1, &["198.51.100.9, 203.0.113.7"], "203.0.113.7"),
            (2, &["1.1.1.1, 198.51.100.9 ,203.0.113.7"], "198.51.100.9"),
            (2, &["1.1.1.1, 198.51.100.9", "203.0.113.7"], "198.51.100.9"),
            (3, &["198.51.100.9, 203.0.113.7"], PEER),
            (1, &["203.0.113.7:4711"], "203.0.113.7"),
        ] {
            assert_eq!(client(proxies, lines), expected, "{proxies} {lines:?}");
        }
    }

    #[test]
    fn nonsense_is_the_peer() {
        for nonsense in
            ["", ",", "unknown", "203.0.113", "203.0.113.7 x", "[203.0.113.7]", "_hidden", "fe80::1%eth0"]
        {
            assert_eq!(client(1, &[nonsense]), PEER, "{nonsense}");
        }
        let odd = HeaderValue::from_bytes(b"\xff\xfe").unwrap();
        let headers = HeaderMap::from_iter([(FORWARDED_FOR, odd)]);
        let peer = Peer(PEER.parse().unwrap());
        assert_eq!(Client::behind(1, Some(&peer), &headers).to_string(), PEER);
    }

    #[test]
    fn without_a_peer_whom_no_proxy_names_is_unknown() {
        for (proxies, lines, expected) in [
            (1, &["198.51.100.9, 203.0.113.7"][..], "203.0.113.7"),
            (2, &["1.1.1.1, 198.51.100.9, 203.0.113.7"], "198.51.100.9"),
            (0, &["203.0.113.7"], "unknown"),
            (1, &[], "unknown"),
            (2, &["203.0.113.7"], "unknown"),
            (1, &["nobody"], "unknown"),
        ] {
            let client = Client::behind(proxies, None, &headers(lines)).to_string();
            assert_eq!(client, expected, "{proxies} {lines:?}");
        }
    }

    #[test]
    fn of_ipv6_a_64_is_one_client() {
        for text in ["2001:db8:1:2::1", "[2001:db8:1:2:ffff::9]", "[2001:db8:1:2::1]:443"] {
            assert_eq!(client(1, &[text]), "2001:db8:1:2::/64", "{text}");
        }
        assert_eq!(client(1, &["2001:db8:1:3::1"]), "2001:db8:1:3::/64");
        assert_eq!(client(1, &["::ffff:203.0.113.7"]), "203.0.113.7");
    }
}
