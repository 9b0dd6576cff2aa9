//! Where a call comes from. `X-Forwarded-For` is believed from trusted proxies only: anybody else may
//! write into it what he likes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::{HttpRequest, web};
use ipnet::IpNet;

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Arc<[IpNet]>);

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Whether the next hop is a trusted proxy, whose headers may be believed.
pub fn is_proxy(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<TrustedProxies>>().is_some_and(|proxies| proxies.trusts(next_hop(request)))
}

fn next_hop(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()).to_canonical()
}

/// The address of the caller: the last one on the way here that no trusted proxy has.
pub fn address(request: &HttpRequest) -> IpAddr {
    let peer = next_hop(request);
    let Some(proxies) = request.app_data::<web::Data<TrustedProxies>>() else { return peer };
    let values: Vec<&str> =
        request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).collect();
    let mut caller = peer;
    // From the nearest hop outward, for as long as the one who wrote it is trusted.
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        if !proxies.trusts(caller) {
            break;
        }
        caller = hop.to_canonical();
    }
    caller
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn caller(peer: &str, forwarded: &[&str]) -> String {
        let trusted = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()].into());
        let mut request = TestRequest::default().peer_addr((peer.parse::<IpAddr>().unwrap(), 1).into());
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        address(&request.app_data(web::Data::new(trusted)).to_http_request()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(caller("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(caller("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.2.0.1"]), "198.51.100.7");
        assert_eq!(caller("::ffff:10.0.0.1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(caller("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(caller("10.0.0.1", &["unknown, x"]), "10.0.0.1");
        assert_eq!(caller("10.0.0.1", &["junk, 198.51.100.7"]), "198.51.100.7");
    }
}
