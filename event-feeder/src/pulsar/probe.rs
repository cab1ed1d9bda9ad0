//! What a topic still holds of what comes next: how a gap is told from a ledger that has ended.
//!
//! Entries of a ledger are numbered without holes, ledgers are not, and a broker deletes whole ledgers, oldest first. So
//! from one entry to the next of the same ledger nothing can be missing; where the ledger changes, numbers say nothing.
//! What does is the *anchor*, the last entry that was read: while it is there, so is everything after it, and a cursor of
//! its own that begins at the anchor shows what comes next, whatever became of anybody's subscription. For that the anchor
//! is never acknowledged, so that the broker keeps its ledger; if it is gone all the same, something else than reading
//! deleted it, and nobody can tell any more what went with it.

use super::problem::{is_payload, problem, silent};
use crate::{Error, Gap, Position};
use ::pulsar::consumer::InitialPosition;
use ::pulsar::message::proto::MessageIdData;
use ::pulsar::{Consumer, ConsumerOptions, Pulsar, SubType, TokioExecutor};
use futures_util::{FutureExt, StreamExt};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a first message may take before the topic is asked whether it has any.
const SOON: Duration = Duration::from_millis(200);
/// How long a message that the topic says it has may take.
const LONGEST: Duration = Duration::from_secs(5);
/// How long the topic may take to say where it ends.
const ANSWER: Duration = Duration::from_secs(5);
/// Messages that wait while a topic is probed, and whose sizes are looked at.
const FEW: u32 = 16;

/// What was found behind a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeResult {
    /// Nothing is missing. The next entry, if there is one, and the mean size of messages there.
    Whole { next: Option<Position>, bytes: Option<u64> },
    /// This is.
    Gap(Gap),
    /// The topic ends here, before the position: it is another one.
    Ends(Position),
}

/// What a cursor that began at the anchor showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct AnchorShown {
    /// Whether the anchor itself came.
    anchor: bool,
    /// The first entry at or behind the position.
    next: Option<Position>,
    /// One that came and lies before the anchor.
    earlier: bool,
    /// Some came that cannot be unpacked, so nobody knows which.
    unreadable: bool,
}

/// What that means, and where the topic ends if that was asked; `None`: more must be seen.
fn judge(at: Position, shown: AnchorShown, end: Option<Position>) -> Option<ProbeResult> {
    let whole = |next| ProbeResult::Whole { next, bytes: None };
    // Without an entry before it in its ledger there is no anchor: the next entry is the position itself.
    let has_anchor = at.offset > 0;
    if shown.earlier {
        return Some(ProbeResult::Ends(end?));
    }
    if let Some(next) = shown.next {
        let is_next = at == Position::START || next == at || shown.unreadable && !has_anchor;
        let is_whole = is_next || has_anchor && (shown.anchor || shown.unreadable && next.file == at.file);
        return Some(if is_whole { whole(Some(next)) } else { ProbeResult::Gap(Gap { from: at, to: Some(next) }) });
    }
    let end = end?;
    if at == Position::START {
        return (end == Position::START).then_some(whole(None));
    }
    if shown.anchor || end == at {
        return (end <= at).then_some(whole(None));
    }
    if end == Position::START {
        // An accepted gap may end where nothing has been published yet.
        return Some(if has_anchor { ProbeResult::Gap(Gap { from: at, to: None }) } else { whole(None) });
    }
    (end < at).then_some(ProbeResult::Ends(end))
}

