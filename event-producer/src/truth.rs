//! The ledger: what the model's program must answer, known by construction.
//!
//! It is one row for each value of a session that is over (and, at the end, of those that are still open), one for each
//! alert, and totals that are kept as the rows come, so that a log of any length has its totals in little memory.
//! All durations are exact integers of nanoseconds.
//!
//! # Format of a truth file
//!
//! One JSON object a line, told apart by `row`; the fields that `timeline eval` shows too carry its names.
//!
//! | `row` | fields |
//! |---|---|
//! | `final` | `session`, `metric`, the group's column (`cdn`, `country` or `site`), `value_ns`, `start_ns`, `read_ns`, `closed` |
//! | `alert` | `session`, `alert`, `start_ns`, `end_ns` (`null`: still true at the horizon) |
//! | `total` | `metric`, the group's column, `count`, `sum_ns` |
//! | `alerts` | `alert`, `count` (of rows) |
//! | `log` | `model`, `lines`, `late`, `sessions`, `closed`, `horizon_ns`; always the last row: without it the file is unfinished |
//!
//! `start_ns` is the session's first event; `read_ns` is where its values are read: at its end, at its last event if it
//! was closed by silence, at the horizon if it is open.

use std::collections::BTreeMap;
use std::io::{self, Write};

use timeline_core::Time;

use crate::Model;

/// What is true of a whole log.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Counts and sums.
    pub totals: TrueTotals,
    /// The rows that had not been taken from the generator, if it was told to keep rows.
    pub rows: Vec<TrueRow>,
}

/// Counts and sums over all sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct TrueTotals {
    /// What kind of log it is.
    pub model: Model,
    /// Lines of the log.
    pub lines: u64,
    /// Lines that come too late to count.
    pub late: u64,
    /// Sessions, live and closed.
    pub sessions: u64,
    /// Sessions that ended, or were closed by silence.
    pub closed: u64,
    /// The largest time of a line that is not late; `None` for an empty log.
    pub horizon_ns: Option<Time>,
    /// By metric and value of its group column.
    pub groups: BTreeMap<(&'static str, &'static str), TrueGroup>,
    /// Rows of each alert.
    pub alerts: BTreeMap<&'static str, u64>,
}

/// A metric over the sessions of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrueGroup {
    /// How many sessions have a value there.
    pub count: u64,
    /// The sum of their values, in nanoseconds.
    pub sum_ns: i128,
}

impl TrueTotals {
    /// A metric in a group; empty if nothing is known of it.
    pub fn group(&self, metric: &str, group: &str) -> TrueGroup {
        self.groups.iter().find(|((m, g), _)| *m == metric && *g == group).map(|(_, total)| *total).unwrap_or_default()
    }

    /// A metric over all groups.
    pub fn sum_ns(&self, metric: &str) -> i128 {
        self.groups.iter().filter(|((m, _), _)| *m == metric).map(|(_, total)| total.sum_ns).sum()
    }

    /// How many lines are no late ones.
    pub fn accepted(&self) -> u64 {
        self.lines - self.late
    }

    /// Writes the rows that close a truth file.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let column = group_column(self.model);
        for ((metric, group), TrueGroup { count, sum_ns }) in &self.groups {
            writeln!(
                out,
                r#"{{"row":"total","metric":"{metric}","{column}":"{group}","count":{count},"sum_ns":{sum_ns}}}"#
            )?;
        }
        for (alert, count) in &self.alerts {
            writeln!(out, r#"{{"row":"alerts","alert":"{alert}","count":{count}}}"#)?;
        }
        let TrueTotals { model, lines, late, sessions, closed, .. } = self;
        writeln!(
            out,
            r#"{{"row":"log","model":"{}","lines":{lines},"late":{late},"sessions":{sessions},"closed":{closed},"horizon_ns":{}}}"#,
            model.name(),
            OrNull(self.horizon_ns)
        )
    }
}

/// The column that a model's metrics are grouped by.
pub fn group_column(model: Model) -> &'static str {
    match model {
        Model::Video => "cdn",
        Model::Payments => "country",
        Model::Devices => "site",
    }
}

/// What is known of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrueRow {
    /// A final value, or the value at the horizon.
    Final(TrueFinal),
    /// A span of an alert.
    Alert(TrueAlert),
}

