//! The models: what kind of log, and the program whose answers the ledger knows.

use crate::text::push_u64;
use crate::{devices, payments, video};

/// What kind of log is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Model {
    /// Video sessions: players that start, buffer, play, seek, pause, change the CDN, and stop or fall silent.
    Video,
    /// Card payments, some of them with impossible travel.
    Payments,
    /// Devices that report every half minute, and sometimes do not.
    Devices,
}

impl Model {
    /// All models.
    pub const ALL: [Model; 3] = [Model::Video, Model::Payments, Model::Devices];

    /// The word that names it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Model::Video => "video",
            Model::Payments => "payments",
            Model::Devices => "devices",
        }
    }

    /// The program in the timeline language that asks for what [`crate::TrueTotals`] knows, with a lateness of 2 s.
    pub fn program(self) -> &'static str {
        match self {
            Model::Video => include_str!("../programs/video.tl"),
            Model::Payments => include_str!("../programs/payments.tl"),
            Model::Devices => include_str!("../programs/devices.tl"),
        }
    }

    /// The first letter of the keys; the number follows with at least six digits.
    pub(crate) fn key_letter(self) -> u8 {
        match self {
            Model::Video => b's',
            Model::Payments => b'c',
            Model::Devices => b'd',
        }
    }
}

/// One line of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelEvent {
    /// When it happened, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What it says.
    pub body: EventBody,
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventBody {
    /// Of a video session.
    Video(video::PlayerReport),
    /// Of a card.
    Payment(payments::Payment),
    /// Of a device.
    Device(devices::DeviceReport),
}

impl ModelEvent {
    /// The key of its session, card or device, as the line says it.
    pub fn key(&self) -> String {
        let (model, number) = match &self.body {
            EventBody::Video(report) => (Model::Video, report.session),
            EventBody::Payment(payment) => (Model::Payments, payment.card),
            EventBody::Device(report) => (Model::Devices, report.device),
        };
        format!("{}{number:06}", char::from(model.key_letter()))
    }

    /// Appends the event as one line of JSON, its newline included.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"ts\":");
        push_u64(out, self.time_ms);
        match &self.body {
            EventBody::Video(report) => report.write(out),
            EventBody::Payment(payment) => payment.write(out),
            EventBody::Device(report) => report.write(out),
        }
        out.extend_from_slice(b"}\n");
    }
}