/// Looks what a topic has behind a position.
pub(super) async fn probe(client: &Pulsar<TokioExecutor>, topic: &str, at: Position) -> Result<ProbeResult, Error> {
    let mut cursor = cursor(client, topic, at, FEW).await?;
    let anchor = at.offset.checked_sub(1).map(|entry| Position::at(at.file, entry));
    let (mut shown, mut end, began) = (AnchorShown::default(), None, Instant::now());
    let (mut messages, mut bytes) = (0, 0);
    loop {
        match timeout(SOON, cursor.next()).await {
            Ok(None) => return Err(silent(topic)),
            Ok(Some(Err(error))) if is_payload(&error) => shown.unreadable = true,
            Ok(Some(Err(error))) => return Err(problem(topic, &error)),
            Ok(Some(Ok(message))) => {
                let id = &message.message_id.id;
                let place = Position::at(id.ledger_id, id.entry_id);
                (messages, bytes) = (messages + 1, bytes + message.payload.data.len() as u64);
                if Some(place) == anchor {
                    shown.anchor = true;
                } else if place >= at {
                    shown.next.get_or_insert(place);
                } else {
                    // Where it begins two entries earlier is one before the anchor.
                    shown.earlier |= place.file != at.file;
                }
            }
            Err(_) => {
                let asked = end_of(client.clone(), topic.to_owned()).await?;
                // Asked again, it may have got further; what it said first is enough.
                end.get_or_insert(asked);
            }
        }
        if shown.earlier && end.is_none() {
            end = Some(end_of(client.clone(), topic.to_owned()).await?);
        }
        match judge(at, shown, end) {
            Some(ProbeResult::Whole { next, .. }) => {
                while let (true, Some(Some(Ok(message)))) = (messages < u64::from(FEW), cursor.next().now_or_never()) {
                    (messages, bytes) = (messages + 1, bytes + message.payload.data.len() as u64);
                }
                return Ok(ProbeResult::Whole { next, bytes: bytes.checked_div(messages) });
            }
            Some(found) => return Ok(found),
            // What it ends with may be for nobody, such as what was never committed.
            None if began.elapsed() > LONGEST && (shown.anchor || at == Position::START) => {
                return Ok(ProbeResult::Whole { next: None, bytes: None });
            }
            None if began.elapsed() > LONGEST => return Err(silent(topic)),
            None => {}
        }
    }
}

/// A cursor of its own that begins at the anchor of a position, or where the topic does; nobody else notices it.
pub(super) async fn cursor(
    client: &Pulsar<TokioExecutor>,
    topic: &str,
    at: Position,
    window: u32,
) -> Result<Consumer<Vec<u8>, TokioExecutor>, Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("timeline-look-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut options = ConsumerOptions::default()
        .durable(false)
        .with_initial_position(InitialPosition::Earliest)
        .with_receiver_queue_size(window.max(1));
    if at != Position::START {
        // Brokers begin with the message that is named, or with the one after it; one more to be dropped does no harm.
        let entry_id = match at.offset {
            0 => u64::MAX,
            1 => 0,
            entry => entry - 2,
        };
        let id = MessageIdData { ledger_id: at.file, entry_id, ..MessageIdData::default() };
        options = options.starting_on_message(id);
    }
    client
        .consumer()
        .with_topic(topic)
        .with_subscription(name)
        .with_subscription_type(SubType::Exclusive)
        .with_batch_size(window.max(1))
        .with_options(options)
        .build()
        .await
        .map_err(|error| problem(topic, &error))
}

/// Behind the entry of a message.
pub(super) fn end(id: &MessageIdData) -> Position {
    // An empty topic's last entry is -1.
    if id.entry_id > u64::MAX >> 1 { Position::START } else { Position::at(id.ledger_id, id.entry_id + 1) }
}