/// The value of a metric for a session and a value of its group column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueFinal {
    /// The session.
    pub session: TrueKey,
    /// The metric of the model's program.
    pub metric: &'static str,
    /// The group's value.
    pub group: &'static str,
    /// The value, in nanoseconds.
    pub value_ns: Time,
    /// The session's first event.
    pub start_ns: Time,
    /// Where the value is read.
    pub read_ns: Time,
    /// Whether the session is over.
    pub closed: bool,
}

/// A span for which an alert is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueAlert {
    /// The session.
    pub session: TrueKey,
    /// The alert of the model's program.
    pub alert: &'static str,
    /// Since when.
    pub start_ns: Time,
    /// Until when; `None` if it is still true at the horizon.
    pub end_ns: Option<Time>,
}

/// The key of a session: the model's letter and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrueKey {
    pub(crate) letter: char,
    pub(crate) number: u32,
}

impl std::fmt::Display for TrueKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:06}", self.letter, self.number)
    }
}

impl TrueRow {
    /// Writes the row as a line of a truth file.
    pub fn write(&self, model: Model, out: &mut dyn Write) -> io::Result<()> {
        match self {
            TrueRow::Final(TrueFinal { session, metric, group, value_ns, start_ns, read_ns, closed }) => writeln!(
                out,
                r#"{{"row":"final","session":"{session}","metric":"{metric}","{}":"{group}","value_ns":{value_ns},"start_ns":{start_ns},"read_ns":{read_ns},"closed":{closed}}}"#,
                group_column(model)
            ),
            TrueRow::Alert(TrueAlert { session, alert, start_ns, end_ns }) => writeln!(
                out,
                r#"{{"row":"alert","session":"{session}","alert":"{alert}","start_ns":{start_ns},"end_ns":{}}}"#,
                OrNull(*end_ns)
            ),
        }
    }
}

struct OrNull(Option<Time>);

impl std::fmt::Display for OrNull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(time) => time.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// Where the state machines of the sessions tell what they know.
#[derive(Debug)]
pub(crate) struct TruthLedger {
    totals: TrueTotals,
    rows: Vec<TrueRow>,
    keep_rows: bool,
    letter: char,
}

/// A session, and where its values are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionReading {
    pub(crate) number: u32,
    pub(crate) start: Time,
    pub(crate) read: Time,
    pub(crate) closed: bool,
}

impl TruthLedger {
    pub(crate) fn new(model: Model) -> Self {
        let totals = TrueTotals {
            model,
            lines: 0,
            late: 0,
            sessions: 0,
            closed: 0,
            horizon_ns: None,
            groups: BTreeMap::new(),
            alerts: BTreeMap::new(),
        };
        TruthLedger { totals, rows: Vec::new(), keep_rows: false, letter: char::from(model.key_letter()) }
    }

    pub(crate) fn keep_rows(&mut self) {
        self.keep_rows = true;
    }

    pub(crate) fn take_rows(&mut self) -> Vec<TrueRow> {
        std::mem::take(&mut self.rows)
    }

    /// Counts a line that is not late.
    #[inline]
    pub(crate) fn accept(&mut self) {
        self.totals.lines += 1;
    }

    /// Counts a session; its values follow.
    pub(crate) fn session(&mut self, reading: SessionReading) {
        self.totals.sessions += 1;
        self.totals.closed += u64::from(reading.closed);
    }

    /// A value of a session.
    pub(crate) fn value(&mut self, reading: SessionReading, metric: &'static str, group: &'static str, value_ns: Time) {
        let total = self.totals.groups.entry((metric, group)).or_default();
        total.count += 1;
        total.sum_ns += i128::from(value_ns);
        if self.keep_rows {
            let session = TrueKey { letter: self.letter, number: reading.number };
            let SessionReading { start: start_ns, read: read_ns, closed, .. } = reading;
            self.rows.push(TrueRow::Final(TrueFinal { session, metric, group, value_ns, start_ns, read_ns, closed }));
        }
    }

    /// A span of an alert.
    pub(crate) fn alert(&mut self, number: u32, alert: &'static str, start_ns: Time, end_ns: Option<Time>) {
        *self.totals.alerts.entry(alert).or_default() += 1;
        if self.keep_rows {
            let session = TrueKey { letter: self.letter, number };
            self.rows.push(TrueRow::Alert(TrueAlert { session, alert, start_ns, end_ns }));
        }
    }

    pub(crate) fn finish(mut self, horizon: Option<Time>, late: u64) -> Truth {
        self.totals.horizon_ns = horizon;
        self.totals.late = late;
        self.totals.lines += late;
        Truth { totals: self.totals, rows: self.rows }
    }
}
