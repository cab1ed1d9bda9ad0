//! What a process does when it is told to end.

use crate::error::{Error, Result};
use event_feeder::world;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Calls `then` once, on a thread of its own, at SIGTERM or Ctrl-C, with the exit code of a process that the signal ended. At
/// the next one the process ends at once, with that code.
pub(crate) fn on_signal(then: impl FnOnce(i32) + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Other(error.into()))?;
    let wait = move || {
        let mut signals = {
            // They belong to the runtime that is entered.
            let _entered = runtime.enter();
            Signals::listen()
        };
        if let Some(code) = runtime.block_on(signals.next_code()) {
            then(code);
        }
        if let Some(code) = runtime.block_on(signals.next_code()) {
            std::process::exit(code);
        }
    };
    world::thread("signals").spawn(wait).map_err(|error| Error::Other(error.into()))?;
    Ok(())
}

/// The signals that ask a process to end.
#[cfg(unix)]
struct Signals(Option<(Signal, Signal)>);

#[cfg(unix)]
impl Signals {
    /// From here on they do no more than what they are listened to for.
    fn listen() -> Signals {
        Signals(signal(SignalKind::terminate()).ok().zip(signal(SignalKind::interrupt()).ok()))
    }

    /// The exit code that the next one has; nothing where there cannot be any.
    async fn next_code(&mut self) -> Option<i32> {
        let (terminate, interrupt) = self.0.as_mut()?;
        tokio::select! {
            heard = terminate.recv() => heard.map(|()| 128 + 15),
            heard = interrupt.recv() => heard.map(|()| 128 + 2),
        }
    }
}

/// What asks a process to end.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Signals {
        Signals
    }

    /// The exit code that the next Ctrl-C has; nothing where there cannot be any.
    async fn next_code(&mut self) -> Option<i32> {
        tokio::signal::ctrl_c().await.ok().map(|()| 128 + 2)
    }
}
