//! How many connections each peer has, so that none can hold them all. No sockets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections, counted by peer.
#[derive(Debug)]
pub struct Peers {
    each: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; it is free again when this is dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Place {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Peers {
    /// Nobody is connected; each peer may have this many connections.
    pub fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { each, held: Mutex::default() })
    }

    /// A place for one more connection from an address, unless its peer has all
    /// that it may have.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let (peer, mut held) = (peer_of(address), self.held());
        let count = held.entry(peer).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Place { peers: Arc::clone(self), peer })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.peers.held();
        if let Some(count) = held.get_mut(&self.peer) {
            *count -= 1;
            // Else the table would grow with everybody who ever came.
            if *count == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

/// Who an address belongs to: an IPv4 address alone, also where it comes in the
/// form of IPv6; of IPv6 the first 64 bits, since whoever has one address has all
/// of such a network.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_no_more_places_than_it_may_and_gets_them_back() {
        let peers = Peers::new(2);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let first = peers.admit(one).unwrap();
        let _second = peers.admit(one).unwrap();
        assert!(peers.admit(one).is_none());
        assert!(peers.admit("192.0.2.2".parse().unwrap()).is_some(), "another has its own");
        drop(first);
        assert!(peers.admit(one).is_some());
    }

    #[test]
    fn whoever_has_gone_leaves_nothing_behind() {
        let peers = Peers::new(1);
        for n in 0..=255 {
            drop(peers.admit(IpAddr::from([192, 0, 2, n])).unwrap());
        }
        assert!(peers.held().is_empty());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_peer() {
        let of = |text: &str| peer_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn an_ipv4_address_is_one_peer_in_either_form() {
        assert_eq!(peer_of("::ffff:192.0.2.1".parse().unwrap()), peer_of("192.0.2.1".parse().unwrap()));
        assert_ne!(
            peer_of("::ffff:192.0.2.1".parse().unwrap()),
            peer_of("::ffff:192.0.2.2".parse().unwrap())
        );
    }
}
