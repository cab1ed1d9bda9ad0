//! What is true of one device, kept as its reports come in the order of event time.
//!
//! A report at `x` speaks for `[x, x + 5m)`; from then on until the next one the device is silent.

use timeline_core::{SECOND, Time};

use super::{DeviceSite, DeviceStatus};
use crate::truth::{SessionReading, TruthLedger};

/// How long a report speaks for its device.
pub(super) const SPEAKS: Time = 300 * SECOND;

/// The accounts of a device that has reported.
#[derive(Clone, Debug)]
pub(super) struct DeviceMachine {
    start: Time,
    last: Time,
    status: DeviceStatus,
    silent: Time,
    in_error: Time,
}

impl DeviceMachine {
    /// A device with its first report.
    pub(super) fn new(time: Time, status: DeviceStatus) -> Self {
        DeviceMachine { start: time, last: time, status, silent: 0, in_error: 0 }
    }

    /// A report after the last one.
    pub(super) fn apply(&mut self, number: u32, time: Time, status: DeviceStatus, ledger: &mut TruthLedger) {
        debug_assert!(time > self.last, "a device does not report twice in an instant");
        let quiet = self.last + SPEAKS;
        if time > quiet {
            ledger.alert(number, "silent", quiet, Some(time));
        }
        self.pass(time);
        self.last = time;
        self.status = status;
    }

    /// Reads the device at the horizon; devices have no end.
    pub(super) fn finish(mut self, number: u32, site: DeviceSite, horizon: Time, ledger: &mut TruthLedger) {
        let quiet = self.last + SPEAKS;
        if horizon >= quiet {
            ledger.alert(number, "silent", quiet, None);
        }
        self.pass(horizon);
        let reading = SessionReading { number, start: self.start, read: horizon, closed: false };
        ledger.session(reading);
        ledger.value(reading, "silent_time", site.name(), self.silent);
        ledger.value(reading, "error_time", site.name(), self.in_error);
    }

    fn pass(&mut self, until: Time) {
        self.silent += (until - self.last - SPEAKS).max(0);
        if self.status == DeviceStatus::Error {
            self.in_error += until - self.last;
        }
    }
}
