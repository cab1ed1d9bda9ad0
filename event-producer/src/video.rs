//! Video sessions: what players report, and what their viewers lived through.

mod machine;
mod script;

pub(crate) use script::{SPREAD_MS, Viewers};

use crate::text::{push_decimal, push_padded, push_u64};

/// What a player reports; a column that it does not mention is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlayerReport {
    /// Number of the session.
    pub session: u32,
    /// Order of the reports of a session, from 0.
    pub seq: u32,
    /// The state that the player enters.
    pub player: Option<PlayerState>,
    /// What the viewer does.
    pub action: Option<Action>,
    /// The CDN that the player loads from, from now on.
    pub cdn: Option<Cdn>,
    /// Bits per second, in units of 100 000.
    pub bitrate: Option<u8>,
    /// Number of the viewer.
    pub user: Option<u32>,
}

/// A state of a player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayerState {
    /// Not yet asked to play.
    Init,
    /// Waiting for data.
    Buffer,
    /// Playing.
    Play,
    /// Paused by the viewer.
    Pause,
    /// Over.
    Stop,
}

impl PlayerState {
    fn name(self) -> &'static str {
        match self {
            PlayerState::Init => "init",
            PlayerState::Buffer => "buffer",
            PlayerState::Play => "play",
            PlayerState::Pause => "pause",
            PlayerState::Stop => "stop",
        }
    }
}

/// What a viewer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Jumps to another place.
    Seek,
    /// Turns the sound off or on.
    Mute,
    /// Fills the screen.
    Fullscreen,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Seek => "seek",
            Action::Mute => "mute",
            Action::Fullscreen => "fullscreen",
        }
    }
}

/// A content delivery network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cdn {
    /// The good one.
    C1,
    /// A good one.
    C2,
    /// The one that lets its viewers wait.
    C3,
    /// A fair one.
    C4,
}

impl Cdn {
    /// All of them.
    pub const ALL: [Cdn; 4] = [Cdn::C1, Cdn::C2, Cdn::C3, Cdn::C4];

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Cdn::C1 => "C1",
            Cdn::C2 => "C2",
            Cdn::C3 => "C3",
            Cdn::C4 => "C4",
        }
    }
}

impl PlayerReport {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"sessionId\":\"s");
        push_padded(out, u64::from(self.session), 6);
        out.extend_from_slice(b"\",\"seq\":");
        push_u64(out, u64::from(self.seq));
        if let Some(player) = self.player {
            push_text(out, b",\"playerState\":\"", player.name());
        }
        if let Some(action) = self.action {
            push_text(out, b",\"userAction\":\"", action.name());
        }
        if let Some(cdn) = self.cdn {
            push_text(out, b",\"cdn\":\"", cdn.name());
        }
        if let Some(bitrate) = self.bitrate {
            out.extend_from_slice(b",\"bitrate\":");
            push_decimal(out, u64::from(bitrate), 1);
        }
        if let Some(user) = self.user {
            out.extend_from_slice(b",\"userId\":\"u");
            push_padded(out, u64::from(user), 5);
            out.push(b'"');
        }
    }
}

#[inline]
fn push_text(out: &mut Vec<u8>, member: &[u8], text: &str) {
    out.extend_from_slice(member);
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}
