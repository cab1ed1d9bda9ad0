//! Devices: what they report, and when they did not.

mod machine;
mod script;

pub(crate) use script::{Devices, SPREAD_MS};

use crate::text::{push_decimal, push_padded};

/// What a device reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceReport {
    /// Number of the device.
    pub device: u32,
    /// Where it stands; said at its start and after a silence.
    pub site: Option<DeviceSite>,
    /// How it feels.
    pub status: DeviceStatus,
    /// Tenths of a degree.
    pub temperature: u16,
}

/// How a device feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceStatus {
    /// Well.
    Ok,
    /// Not quite well.
    Warn,
    /// Not at all.
    Error,
}

impl DeviceStatus {
    fn name(self) -> &'static str {
        match self {
            DeviceStatus::Ok => "ok",
            DeviceStatus::Warn => "warn",
            DeviceStatus::Error => "error",
        }
    }
}

/// Where devices stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceSite {
    /// North.
    North,
    /// East.
    East,
    /// South, where silences are frequent.
    South,
    /// West.
    West,
}

impl DeviceSite {
    /// All of them.
    pub const ALL: [DeviceSite; 4] = [DeviceSite::North, DeviceSite::East, DeviceSite::South, DeviceSite::West];

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            DeviceSite::North => "north",
            DeviceSite::East => "east",
            DeviceSite::South => "south",
            DeviceSite::West => "west",
        }
    }
}

impl DeviceReport {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"device\":\"d");
        push_padded(out, u64::from(self.device), 6);
        if let Some(site) = self.site {
            out.extend_from_slice(b"\",\"site\":\"");
            out.extend_from_slice(site.name().as_bytes());
        }
        out.extend_from_slice(b"\",\"status\":\"");
        out.extend_from_slice(self.status.name().as_bytes());
        out.extend_from_slice(b"\",\"temperature\":");
        push_decimal(out, u64::from(self.temperature), 1);
    }
}
