//! The bytes of answers between processors of one version of this program: postcard, with JSON inside where a type is
//! stored as JSON anyway.
//!
//! Plans do not travel: both sides compile the same programs, and the fingerprint says whether they did.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use event_feeder::{DeadLetter, RecordCode};
use serde::{Deserialize, Serialize};
use timeline_core::incremental::{ConcurrencyTurns, Share, TimelineValue};
use timeline_core::plan::Plan;
use timeline_core::{Linear, Time, Value};

use crate::checkpoint::{CheckpointReader, FileRef, StateLocation};
use crate::damage::Damage;
use crate::log_position::LogPosition;
use crate::outputs::Published;
use crate::partition::{Ask, Counts, PartitionAnswer, RecordFindings, plan_fingerprint};
use crate::records::{AlertRow, LateEvent, LateReason, SessionSnapshot};
use crate::results::{Pending, RetentionCounts};
use crate::totals::{MetricTotals, TotalsImage, ValueImage};

/// What a member is asked, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeerQuestion {
    /// What is asked of the plans that are not named.
    pub ask: Ask,
    /// What is asked of some, by their names.
    #[serde(default)]
    pub of: BTreeMap<String, Ask>,
    /// The plans of which the asker uses no more than how far they are.
    pub held: BTreeSet<String>,
    /// Whether the answer waits for what the sources hold, and how long, in milliseconds.
    pub sync_ms: Option<u64>,
}

/// Why the bytes of an answer cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// They are not what this version writes.
    #[error("an answer of another processor cannot be read: {0}")]
    Malformed(String),
    /// The other processor understands the programs in another way.
    #[error("another processor answers with another plan of source `{0}`: are they of one version?")]
    OtherPlan(String),
}

/// The part of an answer that is JSON in checkpoints too.
#[derive(Serialize, Deserialize)]
struct AnswerHeader {
    source: String,
    plan: String,
    partition: u32,
    folder: String,
    reach: Vec<LogPosition>,
    begun: Vec<LogPosition>,
    partial: u64,
    watermark: Option<Time>,
    horizon: Option<Time>,
    certain: Time,
    epoch: u64,
    counts: Counts,
    #[serde(default)]
    outputs: BTreeMap<String, Published>,
    bytes: u64,
    #[serde(default)]
    looks: RecordFindings,
    #[serde(default)]
    queued_bytes: u64,
    #[serde(default)]
    keeping_bytes: u64,
    #[serde(default)]
    read_sessions: u64,
    #[serde(default)]
    busy_ns: u64,
    #[serde(default)]
    drained: bool,
    #[serde(default)]
    received: Option<i64>,
    live: u64,
    owner: Option<String>,
    totals: TotalsImage,
    #[serde(default)]
    open_windows: Vec<(String, Vec<Option<ValueImage>>)>,
    results: Vec<FileRef>,
    #[serde(default)]
    damage: Damage,
    #[serde(default)]
    dropped: RetentionCounts,
}

#[derive(Serialize, Deserialize)]
struct AnswerImage {
    facts: Vec<u8>,
    sessions: Vec<SessionImage>,
    ended: Vec<SessionImage>,
    alerts: Vec<AlertImage>,
    late: Vec<LateImage>,
    dead: Vec<DeadImage>,
}

#[derive(Serialize, Deserialize)]
struct AlertImage {
    key: String,
    alert: usize,
    start: Time,
    end: Option<Time>,
    with: Values,
}

impl AlertImage {
    fn of(row: &AlertRow) -> AlertImage {
        let AlertRow { key, alert, start, end, with } = row;
        AlertImage { key: key.to_string(), alert: *alert, start: *start, end: *end, with: values(with) }
    }

    fn row(self, plan: &Plan) -> Result<AlertRow, WireError> {
        let AlertImage { key, alert, start, end, with } = self;
        if alert >= plan.alerts.len() {
            return Err(malformed("an unknown alert"));
        }
        let with = with.into_iter().map(|value| value.map(Into::into)).collect();
        Ok(AlertRow { key: key.into(), alert, start, end, with })
    }
}

