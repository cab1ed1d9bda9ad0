//! The yardstick: the benchmark's query as a careful engineer writes it by hand for this one question.
//!
//! One pass, a general JSON parser, a map from the session's key to a struct of its own; nothing durable, nothing late,
//! one thread. Its answer must be the engine's, to the nanosecond, or the comparison means nothing.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::path::Path;

/// Nanoseconds after a seek in which stalls are the viewer's own.
const SEEK: i64 = 5_000_000_000;
/// Silence after which a session is over.
pub(super) const SILENCE: i64 = 30 * 60 * 1_000_000_000;

/// Rebuffering and playing time in nanoseconds, by CDN.
pub(super) type Sums = BTreeMap<Option<String>, [i128; 2]>;

#[derive(Deserialize)]
struct PlainLine<'a> {
    ts: i64,
    #[serde(rename = "sessionId")]
    session: &'a str,
    #[serde(rename = "playerState")]
    state: Option<&'a str>,
    #[serde(rename = "userAction")]
    action: Option<&'a str>,
    cdn: Option<&'a str>,
}

#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum PlainPlayer {
    #[default]
    Other,
    Play,
    Buffer,
}

impl PlainPlayer {
    pub(super) fn of(state: &[u8]) -> Self {
        match state {
            b"play" => PlainPlayer::Play,
            b"buffer" => PlainPlayer::Buffer,
            _ => PlainPlayer::Other,
        }
    }
}

/// A session.
#[derive(Default)]
pub(super) struct Viewer {
    /// When its last event was.
    pub(super) at: i64,
    player: PlainPlayer,
    has_played: bool,
    seek_until: i64,
    /// The number of the CDN in force.
    pub(super) cdn: usize,
    charged: Vec<(usize, [i128; 2])>,
}

impl Viewer {
    /// One whose first event is at an instant.
    pub(super) fn at(now: i64) -> Self {
        Viewer { at: now, ..Viewer::default() }
    }

    /// The player is in another state.
    pub(super) fn now_is(&mut self, player: PlainPlayer) {
        self.player = player;
        self.has_played |= player == PlainPlayer::Play;
    }

    /// The viewer seeks.
    pub(super) fn seek(&mut self, now: i64) {
        self.seek_until = now + SEEK;
    }

    /// Charges the time from the last event up to `t`.
    pub(super) fn pass(&mut self, t: i64) {
        let time = match self.player {
            PlainPlayer::Other => return,
            PlainPlayer::Play => [0, i128::from(t - self.at)],
            PlainPlayer::Buffer if self.has_played => [i128::from((t - self.at.max(self.seek_until)).max(0)), 0],
            PlainPlayer::Buffer => return,
        };
        let charged = match self.charged.iter_mut().find(|(cdn, _)| *cdn == self.cdn) {
            Some((_, charged)) => charged,
            None => &mut self.charged.push_mut((self.cdn, [0, 0])).1,
        };
        charged[0] += time[0];
        charged[1] += time[1];
    }

    /// Adds what it was charged.
    pub(super) fn settle(&self, sums: &mut [[i128; 2]]) {
        for (cdn, [stalled, played]) in &self.charged {
            sums[*cdn][0] += stalled;
            sums[*cdn][1] += played;
        }
    }
}

/// Reads the log, in order of time, and answers.
#[expect(clippy::disallowed_methods, reason = "whole numbers add up in any order")]
pub(super) fn run(file: &Path) -> Result<Sums> {
    let unreadable = |error: &dyn std::fmt::Display| Error::Unreadable(error.to_string());
    let mut input = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(file).map_err(|e| unreadable(&e))?);
    let mut viewers: HashMap<String, Viewer> = HashMap::new();
    let mut cdns: Vec<Option<String>> = vec![None];
    let mut sums = vec![[0; 2]];
    let (mut line, mut now) = (String::new(), 0);
    while input.read_line(&mut line).map_err(|e| unreadable(&e))? > 0 {
        let event: PlainLine<'_> = serde_json::from_str(&line).map_err(|e| unreadable(&e))?;
        now = event.ts * 1_000_000;
        if !viewers.contains_key(event.session) {
            viewers.insert(event.session.to_owned(), Viewer::at(now));
        }
        let viewer = viewers.get_mut(event.session).expect("it was put there if it was missing");
        if now - viewer.at > SILENCE {
            viewer.settle(&mut sums);
            *viewer = Viewer::at(now);
        }
        viewer.pass(now);
        viewer.at = now;
        if let Some(state) = event.state {
            viewer.now_is(PlainPlayer::of(state.as_bytes()));
        }
        if event.action == Some("seek") {
            viewer.seek(now);
        }
        if let Some(cdn) = event.cdn {
            viewer.cdn = cdns.iter().position(|known| known.as_deref() == Some(cdn)).unwrap_or_else(|| {
                cdns.push(Some(cdn.to_owned()));
                sums.push([0; 2]);
                cdns.len() - 1
            });
        }
        if event.state == Some("stop")
            && let Some(viewer) = viewers.remove(event.session)
        {
            viewer.settle(&mut sums);
        }
        line.clear();
    }
    for viewer in viewers.values_mut() {
        if now - viewer.at <= SILENCE {
            viewer.pass(now);
        }
        viewer.settle(&mut sums);
    }
    Ok(cdns.into_iter().zip(sums).filter(|(_, sum)| *sum != [0; 2]).collect())
}
