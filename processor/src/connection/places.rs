//! Who has a place: so many connections in all, so many of one client, and a few reserved ones beside them.

use super::ConnectionBounds;
use super::place::{ConnectionSlot, PhaseLimits, PlaceClass};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What counts as one client: an address, and of version 6, where each machine has as many as it likes, the first half.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

/// All connections of a server.
#[derive(Debug)]
pub(crate) struct Places {
    full_max: usize,
    per_client_max: usize,
    reserved_max: usize,
    limits: [PhaseLimits; 2],
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    next: u64,
    places: BTreeMap<u64, Arc<ConnectionSlot>>,
}

impl Places {
    pub(crate) fn new(bounds: &ConnectionBounds) -> Arc<Places> {
        Arc::new(Places {
            full_max: bounds.connections_max.max(1),
            per_client_max: bounds.connections_per_client_max.max(1),
            reserved_max: bounds.reserved_max,
            limits: [PlaceClass::Full, PlaceClass::Reserved].map(|standing| PhaseLimits::of(bounds, standing)),
            open: Mutex::default(),
        })
    }

    /// A place for a connection; the one that waits longest for its client goes where there is none. `None` where all
    /// are at work.
    pub(crate) fn take(&self, client: IpAddr) -> Option<Arc<ConnectionSlot>> {
        let client = network(client);
        let mut open = self.lock();
        let full = |place: &ConnectionSlot| place.standing() == PlaceClass::Full;
        let own = |place: &ConnectionSlot| full(place) && place.client == client;
        let has_place = open.make_room(self.per_client_max, own) && open.make_room(self.full_max, full);
        let reserved = |place: &ConnectionSlot| place.standing() == PlaceClass::Reserved;
        let (standing, limits) = match has_place {
            true => (PlaceClass::Full, self.limits[0]),
            false if open.make_room(self.reserved_max, reserved) => (PlaceClass::Reserved, self.limits[1]),
            false => return None,
        };
        let number = open.next;
        open.next += 1;
        let place = Arc::new(ConnectionSlot::new(number, client, standing, limits));
        open.places.insert(number, place.clone());
        Some(place)
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, place: &ConnectionSlot) {
        self.lock().places.remove(&place.number);
    }

    /// Sends the connection away that waits longest for its client, if one does.
    pub(crate) fn make_room(&self) {
        self.lock().send_one_away(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        // Places are inserted and removed whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenConnections {
    /// Whether there is room for one more of a kind, of which there are so many at most.
    fn make_room(&mut self, most: usize, is_one: impl Fn(&ConnectionSlot) -> bool) -> bool {
        let there = self.places.values().filter(|place| is_one(place)).count();
        there < most || self.send_one_away(is_one)
    }

    fn send_one_away(&mut self, is_one: impl Fn(&ConnectionSlot) -> bool) -> bool {
        let waiting = self.places.values().filter(|place| is_one(place));
        let longest = waiting.filter_map(|place| Some((place.waits()?, place.number))).min();
        let Some(place) = longest.and_then(|(_, number)| self.places.remove(&number)) else { return false };
        place.send_away();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::ConnectionPhase;
    use super::*;
    use std::time::Duration;

    fn places(full: usize, per_client: usize, reserved: usize) -> Arc<Places> {
        let time = Duration::from_secs(60);
        Places::new(&ConnectionBounds {
            connections_max: full,
            connections_per_client_max: per_client,
            reserved_max: reserved,
            reserved_time_max: time,
            head_time_max: time,
            body_time_max: time,
            idle_time_max: time,
            write_time_max: time,
        })
    }

    fn client(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    fn numbers(places: &Places) -> Vec<u64> {
        places.lock().places.keys().copied().collect()
    }

    #[tokio::test]
    async fn the_longest_waiting_go_first_and_known_clients_last() {
        let places = places(3, 3, 1);
        let first = places.take(client(1)).unwrap();
        first.is_known();
        let working = places.take(client(1)).unwrap();
        working.begin(ConnectionPhase::Answer);
        let third = places.take(client(1)).unwrap();
        assert_eq!(numbers(&places), [0, 1, 2]);
        let fourth = places.take(client(2)).unwrap();
        assert_eq!((numbers(&places), fourth.standing()), (vec![0, 1, 3], PlaceClass::Full));
        third.is_over().await;
        // The newest of strangers goes before the oldest of those who are known.
        places.take(client(2)).unwrap().begin(ConnectionPhase::Answer);
        assert_eq!(numbers(&places), [0, 1, 4]);
        places.take(client(2)).unwrap().begin(ConnectionPhase::Answer);
        assert_eq!(numbers(&places), [1, 4, 5]);
        // All are at work: what comes now is asked for health alone.
        let fifth = places.take(client(2)).unwrap();
        assert_eq!(fifth.standing(), PlaceClass::Reserved);
        let sixth = places.take(client(3)).unwrap();
        assert_eq!((numbers(&places), sixth.standing()), (vec![1, 4, 5, 7], PlaceClass::Reserved));
        sixth.begin(ConnectionPhase::Answer);
        assert!(places.take(client(3)).is_none());
        places.leave(&working);
        assert_eq!(places.take(client(3)).unwrap().standing(), PlaceClass::Full);
    }

    #[tokio::test]
    async fn one_client_does_not_take_the_places_of_all() {
        let places = places(4, 2, 1);
        for _ in 0..2 {
            places.take(client(1)).unwrap().begin(ConnectionPhase::Answer);
        }
        assert_eq!(places.take(client(1)).unwrap().standing(), PlaceClass::Reserved);
        assert_eq!(places.take(client(2)).unwrap().standing(), PlaceClass::Full);
        for _ in 0..9 {
            places.take(client(2)).unwrap();
        }
        assert_eq!(places.lock().places.values().filter(|place| place.client == client(2)).count(), 2);
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let one = |address: &str| network(address.parse().unwrap());
        assert_eq!(one("2001:db8:1:2::1"), one("2001:db8:1:2:ffff::9"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:10.0.0.1"), one("10.0.0.1"));
        assert_ne!(one("10.0.0.1"), one("10.0.0.2"));
    }

    #[tokio::test]
    async fn one_that_takes_nothing_of_its_answer_waits_too() {
        let places = places(1, 1, 0);
        let stuck = places.take(client(1)).unwrap();
        stuck.begin(ConnectionPhase::Answer);
        assert!(places.take(client(1)).is_none());
        stuck.writes(true);
        assert!(places.take(client(1)).is_some());
    }
}