#[derive(Serialize, Deserialize)]
struct LateImage {
    key: String,
    time: Time,
    position: String,
    reason: String,
    repaired: bool,
}

#[derive(Serialize, Deserialize)]
struct DeadImage {
    origin: String,
    position: String,
    code: String,
    column: Option<String>,
    reason: String,
    record: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct SessionImage {
    key: String,
    start: Time,
    end: Option<Time>,
    shares: Vec<Vec<(Values, ReadingImage)>>,
    groups: Vec<Values>,
    read: Time,
    /// Where conditions turned, and for how long they were true before.
    turns: Vec<Vec<(Vec<Time>, Time)>>,
    open_alerts: Vec<AlertImage>,
    partial: bool,
    forgotten: u64,
    window: Option<(Time, Time)>,
    provisional: bool,
}

type Values = Vec<Option<ValueImage>>;

#[derive(Serialize, Deserialize)]
enum ReadingImage {
    Absent,
    State(ValueImage),
    Number(LinearImage),
    Ratio(LinearImage, LinearImage),
}

/// Floats by their bits.
#[derive(Serialize, Deserialize)]
enum LinearImage {
    Exact(i128, i128),
    InTwo([u64; 3]),
}

/// The bytes of some answers.
pub(crate) fn encode(answers: &[PartitionAnswer]) -> Result<Vec<u8>, WireError> {
    let images = answers.iter().map(image).collect::<Result<Vec<_>, _>>()?;
    postcard::to_allocvec(&images).map_err(|error| WireError::Malformed(error.to_string()))
}

/// The answers in some bytes, for the asker's plans; results are read from `place`.
///
/// A plan of a name never changes, so parts of one add up whatever else either side runs; those of plans that the asker does
/// not know, or no more, are left out.
pub(crate) fn decode(
    bytes: &[u8],
    plans: &[Arc<Plan>],
    place: &StateLocation,
) -> Result<Vec<PartitionAnswer>, WireError> {
    let images: Vec<AnswerImage> =
        postcard::from_bytes(bytes).map_err(|error| WireError::Malformed(error.to_string()))?;
    images.into_iter().filter_map(|image| answer(image, plans, place).transpose()).collect()
}

fn image(answer: &PartitionAnswer) -> Result<AnswerImage, WireError> {
    let facts = AnswerHeader {
        source: answer.plan.name(),
        plan: plan_fingerprint(&answer.plan),
        partition: answer.partition,
        folder: answer.folder.clone(),
        reach: answer.reach.clone(),
        begun: answer.begun.clone(),
        partial: answer.partial,
        watermark: answer.watermark,
        horizon: answer.horizon,
        certain: answer.certain,
        epoch: answer.epoch,
        counts: answer.counts,
        outputs: answer.outputs.clone(),
        bytes: answer.bytes,
        looks: answer.looks.clone(),
        queued_bytes: answer.queued_bytes,
        keeping_bytes: answer.keeping_bytes,
        read_sessions: answer.read_sessions,
        busy_ns: answer.busy_ns,
        drained: answer.drained,
        received: answer.received,
        live: answer.live,
        owner: answer.owner.clone(),
        totals: answer.totals.to_image(&answer.plan),
        open_windows: answer.totals.open_windows(&answer.plan),
        results: answer.results.clone(),
        damage: answer.damage.clone(),
        dropped: answer.dropped.clone(),
    };
    let pending = &answer.pending;
    let dead = |letter: &DeadLetter| {
        Ok::<_, WireError>(DeadImage {
            origin: letter.origin.to_string(),
            position: json(&letter.position)?,
            code: letter.code.as_str().to_owned(),
            column: letter.column.as_ref().map(ToString::to_string),
            reason: letter.reason.to_string(),
            record: letter.record.clone(),
        })
    };
    let late = |late: &LateEvent| {
        Ok::<_, WireError>(LateImage {
            key: late.key.to_string(),
            time: late.time,
            position: json(&late.position)?,
            reason: late.reason.name().to_owned(),
            repaired: late.repaired,
        })
    };
    Ok(AnswerImage {
        facts: json(&facts)?.into_bytes(),
        sessions: answer.sessions.iter().map(SessionImage::of).collect(),
        ended: pending.sessions.iter().map(SessionImage::of).collect(),
        alerts: pending.alerts.iter().map(AlertImage::of).collect(),
        late: pending.late.iter().map(late).collect::<Result<_, _>>()?,
        dead: pending.dead.iter().map(dead).collect::<Result<_, _>>()?,
    })
}

fn answer(
    image: AnswerImage,
    plans: &[Arc<Plan>],
    place: &StateLocation,
) -> Result<Option<PartitionAnswer>, WireError> {
    let facts: AnswerHeader = from_json(&image.facts)?;
    let Some(plan) = plans.iter().find(|plan| plan.name() == facts.source) else { return Ok(None) };
    if plan_fingerprint(plan) != facts.plan {
        return Err(WireError::OtherPlan(facts.source));
    }
    let plan = Arc::clone(plan);
    let late = |late: LateImage| {
        let reason = LateReason::ALL.into_iter().find(|known| known.name() == late.reason);
        Ok(LateEvent {
            key: late.key.into(),
            time: late.time,
            position: from_json(late.position.as_bytes())?,
            reason: reason.ok_or_else(|| malformed("an unknown reason"))?,
            repaired: late.repaired,
        })
    };
    let dead = |letter: DeadImage| {
        let code = RecordCode::ALL.iter().find(|code| code.as_str() == letter.code);
        Ok(DeadLetter {
            origin: letter.origin.into(),
            position: from_json(letter.position.as_bytes())?,
            code: *code.ok_or_else(|| malformed("an unknown code"))?,
            column: letter.column.map(Into::into),
            reason: Cow::Owned(letter.reason),
            record: letter.record,
        })
    };
    let sessions =
        |images: Vec<SessionImage>| images.into_iter().map(|image| image.session(&plan)).collect::<Result<Vec<_>, _>>();
    let pending = Pending {
        sessions: sessions(image.ended)?,
        alerts: image.alerts.into_iter().map(|alert| alert.row(&plan)).collect::<Result<_, WireError>>()?,
        late: image.late.into_iter().map(late).collect::<Result<_, WireError>>()?,
        dead: image.dead.into_iter().map(dead).collect::<Result<_, WireError>>()?,
        parts: vec![],
    };
    let sessions_alive = sessions(image.sessions)?;
    let mut totals = MetricTotals::from_image(&plan, facts.totals);
    totals.note_open(&plan, facts.open_windows);
    Ok(Some(PartitionAnswer {
        partition: facts.partition,
        reach: facts.reach,
        begun: facts.begun,
        partial: facts.partial,
        watermark: facts.watermark,
        horizon: facts.horizon,
        certain: facts.certain,
        epoch: facts.epoch,
        counts: facts.counts,
        outputs: facts.outputs,
        bytes: facts.bytes,
        looks: facts.looks,
        queued_bytes: facts.queued_bytes,
        keeping_bytes: facts.keeping_bytes,
        read_sessions: facts.read_sessions,
        busy_ns: facts.busy_ns,
        drained: facts.drained,
        received: facts.received,
        live: facts.live,
        owner: facts.owner,
        pending,
        sessions: sessions_alive,
        totals,
        results: facts.results,
        damage: facts.damage,
        dropped: facts.dropped,
        reader: CheckpointReader::new(place.store(&facts.folder)),
        folder: facts.folder,
        plan,
    }))
}

impl SessionImage {
    fn of(session: &SessionSnapshot) -> SessionImage {
        let share = |share: &Share| (values(&share.dimensions), ReadingImage::of(&share.reading));
        SessionImage {
            key: session.key.to_string(),
            start: session.start,
            end: session.end,
            shares: session.shares.iter().map(|shares| shares.iter().map(share).collect()).collect(),
            groups: session.groups.iter().map(|group| values(group)).collect(),
            read: session.read,
            turns: session
                .turns
                .iter()
                .map(|turns| turns.iter().map(|turns| (turns.at.clone(), turns.before)).collect())
                .collect(),
            open_alerts: session.open_alerts.iter().map(AlertImage::of).collect(),
            partial: session.partial,
            forgotten: session.forgotten,
            window: session.window,
            provisional: session.provisional,
        }
    }

