//! Up to where a subscription was acknowledged before anybody here read by it.
//!
//! A state that is gone leaves its subscription behind, and what that let go of the broker may have deleted: whoever begins
//! anew would read the rest and take it for everything. The `pulsar` crate keeps what the broker says of a cursor to
//! itself, so it is asked over a connection of its own, by a consumer that takes no message.

use super::handshake::shake_hands_at;
use super::settings::BrokerSettings;
use crate::Position;
use ::pulsar::message::Message;
use ::pulsar::message::proto::{
    BaseCommand, CommandCloseConsumer, CommandGetLastMessageId, CommandSubscribe, base_command, command_subscribe,
};
use ::pulsar::{Pulsar, TokioExecutor};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::time::timeout;

/// How long all of it may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The only consumer of the connection.
const CONSUMER: u64 = 1;

/// Behind the last entry of a topic that a subscription has acknowledged; `None` if it has acknowledged none, as one that is
/// new, and where that cannot be learnt now: whoever subscribes hears what is wrong.
pub(super) async fn acknowledged(
    settings: &BrokerSettings,
    client: &Pulsar<TokioExecutor>,
    topic: &str,
    subscription: &str,
) -> Option<Position> {
    match timeout(ANSWER, ask(settings, client, topic, subscription)).await {
        Ok(Ok(place)) => place,
        Ok(Err(error)) => {
            tracing::debug!("{topic}: where subscription {subscription} stands cannot be learnt: {error}");
            None
        }
        Err(_) => None,
    }
}

async fn ask(
    settings: &BrokerSettings,
    client: &Pulsar<TokioExecutor>,
    topic: &str,
    subscription: &str,
) -> Result<Option<Position>, ::pulsar::Error> {
    let broker = client.lookup_topic(topic).await?;
    let through = broker.proxy.then(|| broker.broker_url.clone());
    let mut line = shake_hands_at(settings, broker.url.as_str(), through).await?;
    let subscribe = CommandSubscribe {
        topic: topic.to_owned(),
        subscription: subscription.to_owned(),
        sub_type: command_subscribe::SubType::Exclusive as i32,
        consumer_id: CONSUMER,
        request_id: 1,
        durable: Some(true),
        initial_position: Some(command_subscribe::InitialPosition::Earliest as i32),
        ..CommandSubscribe::default()
    };
    let last = CommandGetLastMessageId { consumer_id: CONSUMER, request_id: 2 };
    let close = CommandCloseConsumer { consumer_id: CONSUMER, request_id: 3 };
    let of = |r#type: base_command::Type| BaseCommand { r#type: r#type as i32, ..BaseCommand::default() };
    let commands = [
        BaseCommand { subscribe: Some(subscribe), ..of(base_command::Type::Subscribe) },
        BaseCommand { get_last_message_id: Some(last), ..of(base_command::Type::GetLastMessageId) },
        BaseCommand { close_consumer: Some(close), ..of(base_command::Type::CloseConsumer) },
    ];
    let mut place = None;
    for command in commands {
        line.send(Message { command, payload: None }).await?;
        loop {
            let Some(answer) = line.next().await else { return Ok(place) };
            let answer = answer?.command;
            if let Some(found) = answer.get_last_message_id_response {
                let mark = found.consumer_mark_delete_position;
                // The mark before the first entry is entry -1.
                let mark = mark.filter(|mark| mark.entry_id < u64::MAX >> 1);
                place = mark.map(|mark| Position::at(mark.ledger_id, mark.entry_id + 1));
                break;
            }
            if answer.success.is_some() {
                break;
            }
            // Somebody else reads by it, or may: whoever subscribes for good is told.
            if answer.error.is_some() {
                return Ok(None);
            }
        }
    }
    Ok(place)
}
