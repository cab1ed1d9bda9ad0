//! Devices: what they report, and when they did not.

mod machine;
mod script;

pub(crate) use script::{Devices, SPREAD_MS};

use crate::text::{push_decimal, push_padded};

/// What a device reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Number of the device.
    pub device: u32,
    /// Where it stands; said at its start and after a silence.
    pub site: Option<Site>,
    /// How it feels.
    pub status: Status,
    /// Tenths of a degree.
    pub temperature: u16,
}

/// How a device feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well.
    Ok,
    /// Not quite well.
    Warn,
    /// Not at all.
    Error,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Error => "error",
        }
    }
}

/// Where devices stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// North.
    North,
    /// East.
    East,
    /// South, where silences are frequent.
    South,
    /// West.
    West,
}

impl Site {
    /// All of them.
    pub const ALL: [Site; 4] = [Site::North, Site::East, Site::South, Site::West];

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Site::North => "north",
            Site::East => "east",
            Site::South => "south",
            Site::West => "west",
        }
    }
}

impl Report {
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
