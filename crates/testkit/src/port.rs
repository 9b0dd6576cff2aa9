//! Free ports on the loopback address.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

/// A port that nobody listens on. Somebody may take it before the caller does: try again with another then.
///
/// It lies below the range that the kernel takes the ports of outgoing connections from, which is why the kernel
/// is not asked for it (port 0). A server here stops and comes back on its port while clients keep trying, and
/// in that range one of them could get the very port that it calls: it would be connected with itself, and the
/// server could not come back.
pub fn free() -> u16 {
    let range = range();
    // The hasher's keys are the randomness that the standard library has.
    let start = RandomState::new().hash_one(0);
    let width = u64::from(range.end - range.start);
    let ports = (0..width).map(|step| range.start + u16::try_from((start + step) % width).unwrap_or(0));
    let mut free = ports.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().expect("a port is free")
}

/// Ports that are neither reserved for root nor given to outgoing connections.
fn range() -> Range<u16> {
    let outgoing = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = outgoing.split_whitespace().next().and_then(|port| port.parse().ok()).unwrap_or(32_768);
    // Somebody may have given nearly all ports to outgoing connections.
    if first > 12_000 { 10_000..first } else { 10_000..u16::MAX }
}