    fn session(self, plan: &Plan) -> Result<SessionSnapshot, WireError> {
        let metrics = plan.metrics.len();
        if self.shares.len() != metrics || self.groups.len() != metrics || self.turns.len() != metrics {
            return Err(malformed("a session of other metrics"));
        }
        let share = |(dimensions, reading): (Values, ReadingImage)| Share {
            dimensions: from_values(dimensions).into(),
            reading: reading.reading(),
        };
        Ok(SessionSnapshot {
            key: self.key.into(),
            start: self.start,
            end: self.end,
            shares: self.shares.into_iter().map(|shares| shares.into_iter().map(share).collect()).collect(),
            groups: self.groups.into_iter().map(from_values).collect(),
            read: self.read,
            turns: self
                .turns
                .into_iter()
                .map(|turns| turns.into_iter().map(|(at, before)| ConcurrencyTurns { at, before }).collect())
                .collect(),
            open_alerts: self.open_alerts.into_iter().map(|row| row.row(plan)).collect::<Result<_, _>>()?,
            partial: self.partial,
            forgotten: self.forgotten,
            window: self.window,
            provisional: self.provisional,
        })
    }
}

impl ReadingImage {
    fn of(reading: &TimelineValue) -> ReadingImage {
        match reading {
            TimelineValue::Absent => ReadingImage::Absent,
            TimelineValue::State(value) => ReadingImage::State(value.into()),
            TimelineValue::Number(linear) => ReadingImage::Number(LinearImage::of(*linear)),
            TimelineValue::Ratio { numerator, denominator } => {
                ReadingImage::Ratio(LinearImage::of(*numerator), LinearImage::of(*denominator))
            }
        }
    }

