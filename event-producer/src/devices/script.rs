//! What devices do: they report every half minute, change their status now and then, and sometimes fall silent -
//! for less than five minutes, for exactly five, for more, and for ever.

use timeline_core::Time;

use super::machine::{DeviceMachine, SPEAKS};
use super::{DeviceReport, DeviceSite, DeviceStatus};
use crate::MILLISECOND;
use crate::rng::Rng;
use crate::truth::TruthLedger;

/// The first reports of all devices fall in so many milliseconds.
pub(crate) const SPREAD_MS: u64 = 30_000;

const MINUTE_MS: u64 = 60_000;
const SPEAKS_MS: u64 = (SPEAKS / MILLISECOND) as u64;

/// All devices.
#[derive(Debug)]
pub(crate) struct Devices(Vec<Device>);

#[derive(Debug)]
struct Device {
    site: DeviceSite,
    /// Whether the next report says where the device stands.
    says_site: bool,
    status: DeviceStatus,
    temperature: u16,
    machine: Option<DeviceMachine>,
}

impl Devices {
    pub(crate) fn new(seats: u32, rng: &mut Rng) -> Self {
        let device = |_| Device {
            site: DeviceSite::ALL[rng.below(DeviceSite::ALL.len() as u64) as usize],
            says_site: true,
            status: DeviceStatus::Ok,
            temperature: rng.between(150, 300) as u16,
            machine: None,
        };
        Devices((0..seats).map(device).collect())
    }

    /// The device's report at `now`, and after how many milliseconds it has its next one.
    pub(crate) fn step(
        &mut self,
        seat: u32,
        now: Time,
        rng: &mut Rng,
        ledger: &mut TruthLedger,
    ) -> (DeviceReport, u64) {
        let device = &mut self.0[seat as usize];
        device.change(rng);
        match &mut device.machine {
            Some(machine) => machine.apply(seat, now, device.status, ledger),
            none => *none = Some(DeviceMachine::new(now, device.status)),
        }
        let site = device.says_site.then_some(device.site);
        let report = DeviceReport { device: seat, site, status: device.status, temperature: device.temperature };
        let wait_ms = device.wait_ms(rng);
        device.says_site = wait_ms > SPEAKS_MS;
        (report, wait_ms)
    }

    /// A report that would break a silence, or begin an error, if it were counted.
    pub(crate) fn stray(&self, seat: u32, rng: &mut Rng) -> DeviceReport {
        DeviceReport {
            device: seat,
            site: None,
            status: DeviceStatus::Error,
            temperature: rng.between(150, 900) as u16,
        }
    }

    /// Reads all devices at the horizon.
    pub(crate) fn finish(&mut self, horizon: Time, ledger: &mut TruthLedger) {
        for (device, number) in self.0.iter_mut().zip(0..) {
            if let Some(machine) = device.machine.take() {
                machine.finish(number, device.site, horizon, ledger);
            }
        }
    }
}

impl Device {
    fn change(&mut self, rng: &mut Rng) {
        self.status = match (self.status, rng.below(100)) {
            (DeviceStatus::Ok, 0..3) | (DeviceStatus::Error, 0..10) => DeviceStatus::Warn,
            (DeviceStatus::Warn, 0..20) => DeviceStatus::Error,
            (DeviceStatus::Warn, 20..50) | (DeviceStatus::Error, 10..25) => DeviceStatus::Ok,
            (status, _) => status,
        };
        let target = if self.status == DeviceStatus::Ok { 200 } else { 700 };
        self.temperature = (self.temperature * 7 + target + rng.below(40) as u16) / 8;
    }

    fn wait_ms(&self, rng: &mut Rng) -> u64 {
        let silences = if self.site == DeviceSite::South { 8 } else { 3 };
        match rng.below(1000) {
            n if n < silences => rng.between(SPEAKS_MS + 2, 40 * MINUTE_MS),
            // A day is for ever in most logs.
            990 => 24 * 60 * MINUTE_MS,
            991..993 => SPEAKS_MS,
            993..995 => SPEAKS_MS + 1,
            995..1000 => rng.between(MINUTE_MS, SPEAKS_MS - 1),
            _ => rng.between(20_000, 40_000),
        }
    }
}
