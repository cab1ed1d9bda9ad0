//! Answers there and back.

use super::wire::{decode, encode};
use crate::checkpoint::{CheckpointReader, Digest, FileKind, FileSummary, StateLocation};
use crate::damage::{Damage, GivenUpFile};
use crate::log_position::LogPosition;
use crate::outputs::Published;
use crate::partition::{AnswerLoss, Counts, MissingNeed, PartitionAnswer, RecordFindings};
use crate::records::{AlertRow, LateEvent, LateReason, SessionSnapshot};
use crate::results::{DroppedRows, Pending};
use crate::totals::MetricTotals;
use crate::watermark::{IdleAdvances, UnreadPrefix};
use event_feeder::{DeadLetter, Position, RecordCode};
use std::sync::Arc;
use timeline_core::incremental::{ConcurrencyTurns, Dimensions, Share, TimelineValue};
use timeline_core::plan::Plan;
use timeline_core::{Linear, Value};
use timeline_dsl::{ProgramText, compile};

fn plan(text: &str) -> Arc<Plan> {
    let program = ProgramText { name: "p".into(), text: text.into(), ..ProgramText::default() };
    Arc::new(compile(&[program]).plans.remove(0))
}

const PROGRAM: &str = "source s { key k  time t  b: bool  x: float }
metric m = duration_where(latest(b)) | aggregate(count, sum)
metric n = latest(x)
alert a = latest(b)";

fn session(plan: &Plan, reading: TimelineValue) -> SessionSnapshot {
    let dimensions =
        vec![None, Some(Value::text("\u{e9}")), Some(Value::Float(-0.1)), Some(Value::Int(i64::MIN + 1))].into();
    let share = Share { dimensions, reading };
    SessionSnapshot {
        key: "k\u{0}\u{1F600}".into(),
        start: -1,
        end: None,
        read: i64::MIN,
        shares: vec![vec![share.clone(), share], vec![]],
        groups: vec![vec![Some(Value::Bool(true)), None]; plan.metrics.len()],
        turns: vec![vec![ConcurrencyTurns { at: vec![-1, i64::MAX], before: 3 }, ConcurrencyTurns::default()], vec![]],
        open_alerts: vec![AlertRow { key: "a".into(), alert: 0, start: i64::MAX, end: None, with: vec![None] }],
        partial: true,
        forgotten: 3,
        window: None,
        provisional: true,
    }
}

