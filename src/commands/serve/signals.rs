//! What a process does when it is told to end.

use crate::error::{Error, Result};
use event_feeder::world;

/// Calls `then` once, on a thread of its own, at SIGTERM or Ctrl-C, with the exit code of a process that the signal ended.
pub(crate) fn on_signal(then: impl FnOnce(i32) + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Other(error.into()))?;
    let wait = move || {
        let code = runtime.block_on(async {
            #[cfg(unix)]
            {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut terminate), Ok(mut interrupt)) =
                    (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
                else {
                    return None;
                };
                tokio::select! { _ = terminate.recv() => Some(128 + 15), _ = interrupt.recv() => Some(128 + 2) }
            }
            #[cfg(not(unix))]
            tokio::signal::ctrl_c().await.ok().map(|()| 128 + 2)
        });
        if let Some(code) = code {
            then(code);
        }
    };
    world::thread("signals").spawn(wait).map_err(|error| Error::Other(error.into()))?;
    Ok(())
}