    fn reading(self) -> TimelineValue {
        match self {
            ReadingImage::Absent => TimelineValue::Absent,
            ReadingImage::State(value) => TimelineValue::State(value.into()),
            ReadingImage::Number(linear) => TimelineValue::Number(linear.linear()),
            ReadingImage::Ratio(numerator, denominator) => {
                TimelineValue::Ratio { numerator: numerator.linear(), denominator: denominator.linear() }
            }
        }
    }
}

impl LinearImage {
    fn of(linear: Linear) -> LinearImage {
        match linear {
            Linear::Exact { value, slope } => LinearImage::Exact(value, slope),
            Linear::Float { value, rest, slope } => LinearImage::InTwo([value, rest, slope].map(f64::to_bits)),
        }
    }

    fn linear(self) -> Linear {
        match self {
            LinearImage::Exact(value, slope) => Linear::Exact { value, slope },
            LinearImage::InTwo(words) => {
                let [value, rest, slope] = words.map(f64::from_bits);
                Linear::Float { value, rest, slope }
            }
        }
    }
}

fn values(values: &[Option<Value>]) -> Values {
    values.iter().map(|value| value.as_ref().map(Into::into)).collect()
}

fn from_values(values: Values) -> Vec<Option<Value>> {
    values.into_iter().map(|value| value.map(Into::into)).collect()
}

fn json<T: Serialize>(value: &T) -> Result<String, WireError> {
    serde_json::to_string(value).map_err(|error| WireError::Malformed(error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(bytes).map_err(|error| WireError::Malformed(error.to_string()))
}

fn malformed(reason: &str) -> WireError {
    WireError::Malformed(reason.to_owned())
}
