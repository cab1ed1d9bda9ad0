//! What is told of alerts: that one began, and that it ended.
//!
//! A lane tells a span when it has ended and come by; a scan (see [`crate::records::LiveAlerts`]) sees those that are on, and those
//! that ended on the way to the frontier, again and again. For each alert an instant is kept, up to which everything
//! was told. A look tells what began or ended from there up to its frontier, and moves the instant on; a lane's span is
//! told for what of it is not before the instant.
//!
//! **Invariant:** each beginning and each end is told once, however often and whenever somebody looks, and also if nobody
//! ever does: then both are told when the span has ended.

use super::meaning;
use crate::labels::Labels;
use crate::records::{AlertRow, LiveAlerts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::Time;
use timeline_core::plan::{Alert, Plan};

/// The instants, by the meaning of the alerts; part of a checkpoint. An alert that gets another meaning begins anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMarks(BTreeMap<String, Time>);

/// What is to be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertChanges {
    /// Alerts that began, each without its end.
    pub began: Vec<AlertRow>,
    /// Alerts that ended.
    pub ended: Vec<AlertRow>,
}

impl AlertChanges {
    /// Takes out what is not seen.
    pub(crate) fn hide(&mut self, plan: &Plan, labels: &Labels) {
        self.began.retain(|row| labels.shows(&plan.alerts[row.alert].name));
        self.ended.retain(|row| labels.shows(&plan.alerts[row.alert].name));
    }
}

/// The instants, by the number of the alert.
#[derive(Clone, Debug)]
pub struct Windows {
    names: Vec<String>,
    from: Vec<Time>,
}

impl Windows {
    /// Those of a plan, as far as they are known.
    pub fn new(plan: &Plan, marks: &AlertMarks) -> Self {
        let name = |alert: &Alert| format!("{} {}", alert.name, meaning::of_alert(plan, alert));
        let names: Vec<String> = plan.alerts.iter().map(name).collect();
        let from = names.iter().map(|name| marks.0.get(name).copied().unwrap_or(Time::MIN)).collect();
        Windows { names, from }
    }

    /// For a checkpoint.
    pub fn marks(&self) -> AlertMarks {
        AlertMarks(self.names.iter().cloned().zip(self.from.iter().copied()).collect())
    }

    /// Takes spans that lanes have told.
    pub fn told(&self, rows: &[AlertRow], facts: &mut AlertChanges) {
        self.take(rows, Time::MAX, facts);
    }

    /// Takes what a look just before `frontier` has seen.
    pub fn seen(&self, look: &LiveAlerts, frontier: Time, facts: &mut AlertChanges) {
        self.take(&look.ended, frontier, facts);
        self.take(&look.open, frontier, facts);
    }

    /// Everything before `frontier` is told now.
    pub fn advance(&mut self, frontier: Time) {
        for from in &mut self.from {
            *from = frontier.max(*from);
        }
    }

    fn take(&self, rows: &[AlertRow], before: Time, facts: &mut AlertChanges) {
        for row in rows {
            let is_new = |t: Time| self.from[row.alert] <= t && t < before;
            if is_new(row.start) {
                facts.began.push(AlertRow { end: None, ..row.clone() });
            }
            if row.end.is_some_and(is_new) {
                facts.ended.push(row.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start: Time, end: Option<Time>) -> AlertRow {
        AlertRow { key: "k".into(), alert: 0, start, end, with: vec![] }
    }

    /// Beginnings and ends.
    fn times(facts: &AlertChanges) -> (Vec<Time>, Vec<Time>) {
        (facts.began.iter().map(|row| row.start).collect(), facts.ended.iter().filter_map(|row| row.end).collect())
    }

    #[test]
    fn each_is_told_once_whoever_says_it_first() {
        let mut windows = Windows { names: vec!["a".into()], from: vec![Time::MIN] };
        let mut facts = AlertChanges::default();
        // Seen on, then told by the lane when it has ended.
        windows.seen(&LiveAlerts { ended: vec![], open: vec![row(5, None)] }, 10, &mut facts);
        windows.advance(10);
        windows.seen(&LiveAlerts { ended: vec![], open: vec![row(5, None)] }, 20, &mut facts);
        windows.advance(20);
        windows.told(&[row(5, Some(25))], &mut facts);
        // Never seen on.
        windows.told(&[row(21, Some(22))], &mut facts);
        // Seen to have ended before the lane came so far.
        windows.seen(&LiveAlerts { ended: vec![row(26, Some(29))], open: vec![] }, 30, &mut facts);
        windows.advance(30);
        windows.told(&[row(26, Some(29))], &mut facts);
        // At the frontier nothing is known yet.
        windows.seen(&LiveAlerts { ended: vec![], open: vec![row(40, None)] }, 40, &mut facts);
        windows.advance(40);
        windows.told(&[row(40, Some(40))], &mut facts);
        assert_eq!(times(&facts), (vec![5, 21, 26, 40], vec![25, 22, 29, 40]));
    }

    #[test]
    fn an_instant_never_goes_back() {
        let mut windows = Windows { names: vec!["a".into()], from: vec![50] };
        windows.advance(10);
        let mut facts = AlertChanges::default();
        windows.told(&[row(20, Some(30)), row(45, Some(55))], &mut facts);
        assert_eq!(times(&facts), (vec![], vec![55]), "a log that is read again tells nothing twice");
    }
}