fn answer(plan: &Arc<Plan>, place: &StateLocation) -> PartitionAnswer {
    let exact = Linear::Exact { value: i128::MAX, slope: -1 };
    let float = Linear::Float { value: 0.1 + 0.2, rest: -1e-18, slope: f64::MIN_POSITIVE };
    let readings = [
        TimelineValue::Absent,
        TimelineValue::State(Value::Float(1e300)),
        TimelineValue::Number(float),
        TimelineValue::Ratio { numerator: exact, denominator: float },
    ];
    let at = Position::message(7, 8, 9).within(10);
    let mut silences = IdleAdvances::default();
    silences.push(at, 5);
    let late = |(i, reason)| LateEvent { key: "l".into(), time: i, position: at, reason, repaired: i == 1 };
    let dead = DeadLetter {
        origin: "topic".into(),
        position: at,
        code: RecordCode::WrongType,
        column: Some("x".into()),
        reason: "why".into(),
        record: vec![0, 255, 128],
    };
    let mut totals = MetricTotals::new(plan);
    let counted =
        Share { dimensions: Dimensions::new(), reading: TimelineValue::Number(Linear::exact(i128::from(i64::MAX))) };
    let closed = SessionSnapshot {
        shares: vec![vec![counted], vec![]],
        groups: vec![vec![]; 2],
        end: Some(3),
        window: Some((-60, 3)),
        ..session(plan, TimelineValue::Absent)
    };
    (0..5).for_each(|_| totals.add(plan, &closed));
    PartitionAnswer {
        plan: plan.clone(),
        partition: 3,
        folder: "sources/s/3".into(),
        owner: Some("me".into()),
        reach: vec![LogPosition {
            position: at,
            max_time: Some(2),
            silences,
            gaps: vec![event_feeder::Gap { from: at, to: Some(at) }],
            unseen: UnreadPrefix::Until(7),
            preceding: Some(6),
            ..LogPosition::default()
        }],
        begun: vec![LogPosition { position: at, ..LogPosition::default() }],
        partial: 11,
        watermark: Some(1),
        horizon: Some(i64::MAX),
        certain: 7,
        epoch: 4,
        counts: Counts {
            records: 1,
            events: 2,
            late: 3,
            dead: 4,
            closed: 5,
            duplicates: 6,
            partial: 7,
            forgotten: 8,
            misrouted: 9,
            repaired: 2,
        },
        outputs: [("alerts".to_owned(), Published { published: 8, waiting: 9 })].into(),
        bytes: 6,
        looks: RecordFindings {
            columns: 5,
            remarks: vec![(Some(2), "none of 3 records has it".into()), (None, "nulls".into())],
            losses: vec![AnswerLoss { column: Some(4), is_of_all: true, message: "much".into(), help: "help".into() }],
            met: 6,
            unmet: vec![MissingNeed { need: 1, is_likely_slip: true, message: "none".into(), help: "help".into() }],
        },
        queued_bytes: 7,
        keeping_bytes: 8,
        read_sessions: 12,
        busy_ns: 13,
        drained: true,
        received: Some(14),
        live: 7,
        pending: Pending {
            parts: vec![],
            sessions: vec![session(plan, TimelineValue::Absent)],
            alerts: vec![AlertRow {
                key: "a".into(),
                alert: 0,
                start: 1,
                end: Some(2),
                with: vec![Some(Value::Int(7))],
            }],
            late: (0..).zip(LateReason::ALL).map(late).collect(),
            dead: vec![dead],
        },
        sessions: readings.map(|reading| session(plan, reading)).to_vec(),
        totals,
        results: vec![
            FileSummary {
                name: "results/r".into(),
                kind: FileKind::Result,
                length: 1,
                digest: Digest::of(b"r"),
                metadata: serde_json::json!({"table": "finals"}),
            }
            .into(),
        ],
        dropped: [("finals".to_owned(), DroppedRows { rows: 7, until: -3 })].into(),
        damage: Damage::with(vec![GivenUpFile {
            file: "sources/s/3/x".into(),
            table: "finals".into(),
            what: "rows".into(),
        }]),
        reader: CheckpointReader::new(place.store("sources/s/3")),
    }
}

#[test]
fn an_answer_arrives_as_it_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let place = StateLocation::from(folder.path().to_owned());
    let plan = plan(PROGRAM);
    let sent = answer(&plan, &place);
    let bytes = encode(std::slice::from_ref(&sent)).unwrap();
    let got = decode(&bytes, std::slice::from_ref(&plan), &place).unwrap().remove(0);
    assert_eq!(got.sessions, sent.sessions);
    assert_eq!(got.totals, sent.totals);
    assert_eq!(got.pending.sessions, sent.pending.sessions);
    assert_eq!((&got.pending.alerts, &got.pending.late), (&sent.pending.alerts, &sent.pending.late));
    assert_eq!(got.pending.dead, sent.pending.dead);
    assert_eq!((&got.reach, got.counts), (&sent.reach, sent.counts));
    assert_eq!((got.watermark, got.horizon, got.epoch), (sent.watermark, sent.horizon, sent.epoch));
    assert_eq!(got.certain, sent.certain);
    assert_eq!((&got.damage, &got.looks, &got.dropped), (&sent.damage, &sent.looks, &sent.dropped));
    assert_eq!((got.partition, got.owner, got.results), (sent.partition, sent.owner, sent.results));
    // The same again: nothing was lost on the way that would be missed only at the next hop.
    assert_eq!(encode(&decode(&bytes, &[plan], &place).unwrap()).unwrap(), bytes);
}

#[test]
fn another_plan_and_broken_bytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = StateLocation::from(folder.path().to_owned());
    let ours = plan(PROGRAM);
    let bytes = encode(&[answer(&ours, &place)]).unwrap();
    let other = plan(&PROGRAM.replace("duration_where(latest(b))", "duration_where(!latest(b))"));
    assert!(decode(&bytes, &[other], &place).is_err(), "numbers of another meaning");
    assert!(decode(&bytes, &[], &place).expect("of plans that are not known nothing is told").is_empty());
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length], std::slice::from_ref(&ours), &place).is_err(), "cut to {length}");
    }
}
