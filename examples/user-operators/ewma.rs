//! The operator of `ewma.wat` in Rust. To build it:
//!
//! ```sh
//! rustc --edition 2024 --target wasm32-unknown-unknown -O --crate-type cdylib \
//!     -C panic=abort -C strip=symbols -C link-arg=-zstack-size=4096 -o ewma.wasm ewma.rs
//! ```
#![no_std]

/// The average, and the time of the last event. The host puts a session's state here before an event and takes it after.
#[unsafe(no_mangle)]
pub static mut state: State = State { average: 0.0, time: 0 };

#[repr(C)]
pub struct State {
    average: f64,
    time: i64,
}

const HALF_LIFE: i64 = 10_000_000_000;

#[unsafe(no_mangle)]
pub extern "C" fn apply(time: i64, x: f64) -> f64 {
    // Every event has an instance of its own, with one thread.
    let kept = unsafe { &mut *(&raw mut state) };
    if kept.time == 0 {
        kept.average = x;
    } else {
        let mut elapsed = time - kept.time;
        let mut weight = 1.0;
        while elapsed >= HALF_LIFE && weight != 0.0 {
            weight *= 0.5;
            elapsed -= HALF_LIFE;
        }
        weight *= 1.0 - elapsed as f64 / (2 * HALF_LIFE) as f64;
        kept.average = weight * kept.average + (1.0 - weight) * x;
    }
    kept.time = time;
    kept.average
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
