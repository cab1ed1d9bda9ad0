//! A bucket that answers badly: a way to the server on which requests are lost, and answers are lost or break off after it has
//! done what it was asked.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The way, and how many answers it has spoilt. It ends with the tests.
pub(crate) struct Faulty {
    pub(crate) address: String,
    spoilt: Arc<AtomicU64>,
}

impl Faulty {
    /// One piece of a request or answer in `every` is lost, or cut in half, in turn.
    pub(crate) fn start(server: &str, every: u64) -> Faulty {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let spoilt = Arc::new(AtomicU64::new(0));
        let (counted, seen) = (Arc::clone(&spoilt), Arc::new(AtomicU64::new(0)));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (spoilt, seen, server) = (Arc::clone(&spoilt), Arc::clone(&seen), server.clone());
                thread::spawn(move || pass(client, &server, every, (&seen, &spoilt)));
            }
        });
        Faulty { address, spoilt: counted }
    }

    pub(crate) fn spoilt(&self) -> u64 {
        self.spoilt.load(Ordering::Relaxed)
    }
}

fn pass(client: TcpStream, server: &str, every: u64, (seen, spoilt): (&Arc<AtomicU64>, &Arc<AtomicU64>)) {
    let Ok(upstream) = TcpStream::connect(server) else { return };
    let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
    let (there_seen, there_spoilt) = (Arc::clone(seen), Arc::clone(spoilt));
    thread::spawn(move || flow(from, to, every, (&there_seen, &there_spoilt)));
    flow(upstream, client, every, (seen, spoilt));
}

/// Copies until a side ends, or one piece is spoilt; then both sides end.
fn flow(mut from: TcpStream, mut to: TcpStream, every: u64, (seen, spoilt): (&AtomicU64, &AtomicU64)) {
    let mut bytes = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if seen.fetch_add(1, Ordering::Relaxed) % every == every - 1 {
            let half = if spoilt.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { 0 } else { read / 2 };
            let _ = to.write_all(&bytes[..half]);
            break;
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
