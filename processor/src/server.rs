//! Servers of clients, whatever they speak: each has a thread and a runtime of its own, so that no question can hold up the
//! lanes, and gives every connection a place ([`crate::connection`]).

use crate::connection::{ConnectionBounds, ConnectionSlot, Places};
use crate::questions::QuestionPermits;
use crate::sql::Answerer;
#[cfg(feature = "postgres")]
use crate::tls::Tls;
use crate::tokens::TokenStore;
use event_feeder::world;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{mpsc, watch as flag};

/// How long to wait after a failure to accept, which is most often a lack of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What all servers of a process have alike, whatever they speak.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Whose turn it is: so many questions are at work at a time.
    pub turns: QuestionPermits,
    /// Where questions in SQL are worked at.
    pub answerer: Answerer,
    /// What clients must show one of, and who may do what.
    pub tokens: Option<TokenStore>,
    /// What TLS is spoken with, on connections that begin with it; the others are plain.
    #[cfg(feature = "postgres")]
    pub tls: Option<Tls>,
}

#[cfg(test)]
impl Shared {
    /// With those turns, and all else as it is by default.
    pub(crate) fn of_turns(turns: QuestionPermits) -> Shared {
        Shared { turns, ..Shared::default() }
    }
}

/// A server at work.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    thread: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its end, which comes after the `shutdown` that it was given.
    pub fn join(self) {
        // A panic there has been told by the thread that had it.
        let _ = self.thread.join();
    }
}

/// Whether the end of a server was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Closing(flag::Receiver<bool>);

impl Closing {
    /// Ready once it was.
    pub(crate) async fn asked(&self) {
        // An error means that nobody is left who could ask for it otherwise.
        let _ = self.0.clone().wait_for(|asked| *asked).await;
    }

    /// Drives a connection to its end; once the end of the server is asked for, `end` asks the connection for its own.
    pub(crate) async fn drive<C: Future>(&self, connection: C, end: impl FnOnce(Pin<&mut C>)) {
        let mut connection = pin!(connection);
        tokio::select! {
            // Errors are of the connection, which nobody is left to be told on.
            _ = connection.as_mut() => return,
            () = self.asked() => {}
        }
        end(connection.as_mut());
        let _ = connection.await;
    }
}

/// A server that is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// Of its threads.
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) bounds: ConnectionBounds,
    /// How long connections may go on after the end was asked for.
    pub(crate) drain_time_max: Duration,
}

impl Setup {
    /// Serves each connection of `listener` by `serve` until `shutdown` is ready; then takes no more, lets those that there
    /// are end for a while, and breaks off what remains. A connection that must give up its place is dropped.
    ///
    /// # Errors
    /// When the listener, the runtime or its thread cannot be set up.
    pub(crate) fn serve<C, F>(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
        serve: impl FnOnce(Closing) -> C + Send + 'static,
    ) -> io::Result<Server>
    where
        C: Fn(TcpStream, Arc<ConnectionSlot>) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut runtime = runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(self.threads).thread_name(self.name).enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (close, closing) = flag::channel(false);
        let thread = world::thread(self.name).spawn(move || {
            runtime.spawn(async move {
                shutdown.await;
                close.send_replace(true);
            });
            let closing = Closing(closing);
            runtime.block_on(self.accept(listener, closing.clone(), serve(closing)));
            // Not waited for: a question to a processor that hangs would hang its end too.
            runtime.shutdown_background();
        })?;
        Ok(Server { address, thread })
    }

    async fn accept<C, F>(self, listener: tokio::net::TcpListener, closing: Closing, serve: C)
    where
        C: Fn(TcpStream, Arc<ConnectionSlot>) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let places = Places::new(&self.bounds);
        // Each connection holds a sender; nothing is ever sent.
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = closing.asked() => break,
            };
            match accepted {
                Ok((stream, client)) => {
                    // One for whom there is no place at all is closed.
                    let Some(place) = places.take(client.ip()) else { continue };
                    // Answers are written whole, and live ones should not wait for more of themselves.
                    let _ = stream.set_nodelay(true);
                    let served = serve(stream, place.clone());
                    let (places, alive) = (places.clone(), alive.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = served => {}
                            () = place.is_over() => {}
                        }
                        places.leave(&place);
                        drop(alive);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    places.make_room();
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
        drop((listener, alive));
        let _ = tokio::time::timeout(self.drain_time_max, all_gone.recv()).await;
    }
}