/// Where a topic ends now, asked by a reader of its own: a consumer's questions wait behind its messages.
pub(super) async fn end_of(client: Pulsar<TokioExecutor>, topic: String) -> Result<Position, Error> {
    let ask = async {
        let mut reader = client.reader().with_topic(&topic).with_batch_size(1).into_reader::<Vec<u8>>().await?;
        reader.get_last_message_id().await
    };
    match timeout(ANSWER, ask).await {
        Ok(Ok(id)) => Ok(end(&id)),
        Ok(Err(error)) => Err(problem(&topic, &error)),
        Err(_) => Err(silent(&topic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_behind_the_last_entry() {
        let id = |ledger_id, entry_id| MessageIdData { ledger_id, entry_id, ..MessageIdData::default() };
        assert_eq!(end(&id(7, 3)), Position::at(7, 4));
        assert_eq!(end(&id(7, u64::MAX)), Position::START);
        assert_eq!(end(&id(u64::MAX, u64::MAX)), Position::START);
    }

    const AT: Position = Position::at(5, 3);

    fn shown(anchor: bool, next: Option<(u64, u64)>) -> AnchorShown {
        AnchorShown { anchor, next: next.map(|(ledger, entry)| Position::at(ledger, entry)), ..AnchorShown::default() }
    }

    fn whole(next: Option<(u64, u64)>) -> Option<ProbeResult> {
        Some(ProbeResult::Whole { next: next.map(|(ledger, entry)| Position::at(ledger, entry)), bytes: None })
    }

    #[test]
    fn while_the_anchor_is_there_nothing_is_missing() {
        assert_eq!(judge(AT, shown(true, Some((5, 3))), None), whole(Some((5, 3))));
        assert_eq!(judge(AT, shown(true, Some((9, 0))), None), whole(Some((9, 0))), "its ledger has ended");
        assert_eq!(judge(AT, shown(true, Some((5, 6))), None), whole(Some((5, 6))), "what is between is for nobody");
        assert_eq!(judge(AT, shown(true, None), Some(AT)), whole(None));
        assert_eq!(judge(AT, shown(true, None), None), None, "the topic is asked first");
        assert_eq!(judge(AT, shown(true, None), Some(Position::at(9, 1))), None, "there is more to come");
    }

    #[test]
    fn without_the_anchor_what_was_between_is_gone_for_all_that_is_known() {
        let gap = |to: Option<Position>| Some(ProbeResult::Gap(Gap { from: AT, to }));
        assert_eq!(judge(AT, shown(false, Some((9, 0))), None), gap(Some(Position::at(9, 0))));
        assert_eq!(judge(AT, shown(false, Some((5, 7))), None), gap(Some(Position::at(5, 7))));
        assert_eq!(judge(AT, shown(false, None), Some(Position::START)), gap(None), "the topic is empty");
        assert_eq!(judge(AT, shown(false, Some((5, 3))), None), whole(Some((5, 3))), "entries have no holes");
        assert_eq!(judge(AT, shown(false, None), Some(Position::at(9, 2))), None);
    }

    #[test]
    fn a_topic_that_ends_earlier_is_another_one() {
        assert_eq!(
            judge(AT, shown(false, None), Some(Position::at(5, 2))),
            Some(ProbeResult::Ends(Position::at(5, 2)))
        );
        let earlier = AnchorShown { earlier: true, ..shown(false, Some((6, 0))) };
        assert_eq!(judge(AT, earlier, Some(Position::at(4, 2))), Some(ProbeResult::Ends(Position::at(4, 2))));
    }

    #[test]
    fn the_start_of_a_topic_is_whatever_it_still_has() {
        let start = Position::START;
        assert_eq!(judge(start, shown(false, Some((9, 4))), None), whole(Some((9, 4))));
        assert_eq!(judge(start, shown(false, None), Some(start)), whole(None));
        assert_eq!(judge(start, shown(false, None), Some(Position::at(9, 4))), None);
    }

    #[test]
    fn behind_an_accepted_gap_there_is_no_anchor() {
        let at = Position::at(9, 0);
        assert_eq!(judge(at, shown(false, Some((9, 0))), None), whole(Some((9, 0))));
        let gap = Gap { from: at, to: Some(Position::at(12, 0)) };
        assert_eq!(judge(at, shown(false, Some((12, 0))), None), Some(ProbeResult::Gap(gap)));
    }
}
